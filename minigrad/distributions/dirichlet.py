"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import arange
from ..api.functions import digamma, lgamma, where, xlogy
from ..api.tensor import Tensor
from ..autograd.function import Function, once_differentiable
from ..random.sampling import dirichlet, dirichlet_grad
from . import constraints
from .constraints import Constraint
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class _Dirichlet(Function):
    """Vectors that sum to 1, whose components move with the concentration."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Any:
        x = dirichlet(concentration)
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, concentration = ctx.saved_tensors
        slope = dirichlet_grad(x, concentration, concentration.sum(-1, True).expand_as(x))
        return slope * (grad - (x * grad).sum(-1, True))


class Dirichlet(ExponentialFamily):
    """The Dirichlet distribution, of vectors above 0 that sum to 1.

    >>> minigrad.distributions.Dirichlet(minigrad.tensor([1., 3.])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "concentration": constraints.independent(constraints.positive, 1)
    }
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        corner = mode.argmax(-1, keepdim=True) == arange(mode.shape[-1])
        in_corner = (self.concentration < 1).all(-1, keepdim=True)
        return where(in_corner, corner.to(mode.dtype), mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        drawn: Tensor = _Dirichlet.apply(self.concentration.expand(shape))
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.concentration
        return xlogy(a - 1.0, value).sum(-1) + lgamma(a.sum(-1)) - lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        a, count = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        constant = lgamma(a).sum(-1) - lgamma(total)
        weighted = ((a - 1.0) * digamma(a)).sum(-1)
        return constant - (count - total) * digamma(total) - weighted

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        return lgamma(x).sum(-1) - lgamma(x.sum(-1))
