"""Threads of compiled loops, which minigrad doesn't use."""

from __future__ import annotations


def is_available() -> bool:
    """Return False: NumPy computes."""
    return False
