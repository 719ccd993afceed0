"""Scans along one dimension: each element of the result depends on those up to its place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dims import axis
from .dtypes import scalar_name
from .elementwise import cast
from .indexing import put
from .layout import in_dtype
from .reading import reads_as
from .rule import Array, Result, differentiable


def summed_type(input: Array, dtype: np.dtype | None) -> np.dtype:
    """The dtype of sums and products: int64 for integers, unless another is given."""
    if dtype is None and input.dtype.kind in "biu":
        return np.dtype(np.int64)
    return dtype or input.dtype


def _wide(x: Array) -> Array:
    """`x` in the dtype in which PyTorch accumulates: float64 for float32, float32 for float16."""
    return x.astype(f"f{min(2 * x.itemsize, 8)}") if x.dtype.kind == "f" else x


def _refuse_bools(x: Array, name: str) -> None:
    """NotImplementedError for a scan in bools, which PyTorch has only for 0-d and empty ones."""
    if x.dtype.kind == "b" and x.ndim and x.size:
        raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")


def _by_reversal(g: Array, dim: int) -> Array:
    back = (*(slice(None),) * dim, [*range(g.shape[dim] - 1, -1, -1)])
    return cumsum(g[back], dim)[0][back]


@reads_as(_by_reversal)
def _from_the_end(g: Array, dim: int) -> Array:
    """The sums of the elements of `g` from each place to the end."""
    sums = np.add.accumulate(_wide(np.flip(g, dim)), dim).astype(g.dtype)
    return np.flip(sums, dim).copy()


@differentiable(linear=True, half="float16")
def cumsum(input: Array, dim: int, *, dtype: np.dtype | None = None) -> Result:
    """The sums of the elements along `dim` up to each place; integers are summed in int64.

    >>> minigrad.cumsum(minigrad.tensor([1., 2., 3.]), dim=0)
    tensor([1., 3., 6.])
    """
    d, shape = axis(dim, input.ndim), input.shape
    x = in_dtype(input, summed_type(input, dtype))
    _refuse_bools(x, "cumsum")
    y = np.add.accumulate(_wide(x), d) if shape else _wide(x)
    if x.dtype.kind == "f":
        y += 0  # PyTorch's sums start with 0, so that a sum of -0 is 0
    one = math.prod(shape) <= 1 or shape[d] == 1

    kind, converted = input.dtype, x.dtype != input.dtype

    def pullback(g: Array) -> Array:
        g = cast(g, kind)[0] if converted else g  # first, as PyTorch does, which may overflow
        return g if one else _from_the_end(g, d)

    return y.astype(x.dtype), (pullback,)


@differentiable(half="float16")
def cumprod(input: Array, dim: int, *, dtype: np.dtype | None = None) -> Result:
    """The products of the elements along `dim` up to each place; integers give int64.

    >>> minigrad.cumprod(minigrad.tensor([1., 2., 3.]), dim=0)
    tensor([1., 2., 6.])
    """
    d, shape = axis(dim, input.ndim), input.shape
    x = in_dtype(input, summed_type(input, dtype))
    _refuse_bools(x, "cumprod")
    y = (np.multiply.accumulate(_wide(x), d) if shape else _wide(x)).astype(x.dtype)
    kind, converted = input.dtype, x.dtype != input.dtype

    def pullback(g: Array) -> Array:
        if math.prod(shape) <= 1 or shape[d] == 1:
            return g
        g = cast(g, kind)[0] if converted else g
        if (input == 0).any():
            return _by_factors(input, g, d)
        return _from_the_end(g * y, d) / input

    return y, (pullback,)


def _places(input: Array, dim: int) -> Array:
    """The place of each element along `dim`, counted from 1."""
    return cumsum(1 + np.zeros_like(input), dim)[0]


def _factors(input: Array, dim: int) -> tuple[Array, Array]:
    """The products between any two places along `dim`, and whether the second is as late."""
    shape = input.shape
    lead, size, rest = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    place = _places(input, dim)
    to, start = place.reshape((lead, 1, size, rest)), place.reshape((lead, size, 1, rest))
    x = input.reshape((lead, 1, size, rest))
    return cumprod(np.where(to > start, x, 1), 2)[0], to >= start


def _by_factors_of_any(input: Array, g: Array, dim: int) -> Array:
    between, reached = _factors(input, dim)
    cotangent = g.reshape((between.shape[0], 1, *between.shape[2:]))
    total = np.add.reduce(np.where(reached, cotangent * between, 0), 2)
    return total.reshape(input.shape) * _before(input, dim)


@reads_as(_by_factors_of_any)
def _by_factors(input: Array, g: Array, dim: int) -> Array:
    """The gradient of `cumprod` without a division, from the products between any two places."""
    between, reached = _factors(input, dim)
    cotangent = g.reshape((between.shape[0], 1, *between.shape[2:]))
    # A product of 0 has no gradient, even if the cotangent is infinite.
    terms = np.where(reached & (between != 0), cotangent * between, 0)
    total, before = np.add.reduce(terms, 2).reshape(input.shape), _before(input, dim)
    return np.where(before == 0, 0, total * before)


def _before(input: Array, dim: int) -> Array:
    """The products of the elements along `dim` before each place."""
    lead = (slice(None),) * dim
    products = cumprod(input, dim)[0][(*lead, slice(None, -1))]
    shifted = put(products, (*lead, slice(1, None)), input.shape)[0]
    return np.where(_places(input, dim) == 1, 1, shifted)


def others(input: Array, dim: int) -> Array:
    """The products of all other elements along `dim`, without a division."""
    back = (*(slice(None),) * dim, [*range(input.shape[dim] - 1, -1, -1)])
    return _before(input, dim) * _before(input[back], dim)[back]


@differentiable(half="float16")
def logcumsumexp(input: Array, dim: int) -> Result:
    """The logarithms of the sums of exponentials along `dim` up to each place.

    >>> minigrad.logcumsumexp(minigrad.tensor([0., 0.]), dim=0)
    tensor([0.0000, 0.6931])
    """
    if input.dtype.kind in "biu":
        kind = scalar_name(input)
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{kind}'")
    d, shape = axis(dim, input.ndim), input.shape
    y = np.logaddexp.accumulate(_wide(input), d) if shape else _wide(input)
    y = y.astype(input.dtype)
    # A finite number in place of log(0), because inf - inf is NaN.
    lowest = float(np.finfo(input.dtype).min)
    back: Any = (*(slice(None),) * d, np.arange(shape[d] if shape else 0)[::-1].copy())

    def pullback(g: Array) -> Array:
        if not math.prod(shape) or not shape:
            return g
        logs = np.log(np.absolute(g))
        up, down = np.where(g > 0, logs, lowest) - y, np.where(g < 0, logs, lowest) - y
        return np.exp(logcumsumexp(up[back], d)[0][back] + input) - np.exp(
            logcumsumexp(down[back], d)[0][back] + input
        )

    return y, (pullback,)
