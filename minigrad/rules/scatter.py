"""Gathers and scatters: an index for each element along one dimension.

A gather reads `input[i, index[i, j]]`, a scatter writes there. Each is the pullback of the other.
An operand without dimensions counts as one of size 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dims import axis
from .dtypes import of_numpy
from .indexing import put
from .presentation import HALF_IN_DERIVATIVES, INTERNAL
from .promotion import converted
from .rule import Array, Constant, Operand, Result, differentiable, unchanged


def _places(
    index: Array, dim: int, shape: tuple[int, ...], name: str, most: tuple[int, ...] = ()
) -> tuple[Array, ...]:
    """The key that an index along `dim` means in an array of this shape.

    Apart from `dim`, no size of the index may exceed those of the array, nor any those of `most`.
    """
    if index.size == 0:
        return (np.zeros(0, np.int64),)
    if index.dtype not in (np.int32, np.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    sizes = index.shape or (1,)
    if len(sizes) != len(shape) or (most and len(sizes) != len(most)):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor ({name})"
        )
    for d, size in enumerate(sizes):
        if (d != dim and size > shape[d]) or (most and size > most[d]):
            raise RuntimeError(
                f"Expected index {list(sizes)} to be no larger than self {list(shape)} apart from "
                f"dimension {dim}" + (f" and no larger than src {list(most)}" if most else "")
            )
    if (wrong := (index < 0) | (index >= shape[dim])).any():
        raise RuntimeError(
            f"index {index[wrong].flat[0]} is out of bounds for dimension {dim} with size "
            f"{shape[dim]}"
        )
    ones = (1,) * len(sizes)
    return tuple(
        index.reshape(sizes) if d == dim else np.arange(size).reshape(-1, *ones[d + 1 :])
        for d, size in enumerate(sizes)
    )


@differentiable(INTERNAL, public="gather", node="GatherBackward0")
def gather_along(input: Array, index: Constant, dim: int, drop: bool = False) -> Result:
    """The elements of `input` at an index along `dim` each, in the shape of the index.

    With `drop`, the index doesn't have the dimension `dim`: it has one element along it.
    """
    d, shape = axis(dim, input.ndim), input.shape
    sizes = (*index.shape[:d], 1, *index.shape[d:]) if drop else index.shape
    key = _places(index.reshape(sizes), d, shape or (1,), "gather")
    y = input.reshape(shape or (1,))[key].reshape(index.shape)
    return y, (
        lambda g: scatter_sum(np.zeros_like(input), g.reshape(sizes), index.reshape(sizes), d)[0],
        None,
    )


def _operands(input: Array, src: Operand, index: Array, dim: int, name: str) -> Any:
    """A copy of `input`, its key, and the values of `src` for it."""
    d = axis(dim, input.ndim)
    y = np.array(input.reshape(input.shape or (1,)), order="C")
    if not isinstance(src, np.ndarray):
        # A number that is stored nowhere needn't fit.
        value = converted(src, input.dtype) if index.size else 0
        return y, _places(index, d, y.shape, name), value
    if src.dtype != input.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, but they are "
            f"{of_numpy(input.dtype).scalar_name} and {of_numpy(src.dtype).scalar_name}"
        )
    key = _places(index, d, y.shape, name, src.shape or (1,))
    if index.size == 0:
        return y, key, src.reshape(-1)[:0].reshape(0, *[1] * (y.ndim - 1))
    values = src.reshape(src.shape or (1,))[_first(index.shape or (1,))]
    return y, key, values


def _first(sizes: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple([slice(0, size) for size in sizes])


def _read(g: Array, index: Array, dim: int, shape: tuple[int, ...]) -> Array:
    """The cotangent of the values of a scatter. Those beyond the index have none."""
    read = gather_along(g, index, dim)[0]
    return read if index.shape == shape else put(read, _first(index.shape), shape)[0]


@differentiable(INTERNAL, public="scatter_add", node="ScatterAddBackward0")
def scatter_sum(input: Array, src: Array, index: Constant, dim: int) -> Result:
    """A copy of `input` with each element of `src` added at an index along `dim`."""
    y, key, values = _operands(input, src, index, dim, "scatter_add")
    if index.size:
        np.add.at(y, key, values)
    shape = src.shape
    return y.reshape(input.shape), (unchanged, lambda g: _read(g, index, dim, shape), None)


def _scatter_node(input: Array, src: Operand, index: Array, dim: int) -> str:
    return f"ScatterBackward{int(not isinstance(src, np.ndarray))}"


@differentiable(INTERNAL, public="scatter", node=_scatter_node)
def scatter_values(input: Array, src: Operand, index: Constant, dim: int) -> Result:
    """A copy of `input` with each element of `src`, or a number, stored at an index along `dim`."""
    y, key, values = _operands(input, src, index, dim, "scatter")
    if index.size:
        y[key] = values
    shape = np.shape(src)
    return y.reshape(input.shape), (
        lambda g: scatter_values(g, 0, index, dim)[0],
        lambda g: _read(g, index, dim, shape),
        None,
    )


@differentiable(INTERNAL, half=HALF_IN_DERIVATIVES, node="ScatterReduceBackward0")
def scatter_amax(
    input: Array, src: Array, index: Constant, dim: int, largest: bool, include_self: bool
) -> Result:
    """The largest or smallest of the elements that are scattered to each place.

    With `include_self`, they include the element of `input` there. Tied elements share the
    gradient evenly.
    """
    d = axis(dim, input.ndim)
    y, key, values = _operands(input, src, index, d, "scatter_reduce")
    if index.size:
        if not include_self:
            y[key] = values
        (np.maximum if largest else np.minimum).at(y, key, values)
    y = y.reshape(input.shape)
    return y, (
        lambda g: _shares(g, input, src, index, y, d, include_self)[0],
        lambda g: _shares(g, input, src, index, y, d, include_self)[1],
        None,
    )


def _shares(
    g: Array, input: Array, src: Array, index: Array, y: Array, dim: int, include_self: bool
) -> tuple[Array, Array]:
    """The gradients of `input` and `src` in `scatter_amax`."""
    # PyTorch counts a tied element of `input` even without `include_self`.
    ours = 1 * (input == y)
    theirs = 1 * (src[_first(index.shape)] == gather_along(y, index, dim)[0])
    share = g / scatter_sum(ours, theirs, index, dim)[0]
    read = gather_along(share, index, dim)[0] * theirs
    if index.shape != src.shape:
        read = put(read, _first(index.shape), src.shape)[0]
    own = share * ours
    return own if include_self else scatter_values(own, 0, index, dim)[0], read


@differentiable(
    INTERNAL,
    half=HALF_IN_DERIVATIVES,
    public="scatter_reduce",
    node="ScatterReduceBackward0",
)
def scatter_product(
    input: Array, src: Array, index: Constant, dim: int, include_self: bool
) -> Result:
    """The products of the elements that are scattered to each place.

    With `include_self`, they include the element of `input` there.
    """
    d = axis(dim, input.ndim)
    y, key, values = _operands(input, src, index, d, "scatter_reduce")
    if index.size:
        if not include_self:
            y[key] = 1
        np.multiply.at(y, key, values)
    y = y.reshape(input.shape)
    return y, (
        lambda g: _of_product(g, input, src, index, y, d, include_self),
        lambda g: _of_factors(g, input, src, index, y, d, include_self),
        None,
    )


def _of_product(
    g: Array, input: Array, src: Array, index: Array, y: Array, dim: int, include_self: bool
) -> Array:
    """The gradient of `input`. PyTorch saves the result `y` for it too, and doesn't use it."""
    nonzero = np.where(input == 0, 1, input)
    product = scatter_product(nonzero, src, index, dim, include_self)[0]
    d = g * product / nonzero
    return d if include_self else scatter_values(d, 0, index, dim)[0]


def _of_factors(
    g: Array, input: Array, src: Array, index: Array, y: Array, dim: int, include_self: bool
) -> Array:
    zero = src == 0
    count = scatter_sum(np.zeros_like(input), np.where(zero, 1 + 0 * src, 0), index, dim)[0]
    single = zero & (_read(count, index, dim, src.shape) == 1)
    rest = scatter_product(input, np.where(single, 1, src), index, dim, include_self)[0]
    return np.where(
        single,
        _read(g * rest, index, dim, src.shape),
        _read(g * y, index, dim, src.shape) / np.where(zero, 1, src),
    )
