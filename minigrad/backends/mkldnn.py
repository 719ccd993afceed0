"""Settings of oneDNN, which can be read and set. There is no oneDNN, so they change nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager as _ContextManager

from .settings import in_block as _in_block

allow_tf32 = True
deterministic = False
enabled = True


def is_available() -> bool:
    """Return False: NumPy computes."""
    return False


def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True
) -> _ContextManager[None]:
    """Set the settings in a block.

    >>> with minigrad.backends.mkldnn.flags(enabled=False):
    ...     minigrad.backends.mkldnn.enabled
    False
    >>> minigrad.backends.mkldnn.enabled
    True
    """
    return _in_block(globals(), enabled=enabled, deterministic=deterministic, allow_tf32=allow_tf32)
