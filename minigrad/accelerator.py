"""Names of torch.accelerator, which answer as a CPU build of PyTorch does: there is none."""

from __future__ import annotations

from typing import Any, NoReturn

from .core.devices import device as _device
from .core.devices import no_accelerator as _no_accelerator

__all__ = [
    "current_accelerator",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "is_available",
    "max_memory_allocated",
    "memory_allocated",
    "set_device_index",
    "synchronize",
]


def is_available() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False


def device_count() -> int:
    """Return the number of accelerators: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> _device | None:
    """Return the device of the accelerator: None.

    >>> print(minigrad.accelerator.current_accelerator() or "cpu")
    cpu
    """
    return None


class device_index:
    """A context manager for the current accelerator, which changes nothing."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            raise _no_accelerator()

    def __exit__(self, *exception: object) -> None:
        pass


def current_device_index() -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def set_device_index(device: Any, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def current_stream(device: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def synchronize(device: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator to wait for."""
    raise _no_accelerator()


def memory_allocated(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def max_memory_allocated(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def empty_cache() -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()
