"""The gamma distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..api.creation import as_tensor
from ..api.functions import digamma, igamma, lgamma, log, xlogy
from ..api.tensor import Tensor
from ..autograd.function import Function
from ..core.one_node import as_one_node
from ..random.sampling import standard_gamma, standard_gamma_grad
from . import constraints
from .constraints import Constraint
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Chi2", "Gamma"]


class Gamma(ExponentialFamily):
    """The gamma distribution of shape `concentration` and rate `rate`.

    >>> minigrad.distributions.Gamma(2., 4.).mean
    tensor(0.5000)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0.0

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
        concentration = self.concentration.expand(shape)
        drawn = _StandardGamma.apply(concentration)
        # Seen through a view, the call has PyTorch's name, and not that of a Function.
        drawn = as_one_node(drawn.view_as(drawn), "StandardGammaBackward0", concentration)
        value: Tensor = drawn / self.rate.expand(shape)
        value.detach().clamp_(min=float(np.finfo(value.dtype.numpy).tiny))
        return value

    def log_prob(self, value: Any) -> Tensor:
        value = as_tensor(value, dtype=self.rate.dtype)
        self._validate_sample(value)
        shape, rate = self.concentration, self.rate
        return xlogy(shape, rate) + xlogy(shape - 1, value) - rate * value - lgamma(shape)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        shape = self.concentration
        return shape - log(self.rate) + lgamma(shape) + (1.0 - shape) * digamma(shape)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        return lgamma(x + 1) + (x + 1) * log(-y.reciprocal())


class Chi2(Gamma):
    """The distribution of the sum of the squares of `df` standard normal numbers.

    >>> minigrad.distributions.Chi2(3.).mean
    tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        expanded = super().expand(batch_shape, _instance)
        expanded.concentration = self.concentration.expand(batch_shape)
        expanded.rate = self.rate.expand(batch_shape)
        return expanded

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2


class _StandardGamma(Function):
    """Numbers of rate 1, which move with the concentration so that their quantiles stay."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Any:
        drawn = standard_gamma(concentration)
        ctx.save_for_backward(concentration, drawn)
        return drawn

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad * standard_gamma_grad(*ctx.saved_tensors)
