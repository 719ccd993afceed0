"""`torch.serialization`: saving and loading, and what isn't there of it.

No other classes can be allowed, because `load` never imports or calls what a file names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from .core.devices import device
from .utils.serialization import load, save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

# The type of the argument `map_location` of `load`.
MAP_LOCATION = Callable[[Any, str], Any] | device | str | dict[str, str] | None


def add_safe_globals(safe_globals: Any) -> NoReturn:
    """Raise NotImplementedError: `load` makes tensors and plain values only."""
    raise NotImplementedError(
        "add_safe_globals is not supported: load() makes tensors and plain values only"
    )


def safe_globals(safe_globals: Any) -> NoReturn:
    """Raise NotImplementedError: `load` makes tensors and plain values only."""
    raise NotImplementedError(
        "safe_globals is not supported: load() makes tensors and plain values only"
    )


def get_safe_globals() -> list[Any]:
    """Return the classes that were allowed, of which there are none.

    >>> from minigrad.serialization import get_safe_globals
    >>> get_safe_globals()
    []
    """
    return []


def clear_safe_globals() -> None:
    """Do nothing: there are none."""
