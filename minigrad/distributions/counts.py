"""Distributions of counts: Poisson, geometric and multinomial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import arange, tensor
from ..api.functions import lgamma, log1p, xlogy
from ..api.limits import finfo
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from ..random.sampling import poisson
from . import constraints
from .categorical import Categorical, OfCategorical
from .constraints import Constraint
from .discrete import WithProbsOrLogits, cross_entropy_with_logits, softplus
from .exp_family import ExponentialFamily
from .utils import broadcast_all, probs_to_logits

__all__ = ["Geometric", "Multinomial", "Poisson"]


class Poisson(ExponentialFamily):
    """The Poisson distribution of mean `rate`.

    >>> minigrad.distributions.Poisson(2.).log_prob(minigrad.tensor(0.))
    tensor(-2.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return xlogy(value, rate) - rate - lgamma(value + 1)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        return x.exp()


class Geometric(WithProbsOrLogits):
    """The number of failures before the first success, which has the probability `probs`.

    `logits` may be given instead. ValueError for neither or both.

    >>> minigrad.distributions.Geometric(0.5).mean
    tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, given = self._given(probs, logits)
        (value,) = broadcast_all(given)
        vars(self)[name] = value
        super().__init__(value.shape, validate_args=validate_args)
        if self._validate_args and probs is not None and not (value > 0).all():
            self._check_parameter("probs", constraints.positive)

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return self.probs.new_zeros(self.probs.shape)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            u = self.probs.new_empty(self._extended_shape(sample_shape))
            u.uniform_(finfo(self.probs.dtype).tiny, 1)
            return (u.log() / log1p(-self.probs)).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        probs = probs.masked_fill((probs == 1) & (value == 0), 0)
        return value * log1p(-probs) + self.probs.log()

    def entropy(self) -> Tensor:
        return cross_entropy_with_logits(self.logits, self.probs) / self.probs


class Multinomial(OfCategorical):
    """How often each of n outcomes comes in `total_count` draws with probabilities `probs` (…, n).

    `logits` may be given instead. ValueError for neither or both.

    >>> minigrad.distributions.Multinomial(4, minigrad.tensor([1., 3.])).mean
    tensor([1., 3.])
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits)
        super().__init__(
            self._categorical.batch_shape,
            self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Constraint:
        """Counts with the sum `total_count`."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
            counts = drawn.new_zeros(self._extended_shape(sample_shape))
            counts = counts.scatter_add(-1, drawn, drawn.new_ones(drawn.shape))
            return counts.type_as(self.probs)

    def entropy(self) -> Tensor:
        n, logits = self.total_count, probs_to_logits(self.probs, is_binary=True)
        counts = arange(1, n + 1, dtype=logits.dtype).reshape(-1, *(1,) * logits.ndim)
        # How probable each number of each outcome is, in n draws.
        arrangements = math.lgamma(n + 1) - lgamma(counts + 1) - lgamma(n - counts + 1)
        shares = (arrangements + counts * logits - n * softplus(logits)).exp()
        ties = (shares * lgamma(counts + 1)).sum((0, -1))
        # As in PyTorch, in the default dtype, even for doubles.
        return n * self._categorical.entropy() - lgamma(tensor(n + 1)) + ties

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -float("inf")), 0)
        arrangements = lgamma(value.sum(-1) + 1) - lgamma(value + 1).sum(-1)
        return arrangements + (logits * value).sum(-1)
