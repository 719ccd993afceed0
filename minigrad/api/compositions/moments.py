"""Covariances, differences of samples of functions, and slices scaled to a norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS, function
from ...core.one_node import one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.warning import warn
from ...rules import REGISTRY
from ...rules.dims import axes
from ...rules.dims import axis as dim_from_front
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION, IN_PLACE
from ...rules.promotion import get_default_dtype
from .basic import matmul
from .registry import composed
from .with_numbers import over, times

if TYPE_CHECKING:
    from ..tensor import Tensor

_contiguous_product = function(REGISTRY["mul"].presented(layout="contiguous"))

# Covariances --------------------------------------------------------------------------------------


@composed()
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Return the covariances of variables, which are the rows, over observations, the columns.

    Shapes: (n, m) → (n, n), or () for n = 1 and for a vector. `fweights` (m,) are how often each
    observation counts, integers, and `aweights` (m,) weights, floats. The sum of the weights is
    reduced by `correction`. RuntimeError for bools, other shapes and other weights.

    >>> minigrad.cov(minigrad.tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    require_tensor(input, "cov", "input")
    if input.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    if input._array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.ndim == 2 else input.reshape(1, -1)
    count = x.shape[1]
    weights = _weights(count, fweights, aweights)
    total: Any = count if weights is None else weights.sum()
    if count and weights is not None and float(total.detach()) == 0:
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    if x._array.dtype.kind != "f":
        x = OPS["cast"](x, get_default_dtype().numpy)
    mean = (x if weights is None else x * weights).sum(1) / total
    centred = x - mean.unsqueeze(1)
    # As many degrees of freedom as observations, less the correction.
    if weights is None:
        norm: Any = float(_freedom(count - correction))
    elif correction == 0:
        norm = total
    elif aweights is None:
        norm = _freedom(total - correction)
    else:
        norm = _freedom(total - times((weights * aweights).sum(), correction) / total)
    other = centred if weights is None else centred * weights
    product = matmul(centred, other.t())
    return (product / norm).squeeze()


def _freedom(x: Any) -> Any:
    """Degrees of freedom, at least 0, with a warning."""
    if float(x) > 0:
        return x
    warn(
        "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of "
        "observations.",
        UserWarning,
    )
    return x * 0


def _weights(count: int, fweights: Any, aweights: Any) -> Any:
    for name, x, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if x is None:
            continue
        require_tensor(x, "cov", name)
        if x.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                f"{x.ndim} dimensions"
            )
        if x._array.dtype.kind not in kinds:
            kind = "integral" if kinds == "iu" else "floating point"
            raise RuntimeError(
                f"cov(): expected {name} to have {kind} dtype but got {name} with "
                f"{scalar_name(x._array)} dtype"
            )
        if x.numel() != count:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {x.numel()} != {count}"
            )
        if (x._array < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None:
        return aweights
    return fweights if aweights is None else fweights * aweights


@composed()
def corrcoef(input: Tensor) -> Tensor:
    """Return the correlation coefficients of variables, which are the rows.

    Shapes: (n, m) → (n, n), or () for n = 1 and for a vector. RuntimeError for more dimensions.

    >>> minigrad.corrcoef(minigrad.tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    require_tensor(input, "corrcoef", "input")
    if input.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    c = cov(input)
    if not c.ndim:
        return c / c
    deviation = c.diagonal().sqrt()
    return OPS["clamp"](c / deviation.view(-1, 1) / deviation.view(1, -1), -1, 1)


# Differences --------------------------------------------------------------------------------------


@composed(FUNCTION)
def gradient(
    input: Tensor,
    *,
    spacing: Any = None,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Estimate the partial derivatives of a function, given its samples on a grid.

    Returns a tensor of the shape of the samples for each of `dim`, by default for all. `spacing` is
    the distance of the samples, one for each of `dim`, or tensors of their coordinates. Inside, the
    estimate is of the second order, and at the edges of the order `edge_order`, 1 or 2.
    RuntimeError for other orders and for too few samples.

    >>> minigrad.gradient(minigrad.tensor([1., 4., 9., 16.]))
    (tensor([3., 4., 6., 7.]),)
    """
    require_tensor(input, "gradient", "input")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = axes(dim, input.ndim)
    if dim is not None and isinstance(dim, Sequence) and not dim:
        dims = ()
    steps = _spacings(spacing, dims, input.ndim if dim is None else None)
    if any(input.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1"
        )
    x = input
    if x._array.dtype.kind != "f":
        x = OPS["cast"](x, get_default_dtype().numpy)
    return tuple(_slope(x, d, step, edge_order) for d, step in zip(dims, steps, strict=True))


def _spacings(spacing: Any, dims: tuple[int, ...], all_dims: int | None) -> list[Any]:
    if spacing is None or isinstance(spacing, int | float):
        return [1.0 if spacing is None else spacing] * len(dims)
    if isinstance(spacing, TensorBase):
        raise TypeError("gradient(): argument 'spacing' must be a number, or numbers or tensors")
    steps = list(spacing)
    if len(steps) != len(dims):
        if all_dims is not None:
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
                f"equal to 'self.dim() = {all_dims}', since dim argument was not given, but got a "
                f"list of length {len(steps)}"
            )
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim "
            f"arguments to have the same length, but got a spacing argument of length {len(steps)} "
            f"and a dim argument of length {len(dims)}."
        )
    return steps


def _slope(x: Any, d: int, step: Any, edge_order: int) -> Any:
    n = x.shape[d]
    inside = [OPS["slice"](x, d, i, n - 2 + i, 1) for i in range(3)]
    first = [OPS["slice"](x, d, i, i + 1, 1) for i in range(edge_order + 1)]
    last = [OPS["slice"](x, d, i, i + 1, 1) for i in range(n - edge_order - 1, n)]
    if isinstance(step, TensorBase):
        slopes = _at_coordinates(step, inside, first, last, d)
    else:
        slopes = _at_a_distance(step, inside, first, last)
    return OPS["cat"](*slopes, dim=d)


def _at_a_distance(
    step: float, inside: list[Any], first: list[Any], last: list[Any]
) -> tuple[Any, Any, Any]:
    """The slopes at the first place, inside, and at the last place.

    `inside` are the values before, at and after each inner place, `first` and `last` those that the
    edges take.
    """
    before, _, after = inside
    slope = over(over(after - before, step), 2.0)
    if len(first) == 2:
        return over(first[1] - first[0], step), slope, over(last[1] - last[0], step)
    start = times(first[0], -1.5) + times(first[1], 2.0) - times(first[2], 0.5)
    end = times(last[0], 0.5) - times(last[1], 2.0) + times(last[2], 1.5)
    return over(start, step), slope, over(end, step)


def _at_coordinates(
    places: Any, inside: list[Any], first: list[Any], last: list[Any], d: int
) -> tuple[Any, Any, Any]:
    """The same, from parabolas through three places each."""
    (x, here, after), at = inside, places._array
    n = x.shape[d] + 2
    if at.shape != (n,):
        raise RuntimeError(
            "torch.gradient expected each element of spacing to have one dimension and a size "
            f"of {n}, but one has shape {list(at.shape)}"
        )
    gaps = np.diff(at).astype(x._array.dtype)
    low, high = gaps[:-1], gaps[1:]
    both = low + high
    shape = (-1, *(1,) * (x.ndim - d - 1))
    weights = (-high / (low * both), (high - low) / (low * high), low / (high * both))
    a, b, c = (wrap(w.reshape(shape)) for w in weights)
    slope = a * x + b * here + c * after
    if len(first) == 2:
        start, end = (wrap(np.asarray(gap)) for gap in (gaps[0], gaps[-1]))
        return (first[1] - first[0]) / start, slope, (last[1] - last[0]) / end
    start = _parabola(gaps[0], gaps[1])
    end = [-weight for weight in reversed(_parabola(gaps[-1], gaps[-2]))]
    return _weighted(start, first), slope, _weighted(end, last)


def _parabola(near: Any, far: Any) -> list[Any]:
    """The weights of three values in the slope of their parabola at the first of the places."""
    both = near + far
    return [-(near + both) / (near * both), both / (near * far), -near / (far * both)]


def _weighted(weights: list[Any], values: list[Any]) -> Any:
    a, b, c = (wrap(np.asarray(w)) * x for w, x in zip(weights, values, strict=True))
    return a + b + c


# Norms of slices ----------------------------------------------------------------------------------


@composed(IN_PLACE)
@one_node("RenormBackward0", "input")
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Return `input` with each slice along `dim` scaled down to a `p`-norm of at most `maxnorm`.

    RuntimeError for fewer than 2 dimensions, and for a `p` or `maxnorm` that isn't positive.

    >>> minigrad.renorm(minigrad.tensor([[3., 4.], [0., 1.]]), 2, 0, 1.)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    require_tensor(input, "renorm", "input")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions"
        )
    if input._array.dtype.kind != "f":
        raise RuntimeError(
            "renorm: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(input._array)}"
        )
    d = dim_from_front(dim, input.ndim)
    others = tuple(i for i in range(input.ndim) if i != d)
    norm = OPS["vector_norm"](input, float(p), others, True)
    too_long = norm.detach() > maxnorm
    factor = OPS["where"](too_long, maxnorm / (norm + 1e-7), wrap(np.ones((), input._array.dtype)))
    return _contiguous_product(input, factor)


# Real numbers as complex ones ------------------------------------------------------------


@composed()
def conj(input: Tensor) -> Tensor:
    """Return `input` itself: a real number is its own complex conjugate.

    >>> minigrad.conj(minigrad.tensor([1.]))
    tensor([1.])
    """
    require_tensor(input, "conj", "input")
    return input


@composed(IN_PLACE)
def conj_physical(input: Tensor) -> Tensor:
    """Return `input` itself: a real number is its own complex conjugate.

    >>> minigrad.conj_physical(minigrad.tensor([1.]))
    tensor([1.])
    """
    require_tensor(input, "conj_physical", "input")
    return input


@composed()
def resolve_conj(input: Tensor) -> Tensor:
    """Return `input` itself, which is never stored as a conjugate.

    >>> minigrad.resolve_conj(minigrad.tensor([1.]))
    tensor([1.])
    """
    require_tensor(input, "resolve_conj", "input")
    return input


@composed()
def resolve_neg(input: Tensor) -> Tensor:
    """Return `input` itself, which is never stored as a negative.

    >>> minigrad.resolve_neg(minigrad.tensor([1.]))
    tensor([1.])
    """
    require_tensor(input, "resolve_neg", "input")
    return input


@composed(FUNCTION)
def real(input: Tensor) -> Tensor:
    """Return `input` itself, the real part of real numbers. `x.real` is the same.

    >>> minigrad.real(minigrad.tensor([1.]))
    tensor([1.])
    """
    require_tensor(input, "real", "input")
    return input


@composed()
@one_node("AngleBackward0", "input")
def angle(input: Tensor) -> Tensor:
    """Return the angles of numbers in the complex plane: π for negative ones, 0 for others.

    NaN stays NaN. The gradient is 0.

    >>> minigrad.angle(minigrad.tensor([-1., 2.]))
    tensor([3.1416, 0.0000])
    """
    require_tensor(input, "angle", "input")
    x = input
    if x._array.dtype.kind != "f":
        x = OPS["cast"](x, get_default_dtype().numpy)
    y = OPS["where"](wrap(x._array < 0), math.pi, x)
    return OPS["where"](wrap(x._array >= 0), 0, y)
