"""The binomial and the negative binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import arange
from ..api.functions import exp, lgamma, log1p
from ..api.tensor import Tensor
from ..core.dispatch import OPS
from ..core.grad_mode import no_grad
from ..random.sampling import binomial, poisson
from . import constraints
from .constraints import Constraint
from .discrete import WithProbsOrLogits
from .gamma import Gamma
from .utils import broadcast_all, lazy_property

__all__ = ["Binomial", "NegativeBinomial"]

_log_sigmoid = OPS["logsigmoid"]


class _Trials(WithProbsOrLogits):
    """A distribution of numbers of successes, with a number of trials for each probability."""

    total_count: Tensor

    def __init__(
        self, total_count: Any, probs: Any, logits: Any, validate_args: bool | None
    ) -> None:
        name, given = self._given(probs, logits)
        count, vars(self)[name] = broadcast_all(total_count, given)
        self.total_count = count.type_as(vars(self)[name])
        super().__init__(self.total_count.shape, validate_args=validate_args)


class Binomial(_Trials):
    """The number of successes in `total_count` trials, each of the probability `probs`.

    `logits` may be given instead. ValueError for neither or both.

    >>> minigrad.distributions.Binomial(4, 0.5).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(total_count, probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        """The integers from 0 to the number of trials."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            drawn: Tensor = binomial(self.total_count.expand(shape), self.probs.expand(shape))
            return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n, x = self.total_count, self.logits
        positive = (x.clamp(min=0) + x - x.clamp(max=0)) / 2  # of slope 1/2 at 0
        normaliser = n * positive + n * log1p(exp(-x.abs())) - lgamma(n + 1)
        return value * x - lgamma(value + 1) - lgamma(n - value + 1) - normaliser

    def _equal_count(self, function: str) -> int:
        """The number of trials. NotImplementedError if there are several."""
        most = int(self.total_count.max())
        if self.total_count.min() != most:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{function}`.")
        return most

    def entropy(self) -> Tensor:
        self._equal_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return 0, …, `total_count` along a new first dimension."""
        count = self._equal_count("enumerate_support")
        values = arange(1 + count, dtype=self.total_count.dtype)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class NegativeBinomial(_Trials):
    """The number of successes, of probability `probs`, before `total_count` failures.

    `logits` may be given instead. ValueError for neither or both.

    >>> minigrad.distributions.NegativeBinomial(4, 0.5).mean
    tensor(4.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(total_count, probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * exp(self.logits)

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            drawn: Tensor = poisson(self._gamma.sample(sample_shape))
            return drawn

    @lazy_property
    def _gamma(self) -> Gamma:
        """The distribution of the rate, given which the number is a Poisson one."""
        return Gamma(self.total_count, exp(-self.logits), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.total_count
        share = n * _log_sigmoid(-self.logits) + value * _log_sigmoid(self.logits)
        normaliser = -lgamma(n + value) + lgamma(1.0 + value) + lgamma(n)
        # Without failures, 0 is certain, but the logarithms of the gamma function are infinite.
        return share - normaliser.masked_fill(n + value == 0.0, 0.0)
