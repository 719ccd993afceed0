"""The von Mises distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import zeros
from ..api.functions import cos, where
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from ..random.sampling import rand
from ..rules.dtypes import bool as bool_
from ..rules.dtypes import float64
from . import constraints
from .constraints import Constraint
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]

# Of the modified Bessel functions of order 0 and 1: the coefficients of the powers of (x / 3.75)²
# for x < 3.75, and of 3.75 / x from there on (M. Abramowitz and I. A. Stegun, "Handbook of
# Mathematical Functions", 9.8.1 to 9.8.4).
_SMALL = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.360768e-1, 0.45813e-2),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.2658733e-1, 0.301532e-2, 0.32411e-3),
)
_LARGE = (
    (0.39894228, 0.1328592e-1, 0.225319e-2, -0.157565e-2, 0.916281e-2, -0.2057706e-1,
     0.2635537e-1, -0.1647633e-1, 0.392377e-2),
    (0.39894228, -0.3988024e-1, -0.362018e-2, 0.163801e-2, -0.1031555e-1, 0.2282967e-1,
     -0.2895312e-1, 0.1787654e-1, -0.420059e-2),
)  # fmt: skip


def _log_bessel(x: Tensor, order: int) -> Tensor:
    """The logarithm of the modified Bessel function of order 0 or 1, for x > 0."""
    small = _polynomial((x / 3.75) * (x / 3.75), _SMALL[order])
    if order == 1:
        small = x.abs() * small
    large = x - 0.5 * x.log() + _polynomial(3.75 / x, _LARGE[order]).log()
    return where(x < 3.75, small.log(), large)


def _polynomial(x: Tensor, coefficients: Sequence[float]) -> Any:
    *others, result = coefficients
    y: Any = result
    for c in reversed(others):
        y = c + x * y
    return y


class VonMises(Distribution):
    """The distribution of angles around `loc`, the closer the larger `concentration` is.

    Values are angles in radians, modulo 2π. The mean and the variance are the circular ones.

    >>> minigrad.distributions.VonMises(1., 4.).mean
    tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real,
        "concentration": constraints.positive,
    }
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        density = self.concentration * cos(value - self.loc)
        return density - math.log(2 * math.pi) - _log_bessel(self.concentration, 0)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples by rejection from a wrapped Cauchy distribution, in doubles.

        D. J. Best and N. I. Fisher, "Efficient simulation of the von Mises distribution", 1979.
        """
        with no_grad():
            k, loc = self.concentration.to(float64), self.loc.to(float64)
            tau = 1 + (1 + 4 * k**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            r = where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))
            shape = self._extended_shape(sample_shape)
            x, done = zeros(shape, dtype=float64), zeros(shape, dtype=bool_)
            while not done.all():
                u, v, side = rand((3, *shape), dtype=float64).unbind()
                z = cos(math.pi * u)
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accepted = ((c * (2 - c) - v) > 0) | ((c / v).log() + 1 - c >= 0)
                x = where(accepted, (side - 0.5).sign() * f.acos(), x)
                done = done | accepted
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """The circular variance: 1 minus the length of the mean of the points on the circle."""
        gap = _log_bessel(self.concentration, 1) - _log_bessel(self.concentration, 0)
        return 1 - gap.exp()
