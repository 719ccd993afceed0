"""Distances between vectors, and vectors scaled to length 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arguments import require_broadcastable
from ...core.creating import number_of
from ...core.dispatch import OPS, function
from ...core.grad_mode import no_grad
from ...core.one_node import one_node
from ...core.tensor import require_tensor, wrap
from ...core.tracing import constant
from ...rules import REGISTRY
from ...rules.dtypes import of_numpy, scalar_name
from ...rules.presentation import FUNCTION
from ...rules.promotion import result_type
from .basic import matmul
from .half import refuse_half
from .norms import norm
from .registry import composed
from .with_numbers import at_least, plus, times

if TYPE_CHECKING:
    from ..tensor import Tensor

_norm = function(REGISTRY["vector_norm"], node="NormBackward1")


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
    return _norm(plus(x1 - x2, eps), float(p), (-1,) if max(x1.ndim, x2.ndim) else (), keepdim)


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between the vectors along `dim`, which broadcast.

    The lengths are at least `eps`. RuntimeError for integers, a negative `eps`, and shapes that
    don't broadcast.

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
    if not number_of(eps, "cosine_similarity", "eps") >= 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps}")
    if x1.ndim != x2.ndim or x1.shape != x2.shape:
        require_broadcastable(x1.shape, x2.shape, "cosine_similarity")
        shape = np.broadcast_shapes(x1.shape, x2.shape)
        x1, x2 = x1.expand(shape), x2.expand(shape)
    x1, x2 = (x if x.is_floating_point() else x.to(of_numpy(common)) for x in (x1, x2))
    lengths = [_bounded(OPS["vector_norm"](x, 2.0, dim, True), eps) for x in (x1, x2)]
    return (x1 / lengths[0] * (x2 / lengths[1])).sum(dim)


def _bounded(x: Any, least: float) -> Any:
    """A copy of `x`, at least `least`. The bound has no effect on the gradient, as in PyTorch."""
    copy = x.clone()
    with no_grad():
        copy.clamp_min_(least)
    return copy


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
    length = at_least(norm(input, p, dim, True), eps)
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

    The leading dimensions broadcast. The gradient at equal rows is 0. With p = 2 and more than 25
    rows, the distances are computed by a matrix product, which is inexact for rows that are almost
    equal, unless `compute_mode` is "donot_use_mm_for_euclid_dist".

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
    many = x1.shape[-2] > 25 or x2.shape[-2] > 25
    by_product = {_MODES[0]: many, None: many, _MODES[1]: True, _MODES[2]: False}[compute_mode]
    if p != 2 or not by_product or 0 in (*x1.shape, *x2.shape):
        return _by_differences(x1, x2, p)
    lead = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    if math.prod(lead) != 1:
        x1, x2 = (
            OPS["expand"](x, (*lead, *x.shape[-2:])).contiguous().view(-1, *x.shape[-2:])
            for x in (x1, x2)
        )
    return OPS["view"](_by_product(x1, x2), (*lead, x1.shape[-2], x2.shape[-2]))


@one_node("EuclideanDistBackward0", "x1", "x2")
def _by_product(x1: Any, x2: Any) -> Any:
    """The Euclidean distances from one matrix product: |x − y|² = |x|² − 2xy + |y|².

    That is fast, but inexact where rows are almost equal.
    """
    squares = [(x * x).sum(-1, keepdim=True) for x in (x1, x2)]
    ones = [wrap(constant(np.ones(x.shape, x._array.dtype))) for x in squares]
    first = OPS["cat"](times(x1, -2), squares[0], ones[0], dim=-1)
    second = OPS["cat"](x2, ones[1], squares[1], dim=-1)
    return _root(matmul(first, OPS["transpose"](second, -2, -1)))


def _root(x: Any) -> Any:
    """The square root, and 0 for negative numbers, with the derivative 0 where it is 0."""
    zero = x <= 0
    return OPS["masked_fill"](OPS["masked_fill"](x, zero, 1).sqrt(), zero, 0)


@one_node("CdistBackward0", "x1", "x2")
def _by_differences(x1: Any, x2: Any, p: float) -> Any:
    refuse_half(x1, "cdist")
    return _distance(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


def _distance(difference: Tensor, p: float) -> Tensor:
    """The norm along the last dimension, with the gradient that PyTorch has for distances."""
    if p == 0:  # its gradient is 0, not None
        differs = OPS["cast"](difference != 0, difference._array.dtype)
        return differs.sum(-1) + (difference * 0).sum(-1)
    if p == math.inf:  # each of several largest differences gets the whole gradient
        size = difference.abs()
        if not size.shape[-1]:
            return size.sum(-1)
        peak = OPS["amax"](size.detach(), -1, True)
        ties = (size.detach() == peak).to(size.dtype)
        largest = (size * ties).sum(-1)
        return largest - (largest - peak.squeeze(-1)).detach()
    return OPS["vector_norm"](difference, float(p), -1)


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
@one_node("PdistBackward0", "input")
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
    refuse_half(input, "pdist")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = np.triu_indices(len(input), 1)
    difference = OPS["index"](input, (first,)) - OPS["index"](input, (second,))
    return _distance(difference, p)


@composed()
@one_node("DistBackward0", "input", "other")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of all elements of `input - other`, which broadcast.

    >>> minigrad.dist(minigrad.tensor([3., 4.]), minigrad.tensor([0., 0.]))
    tensor(5.)
    """
    require_tensor(input, "dist", "input")
    require_tensor(other, "dist", "other", 2)
    return norm(input - other, number_of(p, "dist", "p"))
