"""The memory of a GPU: there is none, so nothing is allocated."""

from __future__ import annotations

from collections import OrderedDict as _OrderedDict
from typing import Any, NoReturn

from ..core.devices import OutOfMemoryError as OutOfMemoryError
from ..core.devices import no_cuda as _no_cuda
from ..core.warning import warn as _warn


def memory_allocated(device: Any = None) -> int:
    """Return the number of bytes that tensors take on a GPU: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """Return the largest number of bytes that tensors took on a GPU: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Return the number of bytes that are reserved on a GPU: 0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """Return the largest number of bytes that were reserved on a GPU: 0."""
    return 0


def memory_cached(device: Any = None) -> int:
    """Return 0 and warn: the old name of `memory_reserved`."""
    _warn_of_name("memory_cached", "memory_reserved")
    return 0


def max_memory_cached(device: Any = None) -> int:
    """Return 0 and warn: the old name of `max_memory_reserved`."""
    _warn_of_name("max_memory_cached", "max_memory_reserved")
    return 0


def _warn_of_name(old: str, new: str) -> None:
    text = f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`"
    _warn(text, FutureWarning)


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Return the statistics of a GPU's memory by their names: none.

    >>> minigrad.cuda.memory_stats().get("num_ooms", 0)
    0
    """
    return _OrderedDict()


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Return the statistics of a GPU's memory: none."""
    return {}


def memory_summary(device: Any = None, abbreviated: bool = False) -> NoReturn:
    """Raise KeyError: there are no statistics to print."""
    raise KeyError("allocated_bytes.all.current")


def empty_cache() -> None:
    """Free the memory that is reserved on a GPU: nothing to do."""


def mem_get_info(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def reset_peak_memory_stats(device: Any = None) -> NoReturn:
    """Raise AttributeError, as PyTorch does: there is no GPU."""
    raise AttributeError("there is no GPU whose statistics could be reset")


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def get_per_process_memory_fraction(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


__all__ = [
    "empty_cache",
    "get_per_process_memory_fraction",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]
