"""The Kullback-Leibler divergence of two distributions of different kinds."""

from __future__ import annotations

import math
from typing import Any

from ..api.creation import full_like
from ..api.functions import erf, where, xlogy
from ..api.tensor import Tensor
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .counts import Poisson
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .uniform import Uniform
from .utils import euler_constant

LOG_2_PI = math.log(2 * math.pi)

# Infinite ones, because p has values that q can't have. For each kind of p, a parameter of its
# shape, and the kinds of q.
_INFINITE: tuple[tuple[type[Distribution], str, tuple[type[Distribution], ...]], ...] = (
    (Beta, "concentration1", (Pareto,)),
    (ContinuousBernoulli, "probs", (Pareto,)),
    (Exponential, "rate", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    (Gamma, "concentration", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    (Gumbel, "loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    (Laplace, "loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    (Normal, "loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    (Pareto, "scale", (Beta, ContinuousBernoulli, Uniform)),
    (Poisson, "rate", (Bernoulli, Binomial)),
)


def _register_infinite(kind: type[Distribution], parameter: str, other: type[Distribution]) -> None:
    @register_kl(kind, other)
    def _infinite(p: Any, q: Any) -> Any:
        return full_like(getattr(p, parameter), math.inf)


for _kind, _parameter, _others in _INFINITE:
    for _other in _others:
        _register_infinite(_kind, _parameter, _other)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Any:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


# From distributions on [0, 1] ---------------------------------------------------------------------


def _log_gamma_constant(q: Gamma) -> Any:
    return q.concentration.lgamma() - q.concentration * q.rate.log()


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Beta, q: ContinuousBernoulli) -> Any:
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q.log_normaliser()


@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, Exponential)
def _unit_exponential(p: Any, q: Exponential) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Any:
    mean_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    density = _log_gamma_constant(q) - (q.concentration - 1) * mean_log + q.rate * p.mean
    return -p.entropy() + density


@register_kl(Beta, Normal)
def _beta_normal(p: Beta, q: Normal) -> Any:
    mean, variance = p.mean, q.scale.pow(2)
    square = mean * (1 - mean) / (p.concentration1 + p.concentration0 + 1) + mean.pow(2)
    distance = square * 0.5 - q.loc * mean + q.loc.pow(2) * 0.5
    return -p.entropy() + 0.5 * (variance * 2 * math.pi).log() + distance / variance


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Any:
    result = -p.entropy() + (q.high - q.low).log()
    return where((q.low > 0) | (q.high < 1), math.inf, result)


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p: ContinuousBernoulli, q: Normal) -> Any:
    constant = 0.5 * (LOG_2_PI + (q.loc / q.scale).square()) + q.scale.log()
    moments = p.variance + p.mean.square() - 2.0 * q.loc * p.mean
    return -p.entropy() + constant + moments / (2.0 * q.scale.square())


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Any:
    """Infinite unless q reaches beyond both ends."""
    result = -p.entropy() + (q.high - q.low).log()
    return where((q.low >= 0) | (q.high <= 1), math.inf, result)


# From distributions on the positive numbers -------------------------------------------------------


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Any:
    a, ratio = q.concentration, q.rate / p.rate
    constant = a.lgamma() + a * euler_constant - (1 + euler_constant)
    return -a * ratio.log() + ratio + constant


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Any:
    product, place = p.rate * q.scale, q.loc / q.scale
    tail = place.exp() * product / (product + 1)
    return product.log() - 1 - place + tail + product.reciprocal()


@register_kl(Exponential, Normal)
def _exponential_normal(p: Exponential, q: Normal) -> Any:
    variance, square = q.scale.pow(2), p.rate.pow(2)
    distance = square.reciprocal() - q.loc / p.rate + q.loc.pow(2) * 0.5
    return 0.5 * (square * variance * 2 * math.pi).log() - 1 + distance / variance


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


def _gamma_terms(p: Gamma) -> Any:
    """The negative entropy for the rate 1, apart from the sign of a term."""
    a = p.concentration
    return (a - 1) * a.digamma() - a.lgamma() - a


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Any:
    product, place = p.rate * q.scale, q.loc / q.scale
    tail = place.exp() * (1 + product.reciprocal()).pow(-p.concentration) - place
    return _gamma_terms(p) + product.log() + p.concentration / product + tail


@register_kl(Gamma, Normal)
def _gamma_normal(p: Gamma, q: Normal) -> Any:
    a, variance, square = p.concentration, q.scale.pow(2), p.rate.pow(2)
    distance = 0.5 * (a.pow(2) + a) / square - q.loc * a / p.rate + 0.5 * q.loc.pow(2)
    scale = 0.5 * (square * variance * 2 * math.pi).log()
    return scale + _gamma_terms(p) + distance / variance


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Any:
    product = p.scale * q.rate
    mean = p.alpha * product / (p.alpha - 1)
    result = (p.alpha / product).log() - p.alpha.reciprocal() + mean - 1
    return where(p.alpha <= 1, math.inf, result)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Any:
    mean_log = p.scale.log() + p.alpha.reciprocal()
    mean = q.rate * p.alpha * p.scale / (p.alpha - 1)
    density = _log_gamma_constant(q) + (1 - q.concentration) * mean_log + mean
    return where(p.alpha <= 1, math.inf, p.alpha.log() - mean_log + density - 1)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Any:
    a, part = p.alpha, p.scale / (p.alpha - 1)
    scale = (math.sqrt(2 * math.pi) * q.scale * a / p.scale).log()
    moments = a * part.pow(2) / (a - 2) + (a * part - q.loc).pow(2)
    result = scale - a.reciprocal() + moments / (2 * q.scale.pow(2)) - 1
    return where(a <= 2, math.inf, result)


# From distributions on all numbers ----------------------------------------------------------------


@register_kl(Gumbel, Normal)
def _gumbel_normal(p: Gumbel, q: Normal) -> Any:
    ratio = p.scale / q.scale
    gap = (p.loc + p.scale * euler_constant - q.loc) / q.scale
    moments = (math.pi * ratio * 0.5).pow(2) / 3 + gap.pow(2) * 0.5
    return -(ratio / math.sqrt(2 * math.pi)).log() + moments - (euler_constant + 1)


@register_kl(Laplace, Normal)
def _laplace_normal(p: Laplace, q: Normal) -> Any:
    variance = q.scale.pow(2)
    ratio = p.scale.pow(2) / variance
    distance = 0.5 * p.loc.pow(2) - p.loc * q.loc + 0.5 * q.loc.pow(2)
    return -0.5 * (2 * ratio / math.pi).log() + ratio + distance / variance - 1


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Any:
    place, ratio, centre = p.loc / q.scale, (p.scale / q.scale).pow(2), q.loc / q.scale
    tail = (-place + 0.5 * ratio + centre).exp()
    return -ratio.log() * 0.5 + (place - centre) + tail - 0.5 * (1 + LOG_2_PI)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Any:
    gap = p.loc - q.loc
    scaled = gap / p.scale
    spread = math.sqrt(2 / math.pi) * p.scale * (-0.5 * scaled.pow(2)).exp()
    distance = spread + gap * erf(math.sqrt(0.5) * scaled)
    constant = 0.5 * (1 + math.log(0.5 * math.pi))
    return -(p.scale / q.scale).log() + distance / q.scale - constant


# From the uniform distribution --------------------------------------------------------------------


def _x_log_x(x: Tensor) -> Tensor:
    return xlogy(x, x)


def _mean_log(p: Uniform) -> Any:
    """The mean of log x."""
    width = p.high - p.low
    return (_x_log_x(p.high) - _x_log_x(p.low) - width) / width


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Any:
    width, a, b = p.high - p.low, q.concentration1, q.concentration0
    mean_log_rest = (_x_log_x(1 - p.high) - _x_log_x(1 - p.low) + width) / width
    constant = a.lgamma() + b.lgamma() - (a + b).lgamma()
    result = (b - 1) * mean_log_rest + constant - width.log() - (a - 1) * _mean_log(p)
    return where((p.high > 1) | (p.low < 0), math.inf, result)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Any:
    result = -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q.log_normaliser()
    return where((p.high >= 1) | (p.low <= 0), math.inf, result)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Any:
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return where(p.low < 0, math.inf, result)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Any:
    density = _log_gamma_constant(q) + (1 - q.concentration) * _mean_log(p)
    result = -(p.high - p.low).log() + density + q.rate * (p.high + p.low) / 2
    return where(p.low < 0, math.inf, result)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Any:
    share = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return share.log() + 0.5 * (high + low) - share * ((-high).exp() - (-low).exp())


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Any:
    width = p.high - p.low
    centre = ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    scale = (math.sqrt(2 * math.pi) * q.scale / width).log()
    return scale + 0.5 * (width.pow(2) / 12 + centre) / q.scale.pow(2)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Any:
    constant = (q.alpha * q.scale.pow(q.alpha) * (p.high - p.low)).log()
    result = _mean_log(p) * (q.alpha + 1) - constant
    return where(p.low < q.scale, math.inf, result)
