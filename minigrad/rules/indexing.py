"""Indexing, and the scatters that carry its gradients back.

`x[key]` is taken apart as PyTorch does it: ints, slices and None are views, one op each, and what
remains (lists, masks and tensors of indices) is one gather, `index`, which copies. A gather's
gradient is a scatter: each element of the cotangent is added where the value came from.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from . import dims
from .dims import axis
from .rule import Array, Operand, Result, differentiable, unchanged

# One entry of the key of a gather: a full slice, or an array of indices, or a mask.
Entry: TypeAlias = Any


def _put_backward(input: Array, key: tuple[Any, ...], shape: tuple[int, ...]) -> str:
    return f"{'Select' if any(isinstance(e, int) for e in key) else 'Slice'}BackwardBackward0"


@differentiable(linear=True, forms=(), backward=_put_backward)
def put(input: Array, key: tuple[Any, ...], shape: tuple[int, ...]) -> Result:
    """`input` at a key of ints and slices, in zeros of that shape."""
    y = np.zeros(shape, input.dtype)
    y[key] = input
    return y, (lambda g: g[key],)


@differentiable(forms=(), backward="IndexPutImplBackward0")
def scatter(input: Array, key: tuple[Entry, ...], shape: tuple[int, ...], repeats: bool) -> Result:
    """`input` at a key of indices and masks, in zeros of that shape.

    Where it may name an element more than once, `repeats`, what comes there is added up.
    """
    y = np.zeros(shape, input.dtype)
    if repeats:
        np.add.at(y, key, input)
    else:
        y[key] = input
    return y, (lambda g: g[key],)


@differentiable(linear=True, view=True)
def select(input: Array, dim: int, index: int) -> Result:
    """`input` at one place along `dim`, which the result lacks. IndexError beyond its ends.

    >>> minigrad.select(minigrad.tensor([[1, 2], [3, 4]]), dim=1, index=0)
    tensor([1, 3])
    """
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    shape, d, place = input.shape, axis(dim, input.ndim), dims.index(index, "index")
    if not -shape[d] <= place < shape[d]:
        raise IndexError(f"index {place} is out of bounds for dimension {d} with size {shape[d]}")
    # The trailing ellipsis keeps a view where NumPy would hand out a bare number.
    key = (*(slice(None),) * d, place, ...)
    return input[key], (lambda g: put(g, key, shape)[0],)


@differentiable(linear=True, view=True, forms=(), backward="SliceBackward0")
def slice_(input: Array, dim: int, start: int | None, end: int | None, step: int) -> Result:
    """Every `step`-th place along `dim` from `start` up to `end`. ValueError for a step below 1."""
    if step <= 0:
        raise ValueError("step must be greater than zero")
    shape = input.shape
    key = (*(slice(None),) * dim, slice(start, end, step))
    return input[key], (lambda g: put(g, key, shape)[0],)


@differentiable(forms=())
def index(input: Array, key: tuple[Entry, ...]) -> Result:
    """The elements that lists, masks and tensors of indices name: a copy, repeats allowed."""
    shape = input.shape
    masks = all(e.dtype.kind == "b" for e in key if isinstance(e, np.ndarray))

    y = input[key]
    if input.flags.c_contiguous:  # NumPy may put the dimensions of the indices first in memory
        y = np.ascontiguousarray(y)
    # A mask names nothing twice.
    return y, (lambda g: scatter(g, key, shape, not masks)[0],)


@differentiable(forms=())
def index_put(
    input: Array, value: Operand, key: tuple[Entry, ...], accumulate: bool = False
) -> Result:
    """`input` with `value`, broadcast, at the elements that `key` names, or added to them."""
    y = input.copy()
    try:
        if accumulate:
            np.add.at(y, key, value)
        else:
            y[key] = value
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(value))} cannot be broadcast to "
            f"indexing result of shape {list(input[key].shape)}"
        ) from None
    if accumulate:
        return y, (unchanged, lambda g: g[key])
    return y, (lambda g: index_put(g, 0, key)[0], lambda g: g[key])
