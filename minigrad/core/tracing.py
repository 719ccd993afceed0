"""Where in the user's program: what anomaly mode remembers of each op and each in-place write.

To remember costs a walk up the stack each time, hence a mode, off unless asked for
(`autograd/anomaly_mode.py`).
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any


class _Mode:
    """Anomaly mode's state: one for all threads, as in PyTorch."""

    enabled = False
    check_nan = True
    running: Any = None  # the node whose pullbacks are at work


mode = _Mode()


def count_write(counter: list[Any]) -> None:
    """Count a write into a storage.

    A storage's version counter is a list that all its tensors share: the count comes first, and
    behind it, from anomaly mode, versions and the lines that wrote them.

    >>> counter = [0]
    >>> count_write(counter)
    >>> counter
    [1]
    """
    counter[0] += 1
    if mode.enabled:
        counter.append((counter[0], lines_of_user()[-1]))


_ENGINE = f"{Path(__file__).parent.parent}/"


def lines_of_user() -> list[str]:
    """The way to the line that called the engine, as a traceback would show it, that line last."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    return traceback.format_list(traceback.extract_stack(frame)) if frame else ["unknown\n"]
