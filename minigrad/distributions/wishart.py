"""The Wishart distribution."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from ..api.compositions.linalg import cholesky_solve, slogdet
from ..api.creation import arange, eye, tensor
from ..api.functions import digamma, matmul, mvlgamma
from ..api.limits import finfo
from ..api.tensor import Tensor
from ..random.sampling import randn
from . import constraints
from .constraints import Constraint
from .exp_family import ExponentialFamily
from .gamma import Chi2
from .multivariate_normal import lower_of, one_matrix
from .utils import common_shape, lazy_property

__all__ = ["Wishart"]


class Wishart(ExponentialFamily):
    """The distribution of the sum of x xᵀ over `df` normal vectors x of mean 0.

    Their covariances are given by one of `covariance_matrix`, its inverse `precision_matrix`, and
    `scale_tril`, the lower triangle L for which L Lᵀ is the covariance matrix. `df` may be any
    number above n - 1, and samples are close to singular below n.

    >>> minigrad.distributions.Wishart(minigrad.tensor(3.), minigrad.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0.0
    _made_of = ("_chi2",)

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = one_matrix(covariance_matrix, precision_matrix, scale_tril, AssertionError)
        if matrix.ndim < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        batch, event = matrix.shape[:-2], matrix.shape[-2:]
        if isinstance(df, Tensor):
            batch = common_shape(batch, df.shape)
            self.df = df.expand(batch)
        else:
            self.df = tensor(df, dtype=matrix.dtype)
        if (self.df <= event[-1] - 1).any():
            raise ValueError(
                f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}."
            )
        if (self.df < event[-1]).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for "
                "ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        vars(self)[name] = matrix.expand((*batch, *event))
        super().__init__(batch, event, validate_args=validate_args)
        self._lower = lower_of(name, matrix)
        fewer = arange(event[-1], dtype=self._lower.dtype)
        self._chi2 = Chi2(self.df.unsqueeze(-1) - fewer.expand((*batch, event[-1])))

    @property
    def arg_constraints(self) -> dict[str, Constraint]:  # type: ignore[override]
        """A constraint for each parameter."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        expanded = super().expand(batch_shape, _instance)
        expanded._lower = self._lower.expand((*batch_shape, *self._event_shape))
        return expanded

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangle L for which L Lᵀ is the covariance matrix."""
        return self._lower.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        shape = (*self._batch_shape, *self._event_shape)
        return matmul(self._lower, self._lower.mT).expand(shape)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance matrix."""
        identity = eye(self._event_shape[-1], dtype=self._lower.dtype)
        inverse: Tensor = cholesky_solve(identity, self._lower)
        return inverse.expand((*self._batch_shape, *self._event_shape))

    @property
    def _degrees(self) -> Tensor:
        return self.df.view((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Tensor:
        return self._degrees * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self._degrees - self._event_shape[-1] - 1
        return factor.masked_fill(factor <= 0, math.nan) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._degrees * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape: Sequence[int] = (), max_try_correction: int = 10) -> Tensor:
        """Draw samples that the parameters get gradients through.

        Singular samples are drawn again, up to `max_try_correction` times.
        """
        sample = self._drawn(sample_shape)
        # PyTorch's first test is that of the opposite: all samples are drawn again.
        again = self._of_samples(self.support.check(sample))
        if again.any():
            warnings.warn("Singular sample detected.", stacklevel=2)
            for _ in range(max_try_correction):
                fresh = self._drawn(again[again].shape)
                sample[again] = fresh
                singular, drawn = self._of_samples(~self.support.check(fresh)), again
                again = again.clone()  # the recorded write needs the places as they were
                again[drawn] = singular
                if not again.any():
                    break
        return sample

    def _of_samples(self, each: Any) -> Any:
        """Whether something is so for any of the batch, for each sample."""
        dims = tuple(range(-len(self._batch_shape), 0))
        return each.any(dims) if dims else each

    def _drawn(self, sample_shape: Sequence[int]) -> Tensor:
        """Products of triangles, with chi numbers on the diagonal and normal ones below.

        M. S. Bartlett, "On the theory of statistical regression", 1933.
        """
        p = self._event_shape[-1]
        chi = self._chi2.rsample(sample_shape).sqrt()
        noise = chi.clamp(min=finfo(chi.dtype).eps).diag_embed(dim1=-2, dim2=-1)
        shape = (*sample_shape, *self._batch_shape, p * (p - 1) // 2)
        places = arange(p)
        noise[..., places < places.view(-1, 1)] = randn(shape, dtype=noise.dtype)
        triangle = matmul(self._lower, noise)
        return matmul(triangle, triangle.mT)

    def _log_scale(self) -> Tensor:
        diagonal = self._lower.diagonal(dim1=-2, dim2=-1)
        return self._event_shape[-1] * math.log(2) / 2 + diagonal.log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        trace = cholesky_solve(value, self._lower).diagonal(dim1=-2, dim2=-1).sum(-1)
        log_det = slogdet(value).logabsdet
        constant = -nu * self._log_scale() - mvlgamma(nu / 2, p)
        density: Tensor = constant + (nu - p - 1) / 2 * log_det - trace / 2
        return density

    def entropy(self) -> Tensor:
        nu, p = self.df, self._event_shape[-1]
        halves = (nu / 2).unsqueeze(-1) - arange(p, dtype=nu.dtype) / 2
        slopes = (nu - p - 1) / 2 * digamma(halves).sum(-1)
        return (p + 1) * self._log_scale() + mvlgamma(nu / 2, p) - slopes + nu * p / 2

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x, y), p = natural_params, self._event_shape[-1]
        half = y + (p + 1) / 2
        normaliser: Tensor = half * (-slogdet(-2 * x).logabsdet + math.log(2) * p)
        return normaliser + mvlgamma(half, p)
