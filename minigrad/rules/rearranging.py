"""Elements in another order along some dimensions, and windows that slide along a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .dims import axis, index
from .layout import as_copy, contiguous, like_images
from .presentation import INTERNAL, METHOD, SIZES
from .rule import Array, Result, differentiable
from .summation import summed


def _ints(given: Any, name: str) -> tuple[int, ...]:
    """One int, or several in a sequence. TypeError for anything else."""
    several = given if isinstance(given, list | tuple) else (given,)
    return tuple([index(each, name) for each in several])


@differentiable(SIZES, linear=True, layout="first", numpy="flip")
def flip(input: Array, dims: Sequence[int]) -> Result:
    """The elements in reverse order along each of `dims`. RuntimeError for one named twice.

    >>> minigrad.flip(minigrad.tensor([[1, 2], [3, 4]]), (1,))
    tensor([[2, 1],
            [4, 3]])
    """
    over = tuple([axis(d, input.ndim) for d in _ints(dims, "dims")])
    for d in over:
        if over.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    over = over if input.ndim else ()
    y = np.flip(input, over)
    return as_copy(y.copy("K"), input), (lambda g: np.flip(g, over),)


@differentiable(layout="own", linear=True)
def roll(
    input: Array, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None
) -> Result:
    """The elements moved along dimensions; those that leave at one end come back at the other.

    Without `dims`, the flattened elements move. RuntimeError unless there is one shift for each
    dimension.

    >>> minigrad.roll(minigrad.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    by = _ints(shifts, "shifts")
    if not by:
        raise RuntimeError("`shifts` required")
    over = () if dims is None else _ints(dims, "dims")
    if not over and len(by) == 1:
        y = contiguous(np.roll(input, by[0]))
    elif len(by) != len(over):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(over)}")
    else:
        if not input.ndim:
            raise IndexError("Dimension specified as 0 but tensor has no dimensions")
        # As in PyTorch, the dimensions of an empty tensor aren't checked.
        places = tuple([axis(d, input.ndim) for d in over]) if input.size else ()
        y = np.roll(input, by, places) if places else input.copy()
        # PyTorch joins two parts by `cat` along each dimension. With an empty one it is contiguous.
        moved = all(n % input.shape[d] for n, d in zip(by, places, strict=False))
        y = like_images(y, input) if moved else contiguous(y)
    back = tuple([-each for each in by])
    return y, (lambda g: roll(g, back, over)[0],)


@differentiable(SIZES, linear=True, forms=METHOD, public="Tensor.repeat")
def repeat(input: Array, repeats: Sequence[int]) -> Result:
    """The elements repeated along each dimension. More numbers than dimensions add ones in front.

    RuntimeError for fewer numbers than dimensions, or a size below 0.

    >>> minigrad.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times, shape = _ints(repeats, "repeats"), input.shape
    lead = len(times) - len(shape)
    if lead < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * lead + shape
    sizes = [n * size for n, size in zip(times, shape, strict=True)]
    for size in sizes:
        if size < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {size}: {sizes}")
    times = tuple([max(n, 0) for n in times])  # of a dimension without elements
    y = np.empty(sizes, input.dtype)
    copies = y.reshape([k for pair in zip(times, shape, strict=True) for k in pair])
    copies[...] = input.reshape([k for size in shape for k in (1, size)])

    apart, over = list[int](), list[int]()  # the repeated dimensions, in which copies are added up
    for n, size in zip(times[lead:], shape[lead:], strict=True):
        if n != 1:
            over.append(len(apart))
            apart.append(n)
        apart.append(size)

    before, dtype = input.shape, input.dtype

    def to_input(g: Array) -> Array:
        if 0 in times:
            return np.zeros(before, dtype)
        for _ in range(lead):
            g = summed(g, (0,))
        return summed(g.reshape(apart), tuple(over)) if over else g

    return y, (to_input,)


@differentiable(linear=True, view=True, forms=METHOD, public="Tensor.unfold")
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
        y = as_strided(input, (size,), (input.itemsize,), writeable=input.flags.writeable)
        return y, (lambda g: put_windows(g, d, step, shape)[0],)
    count, stride = (longest - size) // step + 1, input.strides[d]
    sizes = (*shape[:d], count, *shape[d + 1 :], size)
    strides = (*input.strides[:d], stride * step, *input.strides[d + 1 :], stride)
    y = as_strided(input, sizes, strides, writeable=input.flags.writeable)
    return y, (lambda g: put_windows(g, d, step, shape)[0],)


@differentiable(INTERNAL, linear=True, node="UnfoldBackwardBackward0")
def put_windows(input: Array, dimension: int, step: int, shape: tuple[int, ...]) -> Result:
    """The sum of windows, each added to zeros of the given shape at the place it came from."""
    y, size = np.zeros(shape, input.dtype), input.shape[-1]
    if not shape:
        y[...] = input.sum()
    else:
        around = (slice(None),) * dimension
        reach = step * (input.shape[dimension] - 1) + 1
        for k in range(size)[::-1]:  # an element's first window comes first
            place = (*around, slice(k, k + reach, step))
            y[place] = input[..., k] if step >= size else y[place] + input[..., k]
    return y, (lambda g: unfold(g, dimension, size, step)[0],)
