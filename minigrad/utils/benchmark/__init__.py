"""Measurements of time, under their names in torch.utils.benchmark.

Read `measurement.py`, `timer.py`, then `compare.py`.
"""

from __future__ import annotations

from .compare import Colorize, Compare
from .measurement import (
    Measurement,
    TaskSpec,
    ordered_unique,
    select_unit,
    trim_sigfig,
    unit_to_english,
)
from .timer import Language, Timer

__all__ = [
    "Colorize",
    "Compare",
    "Language",
    "Measurement",
    "TaskSpec",
    "Timer",
    "ordered_unique",
    "select_unit",
    "trim_sigfig",
    "unit_to_english",
]
