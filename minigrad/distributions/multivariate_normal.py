"""The multivariate normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.compositions.linalg import cholesky, solve_triangular
from ..api.creation import eye
from ..api.functions import broadcast_shapes, matmul
from ..api.tensor import Tensor
from . import constraints
from .constraints import Constraint
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Distribution):
    """The normal distribution of vectors, of mean `loc` (…, n) and covariances (…, n, n).

    They are given by one of `covariance_matrix`, its inverse `precision_matrix`, and `scale_tril`,
    the lower triangle L for which L Lᵀ is the covariance matrix. ValueError for none or several.

    >>> D = minigrad.distributions
    >>> normal = D.MultivariateNormal(minigrad.zeros(2), minigrad.eye(2))
    >>> normal.log_prob(minigrad.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = one_matrix(covariance_matrix, precision_matrix, scale_tril, ValueError)
        if matrix.ndim < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        size = loc.shape[-1]
        self.loc = loc.expand((*batch, size))
        vars(self)[name] = matrix.expand((*batch, *matrix.shape[-2:]))
        super().__init__(batch, (size,), validate_args=validate_args)
        self._lower = lower_of(name, matrix)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangle L for which L Lᵀ is the covariance matrix."""
        return self._lower.expand((*self._batch_shape, *self._event_shape * 2))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        shape = (*self._batch_shape, *self._event_shape * 2)
        return matmul(self._lower, self._lower.mT).expand(shape)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance matrix."""
        lower, shape = self._lower, (*self._batch_shape, *self._event_shape * 2)
        inverse = solve_triangular(lower, eye(shape[-1], dtype=lower.dtype), upper=False)
        return matmul(inverse.mT, inverse).expand(shape)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        shape = (*self._batch_shape, *self._event_shape)
        return self._lower.pow(2).sum(-1).expand(shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = self.loc.new_empty(self._extended_shape(sample_shape)).normal_()
        return self.loc + matmul(self._lower, noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        size, distance = self._event_shape[0], self.distance((value - self.loc).unsqueeze(-1))
        return -0.5 * (size * math.log(2 * math.pi) + distance) - self._half_log_det()

    def distance(self, columns: Tensor) -> Tensor:
        """The sum of the squared Mahalanobis distances of the columns of matrices from 0."""
        scaled = solve_triangular(self._lower, columns, upper=False)
        squares: Tensor = scaled.pow(2).sum((-2, -1))
        return squares

    def log_determinant(self) -> Tensor:
        """The logarithm of the determinant of the covariance matrix."""
        return 2 * self._half_log_det()

    def factors(self) -> list[Tensor]:
        """Matrices F whose products F Fᵀ add up to the covariance matrix."""
        return [self._lower]

    def _half_log_det(self) -> Tensor:
        return self._lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def entropy(self) -> Tensor:
        size = self._event_shape[0]
        y = 0.5 * size * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return y.expand(self._batch_shape) if self._batch_shape else y


def one_matrix(
    covariance_matrix: Any, precision_matrix: Any, scale_tril: Any, error: type[Exception]
) -> tuple[str, Tensor]:
    """The name and the value of the matrix that is given. An error for none or several."""
    matrices = {
        "covariance_matrix": covariance_matrix,
        "precision_matrix": precision_matrix,
        "scale_tril": scale_tril,
    }
    given = [(name, x) for name, x in matrices.items() if x is not None]
    if len(given) != 1:
        raise error(
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
        )
    return given[0]


def lower_of(name: str, matrix: Tensor) -> Any:
    """The triangle L of the covariance matrix, which is L Lᵀ."""
    if name == "scale_tril":
        return matrix
    if name == "covariance_matrix":
        return cholesky(matrix)
    return _precision_to_scale_tril(matrix)


def _precision_to_scale_tril(P: Tensor) -> Tensor:
    """The triangle L of the covariance matrix L Lᵀ, whose inverse is P."""
    # With rows and columns in reverse, the triangle of the inverse is an upper one.
    reverse: Any = cholesky(P.flip(-2, -1))
    upper = reverse.flip(-2, -1).mT
    return solve_triangular(upper, eye(P.shape[-1], dtype=P.dtype), upper=False)
