"""Trigonometric and hyperbolic functions, and logarithms and exponentials other than log and exp.

Integers give the default float type.
"""

from __future__ import annotations

import math

import numpy as np

from .dtypes import scalar_name
from .presentation import BOTH, ELEMENTWISE, FLOAT_FUNCTION, IN_PLACE, PROMOTED
from .rule import Array, Operand, Result, differentiable

PI, LOG_2, LOG_10 = math.pi, math.log(2), math.log(10)
DEGREE, RADIAN = math.pi / 180, 180 / math.pi

# Angles -------------------------------------------------------------------------------------------


@differentiable(FLOAT_FUNCTION)
def sin(input: Array) -> Result:
    """The sine of an angle in radians.

    >>> minigrad.sin(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.8415])
    """
    return np.sin(input), (lambda g: g * np.cos(input),)


@differentiable(FLOAT_FUNCTION)
def cos(input: Array) -> Result:
    """The cosine of an angle in radians.

    >>> minigrad.cos(minigrad.tensor([0., 1.]))
    tensor([1.0000, 0.5403])
    """
    return np.cos(input), (lambda g: g * -np.sin(input),)


@differentiable(FLOAT_FUNCTION)
def tan(input: Array) -> Result:
    """The tangent of an angle in radians.

    >>> minigrad.tan(minigrad.tensor([0., 1.]))
    tensor([0.0000, 1.5574])
    """
    y = np.tan(input)
    return y, (lambda g: g * (1 + y * y),)


@differentiable(FLOAT_FUNCTION, numpy="arcsin")
def asin(input: Array) -> Result:
    """The angle in [-π/2, π/2] with this sine; NaN outside [-1, 1].

    >>> minigrad.asin(minigrad.tensor([0., 1.]))
    tensor([0.0000, 1.5708])
    """
    return np.arcsin(input), (lambda g: g * rsqrt(1 - input * input)[0],)


@differentiable(FLOAT_FUNCTION, numpy="arccos")
def acos(input: Array) -> Result:
    """The angle in [0, π] with this cosine; NaN outside [-1, 1].

    >>> minigrad.acos(minigrad.tensor([0., 1.]))
    tensor([1.5708, 0.0000])
    """
    return np.arccos(input), (lambda g: g * -rsqrt(1 - input * input)[0],)


@differentiable(FLOAT_FUNCTION, numpy="arctan")
def atan(input: Array) -> Result:
    """The angle in (-π/2, π/2) with this tangent.

    >>> minigrad.atan(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.7854])
    """
    return np.arctan(input), (lambda g: g / (input * input + 1),)


@differentiable(FLOAT_FUNCTION, numpy="arctan2")
def atan2(input: Array, other: Array) -> Result:
    """The angle in [-π, π] of the point with y `input` and x `other`. Its derivatives at 0 are 0.

    >>> minigrad.atan2(minigrad.tensor([1., 0.]), minigrad.tensor([1., -1.]))
    tensor([0.7854, 3.1416])
    """
    return np.arctan2(input, other), (
        lambda g: g * other * _inverse_square(input, other),
        lambda g: g * -input * _inverse_square(input, other),
    )


def _inverse_square(a: Array, b: Array) -> Array:
    """1 / (a² + b²), and 0 where both are 0."""
    square = a * a + b * b
    return np.where(square == 0, 0, 1 / square)


@differentiable(ELEMENTWISE, numpy="hypot", promotion="common", forms=IN_PLACE)
def hypot(input: Array, other: Array) -> Result:
    """The length √(input² + other²). NotImplementedError for integers.

    >>> minigrad.hypot(minigrad.tensor([3.]), minigrad.tensor([4.]))
    tensor([5.])
    """
    require_floats("hypot_cpu", input)
    y = np.hypot(input, other)
    return y, (lambda g: g * (input / y), lambda g: g * (other / y))


@differentiable(FLOAT_FUNCTION, linear=True, numpy="deg2rad", node="Deg2RadBackward0")
def deg2rad(input: Array) -> Result:
    """Degrees converted to radians.

    >>> minigrad.deg2rad(minigrad.tensor([180.]))
    tensor([3.1416])
    """
    return input * DEGREE, (lambda g: g * DEGREE,)


@differentiable(FLOAT_FUNCTION, linear=True, numpy="rad2deg", node="Rad2DegBackward0")
def rad2deg(input: Array) -> Result:
    """Radians converted to degrees.

    >>> minigrad.rad2deg(minigrad.tensor([1.]))
    tensor([57.2958])
    """
    return input * RADIAN, (lambda g: g * RADIAN,)


@differentiable(FLOAT_FUNCTION)
def sinc(input: Array) -> Result:
    """sin(πx) / (πx), and 1 at 0.

    >>> minigrad.sinc(minigrad.tensor([0., 0.5]))
    tensor([1.0000, 0.6366])
    """
    angle = PI * input
    y = np.where(input == 0, np.ones((), input.dtype), np.sin(angle) / angle)

    def to_input(g: Array) -> Array:
        x = PI * input
        square = x * input
        return np.where(square == 0, 0, g * ((x * np.cos(x) - np.sin(x)) / square))

    return y, (to_input,)


# Hyperbolic functions -----------------------------------------------------------------------------


