"""Print the rows of a report as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from bridge.comparing.findings import Finding

from .rows import StepRow

# How many rows of a long run are shown if none was measured.
SHOWN = 10


def format_rows(rows: Sequence[StepRow]) -> str:
    """Return a table with a line for each measured row or, if none was, for evenly spread rows.

    Each line shows the largest differences since the line before: of the losses, the parameters and
    the gradients. Each key of a dict that `measure` returned gets a column for each library, except
    "epoch", which replaces the step.
    """
    chosen = _chosen(rows)
    measured = [tuple(map(_by_key, rows[i].measured or ({}, {}))) for i in chosen]
    keys = list(measured[0][0]) if measured else []
    first = "epoch" if "epoch" in keys else "step"
    keys = [key for key in keys if key != "epoch"]
    free = any(row.torch_distance is not None for row in rows)
    headers = [first, "loss:\nminigrad", "\nPyTorch", "losses\napart"]
    for key in keys:
        headers += [f"{key}:\nminigrad", "\nPyTorch"]
    headers += ["parameters\napart", "gradients\napart"]
    headers += ["off float64:\nminigrad", "\nPyTorch"] if free else []
    lines, done = [], 0
    for i, (ours, theirs) in zip(chosen, measured, strict=True):
        row, since = rows[i], rows[done : i + 1]
        done = i + 1
        line = [str(ours.get("epoch", row.step)), f"{row.ours:.6g}", f"{row.theirs:.6g}"]
        line.append(_number(max((_apart(each.ours, each.theirs) for each in since), default=0.0)))
        for key in keys:
            line += [_text(ours.get(key)), _text(theirs.get(key))]
        line += [_largest([each.parameter for each in since])]
        line += [_largest([each.gradient for each in since])]
        if free:
            line += [_number(max(each.distance for each in since))]
            line += [_number(max(each.torch_distance or 0.0 for each in since))]
        lines.append(line)
    return tabulate(lines, headers, disable_numparse=True, stralign="right")


def _chosen(rows: Sequence[StepRow]) -> list[int]:
    """Return the indices of the rows to show."""
    measured = [i for i, row in enumerate(rows) if row.measured and row.measured[0] is not None]
    if measured or not rows:
        return measured
    stride = max(1, len(rows) // SHOWN)
    return sorted({*range(stride - 1, len(rows), stride), len(rows) - 1})


def _by_key(measured: Any) -> dict[str, Any]:
    return measured if isinstance(measured, dict) else {"measured": measured}


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _apart(a: float, b: float) -> float:
    return 0.0 if a == b or (a != a and b != b) else abs(a - b)


def _largest(found: list[Finding | None]) -> str:
    """Format the worst finding: the difference, and the name of its tensor."""
    worst = max((f for f in found if f is not None), key=lambda f: f.distance, default=None)
    if worst is None or worst.index is None:
        return "none"
    apart = _apart(float(worst.ours), float(worst.theirs))
    return f"{_number(apart)} {worst.what.removeprefix('gradient of ')}"


def _number(x: float) -> str:
    return "0" if x == 0 else f"{x:.1e}"
