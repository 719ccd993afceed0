"""Tracing: the recording of a step that a thread is making, if there is one.

A recording has to know which arrays the step makes from numbers, and that it draws random numbers.
"""

from __future__ import annotations

import threading
from typing import Any


class _Tracing(threading.local):
    """`recording.constant(array)` notes a new array; `recording.drawn()` a random draw."""

    # A new thread starts with the class's value.
    recording: Any = None


tracing = _Tracing()


def constant(array: Any) -> Any:
    """An array that is made from numbers, as the recording knows it if there is one."""
    return array if tracing.recording is None else tracing.recording.constant(array)
