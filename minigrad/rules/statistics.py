"""Statistics: reductions whose pullbacks depend on the elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .dims import axes, axis, kept
from .elementwise import pow, sign
from .layout import in_dtype
from .presentation import HALF_IN_DERIVATIVES, INTERNAL
from .reduction import _flag, _node, _with_kept_dims, mean
from .rule import Array, Result, differentiable
from .scans import _wide, others, summed_type
from .summation import summed

INFINITY, NAN = math.inf, math.nan

# Spread -------------------------------------------------------------------------------------------


def _squares(
    input: Array, reduced: tuple[int, ...], correction: float, keepdim: Any
) -> tuple[Array, float]:
    """The variance in float64, and the degrees of freedom by which it was divided."""
    if input.dtype.kind in "biu":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    count = math.prod(input.shape[d] for d in reduced)
    left = count - correction
    wide = _wide(input)
    around = np.add.reduce(wide, reduced, keepdims=True) / np.float64(count)
    # Correct the rounding of the mean, so that equal elements have no variance.
    around = around + np.add.reduce(wide - around, reduced, keepdims=True) / np.float64(count)
    squares: Any = np.add.reduce((wide - around) ** 2, reduced, keepdims=keepdim)
    return squares / np.float64(max(left, 0)), left


def _of_variance(g: Array, input: Array, reduced: tuple[int, ...], left: float, dim: Any) -> Array:
    """The gradient of the variance."""
    deviations = input - mean(input, reduced, True)[0]
    g = _with_kept_dims(g, input.shape, reduced)
    if left <= 0 and (dim is None or not input.ndim):  # over named dims, PyTorch divides by `left`
        return g * np.where(deviations == 0, NAN, INFINITY)
    return (2 / left if left else INFINITY) * g * deviations


@differentiable(INTERNAL, half=HALF_IN_DERIVATIVES, public="var", node="VarBackward0")
def variance(
    input: Array, dim: int | Sequence[int] | None, correction: float, keepdim: bool = False
) -> Result:
    """The sum of the squared deviations from the mean, divided by n - correction."""
    reduced = axes(dim, input.ndim)
    y, left = _squares(input, reduced, correction, _flag(keepdim, "var"))
    return y.astype(input.dtype), (lambda g: _of_variance(g, input, reduced, left, dim),)


@differentiable(INTERNAL, half=HALF_IN_DERIVATIVES, public="std", node="StdBackward0")
def deviation(
    input: Array, dim: int | Sequence[int] | None, correction: float, keepdim: bool = False
) -> Result:
    """The root of the variance. Its derivative is 0 where it is 0."""
    reduced = axes(dim, input.ndim)
    squares, left = _squares(input, reduced, correction, _flag(keepdim, "std"))
    y = np.asarray(np.sqrt(squares).astype(input.dtype))

    def to_input(g: Array) -> Array:
        return _of_variance(np.where(y == 0, 0, g / (2 * y)), input, reduced, left, dim)

    return y, (to_input,)


# Products and norms -------------------------------------------------------------------------------


@differentiable(half=HALF_IN_DERIVATIVES, node=_node("Prod"), dim_for_keepdim=True)
def prod(
    input: Array, dim: int | None = None, keepdim: bool = False, *, dtype: np.dtype | None = None
) -> Result:
    """The product over `dim`; integers and bools are multiplied in int64.

    >>> minigrad.prod(minigrad.tensor([[1., 2.], [3., 4.]]), dim=0)
    tensor([3., 8.])
    """
    shape = input.shape
    reduced = axes(None if dim is None else axis(dim, input.ndim), input.ndim)
    x = in_dtype(input, summed_type(input, dtype))
    y = np.asarray(np.multiply.reduce(x, reduced, dtype=x.dtype, keepdims=_flag(keepdim, "prod")))

    def pullback(g: Array) -> Array:
        if not shape and dim is not None:
            return g
        cotangent = _with_kept_dims(g, shape, reduced)
        if not (input == 0).any():
            return cotangent * (_with_kept_dims(y, shape, reduced) / input)
        if dim is None:
            return cotangent * others(input.reshape((-1,)), 0).reshape(shape)
        return cotangent * others(input, reduced[0])

    return y, (pullback,)


@differentiable(promotion="float", half=HALF_IN_DERIVATIVES)
def logsumexp(input: Array, dim: int | Sequence[int], keepdim: bool = False) -> Result:
    """The logarithm of the sum of exponentials over `dim`.

    >>> minigrad.logsumexp(minigrad.tensor([[0., 0.], [1., 1.]]), dim=1)
    tensor([0.6931, 1.6931])
    """
    if dim is None:
        raise TypeError("logsumexp(): argument 'dim' must be tuple of ints, not NoneType")
    shape, reduced = input.shape, axes(dim, input.ndim)
    if input.size:
        most = np.maximum.reduce(input, reduced, keepdims=True)
        most = np.where(np.isinf(most), 0, most)
    else:
        most = np.zeros(kept(shape, reduced), input.dtype)
    total = summed(np.exp(input - most), reduced, True)
    y = np.asarray(np.log(total) + most)
    if not _flag(keepdim, "logsumexp"):
        y = y.reshape([size for d, size in enumerate(shape) if d not in reduced])

    def pullback(g: Array) -> Array:
        return _with_kept_dims(g, shape, reduced) * np.exp(
            input - _with_kept_dims(y, shape, reduced)
        )

    return y, (pullback,)


@differentiable(INTERNAL, half=HALF_IN_DERIVATIVES, public="norm", node="LinalgVectorNormBackward0")
def vector_norm(
    input: Array,
    ord: float,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
) -> Result:
    """The `ord`-norm over `dim`: (Σ|x|**ord) ** (1 / ord), and its limits. 0 counts nonzeros.

    Where the derivative isn't unique, it is PyTorch's: 0 at 0, and tied elements share it evenly.
    """
    shape, reduced = input.shape, axes(dim, input.ndim)
    keepdim = _flag(keepdim, "linalg_vector_norm")
    if math.isinf(ord):
        return _extreme_norm(input, ord, reduced, keepdim)
    size = np.absolute(input)
    if ord == 0:
        y = summed((input != 0).astype(input.dtype), reduced, keepdim)
    elif ord == 1:
        y = summed(size, reduced, keepdim)
    elif all(shape[d] == 1 for d in reduced):  # PyTorch takes no power of a single number
        y = summed(np.where(input <= 0, 0 - input, input), reduced, keepdim)
    elif ord == 2:
        y = np.sqrt(summed(input * input, reduced, keepdim))
    else:
        y = summed(size**ord, reduced, keepdim) ** (1 / ord)
    y = np.asarray(y)

    def pullback(g: Array) -> Array | None:
        cotangent, norm = (_with_kept_dims(a, shape, reduced) for a in (g, y))
        if ord == 0:
            return None
        if ord == 1:
            return sign(input)[0] * cotangent
        if ord == 2:
            return cotangent * np.where(norm == 0, 0, input / norm)
        if ord < 1:
            powers = np.where(input == 0, 0, sign(input)[0] * pow(np.absolute(input), ord - 1)[0])
            return powers * cotangent * pow(norm, 1 - ord)[0]
        share = np.where(norm == 0, 0, cotangent / pow(norm, ord - 1)[0])
        if ord < 2:
            powers = np.where(input == 0, 0, sign(input)[0] * pow(np.absolute(input), ord - 1)[0])
        else:
            powers = input * pow(np.absolute(input), ord - 2)[0]
        return powers * share

    return y, (pullback,)


def _extreme_norm(input: Array, ord: float, reduced: tuple[int, ...], keepdim: Any) -> Result:
    shape = input.shape
    ufunc: Any = np.maximum if ord > 0 else np.minimum
    y = np.asarray(ufunc.reduce(np.absolute(input), reduced, keepdims=keepdim))

    def pullback(g: Array) -> Array:
        cotangent, norm = (_with_kept_dims(a, shape, reduced) for a in (g, y))
        ties = (np.absolute(input) == norm) | (input != input)
        count = np.add.reduce(ties, reduced, dtype=input.dtype, keepdims=True)
        return sign(input)[0] * ties * (cotangent / count)

    return y, (pullback,)


# Order --------------------------------------------------------------------------------------------


def _extreme_over(input: Array, dim: Any, keepdim: bool, ufunc: Any, name: str) -> Result:
    shape, reduced = input.shape, axes(dim, input.ndim)
    if not input.size:
        if isinstance(dim, Sequence) and not dim:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        for d in reduced:
            if not shape[d]:
                raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
    y = np.asarray(ufunc.reduce(input, reduced, keepdims=_flag(keepdim, name)))

    def pullback(g: Array) -> Array:
        ties = input == _with_kept_dims(y, shape, reduced)
        count = np.add.reduce(ties, reduced, dtype=input.dtype, keepdims=True)
        return _with_kept_dims(g, shape, reduced) * ties / count

    return y, (pullback,)


@differentiable()
def amax(input: Array, dim: int | Sequence[int] = (), keepdim: bool = False) -> Result:
    """The largest elements over `dim`. Tied elements share the gradient evenly.

    >>> minigrad.amax(minigrad.tensor([[1., 5.], [7., 2.]]), dim=1)
    tensor([5., 7.])
    """
    return _extreme_over(input, dim, keepdim, np.maximum, "amax")


@differentiable()
def amin(input: Array, dim: int | Sequence[int] = (), keepdim: bool = False) -> Result:
    """The smallest elements over `dim`. Tied elements share the gradient evenly.

    >>> minigrad.amin(minigrad.tensor([[1., 5.], [7., 2.]]), dim=1)
    tensor([1., 2.])
    """
    return _extreme_over(input, dim, keepdim, np.minimum, "amin")


def _middle(input: Array, ignore_nan: bool) -> Result:
    """The lower median of all elements; tied elements share the gradient evenly."""
    if input.dtype.kind == "b":
        raise NotImplementedError("\"median_out_impl\" not implemented for 'Bool'")
    x = np.sort(input, None)
    count = x.size - int(np.isnan(x).sum()) if input.dtype.kind == "f" else x.size
    if not count or (count < x.size and not ignore_nan):
        # NaN as an integer is the least of 32 or 64 bits, of which a smaller dtype has the last.
        least = np.iinfo(np.int64 if input.itemsize == 8 else np.int32).min
        y = np.array(np.nan if input.dtype.kind == "f" else least).astype(input.dtype)
    else:
        y = np.array(x[(count - 1) // 2])
    is_nan = bool(y != y)

    def pullback(g: Array) -> Array:
        ties = input != input if is_nan else input == y
        return np.where(ties, g / np.add.reduce(ties, None, dtype=input.dtype), 0)

    return y, (pullback,)


@differentiable(INTERNAL, public="median", node="MedianBackward0")
def median(input: Array) -> Result:
    """The median of all elements, the lower one of two; NaN if any is NaN."""
    return _middle(input, ignore_nan=False)


@differentiable(INTERNAL, public="nanmedian", node="NanmedianBackward0")
def nanmedian(input: Array) -> Result:
    """The median of all elements that aren't NaN, the lower one of two."""
    return _middle(input, ignore_nan=True)
