"""How random numbers move with the parameters of their distribution.

A number x that is drawn from a distribution function F(x; a) moves with a so that its quantile
stays: dx/da = −(∂F/∂a) / (∂F/∂x). For the gamma and the Dirichlet distribution there is no closed
form. These are the approximations of M. Jankowiak and F. Obermeyer, "Pathwise derivatives beyond
the reparameterization trick", 2018, of three or more digits: each by a Taylor series for small x,
by J. Rice's saddle point expansion for large a, and by a fitted quotient of polynomials between.
They have no derivatives themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .rule import Array

# B₂ₖ / 2k for k from 7 down to 1, of the asymptotic series of digamma; digamma of 10.
_BERNOULLI = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)
_AT_10 = 2.25175258906672110764


def _log(x: Array) -> Array:
    """The logarithm, rounded once: NumPy's of float32 is another one in the last bit."""
    return np.log(x.astype(np.float64)).astype(x.dtype)


def _digamma(x: Array) -> Array:
    """The derivative of log Γ at x ≥ 0, which is moved up to 10 in the precision of x.

    That loses digits in float32, as in PyTorch. The slopes may be small differences of these.
    """
    below = np.zeros(x.shape, np.float64)
    for _ in range(10):
        small = x < 10
        below = np.where(small, below - 1 / x, below)
        x = np.where(small, x + 1, x)
    inverse = 1 / (x * x).astype(np.float64)
    series = inverse * np.polyval(_BERNOULLI, inverse)
    above = np.where(x == 10, _AT_10, _log(x) - series)
    half = np.where(x == 10, 0, x.dtype.type(0.5) / x)
    return (below + above - half).astype(x.dtype)


# Gamma --------------------------------------------------------------------------------------------

