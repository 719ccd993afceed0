"""The record of a turn as text for a terminal: the rows forward, the walks back, the update."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from .record import Arrival, Contribution, Place, Record, Row, Step, Update, Walk

_FEW = 6  # up to so many elements are printed
_WIDTH = 100


def text(record: Record) -> str:
    """Return the record as text: one line per row, per pullback and per update."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: Record) -> Iterator[str]:
    walked = max((walk.after_row for walk in record.walks), default=len(record.rows))
    rows = [row for row in record.rows if row.walk is None]
    yield "Forward"
    yield from _rows_lines(record, [row for row in rows if row.number < walked])
    for walk in record.walks:
        yield ""
        called = "autograd.grad" if walk.function == "grad" else "backward"
        again = ", recorded on the tape again" if walk.create_graph else ""
        yield f"Backward ({called}, {_at(record, walk.place)}{again})"
        for step in walk.steps:
            yield from _step_lines(record, step)
        yield from (_arrival_line(record, walk, arrival) for arrival in walk.arrivals)
        if walk.error:
            yield f"  error: {walk.error}"
    after = [row for row in rows if row.number >= walked]
    if record.updates or after:
        yield ""
        yield "Update"
        yield from _rows_lines(record, after)
        yield from (_update_line(record, update) for update in record.updates)
    yield from _ending(record)


def _ending(record: Record) -> Iterator[str]:
    yield ""
    if record.first_bad is not None and record.first_bad < len(record.rows):
        row = record.rows[record.first_bad]
        yield f"The first NaN or infinity is the result of row {_shown(row)}: {_assignment(row)}"
    yield from record.notes
    if record.error:
        yield f"The program ended with an error. {record.error}"
    if record.check:
        yield record.check["text"]
    if record.pytorch:
        yield record.pytorch["text"]
    for each in record.differences:
        yield each["text"]


def _at(record: Record, place: Place | None) -> str:
    if place is None:
        return "unknown line"
    file = Path(record.files[place.file].path)
    return f"{'' if place.file == 0 else f'{file.name} '}line {place.line}"


def _source(record: Record, place: Place | None) -> str:
    if place is None:
        return ""
    lines = record.files[place.file].source.splitlines()
    return lines[place.line - 1].strip() if 0 < place.line <= len(lines) else ""


def _rows_lines(record: Record, rows: list[Row]) -> Iterator[str]:
    for _, group in groupby(rows, key=lambda row: _at(record, row.place)):
        yield from _line_lines(record, list(group))


def _line_lines(record: Record, rows: list[Row]) -> Iterator[str]:
    yield f"  {_at(record, rows[0].place):9}{_source(record, rows[0].place)}"[:_WIDTH]
    for row in rows:
        modules = f"  in {row.modules[-1]}" if row.modules else ""
        results = ", ".join(array_text(record, number) for number in row.results)
        error = f"  error: {row.error}" if row.error else ""
        yield f"    {_shown(row):>4} {_assignment(row):36} {results}{modules}{error}"


def _shown(row: Row) -> str:
    return f"#{row.number + 1}"


def _assignment(row: Row) -> str:
    shown = row.name and row.kind != "write"
    return f"{row.name} = {row.formula}" if shown else row.formula


def _step_lines(record: Record, step: Step) -> Iterator[str]:
    row = None if step.row is None else record.rows[step.row]
    what = "recorded before this turn" if row is None else _assignment(row)
    number = "" if row is None else _shown(row)
    hooks = ", changed by a hook" if step.hooks else ""
    arrived = "" if step.cotangent is None else f"g = {array_text(record, step.cotangent)}{hooks}"
    yield f"    {number:>4} {what:36} {step.node}  {arrived}"
    for one in step.contributions:
        yield from _contribution_lines(record, one)
    if step.error:
        yield f"         error: {step.error}"


def _contribution_lines(record: Record, one: Contribution) -> Iterator[str]:
    lines = one.source.splitlines() or ["(no source)"]
    code = lines[0] if len(lines) == 1 else f"{lines[0]} … ({one.file}:{one.line})"
    saved = f"  saved: {', '.join(each.name for each in one.saved)}" if one.saved else ""
    yield f"         {target(record, one.row, one.leaf):>8}: {code}{saved}"
    flow = array_text(record, one.returned)
    if one.axes:
        axes = ", ".join(map(str, one.axes))
        assert one.summed is not None
        flow += f", summed over {axes}: {array_text(record, one.summed)}"
    if one.before is not None and one.after is not None:
        flow += f", + what was there = {array_text(record, one.after)}"
    yield f"                   {flow}"


def target(record: Record, row: int | None, leaf: int | None) -> str:
    """Return what a gradient is of: a leaf's name, or a row's."""
    if leaf is not None:
        return record.leaves[leaf].name
    return "?" if row is None else record.rows[row].name or f"#{row + 1}"


def _arrival_line(record: Record, walk: Walk, arrival: Arrival) -> str:
    name = target(record, arrival.row, arrival.leaf)
    gradient = array_text(record, arrival.gradient)
    if walk.function == "grad":
        return f"    returned, for {name}: {gradient}"
    if arrival.before is None or arrival.after is None:
        return f"    {name}.grad = {gradient}"
    before, after = (array_text(record, n) for n in (arrival.before, arrival.after))
    return f"    {name}.grad = {before} + {gradient} = {after}"


def _update_line(record: Record, update: Update) -> str:
    name = record.leaves[update.leaf].name
    before, step, after = (
        array_text(record, n) for n in (update.before, update.step, update.after)
    )
    return f"    {name}: {before} + {step} = {after}   by {update.by}, {_at(record, update.place)}"


def array_text(record: Record, number: int) -> str:
    """Return an array in one line: shape and dtype, and its elements if they are few.

    Larger ones are shown by their range and norm.
    """
    array = record.arrays[number]
    size = math.prod(array["shape"])
    kind = f"{array['dtype']}{array['shape']}"
    if size == 0:
        return kind
    values = array.get("values")
    if values is not None and size <= _FEW:
        texts = ", ".join(map(_number, values))
        return texts if array["shape"] == [] else f"{kind} [{texts}]"
    bad = "".join(f" {array[key]} {key}" for key in ("nan", "inf") if array.get(key))
    if "min" not in array:
        return f"{kind}{bad}"
    norm = f" norm {_number(array['norm'])}" if "norm" in array else ""
    return f"{kind} {_number(array['min'])} … {_number(array['max'])}{norm}{bad}"


def _number(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