@differentiable(FLOAT_FUNCTION)
def sinh(input: Array) -> Result:
    """The hyperbolic sine.

    >>> minigrad.sinh(minigrad.tensor([0., 1.]))
    tensor([0.0000, 1.1752])
    """
    return np.sinh(input), (lambda g: g * np.cosh(input),)


@differentiable(FLOAT_FUNCTION)
def cosh(input: Array) -> Result:
    """The hyperbolic cosine.

    >>> minigrad.cosh(minigrad.tensor([0., 1.]))
    tensor([1.0000, 1.5431])
    """
    return np.cosh(input), (lambda g: g * np.sinh(input),)


@differentiable(
    FLOAT_FUNCTION, numpy="arcsinh", in_place_node="AsinhBackward1", in_place_derivative=False
)
def asinh(input: Array) -> Result:
    """The inverse of the hyperbolic sine.

    >>> minigrad.asinh(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.8814])
    """
    return np.arcsinh(input), (lambda g: g * rsqrt(input * input + 1)[0],)


@differentiable(
    FLOAT_FUNCTION, numpy="arccosh", in_place_node="AcoshBackward1", in_place_derivative=False
)
def acosh(input: Array) -> Result:
    """The inverse of the hyperbolic cosine; NaN below 1.

    >>> minigrad.acosh(minigrad.tensor([1., 2.]))
    tensor([0.0000, 1.3170])
    """
    return np.arccosh(input), (lambda g: g * rsqrt(input * input - 1)[0],)


@differentiable(
    FLOAT_FUNCTION, numpy="arctanh", in_place_node="AtanhBackward1", in_place_derivative=False
)
def atanh(input: Array) -> Result:
    """The inverse of the hyperbolic tangent; infinite at -1 and 1, NaN beyond.

    >>> minigrad.atanh(minigrad.tensor([0., 0.5]))
    tensor([0.0000, 0.5493])
    """
    return np.arctanh(input), (lambda g: g * (1 / (1 - input * input)),)


# Logarithms, exponentials and roots ---------------------------------------------------------------


@differentiable(FLOAT_FUNCTION)
def log2(input: Array) -> Result:
    """The logarithm to base 2; -inf at 0, NaN below.

    >>> minigrad.log2(minigrad.tensor([1., 8.]))
    tensor([0., 3.])
    """
    return np.log2(input), (lambda g: g / (input * LOG_2),)


@differentiable(FLOAT_FUNCTION)
def log10(input: Array) -> Result:
    """The logarithm to base 10; -inf at 0, NaN below.

    >>> minigrad.log10(minigrad.tensor([1., 2.]))
    tensor([0.0000, 0.3010])
    """
    return np.log10(input), (lambda g: g / (input * LOG_10),)


@differentiable(FLOAT_FUNCTION, node="Log1PBackward0")
def log1p(input: Array) -> Result:
    """log(1 + x), exact for small x too.

    >>> minigrad.log1p(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.6931])
    """
    return np.log1p(input), (lambda g: g / (input + 1),)


@differentiable(FLOAT_FUNCTION)
def expm1(input: Array) -> Result:
    """exp(x) - 1, exact for small x too.

    >>> minigrad.expm1(minigrad.tensor([0., 1.]))
    tensor([0.0000, 1.7183])
    """
    y = np.expm1(input)
    return y, (lambda g: g * (y + 1),)


@differentiable(FLOAT_FUNCTION)
def exp2(input: Array) -> Result:
    """2 to the power of each element.

    >>> minigrad.exp2(minigrad.tensor([0., 3.]))
    tensor([1., 8.])
    """
    y = np.exp2(input)
    return y, (lambda g: g * y * LOG_2,)


@differentiable(FLOAT_FUNCTION)
def rsqrt(input: Array) -> Result:
    """The reciprocal of the square root; infinite at 0, NaN below.

    >>> minigrad.rsqrt(minigrad.tensor([4., 1.]))
    tensor([0.5000, 1.0000])
    """
    y = 1 / np.sqrt(input)
    return y, (lambda g: -0.5 * g * (y * y * y),)


@differentiable(PROMOTED, forms=BOTH, half="float32")
def logaddexp(input: Array, other: Array) -> Result:
    """log(exp(a) + exp(b)), without overflow. NotImplementedError for integers.

    >>> minigrad.logaddexp(minigrad.tensor([0.]), minigrad.tensor([0.]))
    tensor([0.6931])
    """
    require_floats("logaddexp_cpu", input)
    return np.logaddexp(input, other), (
        lambda g: g / (1 + np.exp(other - input)),
        lambda g: g / (1 + np.exp(input - other)),
    )


@differentiable(PROMOTED, forms=BOTH, half="float32")
def logaddexp2(input: Array, other: Array) -> Result:
    """log2(2**a + 2**b), without overflow. NotImplementedError for integers.

    >>> minigrad.logaddexp2(minigrad.tensor([0.]), minigrad.tensor([0.]))
    tensor([1.])
    """
    require_floats("logaddexp2_cpu", input)
    return np.logaddexp2(input, other), (
        lambda g: g / (1 + np.exp2(other - input)),
        lambda g: g / (1 + np.exp2(input - other)),
    )


def require_floats(name: str, *operands: Operand) -> None:
    """NotImplementedError for an operand that is an array of integers or bools."""
    for x in operands:
        if isinstance(x, np.ndarray) and x.dtype.kind != "f":
            raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(x)}'")
