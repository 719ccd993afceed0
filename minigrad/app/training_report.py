"""What `minigrad train --json` writes: a run's settings, versions, data, curves and results."""

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
from minigrad.app.datasets import TrainingData
from minigrad.app.settings import Settings
from minigrad.app.training import TrainingRun


def training_report(
    settings: Settings,
    data: TrainingData,
    runs: Sequence[TrainingRun],
    outcome: str,
    seconds: float,
) -> bytes:
    """The report as strict JSON. A loss that isn't finite becomes null."""
    report = {
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
        "programs": {run.program: _of_program(run) for run in runs},
    }
    return json.dumps(report, indent=1, allow_nan=False).encode() + b"\n"


def _of_program(run: TrainingRun) -> dict[str, Any]:
    return {
        "first_epoch": run.start + 1,
        "last_epoch": run.progress.epoch,
        "planned_epoch": run.last,
        "curve": [_json_values(vars(point)) for point in run.curve],
        "result": None if run.result is None else _json_values(vars(run.result)),
    }


def _json_values(values: dict[str, Any]) -> dict[str, Any]:
    """The values that are not None, with arrays as lists and non-finite floats as null."""
    converted: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            converted[name] = value.tolist()
        elif isinstance(value, float) and not math.isfinite(value):
            converted[name] = None
        elif value is not None:
            converted[name] = value
    return converted
