"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import ones_like, zeros_like
from ..api.functions import expm1, log, log1p, where
from ..api.tensor import Tensor
from ..random.sampling import rand
from . import constraints
from .constraints import Constraint
from .discrete import WithProbsOrLogits, cross_entropy_with_logits
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(WithProbsOrLogits, ExponentialFamily):
    """The distribution on [0, 1] whose density at x is proportional to pˣ (1 - p)¹⁻ˣ.

    Here p is `probs`, or the sigmoid of `logits`. Between `lims`, around the uniform
    distribution, Taylor series take the place of quotients of small numbers.

    >>> minigrad.distributions.ContinuousBernoulli(0.5).variance
    tensor(0.0833)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0.0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        name, given = self._given(probs, logits)
        (value,) = broadcast_all(given)
        if probs is not None:
            if validate_args is not None and not constraints.unit_interval.check(value).all():
                raise ValueError("The parameter probs has invalid values")
            value = clamp_probs(value)
        vars(self)[name], self._lims = value, lims
        super().__init__(value.shape, validate_args=validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """The sigmoid of the logits, kept away from 0 and 1."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _far(self) -> Tensor:
        """Where the quotients are exact enough."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut(self) -> Tensor:
        """The probabilities, with another one in the place of those near 1/2."""
        return where(self._far(), self.probs, self._lims[0] * ones_like(self.probs))

    def log_normaliser(self) -> Tensor:
        """The logarithm of the factor by which the density is normalised."""
        p = self._cut()
        below = where(p <= 0.5, p, zeros_like(p))
        above = where(p >= 0.5, p, ones_like(p))
        gap = where(p <= 0.5, log1p(-2.0 * below), log(2.0 * above - 1.0))
        exact = log((log1p(-p) - log(p)).abs()) - gap
        x = (self.probs - 0.5).pow(2)
        return where(self._far(), exact, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self) -> Tensor:
        p, x = self._cut(), self.probs - 0.5
        exact = p / (2.0 * p - 1.0) + 1.0 / (log1p(-p) - log(p))
        return where(self._far(), exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x)

    @property
    def variance(self) -> Tensor:
        p, x = self._cut(), (self.probs - 0.5).pow(2)
        exact = p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / (log1p(-p) - log(p)).pow(2)
        return where(self._far(), exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -cross_entropy_with_logits(logits, value) + self.log_normaliser()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        p = self._cut()
        powers = p.pow(value) * (1.0 - p).pow(1.0 - value)
        share = where(self._far(), (powers + p - 1.0) / (2.0 * p - 1.0), value)
        inside = where(value >= 1.0, ones_like(value), share)
        return where(value <= 0.0, zeros_like(value), inside)

    def icdf(self, value: Tensor) -> Tensor:
        p = self._cut()
        above = log1p(-p + value * (2.0 * p - 1.0)) - log1p(-p)
        return where(self._far(), above / (log(p) - log1p(-p)), value)

    def entropy(self) -> Tensor:
        of_0, of_1 = log1p(-self.probs), log(self.probs)
        return self.mean * (of_0 - of_1) - self.log_normaliser() - of_0

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        far = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = where(far, x, (self._lims[0] - 0.5) * ones_like(x))
        exact = log(expm1(cut).abs()) - log(cut.abs())
        taylor = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return where(far, exact, taylor)
