"""The Weibull distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import ones_like
from ..api.functions import exp, lgamma, log
from ..api.tensor import Tensor
from . import constraints
from .constraints import Constraint
from .elementwise_transforms import AffineTransform, PowerTransform
from .exponential import Exponential
from .transformed_distribution import TransformedDistribution
from .utils import broadcast_all, euler_constant

__all__ = ["Weibull"]


class Weibull(TransformedDistribution):
    """The distribution of scale x to the power of 1 / concentration, for exponential x of rate 1.

    >>> minigrad.distributions.Weibull(2., 1.).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(ones_like(self.scale), validate_args=validate_args)
        transforms = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        expanded = super().expand(batch_shape, _instance)
        power = expanded.concentration_reciprocal = expanded.concentration.reciprocal()
        expanded.transforms = [PowerTransform(power), AffineTransform(0, expanded.scale)]
        return expanded

    @property
    def mean(self) -> Tensor:
        return self.scale * exp(lgamma(1 + self.concentration_reciprocal))

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1) / k) ** k.reciprocal()

    @property
    def variance(self) -> Tensor:
        power = self.concentration_reciprocal
        moments = exp(lgamma(1 + 2 * power)) - exp(2 * lgamma(1 + power))
        return self.scale.pow(2) * moments

    def entropy(self) -> Tensor:
        power = self.concentration_reciprocal
        return euler_constant * (1 - power) + log(self.scale * power) + 1
