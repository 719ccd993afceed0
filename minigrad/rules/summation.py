"""Sums with PyTorch's digits.

A sum of floats is rounded after each addition, so its last digits depend on the order. NumPy adds
pairwise along memory, and row after row across it. PyTorch's CPU kernel (`cascade_sum`) adds in
vectors of 32 bytes, in four strands and in blocks. Here, each step of its order is one
`np.add.reduce` across memory. The order is that of x86 with AVX2 or AVX-512, on one thread: PyTorch
divides sums of more than 32,768 elements among its threads.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .dims import kept
from .layout import fastest_first
from .reading import reads_as

Array = Any
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
    if x.dtype.kind != "f" or not dims or not x.size:
        return _add_reduce(x, dims, x.dtype, keepdims=keepdims)  # NumPy would sum bools in int64
    if not x.flags.c_contiguous:
        y = _over_strides(x, dims)
    elif len(dims) == x.ndim:
        y = _along(x.reshape(-1))
    elif dims == (0,) and x.ndim == 2:
        y = _down(x)
    elif max(dims) < len(dims):  # the first ones
        rest = x.shape[len(dims) :]
        y = _down(x.reshape(-1, math.prod(rest))).reshape(rest)
    else:
        y = _over_strides(x, dims)
    return y.reshape(kept(x.shape, dims)) if keepdims else y


# The order over one dimension, the first ----------------------------------------------------------


def _in_turn(rows: Array) -> Array:
    """Add row after row."""
    # A 0 is added because PyTorch's sums start with it, so that a sum of -0 is 0.
    if rows.size == len(rows) > 7:  # NumPy's `reduce` adds the elements of a single column pairwise
        return np.add.accumulate(rows)[-1] + 0
    return _add_reduce(rows, 0, None, None, False, 0)  # names cost as much as the sum


def _cascade(rows: Array) -> Array:
    """Add in blocks, the sums of blocks in blocks, and so on, on four levels."""
    size = len(rows)
    block = 16 if size <= 1 << 20 else 1 << ((size - 1).bit_length() // 4)
    if size <= block:
        return _in_turn(rows)
    left = []
    for _ in range(3):
        whole = len(rows) // block * block
        if whole < len(rows):
            left.append(_in_turn(rows[whole:]))
        rows = _sums_of_blocks(rows[:whole], block)
        if len(rows) < block:
            break
    return functools.reduce(np.add, [*left, _in_turn(rows)]) if left else _in_turn(rows)


def _sums_of_blocks(rows: Array, block: int) -> Array:
    blocks = rows.reshape(len(rows) // block, block, *rows.shape[1:])
    return _add_reduce(blocks, 1, None, None, False, 0)


def _in_strands(rows: Array) -> Array:
    """Add every fourth row into one of four strands, the rows left over to the first, then all."""
    size = len(rows)
    if size <= 4:
        return _in_turn(rows)
    if size < 8:
        return _in_turn(rows.take(_STRANDS[size], 0))
    whole = size // 4
    strands = _cascade(rows[: 4 * whole].reshape(whole, 4, *rows.shape[1:]))
    for row in rows[4 * whole :]:
        strands[0] += row
    return _in_turn(strands)


# With fewer than eight rows, each strand but the first is a single row.
_STRANDS = {size: [0, *range(4, size), 1, 2, 3] for size in (5, 6, 7)}


def _along(rows: Array) -> Array:
    """Add rows that are next to each other in memory: vectors in strands, then their lanes."""
    lanes = _VECTOR // rows.itemsize
    whole = len(rows) // lanes * lanes
    if not whole:
        return _in_strands(rows)
    vectors = _in_strands(rows[:whole].reshape(-1, lanes, *rows.shape[1:]))
    return _in_turn(np.concatenate((rows[whole:], vectors)))


def _down(rows: Array) -> Array:
    """Add the rows of a matrix whose elements are next to each other in memory."""
    return _way_down(rows.shape, rows.itemsize)(rows)


@functools.lru_cache
def _way_down(shape: tuple[int, int], itemsize: int) -> Callable[[Array], Array]:
    """The way to add the rows of a matrix of this shape."""
    lanes = _VECTOR // itemsize
    return _along if shape[1] == 1 else _way_across(shape, 4 * lanes if shape[1] >= lanes else 4)


def _way_across(shape: tuple[int, ...], together: int) -> Callable[[Array], Array]:
    """Add `together` columns at a time in blocks, and the columns left over in strands."""
    wide = shape[-1] // together * together
    if wide == shape[-1]:
        return _cascade
    if shape[0] <= 4:
        return _in_turn
    if shape[0] < 8:
        places = np.arange(math.prod(shape)).reshape(shape)
        places[..., wide:] = places[_STRANDS[shape[0]], ..., wide:]
        return lambda rows: _in_turn(rows.take(places))
    if not wide:
        return _in_strands
    return lambda rows: np.concatenate(
        (_cascade(rows[..., :wide]), _in_strands(rows[..., wide:])), -1
    )


def losses_summed(terms: Array) -> Array:
    """The sum of the terms of `nll_loss`, which has a loop of its own.

    Its blocks end at every 16th term counted from the first, so that the first is a block by
    itself. It is added last. (A term at the end of a block that is ignored moves the end in
    PyTorch, but not here.)
    """
    terms = terms.reshape(-1)
    size, block = len(terms), 16
    if size <= 8:
        return _in_turn(terms[1:]) + terms[0] if size else terms.dtype.type(0)
    if size > 1 << 32:
        block = 1 << ((size - 1).bit_length() // 8)
    rows = terms[1:]
    left: list[Any] = []
    while len(rows) >= 16 * block and len(left) < 6:
        whole = len(rows) // block * block
        left += [_last_sum(rows[whole:])] if whole < len(rows) else []
        rows = np.add.accumulate(rows[:whole].reshape(-1, block), 1)[:, -1]
    sums = [_last_sum(rows[i : i + block]) for i in range(0, len(rows), block)]
    if len(rows) % block:
        left.append(sums.pop())
    blocks = [functools.reduce(operator.add, sums)] if sums else []
    return functools.reduce(operator.add, [*left, *blocks, terms[0]])


def _last_sum(row: Array) -> Array:
    return np.add.accumulate(row)[-1]


# The order over several dimensions ----------------------------------------------------------------


def _over_strides(x: Array, dims: tuple[int, ...]) -> Array:
    """The sum over any dimensions of any array, in the order of PyTorch's TensorIterator.

    The innermost two dimensions are summed as one block. Reduced dimensions are innermost; if there
    are two of them or more, the sums of the blocks are added in turn.
    """
    shape = tuple(size for d, size in enumerate(x.shape) if d not in dims)
    inner, outer = _merged(x, dims)
    sizes, strides = zip(*inner, *outer, (1, 0), strict=True)  # a dimension for sums of one
    if not inner:  # all dimensions have size 1
        return x.reshape(shape) + 0
    count = len(inner)
    second = 1 if count > 1 or outer else len(sizes) - 1
    order = [0, *range(count - 1, 1, -1), *range(len(sizes) - 1, max(count, 2) - 1, -1), second]
    order = list(dict.fromkeys(order))
    rows = as_strided(x, [sizes[d] for d in order], [strides[d] for d in order], writeable=False)
    y = _block(np.ascontiguousarray(rows), strides[0], strides[second], x.itemsize)
    if count > 1:  # the last dimension of the block was reduced, too, and so were the first ones
        y = np.ascontiguousarray(np.moveaxis(y, -1, count - 2))
        y = _in_turn(y.reshape(-1, *y.shape[count - 1 :]))
    return y.reshape(shape)


def _block(rows: Array, down: int, across: int, itemsize: int) -> Array:
    """Sum over the first dimension, given its stride in memory and that of the last dimension."""
    lanes = _VECTOR // itemsize
    if down == itemsize and len(rows) >= lanes:
        return _along(rows)
    if across == itemsize and rows.shape[-1] >= lanes:
        return _way_across(rows.shape, 4 * lanes)(rows)
    if down < across:
        return _in_strands(rows)
    return _way_across(rows.shape, 4)(rows)


def _merged(x: Array, dims: tuple[int, ...]) -> tuple[list[tuple[int, int]], ...]:
    """The sizes and strides of the reduced dimensions and of the others, the innermost first.

    Adjacent dimensions that are one in memory are merged.
    """
    order = fastest_first(x.shape, [x.strides])
    reduced = [d for d in order if d in dims and x.shape[d] > 1]
    others = [d for d in range(x.ndim)[::-1] if d not in dims and x.shape[d] > 1]
    found = []
    for group in (reduced, others):
        merged: list[tuple[int, int]] = []
        for d in group:
            size, stride = x.shape[d], x.strides[d]
            if merged and merged[-1][0] * merged[-1][1] == stride:
                merged[-1] = (merged[-1][0] * size, merged[-1][1])
            else:
                merged.append((size, stride))
        found.append(merged)
    return tuple(found)
