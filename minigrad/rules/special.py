"""Special functions: error functions, gamma functions, Bessel functions, entropies.

NumPy doesn't have most of them, so they are SciPy's. SciPy is imported when the first one is
called. Integers give the default float type.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .dims import index, number
from .elementwise import chosen
from .presentation import FLOAT_FUNCTION, PROMOTED
from .rule import Array, Operand, Result, differentiable, without_derivative
from .summation import summed
from .trigonometry import require_floats

ROOT_2, ROOT_PI = math.sqrt(2), math.sqrt(math.pi)
TWO_OVER_ROOT_PI, HALF_ROOT_PI = 2 / ROOT_PI, ROOT_PI / 2
ROOT_2_PI = math.sqrt(2 * math.pi)
_found: dict[str, Callable[..., Any]] = {}


def scipy_special(name: str, *args: Any) -> Any:
    """Call SciPy's function of that name. ImportError if SciPy isn't installed."""
    if name not in _found:
        try:
            module = importlib.import_module("scipy.special")
        except ImportError:
            raise ImportError(f"{name} needs SciPy: pip install scipy") from None
        _found[name] = getattr(module, name)
    return _found[name](*args)


def only_in_special(forward: Callable[..., Result]) -> Callable[..., Result]:
    """Register a rule that PyTorch has in torch.special only, without derivative and float16."""
    public = forward.__name__.removeprefix("special_")
    return without_derivative(FLOAT_FUNCTION, forms=(), no_half=f"{public}_cpu", public=public)(
        forward
    )


# Error functions ----------------------------------------------------------------------------------


@differentiable(FLOAT_FUNCTION)
def erf(input: Array) -> Result:
    """The error function, 2/√π times the integral of exp(-t²) from 0 to x.

    >>> minigrad.erf(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.8427])
    """
    return scipy_special("erf", input), (lambda g: TWO_OVER_ROOT_PI * np.exp(-(input * input)) * g,)


@differentiable(FLOAT_FUNCTION)
def erfc(input: Array) -> Result:
    """1 - erf(x), exact for large x too.

    >>> minigrad.erfc(minigrad.tensor([0., 1.]))
    tensor([1.0000, 0.1573])
    """
    return scipy_special("erfc", input), (
        lambda g: -TWO_OVER_ROOT_PI * np.exp(-(input * input)) * g,
    )


@differentiable(FLOAT_FUNCTION)
def erfinv(input: Array) -> Result:
    """The inverse of the error function; infinite at -1 and 1, NaN beyond.

    >>> minigrad.erfinv(minigrad.tensor([0., 0.5]))
    tensor([0.0000, 0.4769])
    """

    def to_input(g: Array) -> Array:
        y = erfinv(input)[0]  # computed again, because PyTorch saves the operand
        return HALF_ROOT_PI * np.exp(y * y) * g

    # SciPy reports each number outside -1 and 1 as an error, which takes much longer.
    inside = chosen(np.abs(input) <= 1, input, np.nan)
    return scipy_special("erfinv", inside), (to_input,)


@differentiable(FLOAT_FUNCTION, forms=(), no_half="erfcx_cpu", public="erfcx")
def special_erfcx(input: Array) -> Result:
    """exp(x²) erfc(x), which doesn't underflow.

    >>> minigrad.special.erfcx(minigrad.tensor([0., 1.]))
    tensor([1.0000, 0.4276])
    """
    y = scipy_special("erfcx", input)

    def to_input(g: Array) -> Array:
        # Far from 0 the difference would cancel, but four terms of the series at infinity suffice.
        far = input > 50
        inverse = 1 / chosen(far, input, 1)
        t = inverse * inverse
        series = -TWO_OVER_ROOT_PI * t * (0.5 - t * (0.75 - t * (1.875 - t * 6.5625)))
        return chosen(far, series, 2 * input * y - TWO_OVER_ROOT_PI) * g

    return y, (to_input,)


@differentiable(FLOAT_FUNCTION, forms=(), no_half="ndtri_cpu", public="ndtri")
def special_ndtri(input: Array) -> Result:
    """The inverse of the standard normal distribution function.

    >>> minigrad.special.ndtri(minigrad.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """
    y = scipy_special("ndtri", input)
    return y, (lambda g: g * ROOT_2_PI * np.exp(y * y / 2),)


@differentiable(FLOAT_FUNCTION, forms=(), no_half="log_ndtr_cpu", public="log_ndtr")
def special_log_ndtr(input: Array) -> Result:
    """The logarithm of the standard normal distribution function.

    >>> minigrad.special.log_ndtr(minigrad.tensor([0., -10.]))
    tensor([ -0.6931, -53.2313])
    """
    y = scipy_special("log_ndtr", input)
    return y, (lambda g: g / ROOT_2_PI * np.exp(-(y + input * input / 2)),)


# Gamma functions ----------------------------------------------------------------------------------


@differentiable(FLOAT_FUNCTION)
def lgamma(input: Array) -> Result:
    """The logarithm of |Γ(x)|; infinite at 0, at negative whole numbers and at infinity.

    >>> minigrad.lgamma(minigrad.tensor([1., 4.]))
    tensor([0.0000, 1.7918])
    """
    y = scipy_special("gammaln", input).astype(input.dtype, copy=False)  # SciPy has no float16
    size = np.abs(input)
    y = np.where(np.isinf(input), size, y)
    subnormal = size < np.finfo(input.dtype).tiny  # for which SciPy's is infinite
    if subnormal.any():
        y = np.where(subnormal, -np.log(size), y)
    return y, (lambda g: g * digamma(input)[0],)


@differentiable(FLOAT_FUNCTION)
def digamma(input: Array) -> Result:
    """The derivative of lgamma; infinite at 0, NaN at negative whole numbers.

    >>> minigrad.digamma(minigrad.tensor([1., 2.]))
    tensor([-0.5772,  0.4228])
    """
    y = scipy_special("digamma", input).astype(input.dtype, copy=False)
    y = np.where(input == 0, np.copysign(np.array(np.inf, input.dtype), -input), y)
    return y, (lambda g: g * polygamma(input, 1)[0],)


@differentiable(
    FLOAT_FUNCTION,
    forms=("method", "in-place"),
    in_place_node="PolygammaBackward1",
)
def polygamma(input: Array, n: int) -> Result:
    """The derivative of order `n` of digamma, for n >= 0.

    >>> minigrad.polygamma(1, minigrad.tensor([1., 2.]))
    tensor([1.6449, 0.6449])
    """
    if index(n, "n") < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 0:
        y = digamma(input)[0]
    elif n == 1:
        y = _trigamma(input)
    else:
        factor = math.factorial(n) * (1 if n % 2 else -1)
        y = (factor * _zeta(n + 1.0, input)).astype(input.dtype)
    return y, (lambda g: g * polygamma(input, n + 1)[0],)


def _trigamma(input: Array) -> Array:
    """The derivative of digamma, computed in the input's own precision, as PyTorch does.

    Below 0.5 by reflection; then by recurrence up to where the asymptotic series is exact enough.
    """
    pi = input.dtype.type(math.pi)
    reflected = input < 0.5
    x = np.where(reflected, 1 - input, input)
    y = np.where(reflected, -((pi / np.sin(pi * input)) ** 2), np.zeros_like(input))
    for _ in range(6):
        y = y + 1 / (x * x)
        x = x + 1
    inverse = 1 / (x * x)
    series = 1 + 1 / (2 * x) + inverse * (1 / 6 - inverse * (1 / 30 - inverse / 42))
    return np.where(reflected, -1, 1).astype(input.dtype) * (y + series / x)


@differentiable(FLOAT_FUNCTION, layout="contiguous", half="float16")
def mvlgamma(input: Array, p: int) -> Result:
    """The logarithm of the gamma function of dimension `p`. RuntimeError for p < 1.

    >>> minigrad.mvlgamma(minigrad.tensor([3.]), 2)
    tensor([1.5502])
    """
    if index(p, "p") < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    shifts = np.arange(1 - p, 1).astype(input.dtype) / 2
    terms = lgamma(input[..., None] + shifts)[0]
    y = summed(terms, (terms.ndim - 1,)) + p * (p - 1) / 4 * math.log(math.pi)

    def to_input(g: Array) -> Array:
        return g * np.add.reduce(digamma(input[..., None] + shifts)[0], -1)

    return y, (to_input,)


@differentiable(
    PROMOTED,
    forms=("function", "method", "in-place"),
    not_implemented={"input": "igamma: input"},
)
def igamma(input: Array, other: Array) -> Result:
    """The regularised lower incomplete gamma function. NotImplementedError for integers.

    It has no derivative with respect to `input`.

    >>> minigrad.igamma(minigrad.tensor([1.]), minigrad.tensor([1.]))
    tensor([0.6321])
    """
    require_floats("igamma", input)
    return _at_limits(scipy_special("gammainc", input, other), input, other, 0), (
        None,
        lambda g: g * np.exp((input - 1) * np.log(other) - other - lgamma(input)[0]),
    )


@differentiable(
    PROMOTED,
    forms=("function", "method", "in-place"),
    not_implemented={"input": "igammac: input"},
)
def igammac(input: Array, other: Array) -> Result:
    """The regularised upper incomplete gamma function. NotImplementedError for integers.

    It has no derivative with respect to `input`.

    >>> minigrad.igammac(minigrad.tensor([1.]), minigrad.tensor([1.]))
    tensor([0.3679])
    """
    require_floats("igammac", input)
    return _at_limits(scipy_special("gammaincc", input, other), input, other, 1), (
        None,
        lambda g: -g * np.exp((input - 1) * np.log(other) - other - lgamma(input)[0]),
    )


def _at_limits(y: Array, a: Array, x: Array, start: int) -> Array:
    """The incomplete gamma function with PyTorch's values at 0 and infinity, even beside NaN."""
    valid = ~((x < 0) | (a < 0)) & (a != 0)
    y = np.where(valid & np.isinf(x) & ~np.isinf(a), 1 - start, y)
    y = np.where(valid & np.isinf(a), np.where(np.isinf(x), np.nan, start), y)
    return np.where(valid & (x == 0), start, y).astype(a.dtype)


def _zeta_node(input: Operand, other: Operand) -> str:
    if not isinstance(input, np.ndarray):
        return "SpecialZetaBackward1"
    return f"SpecialZetaBackward{0 if isinstance(other, np.ndarray) else 2}"


@differentiable(
    FLOAT_FUNCTION,
    forms=(),
    no_half="zeta_cpu",
    public="zeta",
    node=_zeta_node,
    not_implemented={"input": "zeta"},
)
def special_zeta(input: Operand, other: Operand) -> Result:
    """The Hurwitz zeta function, the sum of 1 / (k + other) ** input over k >= 0.

    It has no derivative with respect to `input`.

    >>> minigrad.special.zeta(minigrad.tensor([2.]), 1)
    tensor([1.6449])
    """
    like = input if isinstance(input, np.ndarray) else other
    return _zeta(input, other).astype(like.dtype), (
        None,
        lambda g: g * -input * special_zeta(input + 1, other)[0],
    )


def _zeta(x: Operand, q: Operand) -> Array:
    """SciPy's zeta function, with PyTorch's NaN where a term is infinity times 0.

    That is so for an infinite `q`, and for a large one, where SciPy has another formula, if a
    product of 23 numbers from `x` on is infinite.
    """
    a, b = np.asarray(x, np.float64), np.asarray(q)
    overflows = (b > 1e8) & np.isinf(a**23)
    return np.where((b == np.inf) & (a != 1) | overflows, np.nan, scipy_special("zeta", x, q))


# Bessel functions ---------------------------------------------------------------------------------


@differentiable(FLOAT_FUNCTION, node="I0Backward0")
def i0(input: Array) -> Result:
    """The modified Bessel function of the first kind of order 0.

    >>> minigrad.i0(minigrad.tensor([0., 1.]))
    tensor([1.0000, 1.2661])
    """
    return scipy_special("i0", input), (lambda g: g * special_i1(input)[0],)


@differentiable(FLOAT_FUNCTION, forms=(), public="i0e", node="SpecialI0EBackward0")
def special_i0e(input: Array) -> Result:
    """exp(-|x|) i0(x).

    >>> minigrad.special.i0e(minigrad.tensor([0., 1.]))
    tensor([1.0000, 0.4658])
    """
    y = scipy_special("i0e", input)
    return y, (lambda g: g * (special_i1e(input)[0] - np.sign(input) * y),)


@differentiable(
    FLOAT_FUNCTION, forms=(), no_half="i1_backward", public="i1", node="SpecialI1Backward0"
)
def special_i1(input: Array) -> Result:
    """The modified Bessel function of the first kind of order 1.

    >>> minigrad.special.i1(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.5652])
    """
    y = scipy_special("i1", input)
    tiny = ~(np.abs(input) > np.finfo(input.dtype).eps)

    def to_input(g: Array) -> Array:
        x = np.where(tiny, 1, input)
        return g * np.where(tiny, 0.5, i0(x)[0] - y / x)

    return y, (to_input,)


@differentiable(
    FLOAT_FUNCTION, forms=(), no_half="i1e_backward", public="i1e", node="SpecialI1EBackward0"
)
def special_i1e(input: Array) -> Result:
    """exp(-|x|) i1(x).

    >>> minigrad.special.i1e(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.2079])
    """
    y = scipy_special("i1e", input)
    tiny = ~(np.abs(input) > np.finfo(input.dtype).eps)

    def to_input(g: Array) -> Array:
        x = np.where(tiny, 1, input)
        return g * np.where(tiny, 0.5, special_i0e(x)[0] - y * (np.sign(x) + 1 / x))

    return y, (to_input,)


# Products with logarithms -------------------------------------------------------------------------


def _number_node(name: str) -> Callable[..., str]:
    """PyTorch's names for nodes: 0 for two tensors, 1 and 2 for a number first and second."""

    def node(input: Operand, other: Operand) -> str:
        if not isinstance(input, np.ndarray):
            return f"{name}Backward1"
        return f"{name}Backward{0 if isinstance(other, np.ndarray) else 2}"

    return node


@differentiable(FLOAT_FUNCTION, node=_number_node("Xlogy"))
def xlogy(input: Operand, other: Operand) -> Result:
    """`input * log(other)`, and 0 where `input` is 0 and `other` isn't NaN.

    >>> minigrad.xlogy(minigrad.tensor([0., 2.]), minigrad.tensor([0., 1.]))
    tensor([0., 0.])
    """
    kind = _float_of(input, other)
    y = np.where(
        (np.asarray(input) == 0) & ~np.isnan(other), 0, input * np.log(np.asarray(other, kind))
    )
    return np.asarray(y, kind), (
        lambda g: np.where((input == 0) & (other <= 0), 0, xlogy(g, other)[0]),
        lambda g: g * input / other,
    )


@differentiable(FLOAT_FUNCTION, forms=(), public="xlog1py", node=_number_node("SpecialXlog1Py"))
def special_xlog1py(input: Operand, other: Operand) -> Result:
    """`input * log1p(other)`, and 0 where `input` is 0 and `other` isn't NaN.

    >>> minigrad.special.xlog1py(minigrad.tensor([0., 2.]), minigrad.tensor([-1., 0.]))
    tensor([0., 0.])
    """
    kind = _float_of(input, other)
    y = np.where(
        (np.asarray(input) == 0) & ~np.isnan(other), 0, input * np.log1p(np.asarray(other, kind))
    )
    return np.asarray(y, kind), (
        lambda g: np.where((input == 0) & (other <= -1), 0, special_xlog1py(g, other)[0]),
        lambda g: g * input / (other + 1),
    )


def _float_of(input: Operand, other: Operand) -> np.dtype:
    return (input if hasattr(input, "dtype") else other).dtype


@differentiable(FLOAT_FUNCTION, forms=(), public="entr")
def special_entr(input: Array) -> Result:
    """-x log(x); 0 at 0 and -inf below.

    >>> minigrad.special.entr(minigrad.tensor([0., 1., 0.5]))
    tensor([0.0000, -0.0000, 0.3466])
    """
    y = np.where(input > 0, -input * np.log(input), np.where(input == 0, 0, -np.inf))
    y = np.where(np.isnan(input), input, y).astype(input.dtype)
    return y, (lambda g: g * (-(1 + np.log(input))),)


@differentiable(FLOAT_FUNCTION, half="float32")
def logit(input: Array, eps: float | None = None) -> Result:
    """log(x / (1 - x)); `eps`, if it isn't negative, first limits x to [eps, 1 - eps].

    Without `eps`, the derivative outside [0, 1] is NaN; with it, 0.

    >>> minigrad.logit(minigrad.tensor([0.5, 0.75]))
    tensor([0.0000, 1.0986])
    """
    limit = None if eps is None or number(eps, "eps") < 0 else eps
    low, outside = (0.0, np.nan) if limit is None else (limit, 0.0)
    high = 1 - low
    x = input
    if limit is not None:  # beyond 0.5, the lower limit is the larger one, and counts first
        x = np.where(input < low, low, np.where(input > high, high, input))
    return np.log(x / (1 - x)), (
        lambda g: np.where((input < low) | (input > high), outside, g / (input * (1 - input))),
    )


# Mantissa and exponent ----------------------------------------------------------------------------


@differentiable(PROMOTED, promotion=None, forms=(), extra_outputs=True)
def frexp(input: Array) -> Result:
    """The mantissa, at least 0.5 and below 1 in magnitude, and the exponent (int32) of each float.

    RuntimeError for integers.
    """
    if input.dtype.kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    mantissa, exponent = (np.asarray(part) for part in np.frexp(input))
    return (mantissa, exponent), (lambda g: g / np.exp2(exponent),)
