"""The gamma distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..api.functions import digamma, lgamma, log, xlogy
from ..api.tensor import Tensor
from ..core.grad_mode import is_grad_enabled
from ..random.sampling import standard_gamma
from . import constraints
from .constraints import Constraint
from .distribution import Distribution, broadcast_all

__all__ = ["Gamma"]


class Gamma(Distribution):
    """The gamma distribution of shape `concentration` and rate `rate`.

    `rsample` has no gradient for the concentration, and is refused if it requires one.

    >>> minigrad.distributions.Gamma(2., 4.).mean
    tensor(0.5000)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        drawn = gamma_numbers(self.concentration.expand(shape), "Gamma")
        value = drawn / self.rate.expand(shape)
        value.detach().clamp_(min=float(np.finfo(value.dtype.numpy).tiny))
        return value

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        shape, rate = self.concentration, self.rate
        return xlogy(shape, rate) + xlogy(shape - 1, value) - rate * value - lgamma(shape)

    def entropy(self) -> Tensor:
        shape = self.concentration
        return shape - log(self.rate) + lgamma(shape) + (1.0 - shape) * digamma(shape)


def gamma_numbers(concentration: Tensor, name: str) -> Tensor:
    """Standard gamma numbers. NotImplementedError if a gradient is wanted."""
    refuse_gradient(concentration, name)
    return standard_gamma(concentration)


def refuse_gradient(concentration: Tensor, name: str) -> None:
    """NotImplementedError if samples are to have a gradient by the concentration."""
    if concentration.requires_grad and is_grad_enabled():
        raise NotImplementedError(
            f"{name}.rsample has no gradient for the concentration: use sample, or detach it"
        )
