"""A setting of PyTorch's kernels for attention, which can be read and set. It changes nothing."""

from __future__ import annotations

_fastpath_enabled = True


def get_fastpath_enabled() -> bool:
    """Return whether attention without gradients may use a kernel of its own."""
    return _fastpath_enabled


def set_fastpath_enabled(value: bool) -> None:
    """Allow or forbid a kernel of its own for attention without gradients: there is none.

    >>> minigrad.backends.mha.set_fastpath_enabled(True)
    """
    global _fastpath_enabled
    _fastpath_enabled = value
