"""The multivariate normal distribution whose covariances have a low rank beside the diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from ..api.compositions.linalg import cholesky, solve_triangular
from ..api.creation import eye
from ..api.functions import broadcast_tensors, diag_embed, matmul
from ..api.tensor import Tensor
from . import constraints
from .constraints import Constraint
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of vectors of covariances W Wᵀ + D, for a diagonal matrix D.

    `loc` has shape (…, n), `cov_factor` is W of shape (…, n, m), and `cov_diag`, of shape (…, n),
    the diagonal of D. Only matrices of m rows are inverted: I + Wᵀ D⁻¹ W, the *capacitance*.

    >>> D = minigrad.distributions
    >>> D.LowRankMultivariateNormal(
    ...     minigrad.zeros(2), minigrad.ones(2, 1), minigrad.ones(2)
    ... ).covariance_matrix
    tensor([[2., 1.],
            [1., 2.]])
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.ndim < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        try:
            columns, self.cov_factor, diagonal = broadcast_tensors(
                loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_diag = columns[..., 0], diagonal[..., 0]
        # As they were given, so that equal matrices of a batch are factorised once.
        self._factor, self._diag = cov_factor, cov_diag
        scaled = cov_factor.mT / cov_diag.unsqueeze(-2)
        inner = matmul(scaled, cov_factor)
        self._capacitance = cholesky(inner + eye(inner.shape[-1], dtype=inner.dtype))
        super().__init__(self.loc.shape[:-1], event, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def _matrix_shape(self) -> tuple[int, ...]:
        return (*self._batch_shape, *self._event_shape * 2)

    @lazy_property
    def variance(self) -> Tensor:
        """The variances."""
        shape = (*self._batch_shape, *self._event_shape)
        return (self._factor.pow(2).sum(-1) + self._diag).expand(shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangle L for which L Lᵀ is the covariance matrix."""
        # Scaled by the diagonal, the matrix is the identity and a positive one: well-conditioned.
        root = self._diag.sqrt().unsqueeze(-1)
        scaled = self._factor / root
        inner = matmul(scaled, scaled.mT)
        lower = cholesky(inner + eye(inner.shape[-1], dtype=inner.dtype))
        return (root * lower).expand(self._matrix_shape)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        inner = matmul(self._factor, self._factor.mT)
        return (inner + diag_embed(self._diag)).expand(self._matrix_shape)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance matrix."""
        half = self._whitened_factor()
        inverse = diag_embed(self._diag.reciprocal()) - half.mT @ half
        return inverse.expand(self._matrix_shape)

    def _whitened_factor(self) -> Tensor:
        """A for which D⁻¹ - Aᵀ A is the inverse of the covariance matrix."""
        scaled = self._factor.mT / self._diag.unsqueeze(-2)
        return solve_triangular(self._capacitance, scaled, upper=False)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        common = self.loc.new_empty((*shape[:-1], self.cov_factor.shape[-1])).normal_()
        own = self.loc.new_empty(shape).normal_()
        correlated = matmul(self._factor, common.unsqueeze(-1)).squeeze(-1)
        return self.loc + correlated + self._diag.sqrt() * own

    def distance(self, columns: Tensor) -> Tensor:
        """The sum of the squared Mahalanobis distances of the columns of matrices from 0."""
        inner = matmul(self._factor.mT / self._diag.unsqueeze(-2), columns)
        whitened = solve_triangular(self._capacitance, inner, upper=False)
        own = (columns.pow(2) / self._diag.unsqueeze(-1)).sum((-2, -1))
        return own - whitened.pow(2).sum((-2, -1))

    def log_determinant(self) -> Tensor:
        """The logarithm of the determinant of the covariance matrix."""
        inner = self._capacitance.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return 2 * inner + self._diag.log().sum(-1)

    def factors(self) -> list[Tensor]:
        """Matrices F whose products F Fᵀ add up to the covariance matrix."""
        return [self._factor, diag_embed(self._diag.sqrt())]

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        constant, gap = self._event_shape[0] * math.log(2 * math.pi), value - self.loc
        return -0.5 * (constant + self.log_determinant() + self.distance(gap.unsqueeze(-1)))

    def entropy(self) -> Tensor:
        constant = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        y = 0.5 * (constant + self.log_determinant())
        return y.expand(self._batch_shape) if self._batch_shape else y
