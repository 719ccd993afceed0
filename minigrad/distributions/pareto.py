"""The Pareto distribution, and the generalized one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import ones_like, zeros_like
from ..api.functions import exp, expm1, isclose, log, log1p, where
from ..api.tensor import Tensor
from ..random.sampling import rand
from . import constraints
from .constraints import Constraint
from .distribution import Distribution
from .elementwise_transforms import AffineTransform, ExpTransform
from .exponential import Exponential
from .transformed_distribution import TransformedDistribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto", "Pareto"]


class Pareto(TransformedDistribution):
    """The Pareto distribution from `scale` on, whose density falls with the power alpha + 1.

    >>> minigrad.distributions.Pareto(1., 2.).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "alpha": constraints.positive,
        "scale": constraints.positive,
    }

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        transforms = [ExpTransform(), AffineTransform(0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        """The values from the scale on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class GeneralizedPareto(Distribution):
    """The distribution of large values beyond `loc`: exponential for the concentration 0.

    The tail is heavy for a concentration above 0, and ends for one below 0.

    >>> minigrad.distributions.GeneralizedPareto(0., 1., 0.5).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        """The values from `loc` to the end of the tail."""
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, where(self.concentration < 0, end, math.inf))

    def _exponential_or(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is 0, and the others with 1 in its place."""
        c = self.concentration
        is_zero = isclose(c, zeros_like(c))
        return is_zero, where(is_zero, ones_like(c), c)

    @property
    def mean(self) -> Tensor:
        valid = self.concentration < 1
        c = where(valid, self.concentration, 0.5)
        return where(valid, self.loc + self.scale / (1 - c), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        valid = self.concentration < 0.5
        c = where(valid, self.concentration, 0.25)
        return where(valid, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        z = (value - self.loc) / self.scale
        is_zero, c = self._exponential_or()
        power = 1 / c + ones_like(z)
        decay = where(power == 0, power, power * log1p(c * z))
        return -self.scale.log() - where(is_zero, z, decay)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of a sample above `value`."""
        self._validate_sample(value)
        z = (value - self.loc) / self.scale
        is_zero, c = self._exponential_or()
        return where(is_zero, -z, -log1p(c * z) / c)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of a sample up to `value`."""
        return log1p(-exp(self.log_survival_function(value)))

    def cdf(self, value: Tensor) -> Tensor:
        return exp(self.log_cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        is_zero, c = self._exponential_or()
        log_rest = log1p(-value)
        beyond = self.loc + self.scale / c * expm1(-c * log_rest)
        return where(is_zero, self.loc - self.scale * log_rest, beyond)

    def entropy(self) -> Tensor:
        return (log(self.scale) + self.concentration + 1).expand(self._batch_shape)
