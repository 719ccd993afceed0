"""Reductions: many elements of the operand make one of the result.

A `dim` is an int, or a tuple of them where PyTorch takes one; None reduces over everything.
`keepdim=True` leaves size 1 where a dimension was. A pullback first lays the cotangent along its
operand again (`_along`), then spreads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .dims import axes, axis, kept, named
from .dtypes import SCALAR_NAMES
from .indexing import scatter
from .rule import Array, Result, differentiable, without_derivative


def _along(g: Array, shape: tuple[int, ...], reduced: tuple[int, ...]) -> Array:
    """A reduction's cotangent with its reduced dimensions back, each of size 1."""
    return g.reshape(kept(shape, reduced))


def _backward(name: str) -> Callable[..., str]:
    def with_dim_or_without(input: Array, dim: object = None, *_: object, **__: object) -> str:
        return f"{name}Backward{int(dim is not None)}"

    return with_dim_or_without


@differentiable(linear=True, backward=_backward("Sum"))
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
    return np.add.reduce(input, reduced, dtype, keepdims=_flag(keepdim, "sum")), (
        lambda g: np.broadcast_to(_along(g, shape, reduced), shape),
    )


@differentiable(linear=True, backward=_backward("Mean"))
def mean(
    input: Array,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: np.dtype | None = None,
) -> Result:
    """The mean over `dim`; NaN over nothing. RuntimeError for integers (ask for a float `dtype`).

    >>> minigrad.mean(minigrad.tensor([[1., 2.], [3., 4.]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    if (dtype or input.dtype).kind != "f":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {SCALAR_NAMES[dtype or input.dtype]}"
        )
    shape, reduced = input.shape, axes(dim, input.ndim)
    total = np.add.reduce(input, reduced, dtype, keepdims=_flag(keepdim, "mean"))
    # A NumPy number and not a Python int, which could not be divided by when it is 0.
    n = total.dtype.type(math.prod(shape[d] for d in reduced))
    share = n or 1  # over nothing, the gradient is empty, whatever it is divided by
    return total / n, (lambda g: np.broadcast_to(_along(g / share, shape, reduced), shape),)


# The largest and the smallest ---------------------------------------------------------------------
#
# NaN is larger than the largest and smaller than the smallest. Over everything, the gradient is
# shared evenly among ties; over one `dim`, it goes to the element whose index is returned (the
# first among ties).


class Extremes(NamedTuple):
    """What a reduction that selects gives: the values, and where along `dim` each was found."""

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
        ties = (input == y) | (input != input)  # where y is NaN only the NaNs are tied
        return np.where(ties, g / np.add.reduce(ties, None, g.dtype), 0)

    return y, (pullback,)


def _extreme_along(input: Array, dim: int, keepdim: bool, name: str) -> Result:
    d = axis(dim, input.ndim)
    shape, lengthwise = input.shape, kept(input.shape, (d,))
    indices = _arg(input, d, _flag(keepdim, name), name)
    grid = np.indices(lengthwise, sparse=True)

    def key() -> tuple[Array, ...]:
        return (*grid[:d], indices.reshape(lengthwise), *grid[d + 1 :]) if shape else ()

    # The pullback reads the very indices that the caller gets, so they must not be written to.
    return Extremes(input[key()].reshape(indices.shape), indices), (
        lambda g: scatter(g.reshape(lengthwise), key(), shape, repeats=False)[0],
    )


def _arg(input: Array, dim: int | None, keepdim: bool, name: str) -> Array:
    """Where the extreme lies along `dim`, or in the flattened operand; the first among ties."""
    if input.ndim and (input.size if dim is None else input.shape[dim]) == 0:
        if dim is None:
            need = "dim to be specified for input.numel() == 0."
        else:
            need = f"dim {dim} to have non-zero size."
        raise IndexError(f"{name}(): Expected reduction {need}")
    find = np.argmax if name.endswith("max") else np.argmin
    if input.ndim == 0:
        return np.zeros((), np.int64)
    return np.asarray(find(input, dim, keepdims=keepdim))


def _flag(keepdim: bool, name: str) -> Any:
    """`keepdim`, which must be a bool: an int there is a second dim gone astray."""
    if not isinstance(keepdim, bool | np.bool_):
        raise TypeError(
            f"{name}(): argument 'keepdim' must be bool, not {type(keepdim).__name__}; "
            "several dims go in a tuple"
        )
    return bool(keepdim)


@differentiable(forms=(), backward="MaxBackward1")
def max(input: Array) -> Result:
    """The largest element of all. RuntimeError for an empty tensor."""
    return _extreme(input, np.maximum, "max")


@differentiable(forms=(), backward="MinBackward1")
def min(input: Array) -> Result:
    """The smallest element of all. RuntimeError for an empty tensor."""
    return _extreme(input, np.minimum, "min")


@differentiable(forms=(), backward="MaxBackward0")
def max_dim(input: Array, dim: int, keepdim: bool = False) -> Result:
    """The largest along `dim`, and its index. IndexError where there is none to be found."""
    return _extreme_along(input, dim, keepdim, "max")


@differentiable(forms=(), backward="MinBackward0")
def min_dim(input: Array, dim: int, keepdim: bool = False) -> Result:
    """The smallest along `dim`, and its index. IndexError where there is none to be found."""
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
    """Bools; of bytes, which were PyTorch's bools once, bytes."""
    return result.astype(input.dtype) if input.dtype.kind == "u" else result
