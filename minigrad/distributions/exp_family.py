"""The base class of exponential families."""

from __future__ import annotations

from ..api.tensor import Tensor
from ..core.backward import grad
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """The base class of distributions of the density exp(<t(x), θ> - F(θ) + k(x)).

    A subclass defines `_natural_params`, which are θ, `_log_normalizer`, which is F, and
    `_mean_carrier_measure`, the mean of k(x). The entropy follows from the gradient of F.
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        carrier = self._mean_carrier_measure
        parameters = [p.detach().requires_grad_() for p in self._natural_params]
        normaliser = self._log_normalizer(*parameters)
        gradients = grad(normaliser.sum(), parameters, create_graph=True)
        result = normaliser - carrier
        for p, g in zip(parameters, gradients, strict=True):
            result = result - (p * g).reshape((*self._batch_shape, -1)).sum(-1)
        return result
