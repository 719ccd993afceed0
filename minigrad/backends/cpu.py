"""What the ops use of the processor."""

from __future__ import annotations


def get_cpu_capability() -> str:
    """Return "DEFAULT": no op is compiled for instructions of some processors only.

    >>> minigrad.backends.cpu.get_cpu_capability()
    'DEFAULT'
    """
    return "DEFAULT"
