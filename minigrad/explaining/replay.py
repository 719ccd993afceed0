"""Check a record: repeat every row from its inputs, forward and backward, and compare the bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errstate import quiet
from .calls import as_stored, places_of
from .record import Contribution, Step, Walk
from .recorder import Recorder


def replay(recorder: Recorder) -> None:
    """Repeat the rows and pullbacks of a record, and note in its `check` whether all agree."""
    record, wrong, rows, pullbacks, given = recorder.record, set(), 0, 0, 0
    made: dict[int, Any] = {}
    for row in record.rows:
        call = recorder.calls.get(row.number)
        if call is None:
            given += 1
            continue
        rows += 1
        results, made[row.number] = call.repeated()
        stored = [recorder.copies[number] for number in row.results]
        results = as_stored(results, row, stored[0])
        if len(results) != len(stored) or not all(map(same_bits, results, stored)):
            wrong.add(row.number)
    for walk, step, one in _contributions(record.walks):
        if step.row not in made or walk.create_graph:
            given += 1
            continue
        pullbacks += 1
        if not _is_repeated(recorder, made[step.row], step, one):
            wrong.add(step.row)
    text = f"Replayed from their inputs, {rows} rows and {pullbacks} pullbacks "
    text += f"gave other bits in rows {sorted(wrong)}." if wrong else "gave the same bits."
    if given:
        text += f" {given} were not replayed: calls of Functions, or walks that are on the tape."
    record.check = {"ok": not wrong, "rows": rows, "pullbacks": pullbacks, "text": text}
    record.check |= {"given": given, "wrong": sorted(wrong)}


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays have the same shape, dtype and bits."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _contributions(walks: list[Walk]) -> Iterator[tuple[Walk, Step, Contribution]]:
    for walk in walks:
        for step in walk.steps:
            for one in step.contributions:
                yield walk, step, one


def _is_repeated(
    recorder: Recorder, pullbacks: tuple[Any, ...], step: Step, one: Contribution
) -> bool:
    """Whether a pullback of the repeated row returns the same bits.

    Of several with the same code, such as those of `cat`, one must.
    """
    assert step.cotangent is not None
    g, returned = recorder.copies[step.cotangent], recorder.copies[one.returned]
    return any(
        same_bits(np.asarray(quiet.call(pullbacks[place], g)), returned)
        for place in places_of(recorder.codes[id(one)], pullbacks)
    )
