"""Reductions that combine ops, or that choose among rules by their arguments."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS
from ...core.one_node import one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...rules.dims import axes
from ...rules.dims import axis as dim_from_front
from ...rules.dtypes import scalar_name, to_numpy
from ...rules.presentation import FUNCTION
from .half import refuse_half
from .registry import composed
from .results import named_results
from .sorting import sort
from .with_numbers import over, times

if TYPE_CHECKING:
    from ...rules.dtypes import dtype as dtype_
    from ..tensor import Tensor

# Spread -------------------------------------------------------------------------------------------


def _spread_arguments(
    name: str, input: Any, dim: Any, unbiased: Any, keepdim: Any, correction: Any
) -> tuple[Any, float, bool]:
    """The dims, the correction and `keepdim` of a call in either of PyTorch's forms."""
    require_tensor(input, name, "input")
    if isinstance(dim, bool):  # var(x, False)
        if unbiased is not None:
            raise TypeError(f"{name}() received an invalid combination of arguments")
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(f"{name}() takes 'unbiased' or 'correction', not both")
    if unbiased is not None:
        correction = int(unbiased)
    correction = 1 if correction is None else correction
    x = input._array
    reduced = axes(dim, x.ndim)
    count = math.prod(x.shape[d] for d in reduced)
    left = math.prod(size for d, size in enumerate(x.shape) if d not in reduced)
    if (count if left else 0) - correction <= 0:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            stacklevel=3,
        )
    return dim, correction, keepdim


@composed()
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return the variance over `dim`: the squared deviations, summed, over n - `correction`.

    The correction is 1 unless it is given, or 0 with `unbiased=False`.

    >>> minigrad.var(minigrad.tensor([1., 2., 3.]))
    tensor(1.)
    """
    return OPS["variance"](
        input, *_spread_arguments("var", input, dim, unbiased, keepdim, correction)
    )


@composed()
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return the standard deviation over `dim`: the root of `var`.

    >>> minigrad.std(minigrad.tensor([1., 2., 3.]))
    tensor(1.)
    """
    return OPS["deviation"](
        input, *_spread_arguments("std", input, dim, unbiased, keepdim, correction)
    )


@composed(FUNCTION)
@one_node("VarMeanBackward0", "input")
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the variance and the mean over `dim`; the arguments are as in `var`.

    >>> minigrad.var_mean(minigrad.tensor([1., 2., 3.]))
    (tensor(1.), tensor(2.))
    """
    dim, correction, keepdim = _spread_arguments(
        "var_mean", input, dim, unbiased, keepdim, correction
    )
    spread = OPS["variance"](input, dim, correction, keepdim)
    return spread, OPS["mean"](input, dim, keepdim)


@composed(FUNCTION)
@one_node("StdMeanBackward0", "input")
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation and the mean over `dim`; the arguments are as in `var`.

    >>> minigrad.std_mean(minigrad.tensor([1., 2., 3.]))
    (tensor(1.), tensor(2.))
    """
    dim, correction, keepdim = _spread_arguments(
        "std_mean", input, dim, unbiased, keepdim, correction
    )
    spread = OPS["deviation"](input, dim, correction, keepdim)
    return spread, OPS["mean"](input, dim, keepdim)


# The largest, sums without NaN, counts ------------------------------------------------------------

_aminmax_result = named_results("aminmax", "min", "max")


@composed()
@one_node("AminmaxBackward0", "input")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the pair (min, max) over `dim`. Tied elements share the gradient evenly.

    >>> minigrad.aminmax(minigrad.tensor([3., 1., 2.])).max
    tensor(3.)
    """
    require_tensor(input, "aminmax", "input")
    if dim is None and not input._array.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the "
            "operation has no identity."
        )
    dims = tuple(range(input._array.ndim)) if dim is None else dim
    return _aminmax_result(OPS["amin"](input, dims, keepdim), OPS["amax"](input, dims, keepdim))


def _without_nan(input: Tensor) -> Tensor:
    if input._array.dtype.kind != "f":
        return input
    return OPS["masked_fill"](input, wrap(np.isnan(input._array)), 0)


@composed()
@one_node("NansumBackward0", "input")
def nansum(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: dtype_ | None = None,
) -> Tensor:
    """Return the sum over `dim` of the elements that aren't NaN.

    >>> minigrad.nansum(minigrad.tensor([1., float("nan")]))
    tensor(1.)
    """
    require_tensor(input, "nansum", "input")
    return OPS["sum"](_without_nan(input), dim, keepdim, dtype=dtype)


@composed()
def nanmean(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: dtype_ | None = None,
) -> Tensor:
    """Return the mean over `dim` of the elements that aren't NaN.

    >>> minigrad.nanmean(minigrad.tensor([1., float("nan"), 2.]))
    tensor(1.5000)
    """
    require_tensor(input, "nanmean", "input")
    if input._array.dtype.kind != "f":
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{scalar_name(input._array)}"
        )
    count = OPS["sum"](wrap(~np.isnan(input._array)), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


@composed(spread_sizes=True)
def count_nonzero(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return how many elements over `dim` aren't zero.

    >>> minigrad.count_nonzero(minigrad.tensor([0., 1., 2.]))
    tensor(2)
    """
    require_tensor(input, "count_nonzero", "input")
    x = input._array
    return wrap(np.asarray(np.add.reduce(x != 0, axes(dim, x.ndim), dtype=np.int64), order="C"))


