"""The rows of a report as a table that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from .findings import Finding
from .rows import Row

# Of a long run, so many rows are shown where nothing says which.
SHOWN = 10


def table(rows: Sequence[Row]) -> str:
    """A line for each row that was measured, or, if none was, for some, evenly spread.

    A line's differences are the largest since the line before, in the losses, the parameters and
    the gradients, each with the tensor that it is in. What `measure` gave in a dict has a column
    for each library and key, but an "epoch", which takes the place of the step.
    """
    chosen = [i for i, row in enumerate(rows) if row.measured and row.measured[0] is not None]
    if not chosen and rows:
        stride = max(1, len(rows) // SHOWN)
        chosen = sorted({*range(stride - 1, len(rows), stride), len(rows) - 1})
    pairs = [tuple(map(_named, rows[i].measured or ({}, {}))) for i in chosen]
    keys = list(pairs[0][0]) if pairs else []
    step = "epoch" if "epoch" in keys else "step"
    keys = [key for key in keys if key != "epoch"]
    free = any(row.torch_off is not None for row in rows)
    headers = [step, "loss:\nminigrad", "\nPyTorch", "losses\napart"]
    for key in keys:
        headers += [f"{key}:\nminigrad", "\nPyTorch"]
    headers += ["parameters\napart", "gradients\napart"]
    headers += ["off float64:\nminigrad", "\nPyTorch"] if free else []
    lines, done = [], 0
    for i, (ours, theirs) in zip(chosen, pairs, strict=True):
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
            line += [_number(max(each.torch_off or 0.0 for each in since))]
        lines.append(line)
    return tabulate(lines, headers, disable_numparse=True, stralign="right")


def _named(measured: Any) -> dict[str, Any]:
    return measured if isinstance(measured, dict) else {"measured": measured}


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _apart(a: float, b: float) -> float:
    return 0.0 if a == b or (a != a and b != b) else abs(a - b)


def _largest(found: list[Finding | None]) -> str:
    """The largest difference, for its tensor's size, and the tensor."""
    worst = max((f for f in found if f is not None), key=lambda f: f.distance, default=None)
    if worst is None or worst.index is None:
        return "none"
    apart = _apart(float(worst.ours), float(worst.theirs))
    return f"{_number(apart)} {worst.what.removeprefix('gradient of ')}"


def _number(x: float) -> str:
    return "0" if x == 0 else f"{x:.1e}"
