"""Settings of oneDNN, which can be read and set. There is no oneDNN, so they change nothing."""

from __future__ import annotations

import contextlib as _contextlib
from collections.abc import Iterator as _Iterator

allow_tf32 = True
deterministic = False
enabled = True


def is_available() -> bool:
    """Return False: NumPy computes."""
    return False


@_contextlib.contextmanager
def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True
) -> _Iterator[None]:
    """Set the settings in a block.

    >>> with minigrad.backends.mkldnn.flags(enabled=False):
    ...     minigrad.backends.mkldnn.enabled
    False
    >>> minigrad.backends.mkldnn.enabled
    True
    """
    given = {"enabled": enabled, "deterministic": deterministic, "allow_tf32": allow_tf32}
    before = {name: globals()[name] for name in given}
    globals().update(given)
    try:
        yield
    finally:
        globals().update(before)