# Quantiles ----------------------------------------------------------------------------------------


@composed()
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Return the `q`-quantiles over `dim`, or of all elements; NaN if any element is NaN.

    `q` is a number or a 1-d tensor, whose dimension comes first in the result. `interpolation`
    says what lies between two elements: "linear", "lower", "higher", "midpoint" or "nearest".

    >>> minigrad.quantile(minigrad.tensor([0., 1., 2., 3.]), 0.5)
    tensor(1.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@composed()
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Return the `q`-quantiles of the elements that aren't NaN; otherwise like `quantile`.

    >>> minigrad.nanquantile(minigrad.tensor([0., 1., float("nan")]), 0.5)
    tensor(0.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


def _check_quantile(name: str, x: np.ndarray, q: np.ndarray, interpolation: str) -> None:
    if not x.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if x.dtype.kind != "f":
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if q.dtype != x.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not ((q >= 0) & (q <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")


def _quantile(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    require_tensor(input, name, "input")
    only = f"{name}() input tensor must be either float or double dtype"
    refuse_half(input, name, RuntimeError, only)
    if not isinstance(q, TensorBase):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = wrap(np.array(q, input._array.dtype))
    x = input._array
    _check_quantile(name, x, q._array, interpolation)
    d = 0 if dim is None else dim_from_front(dim, x.ndim)
    kept = [1] * x.ndim if dim is None else [1 if i == d else n for i, n in enumerate(x.shape)]
    left = [] if dim is None else [n for i, n in enumerate(x.shape) if i != d]
    if dim is None and x.ndim != 1:
        rows = OPS["reshape"](input, (-1,))
    elif d == x.ndim - 1:
        rows = input
    else:
        rows = OPS["transpose"](OPS["unsqueeze"](input, -1), d, -1)
    y = sort(rows, -1).values
    sizes = kept if keepdim else left
    y = OPS["view"](y, (*sizes, y._array.shape[-1]))
    place = _places_of_quantiles(name, y, q)
    values = _interpolated(y, place, interpolation)
    if q._array.ndim == 0:
        return values.squeeze_(-1)
    return values.unsqueeze_(0).transpose_(0, -1).squeeze_(-1)


def _places_of_quantiles(name: str, y: Tensor, q: Tensor) -> Tensor:
    """The places, between indices, of the quantiles in each sorted row."""
    size, missing = y._array.shape[-1], np.isnan(y._array)
    if name == "nanquantile":
        last = (size - missing.sum(-1, keepdims=True) - 1).astype(y._array.dtype)
        place = OPS["mul"](q, wrap(last))
        return OPS["masked_fill"](place, place < 0, 0)
    place, any_missing = times(q, size - 1), wrap(missing.any(-1, keepdims=True))
    shape = np.broadcast_shapes(place._array.shape, any_missing._array.shape)
    if place._array.shape != shape:
        place = OPS["expand"](place, shape)
    return OPS["masked_fill"](place, any_missing, size - 1)


def _interpolated(y: Tensor, place: Tensor, interpolation: str) -> Tensor:
    ranks = place._array
    if interpolation in ("lower", "higher", "nearest"):
        rounding = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}[interpolation]
        return _gather(y, rounding(ranks))
    below = np.floor(ranks)
    if interpolation == "midpoint":
        weights: Any = wrap(np.full_like(ranks, 0.5))
    else:
        weights = place - wrap(below)
    low, high = _gather(y, below), _gather(y, np.ceil(ranks))
    return OPS["lerp"](low, high, weights)


def _gather(y: Tensor, ranks: np.ndarray) -> Tensor:
    return OPS["gather_along"](y, wrap(ranks.astype(np.int64)), -1)


# Differences and integrals ------------------------------------------------------------------------


@composed()
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Return the differences of neighbours along `dim`, `n` times over.

    `prepend` and `append` are joined to the input first.

    >>> minigrad.diff(minigrad.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    require_tensor(input, "diff", "input")
    if not input._array.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    d = dim_from_front(dim, input._array.ndim)
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    for other in (prepend, append):
        if other is not None and other._array.ndim != input._array.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    if n == 0:
        return wrap(np.zeros(input._array.shape, input._array.dtype)).copy_(input)
    parts = [x for x in (prepend, input, append) if x is not None]
    y = OPS["cat"](*parts, dim=d) if len(parts) > 1 else input
    for _ in range(min(n, y._array.shape[d])):
        later, earlier = _part(y, d, 1, None), _part(y, d, 0, -1)
        if y._array.dtype.kind == "b":
            y = OPS["bitwise_xor"](later, earlier)
        else:
            y = OPS["sub"](later, earlier)
    return y


def _part(x: Tensor, d: int, start: int | None, end: int | None) -> Any:
    return OPS["slice"](x, d, start, end, 1)


@composed(FUNCTION)
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Return the integral of `y` along `dim` by the trapezoidal rule.

    The points are `x`, which broadcasts, or at distances of `dx`, 1 by default.

    >>> minigrad.trapezoid(minigrad.tensor([1., 2., 3.]))
    tensor(4.)
    """
    d, widths = _widths("trapezoid", y, x, dx, dim)
    if not y._array.shape[d]:
        sizes = [size for i, size in enumerate(y._array.shape) if i != d]
        return wrap(np.zeros(sizes, y._array.dtype))
    if isinstance(widths, TensorBase):
        pairs = (_part(y, d, 0, -1) + _part(y, d, 1, None)) * widths
        return over(OPS["sum"](pairs, d), 2.0)
    ends = OPS["select"](y, d, 0) + OPS["select"](y, d, -1)
    return times(OPS["sum"](y, d) - times(ends, 0.5), widths)


@composed(FUNCTION)
def trapz(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """`trapezoid` under its older name.

    >>> minigrad.trapz(minigrad.tensor([1., 2., 3.]))
    tensor(4.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


@composed(FUNCTION)
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Return the integrals of `y` along `dim` up to each point; the arguments are `trapezoid`'s.

    >>> minigrad.cumulative_trapezoid(minigrad.tensor([1., 2., 3.]))
    tensor([1.5000, 4.0000])
    """
    d, widths = _widths("cumulative_trapezoid", y, x, dx, dim)
    pairs = _part(y, d, 1, None) + _part(y, d, 0, -1)
    if isinstance(widths, TensorBase):
        return over(OPS["cumsum"](pairs * widths, d), 2.0)
    return OPS["cumsum"](times(pairs, widths / 2.0), d)


def _widths(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[int, Any]:
    require_tensor(y, name, "y")
    if y._array.dtype.kind == "b":
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    d = dim_from_front(dim, y._array.ndim)
    if x is None:
        return d, 1.0 if dx is None else dx
    require_tensor(x, name, "x", 2)
    if x._array.dtype.kind == "b":
        raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
    if x._array.ndim == 1:
        if x._array.shape[0] != y._array.shape[d]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        return d, diff(OPS["reshape"](x, (-1, *[1] * (y._array.ndim - d - 1))), dim=0)
    if x._array.ndim < y._array.ndim:
        x = OPS["reshape"](x, (*[1] * (y._array.ndim - x._array.ndim), *x._array.shape))
    return d, diff(x, 1, d)


# Scans in place, for which PyTorch requires the dtype of the tensor -------------------------------

_InPlace = ("in-place",)


@composed(_InPlace)
def cumsum(input: Tensor, dim: int, *, dtype: dtype_ | None = None) -> Tensor:
    """`cumsum`, in place. RuntimeError for a `dtype` other than the tensor's."""
    _require_own_dtype(input, dtype)
    return OPS["cumsum"](input, dim, dtype=dtype or input.dtype)


@composed(_InPlace)
def cumprod(input: Tensor, dim: int, *, dtype: dtype_ | None = None) -> Tensor:
    """`cumprod`, in place. RuntimeError for a `dtype` other than the tensor's."""
    _require_own_dtype(input, dtype)
    return OPS["cumprod"](input, dim, dtype=dtype or input.dtype)


def _require_own_dtype(input: Tensor, dtype: dtype_ | None) -> None:
    if dtype is not None and to_numpy(dtype) != input._array.dtype:
        raise RuntimeError(
            f"Bad in-place call: input tensor dtype {input.dtype} and output tensor dtype {dtype} "
            "should match"
        )
