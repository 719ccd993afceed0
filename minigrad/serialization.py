"""`torch.serialization`: saving and loading, and what isn't there of it.

No other classes can be allowed, because `load` never imports or calls what a file names.
"""

from __future__ import annotations

from typing import Any, NoReturn

from .utils.serialization import load, save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]


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
