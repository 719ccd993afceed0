"""The Bernoulli distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import arange
from ..api.functions import exp, log1p, logit, where
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from ..random.sampling import bernoulli
from . import constraints
from .constraints import Constraint
from .discrete import WithProbsOrLogits, cross_entropy_with_logits
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(WithProbsOrLogits, ExponentialFamily):
    """The distribution of 0 and 1, where 1 has the probability `probs`, or the log-odds `logits`.

    >>> minigrad.distributions.Bernoulli(0.25).log_prob(minigrad.tensor(1.))
    tensor(-1.3863)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0.0

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, given = self._given(probs, logits)
        (vars(self)[name],) = broadcast_all(given)
        super().__init__(vars(self)[name].shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        likely = (self.probs >= 0.5).to(self.probs.dtype)
        return where(self.probs == 0.5, float("nan"), likely)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            probs = self.probs.expand(self._extended_shape(sample_shape))
            return bernoulli(probs)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -cross_entropy_with_logits(*broadcast_all(self.logits, value))

    def entropy(self) -> Tensor:
        return cross_entropy_with_logits(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return 0 and 1 along a new first dimension."""
        values = arange(2, dtype=self.probs.dtype).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (logit(self.probs),)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        return log1p(exp(x))
