"""Names of torch.accelerator, which answer as a CPU build of PyTorch does: there is none."""

from __future__ import annotations

from typing import Any, NoReturn

from .core.devices import device as _device
from .core.devices import no_accelerator as _no_accelerator
from .core.warning import warn as _warn

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_device_capability",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
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


def current_device_idx() -> NoReturn:
    """Raise RuntimeError and warn: the old name of `current_device_index`."""
    _warn("Use `current_device_index` instead.", FutureWarning)
    raise _no_accelerator()


def set_device_idx(device: Any, /) -> NoReturn:
    """Raise RuntimeError and warn: the old name of `set_device_index`."""
    _warn("Use `set_device_index` instead.", FutureWarning)
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


def memory_reserved(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def max_memory_reserved(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def memory_stats(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def get_memory_info(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def reset_peak_memory_stats(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def reset_accumulated_memory_stats(device_index: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()


def get_device_capability(device: Any = None, /) -> NoReturn:
    """Raise RuntimeError: there is no accelerator."""
    raise _no_accelerator()
