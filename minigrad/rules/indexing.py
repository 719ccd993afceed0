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
from .rule import Array, Operand, Result, differentiable


def put(g: Array, key: Any, shape: tuple[int, ...]) -> Array:
    """`g` at `key` in zeros of `shape`, where no element is named twice."""
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def put_flat(g: Array, places: Array, shape: tuple[int, ...]) -> Array:
    """`g` at `places` of the flattened zeros of `shape`, where no element is named twice."""
    out = np.zeros(shape, g.dtype)
    out.put(places, g)
    return out


def put_along(g: Array, indices: Array, dim: int, shape: tuple[int, ...]) -> Array:
    """`g` at `indices` along `dim` in zeros of `shape`, one index to each line."""
    if not shape:
        return g[...]
    out = np.zeros(shape, g.dtype)
    np.put_along_axis(out, indices, g, dim)
    return out


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
    return input[key], (lambda g: put(g, key, shape),)


@differentiable(linear=True, view=True, forms=(), backward="SliceBackward0")
def slice_(input: Array, dim: int, start: int | None, end: int | None, step: int) -> Result:
    """Every `step`-th place along `dim` from `start` up to `end`. ValueError for a step below 1."""
    if step <= 0:
        raise ValueError("step must be greater than zero")
    shape = input.shape
    key = (*(slice(None),) * dim, slice(start, end, step))
    return input[key], (lambda g: put(g, key, shape),)


# One entry of the key of `index`: a full slice, or an array of indices, or a mask.
Entry: TypeAlias = Any


@differentiable(forms=())
def index(input: Array, key: tuple[Entry, ...]) -> Result:
    """The elements that lists, masks and tensors of indices name: a copy, repeats allowed."""
    shape = input.shape
    masks = all(e.dtype.kind == "b" for e in key if isinstance(e, np.ndarray))

    def pullback(g: Array) -> Array:
        if masks:  # a mask names nothing twice
            return put(g, key, shape)
        out = np.zeros(shape, g.dtype)
        np.add.at(out, key, g)
        return out

    return input[key], (pullback,)


@differentiable(forms=())
def index_put(input: Array, value: Operand, key: tuple[Entry, ...]) -> Result:
    """`input` with `value`, broadcast, at the elements that `key` names."""
    y = input.copy()
    y[key] = value

    def to_input(g: Array) -> Array:
        kept = g.copy()
        kept[key] = 0
        return kept

    return y, (to_input, lambda g: g[key])
