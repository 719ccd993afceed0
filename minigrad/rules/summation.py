"""Sums with PyTorch's digits.

A sum of floats is rounded after each addition, so its last digits depend on the order. NumPy adds
pairwise along memory, and row after row across it. PyTorch's CPU kernel (`cascade_sum`) adds in
vectors of 32 bytes, in four strands and in blocks. Here, each step of its order is one
`np.add.reduce` across memory. The order is that of x86 with AVX2 or AVX-512, on one thread: PyTorch
divides sums of more than 32,768 elements among its threads.

A *way* is a function that adds up the rows of an array, its parts along the first dimension. It is
made for one shape, and kept for the next array of that shape.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .dims import kept
from .layout import fastest_first
from .reading import reads_as

Array: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]
Way: TypeAlias = Callable[[Array], Array]
_VECTOR = 32  # bytes
_add_reduce: Any = np.add.reduce


def _in_any_order(x: Array, dims: tuple[int, ...], keepdims: Any = False) -> Array:
    return np.add.reduce(x, dims, keepdims=keepdims)


@reads_as(_in_any_order)
def summed(x: Array, dims: tuple[int, ...], keepdims: bool = False) -> Array:
    """The sum over `dims`, which are counted from the front.

    >>> x = np.float32([1e8, 1, 1, 1, -1e8, 1])  # 1e8 + 1 is rounded to 1e8
    >>> float(summed(x, (0,))), float(np.add.reduce(x))
    (4.0, 1.0)
    """
    if x.flags.c_contiguous:
        y = over_contiguous(x.shape, dims, x.dtype)(x)
    elif x.dtype.kind == "f" and dims and x.size:
        y = _over_strides(x, dims) if x.itemsize > 2 else _in_float32(_over_strides)(x, dims)
    else:
        y = _without_rounding(x, dims)
    return y.reshape(kept(x.shape, dims)) if keepdims else y


def averaged(x: Array, count: Any) -> Array:
    """The sum of all elements, divided by `count` and rounded once."""
    if x.dtype == np.float16:
        return averaged(x.astype(np.float32), np.float32(count)).astype(np.float16)
    return summed(x, tuple(range(x.ndim))) / count


def by_nll_loss(x: Array, ignored: Array | None = None) -> Array:
    """The sum of a vector in the order of PyTorch's kernel of nll_loss, which differs from others.

    The kernel adds term after term. After each term whose place is a multiple of the block's size,
    it moves the sum so far to the next level, where it is a term. An ignored term moves nothing.
    """
    size = x.shape[0]
    if ignored is None:
        return _in_order_of_nll_loss(size)(x) if size else np.add.reduce(x)
    shift = _shift_of_nll_loss(size)
    block = 1 << shift
    if not ignored[::block].any():
        return by_nll_loss(x)
    totals, start = [x.dtype.type(0)] * 8, 0
    for place in range(0, size, block):
        if ignored[place]:
            continue
        totals[0], start = np.add.accumulate(x[start : place + 1])[-1], place + 1
        for level in range(7):
            if place >> shift * level & (block - 1):
                break
            totals[level + 1], totals[level] = totals[level + 1] + totals[level], 0
    totals[0] = np.add.accumulate(x[start:])[-1] if start < size else 0
    return functools.reduce(operator.add, totals) + 0


def _shift_of_nll_loss(size: int) -> int:
    """The logarithm of the number of terms in a block."""
    return max(4, (size - 1).bit_length() // 8)


@functools.lru_cache(1024)
def _in_order_of_nll_loss(size: int) -> Way:
    """The way to add terms of which none is ignored: blocks after the first term, which is last."""
    if size == 1:
        return lambda x: x[0] + 0
    block = 1 << _shift_of_nll_loss(size)
    if size <= block:  # the usual way for a small batch, in less time
        return lambda x: np.add.accumulate(x[1:])[-1] + x[0] + 0
    add = _in_levels(size - 1, block)
    return lambda x: add(x[1:], 0) + x[0]


@functools.lru_cache(1024)
def _in_levels(count: int, block: int) -> Callable[[Array, Any], Array]:
    """The way to add terms to a total: those left over, then the sums of the blocks as terms."""
    whole = count // block * block
    if not whole or count == block:
        return lambda terms, total: total + np.add.accumulate(terms)[-1]
    if whole == block:  # a small batch's, in less time
        return lambda terms, total: (
            total + np.add.accumulate(terms[whole:])[-1] + np.add.accumulate(terms[:whole])[-1]
        )
    blocks, above = (whole // block, block), _in_levels(whole // block, block)

    def add(terms: Array, total: Any) -> Array:
        if whole < count:
            total += np.add.accumulate(terms[whole:])[-1]
        return above(np.add.accumulate(terms[:whole].reshape(blocks), 1)[:, -1], total)

    return add


def _in_float32(way: Callable[..., Array]) -> Callable[..., Array]:
    """A way to sum float16: in float32, rounded once."""
    return lambda x, *dims: way(x.astype(np.float32), *dims).astype(np.float16)


def _without_rounding(x: Array, dims: tuple[int, ...]) -> Array:
    """The sum of integers, bools or no floats, in any order."""
    # NumPy would sum bools and int32 in int64.
    return _add_reduce(x, dims, None if x.dtype.kind == "f" else x.dtype)


@functools.lru_cache(1024)
def over_contiguous(shape: Shape, dims: tuple[int, ...], dtype: np.dtype) -> Way:
    """The way to sum a contiguous array over any of its dimensions."""
    if dtype.kind != "f" or not dims or 0 in shape:
        return functools.partial(_without_rounding, dims=dims)
    if dtype == np.float16:
        return _in_float32(over_contiguous(shape, dims, np.dtype(np.float32)))
    size, itemsize = math.prod(shape), dtype.itemsize
    if len(dims) == len(shape):
        every = _along((size,), itemsize)
        return every if len(shape) == 1 else lambda x: every(x.reshape(-1))
    if max(dims) >= len(dims):
        return lambda x: _over_strides(x, dims)
    rest = shape[len(dims) :]  # the dims are the first ones
    columns, lanes = math.prod(rest), _VECTOR // itemsize
    rows = (size // columns, columns)
    if columns == 1:
        down = _along(rows, itemsize)
    else:
        down = _across(rows, 4 * lanes if columns >= lanes else 4)
    return down if rows == shape else lambda x: down(x.reshape(rows)).reshape(rest)


# Ways over the first dimension --------------------------------------------------------------------


def _in_turn(shape: Shape) -> Way:
    """Row after row."""
    # A 0 is added because PyTorch's sums start with it, so that a sum of -0 is 0.
    if math.prod(shape) == shape[0] > 7:  # `add.reduce` adds the elements of one column pairwise
        return lambda rows: np.add.accumulate(rows)[-1] + 0
    return lambda rows: _add_reduce(rows, 0, None, None, False, 0)  # names cost as much as the sum


def _in_turn_twice(shape: Shape, axis: int) -> Way:
    """Rows that are viewed as `shape`, along an axis of it and then along the first that is left.

    It is `_in_turn` twice in less time, for the batches that are most common.
    """
    last = _in_turn((*shape[:axis], *shape[axis + 1 :]))
    if math.prod(shape) == shape[0] * shape[1]:
        return lambda rows: last(_add_reduce(rows.reshape(shape), axis))
    return lambda rows: _add_reduce(_add_reduce(rows.reshape(shape), axis), 0, None, None, False, 0)


def _cascade(shape: Shape) -> Way:
    """In blocks, the sums of blocks in blocks, and so on, on four levels."""
    size = shape[0]
    block = 16 if size <= 1 << 20 else 1 << ((size - 1).bit_length() // 4)
    levels: list[tuple[int, Shape, Way | None]] = []  # rows in blocks, their shape, for the others
    while size > block and len(levels) < 3:
        whole = size // block * block
        left = _in_turn((size - whole, *shape[1:])) if whole < size else None
        levels.append((whole, (whole // block, block, *shape[1:]), left))
        size = whole // block
    if len(levels) == 1 and levels[0][2] is None:
        return _in_turn_twice(levels[0][1], 1)
    last = _in_turn((size, *shape[1:]))

    def add(rows: Array) -> Array:
        totals = []
        for whole, blocks, left in levels:
            if left is not None:
                totals.append(left(rows[whole:]))
            rows = _add_reduce(rows[:whole].reshape(blocks), 1, None, None, False, 0)
        return functools.reduce(operator.add, [*totals, last(rows)])

    return add if levels else last


def _in_strands(shape: Shape) -> Way:
    """Every fourth row into one of four strands, the rows left over into the first, then all."""
    size, *rest = shape
    if size <= 4:
        return _in_turn(shape)
    if size < 8:
        places, turn = _STRANDS[size], _in_turn(shape)
        return lambda rows: turn(rows.take(places, 0))
    whole = size // 4
    by_strand, turn = (whole, 4, *rest), _in_turn((4, *rest))
    if 4 * whole == size and whole <= 16:
        return _in_turn_twice(by_strand, 0)
    strands = _cascade(by_strand)
    if 4 * whole == size:
        return lambda rows: turn(strands(rows.reshape(by_strand)))

    def add(rows: Array) -> Array:
        sums = strands(rows[: 4 * whole].reshape(by_strand))
        for row in rows[4 * whole :]:
            sums[0] += row
        return turn(sums)

    return add


# With fewer than eight rows, each strand but the first is a single row.
_STRANDS = {size: [0, *range(4, size), 1, 2, 3] for size in (5, 6, 7)}


def _along(shape: Shape, itemsize: int) -> Way:
    """Rows that are next to each other in memory: vectors in strands, then their lanes."""
    size, *rest = shape
    lanes = _VECTOR // itemsize
    whole = size // lanes * lanes
    if not whole:
        return _in_strands(shape)
    vectors = (whole // lanes, lanes, *rest)
    strands, turn = _in_strands(vectors), _in_turn((size - whole + lanes, *rest))
    if whole == size:
        return lambda rows: turn(strands(rows.reshape(vectors)))
    return lambda rows: turn(np.concatenate((rows[whole:], strands(rows[:whole].reshape(vectors)))))


def _along_rows(rows: int, size: int, itemsize: int) -> Way:
    """The way to sum each row of a matrix: `_along`, without first moving rows into columns.

    NumPy adds the vectors of a row in turn, because those of one block are next to each other.
    """
    lanes = _VECTOR // itemsize
    block = 4 * lanes  # a vector for each strand
    blocks, tail = size // block, size // lanes * lanes
    whole = blocks * block
    cascade = _cascade((blocks, rows, block))
    strands, turn = _in_turn((4, lanes, rows)), _in_turn((size - tail + lanes, rows))

    def add(x: Array) -> Array:
        sums = cascade(x[:, :whole].reshape(rows, blocks, block).swapaxes(0, 1))
        for start in range(whole, tail, lanes):
            sums[:, :lanes] += x[:, start : start + lanes]
        sums = strands(np.ascontiguousarray(sums.reshape(rows, 4, lanes).transpose(1, 2, 0)))
        return turn(sums if tail == size else np.concatenate((x[:, tail:].T, sums)))

    return add


def _across(shape: Shape, together: int) -> Way:
    """`together` columns at a time in blocks, and the columns left over in strands."""
    size, *middle, columns = shape
    wide = columns // together * together
    if wide == columns:
        return _cascade(shape)
    if not wide or size <= 4:
        return _in_strands(shape)
    if size < 8 and math.prod(shape) <= 512:  # the places are kept, so they must be few
        places, turn = np.arange(math.prod(shape)).reshape(shape), _in_turn(shape)
        places[..., wide:] = places[_STRANDS[size], ..., wide:]
        return lambda rows: turn(rows.take(places))
    blocks = _cascade((size, *middle, wide))
    strands = _in_strands((size, *middle, columns - wide))
    return lambda rows: np.concatenate((blocks(rows[..., :wide]), strands(rows[..., wide:])), -1)


# The order over several dimensions ----------------------------------------------------------------


def _over_strides(x: Array, dims: tuple[int, ...]) -> Array:
    """The sum over any dimensions of any array, in the order of PyTorch's TensorIterator."""
    return _by_strides(x.shape, x.strides, dims, x.itemsize)(x)


