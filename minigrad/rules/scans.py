"""Scans along one dimension: each element of the result depends on those up to its place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dims import axis
from .indexing import put
from .presentation import IN_PLACE
from .reduction import _in_dtype
from .rule import Array, Result, differentiable


def reversal(shape: tuple[int, ...], dim: int) -> tuple[Any, ...]:
    """The key of an array with its elements along `dim` in reverse order."""
    size = shape[dim] if shape else 0
    return (*(slice(None),) * dim, np.arange(size)[::-1].copy())


def summed_type(input: Array, dtype: np.dtype | None) -> np.dtype:
    if dtype is None and input.dtype.kind in "biu":
        return np.dtype(np.int64)
    return dtype or input.dtype


def _from_the_end(g: Array, dim: int, back: tuple[Any, ...]) -> Array:
    """The sums of the elements of `g` from each place to the end."""
    return cumsum(g[back], dim)[0][back]


@differentiable(linear=True, forms=IN_PLACE)
def cumsum(input: Array, dim: int, *, dtype: np.dtype | None = None) -> Result:
    """The sums of the elements along `dim` up to each place; integers are summed in int64.

    >>> minigrad.cumsum(minigrad.tensor([1., 2., 3.]), dim=0)
    tensor([1., 3., 6.])
    """
    d, shape = axis(dim, input.ndim), input.shape
    x = _in_dtype(input, summed_type(input, dtype))
    wide = x.astype(np.float64) if x.dtype == np.float32 else x  # PyTorch adds in float64
    y = np.add.accumulate(wide, d) if shape else wide
    back = reversal(shape, d)
    return y.astype(x.dtype), (lambda g: _from_the_end(g, d, back) if shape else g,)


@differentiable(forms=IN_PLACE)
def cumprod(input: Array, dim: int, *, dtype: np.dtype | None = None) -> Result:
    """The products of the elements along `dim` up to each place; integers give int64.

    >>> minigrad.cumprod(minigrad.tensor([1., 2., 3.]), dim=0)
    tensor([1., 2., 6.])
    """
    d, shape = axis(dim, input.ndim), input.shape
    x = _in_dtype(input, summed_type(input, dtype))
    wide = x.astype(np.float64) if x.dtype == np.float32 else x
    y = (np.multiply.accumulate(wide, d) if shape else wide).astype(x.dtype)
    back = reversal(shape, d)
    zeros = bool(shape) and bool((input == 0).any())
    first, later, not_earlier = masks(shape, d) if zeros else (None, None, None)

    def pullback(g: Array) -> Array:
        if not shape:
            return g
        if zeros:
            return _by_factors(input, g, d, first, later, not_earlier)
        return _from_the_end(g * y, d, back) / input

    return y, (pullback,)


def masks(shape: tuple[int, ...], dim: int) -> tuple[Array, Array, Array]:
    """The first places along `dim`; and of two places, whether the second is later, or as late."""
    place = np.arange(shape[dim])
    first = np.zeros(shape, np.bool_)
    first[(*(slice(None),) * dim, slice(0, 1))] = True
    to, start = place[:, None], place[:, None, None]
    return first, to > start, to >= start


def _by_factors(
    input: Array, g: Array, dim: int, first: Array, later: Array, not_earlier: Array
) -> Array:
    """The gradient of `cumprod`, from the products between any two places."""
    shape = input.shape
    sizes = (math.prod(shape[:dim]), 1, shape[dim], math.prod(shape[dim + 1 :]))
    between = cumprod(np.where(later, input.reshape(sizes), 1), 2)[0]
    total = np.add.reduce(np.where(not_earlier, g.reshape(sizes) * between, 0), 2)
    return total.reshape(shape) * _before(input, dim, first)


def _before(input: Array, dim: int, first: Array) -> Array:
    """The products of the elements along `dim` before each place."""
    lead = (slice(None),) * dim
    products = cumprod(input, dim)[0][(*lead, slice(None, -1))]
    return np.where(first, 1, put(products, (*lead, slice(1, None)), input.shape)[0])


def others(input: Array, dim: int, first: Array, back: tuple[Any, ...]) -> Array:
    """The products of all other elements along `dim`, without a division."""
    return _before(input, dim, first) * _before(input[back], dim, first)[back]


@differentiable(promotion="float")
def logcumsumexp(input: Array, dim: int) -> Result:
    """The logarithms of the sums of exponentials along `dim` up to each place.

    >>> minigrad.logcumsumexp(minigrad.tensor([0., 0.]), dim=0)
    tensor([0.0000, 0.6931])
    """
    d, shape = axis(dim, input.ndim), input.shape
    wide = input.astype(np.float64)
    y = (np.logaddexp.accumulate(wide, d) if shape else wide).astype(input.dtype)

    back, lowest = reversal(shape, d), float(np.finfo(input.dtype).min)

    def pullback(g: Array) -> Array:
        if not shape:
            return g
        return _of_positive(g, input, y, d, back, lowest) - _of_positive(
            -g, input, y, d, back, lowest
        )

    return y, (pullback,)


def _of_positive(
    g: Array, input: Array, y: Array, dim: int, back: tuple[Any, ...], lowest: float
) -> Array:
    """The gradient of `logcumsumexp` for the positive elements of a cotangent, by logarithms."""
    positive = g > 0
    # A finite number in place of log(0), because inf - inf is NaN.
    logs = np.where(positive, np.log(np.where(positive, g, 1)), lowest) - y
    return np.exp(logcumsumexp(logs[back], dim)[0][back] + input)
