"""Central differences: the slope of the loss at some elements of each leaf, beside its gradient.

The rows are computed again in float64, with one element of a leaf a little larger and a little
smaller. What the graph doesn't know as a function of the leaf stays as it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errstate import cast, quiet
from .arrays import numbers
from .calls import Call, arrays_of, as_stored
from .record import Arrival, Record, Row, Walk
from .recorder import Recorder
from .replay import same_bits

MOST = 20  # how many elements of a leaf are shown
_BUDGET = 20_000  # how many rows are computed at most
# The cube root of float64's eps balances the errors of truncation and of rounding.
_STEP = np.finfo(np.float64).eps ** (1 / 3)


def differences(recorder: Recorder) -> None:
    """Note in the record the central differences at up to 20 elements of each leaf."""
    record = recorder.record
    walk = next((w for w in record.walks if w.function == "backward" and not w.error), None)
    if walk is None:
        return
    if reason := _reason_against(recorder, walk):
        record.notes.append(f"Central differences aren't shown: {reason}.")
        return
    arrivals = [a for a in walk.arrivals if a.leaf is not None]
    function = _Loss(recorder, walk)
    each = min(MOST, _BUDGET // max(1, 2 * len(function.rows) * len(arrivals)))
    if each == 0:
        record.notes.append("Central differences aren't shown: there are too many rows.")
        return
    for arrival in arrivals:
        record.differences.append(_of_leaf(recorder, function, arrival, each))


def _of_leaf(recorder: Recorder, function: _Loss, arrival: Arrival, most: int) -> dict[str, Any]:
    leaf, gradient = arrival.leaf, recorder.copies[arrival.gradient]
    assert leaf is not None
    size = gradient.size
    places = np.unique(np.linspace(0, max(size - 1, 0), min(size, most)).astype(int))
    slopes = np.array([function.slope(leaf, int(place)) for place in places])
    found = gradient.reshape(-1)[places]
    indices = [[int(i) for i in np.unravel_index(p, gradient.shape)] for p in places]
    triples = zip(indices, numbers(found), numbers(slopes), strict=True)
    scale = float(np.abs(gradient).max()) if size else 0.0
    apart = float(np.abs(found - slopes).max()) / scale if size and scale else 0.0
    name = recorder.record.leaves[leaf].name
    text = f"{name}.grad and the central differences at {len(indices)} of {size} elements differ "
    return {
        "leaf": leaf,
        "elements": [{"index": i, "grad": g, "numeric": n} for i, g, n in triples],
        "text": text + f"by {apart:.1e} of the largest element at most.",
    }


def _reason_against(recorder: Recorder, walk: Walk) -> str:
    """Why the rows can't be computed as a function of the leaves, or ""."""
    record = recorder.record
    for row in _forward(record, walk):
        if row.node and row.number not in recorder.calls:
            return f"{row.op} was not computed by a rule"
        for operand in row.operands:
            if operand.row is None or operand.array is None:
                continue
            made = record.rows[operand.row].results
            if not any(_same(recorder, operand.array, number) for number in made):
                return f"{operand.text} was written to before row {row.number + 1} read it"
    if any(seed is None for seed in walk.seeds):
        return "a part of the graph was recorded before this turn"
    return ""


def _same(recorder: Recorder, a: int, b: int) -> bool:
    return same_bits(recorder.copies[a], recorder.copies[b])


def _forward(record: Record, walk: Walk) -> list[Row]:
    return [row for row in record.rows[: walk.after_row] if row.walk is None]


class _Loss:
    """The rows before a walk as a function of the leaves: the sum of cotangents times results."""

    def __init__(self, recorder: Recorder, walk: Walk) -> None:
        self.recorder, record = recorder, recorder.record
        self.rows = [row for row in _forward(record, walk) if row.number in recorder.calls]
        self.leaves = {leaf.number: recorder.copies[leaf.array] for leaf in record.leaves}
        self.seeds = [
            (step.row, recorder.copies[step.cotangent])
            for step in walk.steps
            if step.row in walk.seeds and step.cotangent is not None
        ]
        self.values: dict[int, list[np.ndarray]] = {}
        self.values = self._computed({}, {})

    def slope(self, leaf: int, place: int) -> float:
        """The central difference of the loss at an element of a leaf."""
        with np.errstate(all="ignore"):
            start = np.array(self.leaves[leaf], np.float64)
            step = _STEP * max(1.0, abs(start.flat[place]))
            losses = []
            for sign in (1, -1):
                moved = start.copy()
                moved.flat[place] += sign * step
                losses.append(self._loss(self._computed({leaf: moved}, self.values)))
            return (losses[0] - losses[1]) / (2 * step)

    def _loss(self, values: dict[int, list[np.ndarray]]) -> float:
        return float(sum(np.sum(values[row][0] * g) for row, g in self.seeds if row is not None))

    def _computed(
        self, moved: dict[int, np.ndarray], known: dict[int, list[np.ndarray]]
    ) -> dict[int, list[np.ndarray]]:
        """The results of all rows; those that depend on nothing that moved are the known ones."""
        values = dict(known)
        changed: set[int] = set()
        for row in self.rows:
            depends = any(o.leaf in moved or o.row in changed for o in row.operands)
            if known and not (depends and row.node):
                continue
            changed.add(row.number)
            values[row.number] = self._result(row, self.recorder.calls[row.number], moved, values)
        return values

    def _result(
        self,
        row: Row,
        call: Call,
        moved: dict[int, np.ndarray],
        values: dict[int, list[np.ndarray]],
    ) -> list[np.ndarray]:
        args = [_wide(a) for a in call.args]
        for place, operand in enumerate(row.operands):
            if operand.leaf in moved:
                args[place] = moved[operand.leaf].reshape(np.shape(call.args[place]))
            elif operand.row in values and isinstance(call.args[place], np.ndarray):
                made = self.recorder.record.rows[operand.row].results
                results = zip(values[operand.row], made, strict=True)
                args[place] = next(
                    value for value, n in results if _same(self.recorder, n, operand.array or 0)
                )
        options = {key: _wide(value) for key, value in call.options.items()}
        output, _ = quiet.call(call.rule.forward, *args, **options)
        return as_stored(arrays_of(output), row, args[0])


def _wide(value: Any) -> Any:
    """A float array, or a float dtype, in float64; anything else as it is."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return cast(value, np.dtype(np.float64))
    if isinstance(value, np.dtype) and value.kind == "f":
        return np.dtype(np.float64)
    return value
