"""Transforms of each number by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api.creation import full_like
from ..api.functions import broadcast_shapes, sigmoid
from ..api.limits import finfo
from ..api.tensor import Tensor
from ..core.dispatch import OPS
from . import constraints
from .constraints import Constraint
from .distribution import Distribution
from .transform import Transform, WithoutParameters
from .utils import broadcast_all

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "PowerTransform",
    "SigmoidTransform",
    "SoftplusTransform",
    "TanhTransform",
]

softplus = OPS["softplus"]


class _Function(WithoutParameters):
    """A transform without parameters, which increases."""

    domain = constraints.real
    bijective = True

    @property
    def sign(self) -> Any:
        return 1


class ExpTransform(_Function):
    """y = exp(x).

    >>> minigrad.distributions.ExpTransform().inv(minigrad.tensor(1.))
    tensor(0.)
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(_Function):
    """y = 1 / (1 + exp(-x)), kept off 0 and 1 by the smallest steps of the dtype.

    >>> minigrad.distributions.SigmoidTransform()(minigrad.tensor(0.))
    tensor(0.5000)
    """

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        return inside_unit_interval(sigmoid(x))

    def _inverse(self, y: Tensor) -> Tensor:
        y = inside_unit_interval(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


def inside_unit_interval(x: Tensor) -> Tensor:
    """Numbers limited to those of the dtype that are more than 0 and less than 1."""
    limits = finfo(x.dtype)
    return x.clamp(limits.tiny, 1.0 - limits.eps)


class SoftplusTransform(_Function):
    """y = log(1 + exp(x)).

    >>> minigrad.distributions.SoftplusTransform()(minigrad.tensor(0.))
    tensor(0.6931)
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class TanhTransform(_Function):
    """y = tanh(x).

    >>> minigrad.distributions.TanhTransform()(minigrad.tensor(0.))
    tensor(0.)
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # 1 - tanh(x)² would cancel for large x.
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(WithoutParameters):
    """y = |x|. It isn't bijective; the inverse is the positive one.

    >>> minigrad.distributions.AbsTransform()(minigrad.tensor(-2.))
    tensor(2.)
    """

    domain, codomain = constraints.real, constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    """y = x to the power of `exponent`, for x > 0.

    >>> minigrad.distributions.PowerTransform(2.)(minigrad.tensor(3.))
    tensor(9.)
    """

    domain = codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        (self.exponent,) = broadcast_all(exponent)

    @property
    def sign(self) -> Any:
        return self.exponent.sign()

    def _call(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def _inverse(self, y: Tensor) -> Tensor:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> Any:
        return broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape

    def _same_as(self, other: Any) -> bool:
        return bool(self.exponent.eq(other.exponent).all())


class AffineTransform(Transform):
    """y = `loc` + `scale` x, for values of `event_dim` dimensions.

    >>> minigrad.distributions.AffineTransform(1., 2.)(minigrad.tensor(3.))
    tensor(7.)
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        dims = self._event_dim
        return constraints.independent(constraints.real, dims) if dims else constraints.real

    codomain = domain

    @property
    def sign(self) -> Any:
        if isinstance(self.scale, Tensor):
            return self.scale.sign()
        return (self.scale > 0) - (self.scale < 0)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if isinstance(self.scale, Tensor):
            result = self.scale.abs().log()
        else:
            result = full_like(x, math.log(abs(self.scale)))
        shape = x.shape
        if self._event_dim:
            kept = result.shape[: result.ndim - self._event_dim]
            result = result.reshape((*kept, -1)).sum(-1)
            shape = shape[: len(shape) - self._event_dim]
        return result.expand(shape)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        shapes = (getattr(x, "shape", ()) for x in (self.loc, self.scale))
        return broadcast_shapes(shape, *shapes)

    inverse_shape = forward_shape

    def _same_as(self, other: Any) -> bool:
        return _equal(self.loc, other.loc) and _equal(self.scale, other.scale)


def _equal(a: Any, b: Any) -> bool:
    same = a == b
    return bool(same.all() if isinstance(same, Tensor) else same)


class CumulativeDistributionTransform(Transform):
    """y = the probability that a sample of `distribution` is at most x.

    >>> D = minigrad.distributions
    >>> D.CumulativeDistributionTransform(D.Normal(0., 1.))(minigrad.tensor(0.))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return self.distribution.support

    @property
    def sign(self) -> Any:
        return 1

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)
