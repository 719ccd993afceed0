"""The record of a run, as strict JSON: what was asked, by which versions, and what came of it."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import sklearn

import minigrad
from minigrad.app.datasets import Dataset
from minigrad.app.settings import Settings
from minigrad.app.training import Run


def as_json(
    settings: Settings, data: Dataset, runs: Sequence[Run], outcome: str, seconds: float
) -> bytes:
    """The record. A loss that is not a finite number, which JSON has not, is null there."""
    record = {
        "outcome": outcome,
        "seconds": round(seconds, 3),
        "versions": {
            "minigrad": minigrad.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "platform": platform.platform(),
        },
        "settings": asdict(settings),
        "data": {
            "name": data.name,
            "training_samples": len(data.x),
            "held_out_samples": 0 if data.x_test is None else len(data.x_test),
            "features": data.x.shape[1],
            "classes": data.classes.tolist(),
        },
        "programs": {run.program: _program(run) for run in runs},
    }
    return json.dumps(record, indent=1, allow_nan=False).encode() + b"\n"


def _program(run: Run) -> dict[str, Any]:
    return {
        "first_epoch": run.start + 1,
        "last_epoch": run.progress.epoch,
        "planned_epoch": run.last,
        "curve": [_plain(vars(point)) for point in run.curve],
        "result": None if run.result is None else _plain(vars(run.result)),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What there is of the values, as JSON can hold it."""
    plain = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            plain[name] = value.tolist()
        elif isinstance(value, float) and not math.isfinite(value):
            plain[name] = None
        elif value is not None:
            plain[name] = value
    return plain
