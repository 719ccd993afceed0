"""Elements in another order along some dimensions, and windows that slide along a dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided as as_strided_array

from .dims import axis, index
from .indexing import scatter
from .presentation import INTERNAL, METHOD, SIZES
from .rule import Array, Result, differentiable


@differentiable(SIZES, linear=True, layout="first", numpy="flip")
def flip(input: Array, dims: Sequence[int]) -> Result:
    """The elements in reverse order along each of `dims`. RuntimeError for one named twice.

    >>> minigrad.flip(minigrad.tensor([[1, 2], [3, 4]]), (1,))
    tensor([[2, 1],
            [4, 3]])
    """
    over = tuple([axis(d, input.ndim) for d in ((dims,) if isinstance(dims, int) else dims)])
    for d in over:
        if over.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    y = np.flip(input, over) if input.ndim else input
    return y.copy("K"), (lambda g: np.flip(g, over),)


@differentiable(linear=True)
def roll(
    input: Array, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None
) -> Result:
    """The elements moved along dimensions; those that leave at one end come back at the other.

    Without `dims`, the flattened elements move. RuntimeError unless there is one shift for each
    dimension.

    >>> minigrad.roll(minigrad.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    by = (index(shifts, "shifts"),) if not isinstance(shifts, Sequence) else tuple(shifts)
    if not by:
        raise RuntimeError("`shifts` required")
    over = () if dims is None else tuple(dims) if isinstance(dims, Sequence) else (dims,)
    if not over and len(by) == 1:
        y = np.roll(input, by[0])
    elif len(by) != len(over):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(over)}")
    else:
        if not input.ndim:
            raise IndexError("Dimension specified as 0 but tensor has no dimensions")
        y = np.roll(input, by, tuple([axis(d, input.ndim) for d in over]))
    back = tuple([-each for each in by])
    return y, (lambda g: roll(g, back, over)[0],)


@differentiable(linear=True, view=True, forms=METHOD)
def unfold(input: Array, dimension: int, size: int, step: int) -> Result:
    """Windows of `size` elements along a dimension, one every `step`, as a new last dimension.

    The result is a view. RuntimeError for a size that doesn't fit, or a step below 1.

    >>> minigrad.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    d, size, step = axis(dimension, input.ndim), index(size, "size"), index(step, "step")
    shape = input.shape
    longest = shape[d] if shape else 1
    if size > longest:
        raise RuntimeError(
            f"maximum size for tensor at dimension {d} is {longest} but size is {size}"
        )
    if size < 0 or step <= 0:
        what = f"size is {size} but must be >= 0" if size < 0 else f"step is {step} but must be > 0"
        raise RuntimeError(what)
    if not shape:
        y = as_strided_array(input, (size,), (input.itemsize,), writeable=input.flags.writeable)
        return y, (lambda g: put_windows(g, d, step, shape)[0],)
    count, stride = (longest - size) // step + 1, input.strides[d]
    sizes = (*shape[:d], count, *shape[d + 1 :], size)
    strides = (*input.strides[:d], stride * step, *input.strides[d + 1 :], stride)
    y = as_strided_array(input, sizes, strides, writeable=input.flags.writeable)
    return y, (lambda g: put_windows(g, d, step, shape)[0],)


@differentiable(INTERNAL, linear=True, node="UnfoldBackwardBackward0")
def put_windows(input: Array, dimension: int, step: int, shape: tuple[int, ...]) -> Result:
    """The sum of windows, each added to zeros of the given shape at the place it came from."""
    y, size = np.zeros(shape, input.dtype), input.shape[-1]
    if not shape:
        y += input.sum()
    else:
        around = (slice(None),) * dimension
        reach = step * (input.shape[dimension] - 1) + 1
        for k in range(size):
            y[(*around, slice(k, k + reach, step))] += input[..., k]
    return y, (lambda g: unfold(g, dimension, size, step)[0],)


@differentiable(linear=True, view=True)
def as_strided(
    input: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Result:
    """A view of the memory of `input` in another shape, with the given strides.

    Strides and the offset count elements of the memory. Without an offset, the result starts where
    `input` does. RuntimeError for strides that leave the memory.

    >>> minigrad.as_strided(minigrad.arange(4), (2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    memory = _memory(input)
    start = (input.ctypes.data - memory.ctypes.data) // input.itemsize
    places = np.arange(memory.size)
    own = _strided(places, input.shape, [s // input.itemsize for s in input.strides], start)
    taken = _strided(places, size, stride, start if storage_offset is None else storage_offset)
    y = _strided(memory, size, stride, start if storage_offset is None else storage_offset)
    if not input.flags.writeable:
        y.flags.writeable = False
    key, back, flat = (taken.copy(),), (own.copy(),), (memory.size,)
    return y, (lambda g: scatter(g, key, flat, True)[0][back],)


def _memory(array: Array) -> Array:
    """The whole memory that an array is a part of, as a vector of its dtype."""
    whole, base = array, array.base
    while base is not None:
        if isinstance(base, np.ndarray) and base.itemsize == array.itemsize:
            whole = base
        base = getattr(base, "base", None)  # NumPy puts an object of its own between two arrays
    low, high = byte_bounds(whole)
    first = as_strided_array(whole, (0,), (array.itemsize,))
    assert first.ctypes.data == low
    return as_strided_array(whole, ((high - low) // array.itemsize,), (array.itemsize,))


def _strided(memory: Array, size: Sequence[int], stride: Sequence[int], start: int) -> Array:
    """A part of a vector with the given sizes and strides."""
    sizes = [index(each, "size") for each in size]
    steps = [index(each, "stride") for each in stride]
    if min(sizes, default=0) < 0 or min(steps, default=0) < 0 or start < 0:
        raise RuntimeError(
            "as_strided: sizes, strides and the storage offset must not be negative, but got "
            f"{sizes}, {steps} and {start}"
        )
    last = start + sum((n - 1) * step for n, step in zip(sizes, steps, strict=True))
    if 0 not in sizes and last >= memory.size:
        raise RuntimeError(
            f"setStorage: sizes {sizes}, strides {steps}, storage offset {start} are out of bounds "
            f"for storage of size {memory.size}"
        )
    part = memory[start:] if 0 not in sizes else memory[:0]
    return as_strided_array(part, sizes, [step * memory.itemsize for step in steps])
