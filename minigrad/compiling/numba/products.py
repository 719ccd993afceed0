"""Products of matrices: small ones as loops, others by BLAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .loops import Map, index_text, nested
from .memory import NoForm, Place

# Up to so many multiplications, loops take less time than a call of BLAS.
_SMALL = 2048
_FEW_TERMS = 32  # so many products may be added in their own dtype


def product(forms: Any, a: Any, b: Any, target: Place) -> None:
    """Add the product of two matrices or vectors, or of stacks of matrices."""
    left, right = forms.place(a), forms.place(b)
    if not left.shape or not right.shape or left.dtype != right.dtype:
        raise NoForm("a product of operands of other dtypes, or of numbers")
    if left.dtype != target.dtype:
        raise NoForm(f"a product of {left.dtype} into {target.dtype}")
    if len(left.shape) == 1:
        left = left.within(0, (1, *left.shape), (0, *left.strides))
        at = len(target.shape) - (len(right.shape) > 1)
        target = _with_one(target, at)
    if len(right.shape) == 1:
        right = right.within(0, (*right.shape, 1), (*right.strides, 0))
        target = _with_one(target, len(target.shape))
    stack = target.shape[:-2]
    left = left.broadcast((*stack, *left.shape[-2:]))
    right = right.broadcast((*stack, *right.shape[-2:]))
    (m, k), n = left.shape[-2:], right.shape[-1]
    if target.buffer in (left.buffer, right.buffer):
        raise NoForm("a product into one of its operands")
    if m * k * n <= _SMALL or target.dtype.kind != "f":
        _by_loops(forms.loops, left, right, target)
    else:
        _by_blas(forms.loops, left, right, target)


def _with_one(place: Place, at: int) -> Place:
    """A place with a dimension of size 1 at position `at`."""
    shape = (*place.shape[:at], 1, *place.shape[at:])
    return place.within(0, shape, (*place.strides[:at], 0, *place.strides[at:]))


def _index(place: Place, stack: int, *more: tuple[int, int]) -> str:
    """An index in a place: the loops of the stack, and those of `more` by dimension."""
    terms = [(place.strides[d], d) for d in range(stack)]
    return index_text(place.offset, terms + [(place.strides[d], i) for d, i in more])


def _by_loops(loops: Any, left: Place, right: Place, target: Place) -> None:
    s = len(target.shape) - 2
    (m, k), n = left.shape[-2:], right.shape[-1]
    rows, columns, terms = s, s + 1, s + 2  # the loops' numbers
    a = f"{loops.ref(left)}[{_index(left, s, (s, rows), (s + 1, terms))}]"
    b = f"{loops.ref(right)}[{_index(right, s, (s, terms), (s + 1, columns))}]"
    c = f"{loops.ref(target)}[{_index(target, s, (s, rows), (s + 1, columns))}]"
    zero = f"np.{target.dtype.name}(0)"
    along_rows = n >= 4 and right.strides[-1] == target.strides[-1] == 1
    if along_rows and (k <= _FEW_TERMS or target.dtype.kind != "f"):
        factor = loops.variable()
        body = [
            f"for i{columns} in range({n}):",
            f"    {c} = {zero}",
            f"for i{terms} in range({k}):",
            f"    {factor} = {a}",
            f"    for i{columns} in range({n}):",
            f"        {c} += {factor} * {b}",
        ]
        lines = nested([*target.shape[:-2], m], body)
    else:
        total = loops.variable()
        wide = target.dtype.kind == "f" and k > _FEW_TERMS
        kind = "float64" if wide else target.dtype.name
        body = [
            f"{total} = np.{kind}(0)",
            f"for i{terms} in range({k}):",
            f"    {total} += np.{kind}({a}) * {b}",
            f"{c} = np.{target.dtype.name}({total})",
        ]
        lines = nested([*target.shape[:-2], m, n], body)
    loops.code(lines, [left, right], [target])


def _by_blas(loops: Any, left: Place, right: Place, target: Place) -> None:
    left, right = _dense(loops, left), _dense(loops, right)
    out = target
    if _order(target) != "C":
        out = loops.temporary(target.dtype, target.shape)
    s = len(target.shape) - 2
    texts = [_matrix(loops, place, s) for place in (left, right, out)]
    lines = nested(target.shape[:-2], [f"np.dot({', '.join(texts)})"])
    loops.code(lines, [left, right], [out])
    if out is not target:
        loops.map(Map(target.shape, target, (out,), lambda scope, values: values[0]))


def _order(place: Place) -> str:
    """The order of a matrix in memory: "C", "F" or neither."""
    (m, n), (rows, columns) = place.shape[-2:], place.strides[-2:]
    if (columns == 1 or n == 1) and (rows == n or m == 1):
        return "C"
    return "F" if (rows == 1 or m == 1) and (columns == m or n == 1) else ""


def _dense(loops: Any, place: Place) -> Place:
    """A place whose matrices BLAS can use: the same, or a copy."""
    if _order(place):
        return place
    copy: Place = loops.temporary(place.dtype, place.shape)
    loops.map(Map(place.shape, copy, (place,), lambda scope, values: values[0]))
    return copy


def _matrix(loops: Any, place: Place, stack: int) -> str:
    """A matrix of a stack as an array of numba."""
    sizes: Sequence[int] = place.shape[-2:]
    m, n = sizes
    start = _index(place, stack)
    part = f"{loops.ref(place)}[{start} : {start} + {m * n}]"
    if _order(place) == "C":
        return f"{part}.reshape(({m}, {n}))"
    return f"{part}.reshape(({n}, {m})).T"