# Coefficients of uⁱ vʲ, i ≤ 2 and j ≤ 3, for u = log(x / a) and v = log a: of the numerator, and of
# the denominator.
_GAMMA = np.array(
    [
        [
            [0.16009398, -0.094634809, 0.025146376, -0.0030648343],
            [0.53487893, 0.1298071, 0.065735949, -0.0015649758],
            [0.040121004, -0.0065914022, -0.0026286047, -0.0013441777],
        ],
        [
            [1.0, 0.32668115, 0.10406089, 0.0014179084],
            [0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
            [0.017050642, -0.0021309326, 0.00085092367, -1.5247877e-07],
        ],
    ]
)


def gamma_slope(shape: Array, x: Array) -> Array:
    """dx/da of numbers x that were drawn from the gamma distribution of shape a and rate 1."""
    a, wide = shape.astype(np.float64), x.astype(np.float64)
    small = wide < np.float32(0.8)
    near = (np.float32(0.9) * a <= wide) & (wide <= np.float32(1.1) * a)
    regions = [small, (a > 8) & near, a > 8]
    formulas = (_gamma_of_small_x, _gamma_at_mean, _gamma_saddle, _gamma_fitted)
    return _by_regions(regions, formulas, a, wide).astype(x.dtype)


def _by_regions(
    regions: Sequence[Array], formulas: Sequence[Callable[..., Array]], *operands: Array
) -> Array:
    """Each element by the formula of the first region that it is in, or else by the last one."""
    shape = operands[0].shape
    left, result = np.ones(shape, bool), np.empty(shape, operands[0].dtype)
    with np.errstate(all="ignore"):
        for region, formula in zip([*regions, left.copy()], formulas, strict=True):
            here = region & left
            if here.any():
                result[here] = formula(*(x[here] for x in operands))
            left &= ~region
    return result


def _gamma_of_small_x(a: Array, x: Array) -> Array:
    """By the Taylor series of F(x; a) and of its derivative by a, up to x⁵."""
    term, once, twice = np.ones_like(x), 1 / a, 1 / (a * a)
    for i in range(1, 6):
        term = term * (-x / i)
        once = once + term / (a + i)
        twice = twice + term / ((a + i) * (a + i))
    power = x**a
    by_shape = (np.log(x) - _digamma(a)) * (power * once) - power * twice
    slope = -by_shape / (x ** (a - 1) * np.exp(-x))
    return np.where(np.isnan(slope), 0, slope)


def _gamma_at_mean(a: Array, x: Array) -> Array:
    """Around x = a, where the terms of the expansion are infinite and cancel."""
    square = a * a
    factor = 1 + 24 * a * (1 + 12 * a)
    terms = 1440 * square + 6 * x * (53 - 120 * x) - 65 * x * x / a + a * (107 + 3600 * x)
    return factor * terms / (1244160 * square * square)


def _gamma_saddle(a: Array, x: Array) -> Array:
    ratio, root = np.log(x / a), np.sqrt(8 * a)
    tail = (x - a - a * ratio) ** -1.5
    both = root / (a - x) + np.where(x < a, -tail, tail)
    first = ratio * both - np.sqrt(2 / a) * (a + x) / ((a - x) * (a - x))
    stirling = 1 + 1 / (12 * a) * (1 + 1 / (24 * a))
    return -stirling * (x * first) / root


def _gamma_fitted(a: Array, x: Array) -> Array:
    u, v = np.log(x / a), np.log(a)
    numerator, denominator = (np.polynomial.polynomial.polyval2d(u, v, c) for c in _GAMMA)
    return np.exp(numerator / denominator)


# Dirichlet ----------------------------------------------------------------------------------------

# Coefficients of uⁱ vʲ wᵏ, i ≤ 2, j ≤ 2 and k ≤ 3, for u = log x, v = log a − u and
# w = log(a + b) − v: of the numerator, and of the denominator.
_BETA = np.array(
    [
        [
            [
                [1.003668233, -0.01061107488, -0.0657888334, 0.01201642863],
                [0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033],
                [-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013],
            ],
            [
                [0.221950385, -0.3187676331, 0.01799915743, 0.01074823814],
                [-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057],
                [0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05],
            ],
            [
                [-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565],
                [0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181],
                [0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05],
            ],
        ],
        [
            [
                [1.0, -0.02924021934, -0.04438342661, 0.007285809825],
                [0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521],
                [-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149],
            ],
            [
                [0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273],
                [0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956],
                [-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05],
            ],
            [
                [0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05],
                [0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05],
                [-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06],
            ],
        ],
    ]
)


def dirichlet_slope(x: Array, concentration: Array, total: Array) -> Array:
    """dx/da / (1 − x) of components x of vectors from the Dirichlet distribution.

    A component of concentration a, among others whose sum with it is `total`, has the beta
    distribution of a and b = total − a. If a grows, the other components shrink in proportion, so
    x alone decides how.
    """
    beta, spread = total - concentration, total * x * (1 - x)
    regions = [
        (x <= 0.5) & (spread < 2.5),
        (x >= 0.5) & (spread < 0.75),
        (concentration > 6) & (beta > 6),
    ]
    formulas = (_beta_of_small_x, _beta_of_large_x, _beta_saddle, _beta_fitted)
    return _by_regions(regions, formulas, x, concentration, beta, total)


def _beta_of_small_x(x: Array, a: Array, b: Array, total: Array) -> Array:
    """By the Taylor series for x near 0, up to x¹⁰, in the precision of x."""
    factor = _digamma(a) - _digamma(a + b) - _log(x)
    term = np.ones_like(x)
    series = term / a * (factor + 1 / a)
    for i in range(1, 11):
        term = term * ((i - b) * x / i)
        series = series + term / (a + i) * (factor + 1 / (a + i))
    slope = x * (1 - x) ** -b * series
    return np.where(np.isnan(slope), 0, slope)


def _beta_of_large_x(x: Array, a: Array, b: Array, total: Array) -> Array:
    """By the Taylor series for x near 1: a is the second concentration of 1 − x."""
    y = 1 - x
    factor = _digamma(b + a) - _digamma(a)
    term, product, by_a, series = np.ones_like(x), np.ones_like(x), np.zeros_like(x), factor / b
    for i in range(1, 9):
        term = term * (-y / i)
        by_a = by_a * (a - i) + product
        product = product * (a - i)
        series = series + term / (b + i) * (by_a + factor * product)
    slope = (1 - y) ** (1 - a) * series
    return np.where(np.isnan(slope), 0, slope)


def _beta_saddle(x: Array, a: Array, b: Array, total: Array) -> Array:
    kind = x.dtype
    x, a, total = (each.astype(np.float64) for each in (x, a, total))
    b = total - a  # in double precision
    mean, std = a / total, np.sqrt(a * b / (total + 1)) / total
    at_mean = (mean - 0.1 * std <= x) & (x <= mean + 0.1 * std)
    slope: Array = np.where(at_mean, _beta_at_mean(x, a, b, total), _beta_off_mean(x, a, b, total))
    return slope.astype(kind)


def _beta_at_mean(x: Array, a: Array, b: Array, total: Array) -> Array:
    """Around the mean, where the terms of the expansion are infinite and cancel."""
    square = b * b
    fourth = 8 * (1 - x) * (135 * b - 11)
    third = (453 + 1620 * b * (1 - x) - 455 * x) * b + a * fourth
    second = 3 * (59 + 180 * b - 90 * x) * square + a * third
    first = (43 + 20 * (16 + 27 * b) * x) * square * b + a * second
    terms = 47 * x * square * square + a * first
    above = (1 + 12 * a) * (1 + 12 * b) / (total * total)
    below = 12960 * a * a * a * square * (1 + 12 * total)
    return above / (1 - x) * terms / below


def _beta_off_mean(x: Array, a: Array, b: Array, total: Array) -> Array:
    def stirling(z: Array) -> Array:
        return 1 + 1 / (12 * z) + 1 / (288 * z * z)

    gap = a * (x - 1) + b * x
    first = 2 * (a * a) * (x - 1) + a * b * (x - 1) - x * (b * b)
    first = first / (np.sqrt(2 * a / b) * total**1.5 * gap * gap)
    half_log = 0.5 * np.log(a / (total * x))
    third = np.sqrt(8 * a * b / total) / (b * x + a * (x - 1))
    tail = (b * np.log(b / (total * (1 - x))) + a * np.log(a / (total * x))) ** -1.5
    rest = half_log * (third + np.where(x < a / total, tail, -tail))
    scale = stirling(a) * stirling(b) / stirling(total)
    return scale * (-x / np.sqrt(2 * a * b / total)) * (first + rest)


def _beta_fitted(x: Array, a: Array, b: Array, total: Array) -> Array:
    """A fitted correction of x (ψ(a + b) − ψ(a)) / b, the limit for small x."""
    kind = x.dtype
    x, a, total = (each.astype(np.float64) for each in (x, a, total))
    limit = x * (_digamma(total) - _digamma(a)) / (total - a)
    u = np.log(x)
    v = np.log(a) - u
    w = np.log(total) - v
    numerator, denominator = (np.polynomial.polynomial.polyval3d(u, v, w, c) for c in _BETA)
    return (numerator / denominator * limit).astype(kind)
