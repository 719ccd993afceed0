"""Reductions and running sums as loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from .loops import Map, Scope, index_text, merged, nested
from .memory import NoForm, Place
from .scalars import converted, function

# More elements than these are added row by row, so that the inner loop runs along the rows.
_FEW = 2048
_IDENTITY: dict[str, Any] = {
    "add": 0, "multiply": 1, "logical_and": True, "logical_or": False, "bitwise_and": -1,
    "bitwise_or": 0,
}  # fmt: skip
_OPTIONS = {"keepdims", "initial", "dtype", "out"}


def reduce(
    forms: Any, name: str, x: Any, target: Place, axis: Any = 0, *rest: Any, **options: Any
) -> None:
    """Add the loops of `np.NAME.reduce(x, axis, ...)`. Sums of floats are taken in float64."""
    source = forms.place(x)
    if rest or options.keys() - _OPTIONS:
        raise NoForm(f"np.{name}.reduce with other options")
    kind = np.dtype(np.float64) if name == "add" and target.dtype.kind == "f" else target.dtype
    if function(name, [kind, kind], ["a", "b"]) is None:
        raise NoForm(f"np.{name}.reduce")
    start = options.get("initial")
    if start is None:
        start = _smallest(name, kind) if name in ("maximum", "minimum") else _IDENTITY.get(name)
    axes = range(len(source.shape)) if axis is None else np.atleast_1d(axis).tolist()
    reduced = sorted({a % max(len(source.shape), 1) for a in axes}) if source.shape else []
    have, text = forms.operand(start) if start is not None else (None, None)
    if not isinstance(text, str):
        raise NoForm(f"np.{name}.reduce")
    start_text = converted(text, have, kind)
    kept, over, onto = _split(source, target, reduced, bool(options.get("keepdims", False)))

    def step(total: str, element: str) -> str:
        found = function(name, [kind, kind], [total, converted(element, source.dtype, kind)])
        return str(found)

    inner = bool(reduced) and reduced[-1] == len(source.shape) - 1
    if inner or source.size <= _FEW or not reduced:
        _each(forms.loops, kept, over, onto, kind, start_text, step)
    else:
        _by_rows(forms.loops, kept, over, onto, kind, start_text, step)


def _smallest(name: str, kind: np.dtype) -> Any:
    """The number below all others for a maximum, and above all others for a minimum."""
    sign = -1 if name == "maximum" else 1
    if kind.kind == "f":
        return sign * np.inf
    if kind.kind == "b":
        return name == "minimum"
    return kind.type(np.iinfo(kind).min if sign < 0 else np.iinfo(kind).max)


def _split(
    source: Place, target: Place, reduced: list[int], keepdims: bool
) -> tuple[Place, Place, Place]:
    """The kept dimensions of the source, its reduced ones, and the target over the kept ones."""
    all_dims = range(len(source.shape))
    dims = [d for d in all_dims if d not in reduced]

    def part(place: Place, chosen: list[int]) -> Place:
        return place.within(0, [place.shape[d] for d in chosen], [place.strides[d] for d in chosen])

    onto = part(target, dims) if keepdims else target
    return part(source, dims), part(source, reduced), onto


def _each(
    loops: Any, kept: Place, over: Place, onto: Place, kind: np.dtype, start: str, step: Any
) -> None:
    """For each element of the result, a loop over what it sums."""
    outer, of_outer = merged([kept, onto], kept.shape)
    inner, of_inner = merged([over], over.shape)
    total = loops.variable()
    terms = [(kept.strides[d], i) for i, d in enumerate(of_outer)]
    terms += [(over.strides[d], i + len(outer)) for i, d in enumerate(of_inner)]
    element = f"{loops.ref(kept)}[{index_text(kept.offset, terms)}]"
    to = index_text(onto.offset, [(onto.strides[d], i) for i, d in enumerate(of_outer)])
    body = [
        f"{total} = {start}",
        *nested(inner, [f"{total} = {step(total, element)}"], len(outer)),
        f"{loops.ref(onto)}[{to}] = {converted(total, kind, onto.dtype)}",
    ]
    loops.code(nested(outer, body), [kept], [onto])


def _by_rows(
    loops: Any, kept: Place, over: Place, onto: Place, kind: np.dtype, start: str, step: Any
) -> None:
    """All results together, one row of terms after the other."""
    totals = loops.temporary(kind, kept.shape)
    loops.map(Map(kept.shape, totals, (), lambda scope, values: start))
    outer, of_outer = merged([over], over.shape)
    inner, of_inner = merged([kept, totals], kept.shape)
    terms = [(over.strides[d], i) for i, d in enumerate(of_outer)]
    terms += [(kept.strides[d], i + len(outer)) for i, d in enumerate(of_inner)]
    element = f"{loops.ref(kept)}[{index_text(kept.offset, terms)}]"
    to = index_text(0, [(totals.strides[d], i + len(outer)) for i, d in enumerate(of_inner)])
    total = f"{loops.ref(totals)}[{to}]"
    line = f"{total} = {step(total, element)}"
    loops.code(nested(outer, nested(inner, [line], len(outer))), [kept, totals], [totals])

    def rounded(scope: Scope, values: list[str]) -> str:
        return converted(values[0], kind, onto.dtype)

    loops.map(Map(kept.shape, onto, (totals,), rounded))


def first_extreme(forms: Any, name: str, source: Place, target: Place, axis: Any) -> None:
    """Add the loops of `np.argmax` or `np.argmin`: the first of the largest, or the first NaN."""
    loops = forms.loops
    if axis is None:
        source = forms.indexing.contiguous(source)
        source, axis = source.within(0, (source.size,), (1,)), 0
    axis = int(axis) % max(len(source.shape), 1)
    if source.dtype.kind == "b" or not source.shape:
        raise NoForm(f"np.{name} of {source.dtype}")
    kept, over, onto = _split(source, target, [axis], len(target.shape) == len(source.shape))
    outer, of_outer = merged([kept, onto], kept.shape)
    best, place, value = loops.variable(), loops.variable(), loops.variable()
    start = index_text(kept.offset, [(kept.strides[d], i) for i, d in enumerate(of_outer)])
    to = index_text(onto.offset, [(onto.strides[d], i) for i, d in enumerate(of_outer)])
    sign, ref, along = ">" if name == "argmax" else "<", loops.ref(source), len(outer)
    is_better = f"{value} {sign} {best} or {value} != {value}"
    body = [
        f"{best}, {place} = {ref}[{start}], 0",
        f"for i{along} in range(1, {over.shape[0]}):",
        f"    {value} = {ref}[{start} + i{along} * {over.strides[0]}]",
        f"    if {best} == {best} and ({is_better}): {best}, {place} = {value}, i{along}",
        f"{loops.ref(onto)}[{to}] = {place}",
    ]
    loops.code(nested(outer, body), [source], [onto])


def accumulate(forms: Any, name: str, source: Place, target: Place, axis: int) -> None:
    """Add the loops of `np.NAME.accumulate(x, axis)`, which adds in the result's dtype."""
    loops, kind = forms.loops, target.dtype
    axis %= len(source.shape)
    others = [d for d in range(len(source.shape)) if d != axis]
    sizes = [source.shape[d] for d in others]
    if not source.shape[axis]:
        return
    total, along = loops.variable(), len(others)

    def element(place: Place, extra: str) -> str:
        index = index_text(place.offset, [(place.strides[d], i) for i, d in enumerate(others)])
        return f"{loops.ref(place)}[{index}{extra}]"

    def moved(place: Place) -> str:
        return element(place, f" + i{along} * {place.strides[axis]}")

    found = function(name, [kind, kind], [total, converted(moved(source), source.dtype, kind)])
    if found is None:
        raise NoForm(f"np.{name}.accumulate")
    body = [
        f"{total} = {converted(element(source, ''), source.dtype, kind)}",
        f"{element(target, '')} = {total}",
        f"for i{along} in range(1, {source.shape[axis]}):",
        f"    {total} = {converted(found, None, kind)}",
        f"    {moved(target)} = {total}",
    ]
    loops.code(nested(sizes, body), [source], [target])
