"""Intel's library for linear algebra, which minigrad doesn't call. NumPy may."""

from __future__ import annotations


def is_available() -> bool:
    """Return False: NumPy computes."""
    return False
