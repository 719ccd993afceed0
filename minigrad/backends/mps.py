"""Apple's GPUs, which minigrad doesn't use."""

from __future__ import annotations


def is_available() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False


def is_built() -> bool:
    """Return False: minigrad has no code for GPUs."""
    return False
