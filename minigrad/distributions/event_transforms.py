"""Transforms of vectors and of matrices, and of parts along a dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api.compositions.linalg import cholesky
from ..api.compositions.padding import pad
from ..api.creation import arange, eye
from ..api.functions import cat, stack
from ..api.limits import finfo
from ..api.tensor import Tensor
from ..core.dispatch import OPS
from . import constraints
from .constraints import Constraint
from .elementwise_transforms import inside_unit_interval, softplus
from .transform import Transform, WithoutParameters, cached, require_dims
from .utils import sum_rightmost, tril_matrix_to_vec, vec_to_tril_matrix

__all__ = [
    "CatTransform",
    "CorrCholeskyTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "SoftmaxTransform",
    "StackTransform",
    "StickBreakingTransform",
]


class SoftmaxTransform(WithoutParameters):
    """y = exp(x) / Σ exp(x), for vectors. It isn't bijective; the inverse is log(y).

    >>> minigrad.distributions.SoftmaxTransform()(minigrad.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        shares = (x - x.max(-1, True)[0]).exp()
        return shares / shares.sum(-1, True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> Any:
        require_dims(shape, 1)
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(WithoutParameters):
    """Break a stick of length 1 into n + 1 parts: each of n numbers says how much of the rest goes.

    Zeros give equal parts.

    >>> minigrad.distributions.StickBreakingTransform()(minigrad.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        shares = inside_unit_interval((x - _parts_left(x.shape[-1], x).log()).sigmoid())
        rest = (1 - shares).cumprod(-1)
        return pad(shares, [0, 1], value=1) * pad(rest, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = y[..., :-1]
        rest = (1 - parts.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return parts.log() - rest.log() + _parts_left(parts.shape[-1], y).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - _parts_left(x.shape[-1], x).log()
        total: Tensor = (-x + OPS["logsigmoid"](x) + y[..., :-1].log()).sum(-1)
        return total

    def forward_shape(self, shape: Sequence[int]) -> Any:
        require_dims(shape, 1)
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        require_dims(shape, 1)
        return (*shape[:-1], shape[-1] - 1)


def _parts_left(count: int, like: Tensor) -> Tensor:
    """How many equal parts the rest of the stick has after each break: count, …, 1."""
    return arange(count, 0, -1, dtype=like.dtype)


class LowerCholeskyTransform(WithoutParameters):
    """The lower triangle of a matrix, with the exponentials of its diagonal.

    >>> minigrad.distributions.LowerCholeskyTransform()(minigrad.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(WithoutParameters):
    """L Lᵀ, where L is the `LowerCholeskyTransform` of a matrix.

    >>> minigrad.distributions.PositiveDefiniteTransform()(minigrad.zeros(1, 1))
    tensor([[1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))


class CorrCholeskyTransform(Transform):
    """Vectors of n (n - 1) / 2 numbers to triangles L of n rows of length 1, where L Lᵀ is a
    correlation matrix.

    Each row is a stick of length 1, broken by the squares of tanh(x), with the signs of x.

    >>> minigrad.distributions.CorrCholeskyTransform()(minigrad.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = finfo(x.dtype).eps
        shares = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        rest = (1 - shares**2).sqrt().cumprod(-1)
        shares = shares + eye(shares.shape[-1], dtype=shares.dtype)
        return shares * pad(rest[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        rest = 1 - (y * y).cumsum(-1)
        before = tril_matrix_to_vec(pad(rest[..., :-1], [1, 0], value=1), diag=-1)
        share = tril_matrix_to_vec(y, diag=-1) / before.sqrt()
        return (share.log1p() - share.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """That of the elements below the diagonal."""
        rest = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        of_tanh = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        total: Tensor = 0.5 * rest.log().sum(-1) + of_tanh
        return total

    def forward_shape(self, shape: Sequence[int]) -> Any:
        require_dims(shape, 1)
        count = shape[-1]
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        require_dims(shape, 2)
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


# Of parts -----------------------------------------------------------------------------------------


class _OfParts(Transform):
    """One transform for each of several parts along `dim`."""

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = cached(tseq, cache_size), dim

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(transform.bijective for transform in self.transforms)

    def _parts(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def _joined(self, parts: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def _call(self, x: Tensor) -> Tensor:
        pairs = zip(self.transforms, self._parts(x), strict=True)
        return self._joined([transform(part) for transform, part in pairs])

    def _inverse(self, y: Tensor) -> Tensor:
        pairs = zip(self.transforms, self._parts(y), strict=True)
        return self._joined([transform.inv(part) for transform, part in pairs])


class StackTransform(_OfParts):
    """One transform for each slice along `dim`.

    AssertionError for another number of slices.

    >>> D = minigrad.distributions
    >>> D.StackTransform([D.ExpTransform(), D.AffineTransform(1., 1.)])(minigrad.zeros(2))
    tensor([1., 1.])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    def with_cache(self, cache_size: int = 1) -> Transform:
        same = self._cache_size == cache_size
        return self if same else StackTransform(self.transforms, self.dim, cache_size)

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _parts(self, x: Tensor) -> list[Tensor]:
        size = _size_along(x, self.dim)
        if size != len(self.transforms):
            raise AssertionError(f"{len(self.transforms)} transforms for {size} slices")
        return [x.select(self.dim, i) for i in range(size)]

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        return stack([t.log_abs_det_jacobian(a, b) for t, a, b in parts], self.dim)


class CatTransform(_OfParts):
    """One transform for each of several parts along `dim`, of sizes `lengths`, by default 1.

    AssertionError for another size along `dim`.

    >>> D = minigrad.distributions
    >>> parts = [D.ExpTransform(), D.AffineTransform(1., 1.)]
    >>> D.CatTransform(parts, lengths=[1, 2])(minigrad.zeros(3))
    tensor([1., 1., 1.])
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"{len(self.lengths)} lengths for {len(self.transforms)} parts")

    @property
    def event_dim(self) -> int:
        return max(transform.event_dim for transform in self.transforms)

    @property
    def length(self) -> int:
        """The size along `dim`."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _parts(self, x: Tensor) -> list[Tensor]:
        size = _size_along(x, self.dim)
        if size != self.length:
            raise AssertionError(f"x.size({self.dim}) = {size} must equal length {self.length}")
        return list(x.split(self.lengths, self.dim))

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        terms = []
        for t, a, b in zip(self.transforms, self._parts(x), self._parts(y), strict=True):
            one = t.log_abs_det_jacobian(a, b)
            terms.append(sum_rightmost(one, self.event_dim - t.event_dim))
        dim = self.dim - x.ndim if self.dim >= 0 else self.dim
        dim += self.event_dim
        if dim < 0:
            return cat(terms, dim)
        total: Tensor = sum(terms[1:], terms[0])  # the parts belong to one value
        return total


def _size_along(x: Tensor, dim: int) -> int:
    if not -x.ndim <= dim < x.ndim:
        raise AssertionError(f"dim {dim} out of range for tensor with {x.ndim} dims")
    return x.shape[dim]
