"""Distances between vectors, and vectors scaled to length 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...core.dispatch import OPS
from ...core.tensor import require_tensor
from ...rules.presentation import FUNCTION
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
    if not difference.ndim:
        return norm_along(difference.reshape(1), p, 0, keepdim)
    return norm_along(difference, p, -1, keepdim)


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
    length = OPS["clamp"](norm_along(input, p, dim, True), eps)
    return input / length.expand(input.shape)
