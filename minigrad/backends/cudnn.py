"""Settings of cuDNN, which can be read and set. There is no cuDNN, so they change nothing."""

from __future__ import annotations

import contextlib as _contextlib
from collections.abc import Iterator as _Iterator
from typing import Any

allow_tf32 = True
benchmark = False
benchmark_limit = None
deterministic = False
enabled = True


def is_available() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False


def version() -> int | None:
    """Return the version of cuDNN: None."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """Return whether cuDNN can compute with a tensor: False."""
    return False


@_contextlib.contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> _Iterator[None]:
    """Set the settings in a block.

    >>> with minigrad.backends.cudnn.flags(deterministic=True):
    ...     minigrad.backends.cudnn.deterministic
    True
    >>> minigrad.backends.cudnn.deterministic
    False
    """
    given = {
        "enabled": enabled,
        "benchmark": benchmark,
        "benchmark_limit": benchmark_limit,
        "deterministic": deterministic,
        "allow_tf32": allow_tf32,
    }
    before = {name: globals()[name] for name in given}
    globals().update(given)
    try:
        yield
    finally:
        globals().update(before)
