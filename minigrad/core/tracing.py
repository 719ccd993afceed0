"""Tracing: the recording of a step that a thread is making, if there is one.

A recording has to know which arrays the step makes from numbers, and that it draws random numbers.
"""

from __future__ import annotations

import threading
from typing import Any


class _Tracing(threading.local):
    """What a thread records.

    `recording.constant(array)` notes a new array, `recording.draw(function, generator, args)` draws
    random numbers and notes how, and `recording.drawn()` refuses another use of a generator.
    """

    # A new thread starts with the class's value.
    recording: Any = None


tracing = _Tracing()


def constant(array: Any) -> Any:
    """An array that is made from numbers, as the recording knows it if there is one."""
    return array if tracing.recording is None else tracing.recording.constant(array)
