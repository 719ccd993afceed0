"""Settings of cuDNN, which can be read and set. There is no cuDNN, so they change nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager as _ContextManager
from typing import Any

from .settings import in_block as _in_block

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


def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> _ContextManager[None]:
    """Set the settings in a block.

    >>> with minigrad.backends.cudnn.flags(deterministic=True):
    ...     minigrad.backends.cudnn.deterministic
    True
    >>> minigrad.backends.cudnn.deterministic
    False
    """
    return _in_block(
        globals(),
        enabled=enabled,
        benchmark=benchmark,
        benchmark_limit=benchmark_limit,
        deterministic=deterministic,
        allow_tf32=allow_tf32,
    )
