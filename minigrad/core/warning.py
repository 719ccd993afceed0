"""Warnings of the line of the user's program that gave the reason for them.

PyTorch gives some of them once per process, however often there is a reason.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1])


class _Given:
    always = False  # whether a warning is given again

    def __init__(self) -> None:
        self.messages: set[str] = set()


_given = _Given()


def set_warn_always(b: bool, /) -> None:
    """Give every time, or only once, the warnings that are otherwise given once per process.

    >>> before = minigrad.is_warn_always_enabled()
    >>> minigrad.set_warn_always(True)
    >>> minigrad.is_warn_always_enabled()
    True
    >>> minigrad.set_warn_always(before)
    """
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _given.always = b


def is_warn_always_enabled() -> bool:
    """Whether `set_warn_always` is on."""
    return _given.always


def warn_once(message: str, kind: str = "") -> None:
    """Warn of the user's line, unless the same warning, or one of its kind, was given before."""
    if _given.always or (kind or message) not in _given.messages:
        _given.messages.add(kind or message)
        warn(message, UserWarning)


def warn(message: str, category: type[Warning]) -> None:
    """Warn of the user's line: the innermost one that isn't minigrad's."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