@functools.lru_cache(1024)
def _by_strides(shape: Shape, strides: Shape, dims: tuple[int, ...], itemsize: int) -> Way:
    """The way to sum an array of this shape and these strides over some of its dimensions.

    The innermost two dimensions are summed as one block. Reduced dimensions are innermost; if there
    are two of them or more, the sums of the blocks are added in turn.
    """
    left = tuple(size for d, size in enumerate(shape) if d not in dims)
    inner, outer = _merged(shape, strides, dims)
    sizes, steps = zip(*inner, *outer, (1, 0), strict=True)  # a dimension for sums of one
    if not inner:  # all dimensions have size 1
        return lambda x: x.reshape(left) + 0
    count, contiguous = len(inner), _is_contiguous(shape, strides, itemsize)
    if contiguous and count == 1 and steps[0] == itemsize and sizes[0] >= 8 * _VECTOR // itemsize:
        matrix = (math.prod(left), sizes[0])
        in_rows = _along_rows(*matrix, itemsize)
        return lambda x: in_rows(x.reshape(matrix)).reshape(left)
    second = 1 if count > 1 or outer else len(sizes) - 1
    order = [0, *range(count - 1, 1, -1), *range(len(sizes) - 1, max(count, 2) - 1, -1), second]
    order = list(dict.fromkeys(order))
    rows = [sizes[d] for d in order]
    rows_of = _rearranged(sizes, steps, order, contiguous)
    way = _over_block(tuple(rows), steps[0], steps[second], itemsize)
    if count == 1:
        return lambda x: way(np.ascontiguousarray(rows_of(x))).reshape(left)

    def add(x: Array) -> Array:
        # The last dimension of the block was reduced, too, and so were the first ones.
        y = way(np.ascontiguousarray(rows_of(x)))
        y = np.ascontiguousarray(np.moveaxis(y, -1, count - 2))
        y = y.reshape(-1, *y.shape[count - 1 :])
        return _in_turn(y.shape)(y).reshape(left)

    return add


