"""Continuous relaxations of the Bernoulli and the one-hot categorical distribution.

Their samples are close to those for a low temperature, and have gradients (C. J. Maddison, A. Mnih
and Y. W. Teh, "The concrete distribution", 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import full_like
from ..api.tensor import Tensor
from ..random.sampling import rand
from . import constraints
from .categorical import Categorical, OfCategorical
from .constraints import Constraint
from .discrete import WithProbsOrLogits
from .elementwise_transforms import ExpTransform, SigmoidTransform
from .transformed_distribution import TransformedDistribution
from .utils import broadcast_all, clamp_probs

__all__ = [
    "ExpRelaxedCategorical",
    "LogitRelaxedBernoulli",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
]

_BINARY: dict[str, Constraint] = {"probs": constraints.unit_interval, "logits": constraints.real}
_CATEGORIES: dict[str, Constraint] = {
    "probs": constraints.simplex,
    "logits": constraints.real_vector,
}


class LogitRelaxedBernoulli(WithProbsOrLogits):
    """The distribution of the logits of `RelaxedBernoulli`."""

    arg_constraints: ClassVar[dict[str, Constraint]] = _BINARY
    support = constraints.real

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        name, given = self._given(probs, logits)
        (vars(self)[name],) = broadcast_all(given)
        super().__init__(vars(self)[name].shape, validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        p = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(rand(shape, dtype=p.dtype))
        drawn: Tensor = (u.log() - (-u).log1p() + p.log() - (-p).log1p()) / self.temperature
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        gap = logits - value.mul(self.temperature)
        density: Tensor = self.temperature.log() + gap - 2 * gap.exp().log1p()
        return density


class _Relaxed(TransformedDistribution):
    """A transformed distribution with a temperature, and `probs` or `logits`."""

    has_rsample = True
    base_dist: Any

    @property
    def temperature(self) -> Any:
        """The temperature: the lower, the closer are samples to those of the discrete one."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The logits."""
        logits: Tensor = self.base_dist.logits
        return logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        probs: Tensor = self.base_dist.probs
        return probs


class RelaxedBernoulli(_Relaxed):
    """A distribution on (0, 1) that is close to the Bernoulli one if `temperature` is low.

    >>> minigrad.distributions.RelaxedBernoulli(minigrad.tensor(0.5), 0.25).probs
    tensor(0.2500)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = _BINARY
    support = constraints.unit_interval

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(OfCategorical):
    """The distribution of the logarithms of `RelaxedOneHotCategorical`."""

    arg_constraints: ClassVar[dict[str, Constraint]] = _CATEGORIES
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical, self.temperature = Categorical(probs, logits), temperature
        batch, event = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        super().__init__(batch, event, validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = clamp_probs(rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        gumbels = -((-(u.log())).log())
        scores = (self.logits + gumbels) / self.temperature
        drawn: Tensor = scores - scores.logsumexp(-1, keepdim=True)
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        count, temperature = self._event_shape[0], self.temperature
        logits, value = broadcast_all(self.logits, value)
        factorial = full_like(temperature, float(count)).lgamma()
        scale: Tensor = factorial - temperature.log().mul(-(count - 1))
        score = logits - value.mul(temperature)
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + scale


class RelaxedOneHotCategorical(_Relaxed):
    """A distribution of vectors of sum 1, close to one-hot ones if `temperature` is low.

    >>> D = minigrad.distributions
    >>> D.RelaxedOneHotCategorical(minigrad.tensor(0.5), minigrad.tensor([1., 3.])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = _CATEGORIES
    support = constraints.simplex

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
