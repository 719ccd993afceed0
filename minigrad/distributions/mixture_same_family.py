"""Mixtures of distributions of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.functions import gather, logsumexp
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from . import constraints
from .categorical import Categorical
from .constraints import Constraint
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """The distribution of samples of components, which a categorical distribution chooses.

    The components are the last dimension of the batch of `component_distribution`. ValueError if
    their number isn't that of the categories, or if the other dimensions don't broadcast.

    >>> D = minigrad.distributions
    >>> weights, parts = D.Categorical(minigrad.ones(2)), D.Normal(minigrad.tensor([0., 4.]), 1.)
    >>> D.MixtureSameFamily(weights, parts).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                "torch.distributions.Distribution"
            )
        self._mixture, self._component = mixture_distribution, component_distribution
        of_mixture, batch = (
            mixture_distribution.batch_shape,
            component_distribution.batch_shape[:-1],
        )
        for a, b in zip(reversed(of_mixture), reversed(batch), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({of_mixture}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch})"
                )
        categories = mixture_distribution.logits.shape[-1]
        components = component_distribution.batch_shape[-1]
        if categories != components:
            raise ValueError(
                f"`mixture_distribution component` ({categories}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({components})"
            )
        super().__init__(batch, component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        expanded = super().expand(batch_shape, _instance)
        count = self._component.batch_shape[-1]
        expanded._component = self._component.expand((*batch_shape, count))
        expanded._mixture = self._mixture.expand(batch_shape)
        return expanded

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution that chooses a component."""
        return self._mixture

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The values that the components can have."""
        return constraints.MixtureSameFamilyConstraint(self._component.support)

    @property
    def _along(self) -> int:
        """The dimension of the components."""
        return -1 - len(self._event_shape)

    @property
    def _weights(self) -> Tensor:
        """The probabilities, with dimensions for the batch and the events of the components."""
        probs, own = self._mixture.probs, len(self._mixture.batch_shape)
        more = 0 if own == 1 else len(self._batch_shape) - own
        ones = (1,) * len(self._event_shape)
        return probs.reshape((*probs.shape[:-1], *(1,) * more, probs.shape[-1], *ones))

    @property
    def mean(self) -> Tensor:
        return (self._weights * self._component.mean).sum(self._along)

    @property
    def variance(self) -> Tensor:
        weights, along = self._weights, self._along
        within = (weights * self._component.variance).sum(along)
        gaps = self._component.mean - self.mean.unsqueeze(along)
        return within + (weights * gaps.pow(2.0)).sum(along)

    def cdf(self, value: Tensor) -> Tensor:
        return (self._component.cdf(value.unsqueeze(self._along)) * self._mixture.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        of_components = self._component.log_prob(value.unsqueeze(self._along))
        return logsumexp(of_components + self._mixture.logits.log_softmax(-1), -1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            event, dim = self._event_shape, len(sample_shape) + len(self._batch_shape)
            chosen = self._mixture.sample(sample_shape)
            parts = self._component.sample(sample_shape)
            places = chosen.reshape((*chosen.shape, *(1,) * (len(event) + 1)))
            places = places.repeat((*(1,) * len(chosen.shape), 1, *event))
            return gather(parts, dim, places).squeeze(dim)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  {self._mixture},\n  {self._component})"