def _is_contiguous(shape: Shape, strides: Shape, itemsize: int) -> bool:
    for size, step in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and step != itemsize:
            return False
        itemsize *= size
    return True


def _rearranged(sizes: Shape, steps: Shape, order: list[int], contiguous: bool) -> Way:
    """The way to view an array as dimensions of these sizes and steps in memory, in this order."""
    if contiguous:  # then `reshape` does it in a fifth of the time of `as_strided`
        outer_first = sorted(range(len(sizes)), key=lambda d: -steps[d])
        shape, places = [sizes[d] for d in outer_first], [outer_first.index(d) for d in order]
        return lambda x: x.reshape(shape).transpose(places)
    shape, strides = [sizes[d] for d in order], [steps[d] for d in order]
    return lambda x: as_strided(x, shape, strides, writeable=False)


def _over_block(shape: Shape, down: int, across: int, itemsize: int) -> Way:
    """The way to sum a block, given the strides in memory of its first and its last dimension."""
    lanes = _VECTOR // itemsize
    if down == itemsize and shape[0] >= lanes:
        return _along(shape, itemsize)
    if across == itemsize and shape[-1] >= lanes:
        return _across(shape, 4 * lanes)
    return _in_strands(shape) if down < across else _across(shape, 4)


def _merged(
    shape: Shape, strides: Shape, dims: tuple[int, ...]
) -> tuple[list[tuple[int, int]], ...]:
    """The sizes and strides of the reduced dimensions and of the others, the innermost first.

    Adjacent dimensions that are one in memory are merged.
    """
    order = fastest_first(shape, [strides])
    reduced = [d for d in order if d in dims and shape[d] > 1]
    others = [d for d in range(len(shape))[::-1] if d not in dims and shape[d] > 1]
    found = []
    for group in (reduced, others):
        merged: list[tuple[int, int]] = []
        for d in group:
            size, stride = shape[d], strides[d]
            if merged and merged[-1][0] * merged[-1][1] == stride:
                merged[-1] = (merged[-1][0] * size, merged[-1][1])
            else:
                merged.append((size, stride))
        found.append(merged)
    return tuple(found)
