"""Reductions: each element of the result depends on many elements of the operand.

`dim` is an int or, where PyTorch allows it, a tuple of ints; None reduces over all dimensions.
`keepdim=True` keeps the reduced dimensions with size 1. A pullback first adds these dimensions to
its cotangent (`_with_kept_dims`), then spreads it over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .dims import axes, axis, kept, named
from .dtypes import of_numpy
from .indexing import scatter
from .layout import in_dtype
from .presentation import INTERNAL
from .reading import reads_as
from .rule import Array, Result, differentiable, without_derivative
from .summation import summed


def _with_kept_dims(g: Array, shape: tuple[int, ...], reduced: tuple[int, ...]) -> Array:
    """A reduction's cotangent in the shape that it has with `keepdim=True`."""
    return g.reshape(kept(shape, reduced))


def _node(name: str) -> Callable[..., str]:
    """A reduction's node name, which PyTorch numbers 1 if `dim` or `keepdim` was given, else 0."""

    def with_dim_or_without(
        input: Array, dim: object = None, keepdim: bool = False, **_: object
    ) -> str:
        return f"{name}Backward{int(dim is not None or keepdim)}"

    return with_dim_or_without


@differentiable(linear=True, numpy="add.reduce", node=_node("Sum"), dim_for_keepdim=True)
def sum(
    input: Array,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: np.dtype | None = None,
) -> Result:
    """The sum over `dim`; integers and bools are summed in int64.

    >>> minigrad.sum(minigrad.tensor([[1., 2.], [3., 4.]]), dim=0)
    tensor([4., 6.])
    """
    shape, reduced = input.shape, axes(dim, input.ndim)
    if dtype is None and input.dtype.kind in "biu":
        dtype = np.dtype(np.int64)
    return summed(in_dtype(input, dtype or input.dtype), reduced, _flag(keepdim, "sum")), (
        lambda g: np.broadcast_to(_with_kept_dims(g, shape, reduced), shape),
    )


def _spread_then_divided(
    g: Array, share: Any, shape: tuple[int, ...], reduced: tuple[int, ...]
) -> Array:
    return np.broadcast_to(_with_kept_dims(g, shape, reduced), shape) / share


@reads_as(_spread_then_divided)  # as in PyTorch; as arrays, the other order is faster
def _in_equal_shares(
    g: Array, share: Any, shape: tuple[int, ...], reduced: tuple[int, ...]
) -> Array:
    """The cotangent of a mean, divided among the elements."""
    return np.broadcast_to(_with_kept_dims(g / share, shape, reduced), shape)


