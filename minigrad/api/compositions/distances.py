"""Distances between vectors, and vectors scaled to length 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...core.dispatch import OPS, shown_as
from ...core.tensor import require_tensor
from ...rules.dtypes import of_numpy, scalar_name
from ...rules.presentation import FUNCTION
from ...rules.promotion import result_type
from .norms import norm
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor


def norm_along(x: Tensor, p: float, dim: int, keepdim: bool = False) -> Tensor:
    """The p-norm along `dim`. Its gradient at a zero vector is 0."""
    if p == 2:
        return _root((x * x).sum(dim, keepdim=keepdim), 0.5)
    if p == math.inf:
        size = x.abs()
        return _largest(size, dim, keepdim)
    if p == -math.inf:
        return -_largest(-x.abs(), dim, keepdim)
    if p == 0:
        return (x != 0).to(x.dtype).sum(dim, keepdim=keepdim) + (x * 0).sum(dim, keepdim=keepdim)
    if p == 1:
        return x.abs().sum(dim, keepdim=keepdim)
    return _root((x.abs() ** p).sum(dim, keepdim=keepdim), 1 / p)


def _largest(x: Tensor, dim: int, keepdim: bool) -> Tensor:
    """The largest elements along `dim`; tied elements share the gradient."""
    peak = OPS["max_dim"](x.detach(), dim, True)[0]
    ties = (x.detach() == peak).to(x.dtype)
    return (x * ties / ties.sum(dim, keepdim=True)).sum(dim, keepdim=keepdim)


def _root(total: Tensor, power: float) -> Tensor:
    zero = total == 0
    root = OPS["masked_fill"](total, zero, 1)
    root = root.sqrt() if power == 0.5 else root**power
    return OPS["masked_fill"](root, zero, 0)


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return the p-norm of x1 − x2 + eps along the last dimension.

    >>> minigrad.pairwise_distance(minigrad.tensor([[0., 0.]]), minigrad.tensor([[3., 4.]]))
    tensor([5.0000])
    """
    require_tensor(x1, "pairwise_distance", "x1")
    require_tensor(x2, "pairwise_distance", "x2", 2)
    difference = x1 - x2 + eps
    lines = difference if difference.ndim else difference.reshape(1)
    return shown_as("NormBackward1", norm_along(lines, p, -1, keepdim))


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between the vectors along `dim`, which broadcast.

    The lengths are at least `eps`.

    >>> x, y = minigrad.tensor([[1., 1.]]), minigrad.tensor([[1., 0.]])
    >>> minigrad.cosine_similarity(x, y)
    tensor([0.7071])
    """
    require_tensor(x1, "cosine_similarity", "x1")
    require_tensor(x2, "cosine_similarity", "x2", 2)
    common = result_type(x1._array, x2._array)
    if common.kind != "f":
        name = of_numpy(common).scalar_name
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {name}"
        )
    if x1.ndim != x2.ndim or x1.shape != x2.shape:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
        x1, x2 = x1.expand(shape), x2.expand(shape)
    lengths = [OPS["clamp"](norm_along(x, 2, dim, True), eps) for x in (x1, x2)]
    return (x1 / lengths[0] * (x2 / lengths[1])).sum(dim)


@composed(FUNCTION, module="nn.functional")
def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Tensor:
    """Return `input` divided by its p-norm along `dim`, which counts as at least `eps`.

    >>> minigrad.nn.functional.normalize(minigrad.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    require_tensor(input, "normalize", "input")
    if out is not None:
        raise NotImplementedError("normalize(): argument 'out' is not supported")
    if input._array.dtype.kind != "f":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(input._array)}"
        )
    length = OPS["clamp"](norm_along(input, p, dim, True), eps)
    return input / length.expand(input.shape)


# Distances of all pairs ---------------------------------------------------------------------------

_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@composed(FUNCTION)
def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Return the p-norms of all differences of rows: (*, n, m) (*, r, m) → (*, n, r).

    The leading dimensions broadcast. The `compute_mode` may be given as in PyTorch; the distances
    are always computed from the differences. The gradient at equal rows is 0.

    >>> minigrad.cdist(minigrad.tensor([[0., 0.]]), minigrad.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    for number, x in enumerate((x1, x2), 1):
        require_tensor(x, "cdist", f"x{number}", number)
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, X{number} got: {x.ndim}D")
    for number, x in enumerate((x1, x2), 1):
        if x._array.dtype.kind != "f":
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, X{number} got: {scalar_name(x._array)}"
            )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if x1.dtype != x2.dtype:
        ours, theirs = (scalar_name(x._array) for x in (x1, x2))
        raise RuntimeError(f"expected scalar type {ours} but found {theirs}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode is not None and compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    return shown_as("CdistBackward0", _distance(x1.unsqueeze(-2) - x2.unsqueeze(-3), p))


def _distance(difference: Tensor, p: float) -> Tensor:
    """The norm along the last dimension, with the gradient that PyTorch has for distances."""
    if p == math.inf:  # each of several largest differences gets the whole gradient
        size = difference.abs()
        if not size.shape[-1]:
            return size.sum(-1)
        peak = OPS["amax"](size.detach(), -1, True)
        ties = (size.detach() == peak).to(size.dtype)
        largest = (size * ties).sum(-1)
        return largest - (largest - peak.squeeze(-1)).detach()
    return norm_along(difference, p, -1)


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norms of the differences of each two rows of a matrix.

    (n, m) → (n (n - 1) / 2,), in the order of the elements above the diagonal of `cdist`. The
    gradient at equal rows is 0.

    >>> minigrad.pdist(minigrad.tensor([[0., 0.], [3., 4.], [0., 1.]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    require_tensor(input, "pdist", "input")
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if input._array.dtype.kind != "f":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = np.triu_indices(len(input), 1)
    difference = OPS["index"](input, (first,)) - OPS["index"](input, (second,))
    return shown_as("PdistBackward0", _distance(difference, p))


@composed()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of all elements of `input - other`, which broadcast.

    >>> minigrad.dist(minigrad.tensor([3., 4.]), minigrad.tensor([0., 0.]))
    tensor(5.)
    """
    require_tensor(input, "dist", "input")
    require_tensor(other, "dist", "other", 2)
    if isinstance(p, bool) or not isinstance(p, int | float):
        raise TypeError(f"dist(): argument 'p' (position 3) must be Number, not {type(p).__name__}")
    return shown_as("DistBackward0", norm(input - other, p))