@differentiable(linear=True, node=_node("Mean"), dim_for_keepdim=True)
def mean(
    input: Array,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: np.dtype | None = None,
) -> Result:
    """The mean over `dim`; NaN for no elements. RuntimeError for integers without a float `dtype`.

    >>> minigrad.mean(minigrad.tensor([[1., 2.], [3., 4.]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    if (dtype or input.dtype).kind != "f":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {of_numpy(dtype or input.dtype).scalar_name}"
        )
    shape, reduced = input.shape, axes(dim, input.ndim)
    total = summed(in_dtype(input, dtype or input.dtype), reduced, _flag(keepdim, "mean"))
    # A NumPy number: division by a Python 0 would raise.
    n = total.dtype.type(math.prod(shape[d] for d in reduced))
    share = n or 1  # the gradient of an empty mean is empty, whatever the divisor
    return total / n, (lambda g: _in_equal_shares(g, share, shape, reduced),)


# The largest and the smallest ---------------------------------------------------------------------
#
# NaN counts as the largest in `max` and as the smallest in `min`. Over all dimensions, tied
# elements share the gradient evenly. Over one `dim`, the gradient goes to the element whose index
# is returned, the first of tied elements.


class Extremes(NamedTuple):
    """The result of max and min over a `dim`: the values, and their indices along it."""

    values: Array
    indices: Array


def _extreme(input: Array, ufunc: np.ufunc, name: str) -> Result:
    if input.size == 0:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    y = ufunc.reduce(input, None)

    def pullback(g: Array) -> Array:
        ties = (input == y) | (input != input)  # if y is NaN, only the NaNs are tied
        return np.where(ties, g / np.add.reduce(ties, None, dtype=g.dtype), 0)

    return y, (pullback,)


def _extreme_along(input: Array, dim: int, keepdim: bool, name: str) -> Result:
    d = axis(dim, input.ndim)
    shape, lengthwise = input.shape, kept(input.shape, (d,))
    indices = _arg(input, d, _flag(keepdim, name), name)
    grid = np.indices(lengthwise, sparse=True)

    def key() -> tuple[Array, ...]:
        return (*grid[:d], indices.reshape(lengthwise), *grid[d + 1 :]) if shape else ()

    # The pullback captures the indices that the caller gets, so a write to them is detected.
    return Extremes(input[key()].reshape(indices.shape), indices), (
        lambda g: scatter(g.reshape(lengthwise), key(), shape, repeats=False)[0],
    )


def _arg(input: Array, dim: int | None, keepdim: bool, name: str) -> Array:
    """The index of the first extreme along `dim`, or in the flattened operand."""
    if input.ndim and (input.size if dim is None else input.shape[dim]) == 0:
        if dim is None:
            need = "dim to be specified for input.numel() == 0."
        else:
            need = f"dim {dim} to have non-zero size."
        raise IndexError(f"{name}(): Expected reduction {need}")
    if input.ndim == 0:
        return np.zeros((), np.int64)
    # NumPy's functions of these names take ten times as long as its methods.
    find = input.argmax if name.endswith("max") else input.argmin
    return np.asarray(find(dim, keepdims=keepdim))


def _flag(keepdim: bool, name: str) -> Any:
    """`keepdim`. TypeError unless it is a bool: an int is often meant as a second dim."""
    if not isinstance(keepdim, bool):
        raise TypeError(
            f"{name}(): argument 'keepdim' must be bool, not {type(keepdim).__name__}; "
            "several dims go in a tuple"
        )
    return keepdim


@differentiable(INTERNAL, node="MaxBackward1")
def max(input: Array) -> Result:
    """The largest element. RuntimeError for an empty tensor."""
    return _extreme(input, np.maximum, "max")


@differentiable(INTERNAL, node="MinBackward1")
def min(input: Array) -> Result:
    """The smallest element. RuntimeError for an empty tensor."""
    return _extreme(input, np.minimum, "min")


@differentiable(INTERNAL, extra_outputs=True, public="max", title="max(dim=…)", node="MaxBackward0")
def max_dim(input: Array, dim: int, keepdim: bool = False) -> Result:
    """The largest elements along `dim`, and their indices. IndexError if `dim` has size 0."""
    return _extreme_along(input, dim, keepdim, "max")


@differentiable(INTERNAL, extra_outputs=True, public="min", title="min(dim=…)", node="MinBackward0")
def min_dim(input: Array, dim: int, keepdim: bool = False) -> Result:
    """The smallest elements along `dim`, and their indices. IndexError if `dim` has size 0."""
    return _extreme_along(input, dim, keepdim, "min")


@without_derivative()
def argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Result:
    """The index of the largest element along `dim` (None: in the flattened tensor), int64.

    >>> minigrad.argmax(minigrad.tensor([[1., 5.], [7., 2.]]), dim=1)
    tensor([1, 0])
    """
    return _argument(input, dim, keepdim, "argmax")


@without_derivative()
def argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Result:
    """The index of the smallest element along `dim` (None: in the flattened tensor), int64.

    >>> minigrad.argmin(minigrad.tensor([[1., 5.], [7., 2.]]), dim=1)
    tensor([0, 1])
    """
    return _argument(input, dim, keepdim, "argmin")


def _argument(input: Array, dim: int | None, keepdim: bool, name: str) -> Result:
    if input.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input")
    d = None if dim is None else axis(dim, input.ndim)
    return _arg(input, d, _flag(keepdim, name), name), ()


@without_derivative()
def all(input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Result:
    """Whether every element along `dim` is true (nonzero).

    >>> minigrad.all(minigrad.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    axis, keepdims = named(dim, input.ndim), _flag(keepdim, "all")
    return _truth(np.logical_and.reduce(input, axis, keepdims=keepdims), input), ()


@without_derivative()
def any(input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Result:
    """Whether any element along `dim` is true (nonzero).

    >>> minigrad.any(minigrad.tensor([[True, False], [False, False]]), dim=1)
    tensor([ True, False])
    """
    axis, keepdims = named(dim, input.ndim), _flag(keepdim, "any")
    return _truth(np.logical_or.reduce(input, axis, keepdims=keepdims), input), ()


def _truth(result: Any, input: np.ndarray) -> Any:
    """The result as bools; as uint8 for uint8, which early PyTorch used for bools."""
    return result.astype(input.dtype) if input.dtype.kind == "u" else result
