"""Activations of neural networks, elementwise except `glu`.

Where an activation has a kink, the derivative there is PyTorch's. Several pullbacks choose the
argument of an exp by `chosen` first, so that it doesn't overflow on the side that isn't used:
infinity times a gradient of 0 would be NaN in a second derivative.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .dims import axis
from .dtypes import scalar_name
from .elementwise import chosen, masked, sigmoid
from .indexing import put
from .layout import arranged, dense, elementwise
from .presentation import BOTH, ELEMENTWISE, FUNCTION, HALF_IN_DERIVATIVES
from .promotion import converted
from .reading import reads_as
from .rule import Array, Result, also_saved, differentiable

_IN_FLOAT32 = replace(ELEMENTWISE, half="float32")
_KERNEL = replace(_IN_FLOAT32, forms=())  # called by a function that has an argument `inplace`
_FUNCTIONAL = replace(_IN_FLOAT32, forms=FUNCTION, module="nn.functional")


def _floats_only(input: Array, kernel: str) -> None:
    if input.dtype.kind in "biu":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input)}'")


# NaN in derivatives -------------------------------------------------------------------------------
#
# PyTorch computes the elements of an array by vector instructions, and the few that are left over
# one by one. Where it decides by a comparison, the two differ at NaN. How many bytes it takes at a
# time depends on the processor for some functions: these are the numbers of one with AVX-512.

_AT_A_TIME, _AT_A_TIME_IN_ELU = 64, 128
_MOST = 1 << 12  # elements of an array of which the last few are told from the others


def _one_by_one(x: Array, at_a_time: int = _AT_A_TIME) -> Any:
    """Which elements PyTorch computes one by one: a mask, or True for all, or False for none.

    All of a short or a strided array. Of a large one it would be less than one in a hundred.
    """
    step = at_a_time // x.itemsize
    if x.size < step or not dense(x):
        return True
    left = x.size % step
    if not left or x.size > _MOST:
        return False
    return arranged(np.arange(x.size) >= x.size - left, x.shape, x.strides)


def _or_nan(condition: Array, x: Array, where: Any) -> Array:
    """A condition on `x`, or that it is NaN and in one of these places."""
    return condition if where is False else condition | ((x != x) & where)


# Rectifiers ---------------------------------------------------------------------------------------


@differentiable(_KERNEL, derivative_node="LeakyReluBackwardBackward0")
def leaky_relu(input: Array, negative_slope: float = 0.01) -> Result:
    """`input` where it is positive, elsewhere `negative_slope * input`. The kink counts as below.

    >>> minigrad.nn.functional.leaky_relu(minigrad.tensor([-1., 2.]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    _floats_only(input, "leaky_relu_cpu")
    scaled = input * negative_slope
    # The maximum is the same for these slopes, and has no branch that the processor mispredicts.
    y = np.maximum(input, scaled) if 0 < negative_slope <= 1 else chosen(input > 0, input, scaled)
    return y, (lambda g: chosen(input > 0, g, g * negative_slope),)


@differentiable(
    _KERNEL,
    public="prelu",
    node="PreluKernelBackward0",
    derivative_node="PreluKernelBackwardBackward0",
    derivative_node_repeats=False,
)
def prelu_kernel(input: Array, weight: Array) -> Result:
    """`input` where it is positive, elsewhere `weight * input`, broadcast."""
    _floats_only(input, "prelu_cpu")

    def below(x: Array) -> Array:
        return chosen(input > 0, 0, x)

    # The inner selection keeps an infinity on the other side out of the second derivative.
    return chosen(input > 0, input, weight * input), (
        lambda g: chosen(input > 0, g, weight * below(g)),
        lambda g: also_saved(below(below(input) * g), weight),
    )


@differentiable(_KERNEL, derivative_node="ThresholdBackwardBackward0")
def threshold(input: Array, threshold: float, value: float) -> Result:
    """`input` where it is greater than `threshold` or NaN, and `value` elsewhere.

    >>> minigrad.nn.functional.threshold(minigrad.tensor([-1., 2.]), 0.5, 7)
    tensor([7., 2.])
    """
    if input.dtype.kind == "b":
        _floats_only(input, "threshold_cpu")
    threshold, value = (converted(x, input.dtype) for x in (threshold, value))
    below = input <= threshold
    return chosen(below, np.asarray(value).astype(input.dtype), input), (
        lambda g: masked(g, ~(input <= threshold)),
    )


@differentiable(_KERNEL, derivative_node="HardtanhBackwardBackward0")
def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Result:
    """`input` limited to the interval; the derivative is 0 at its ends.

    >>> minigrad.nn.functional.hardtanh(minigrad.tensor([-2., 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if input.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if input.dtype.kind == "u" and (min_val < 0 or max_val < 0):
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    low, high = (np.asarray(bound).astype(input.dtype) for bound in (min_val, max_val))
    alone = _one_by_one(input)
    return np.minimum(high, np.maximum(low, input)), (
        lambda g: masked(g, _or_nan((input > min_val) & (input < max_val), input, alone)),
    )


@differentiable(replace(ELEMENTWISE, forms=BOTH), derivative_node="HardshrinkBackwardBackward0")
def hardshrink(input: Array, lambd: float = 0.5) -> Result:
    """0 from `-lambd` to `lambd`, both included, and `input` elsewhere.

    >>> minigrad.hardshrink(minigrad.tensor([-2., 0.3]))
    tensor([-2.,  0.])
    """
    _floats_only(input, "hardshrink_cpu")
    alone = _one_by_one(input)
    return chosen((input >= -lambd) & (input <= lambd), 0, input), (
        lambda g: masked(g, _or_nan((input < -lambd) | (input > lambd), input, alone)),
    )


@differentiable(_FUNCTIONAL, derivative_node="SoftshrinkBackwardBackward0")
def softshrink(input: Array, lambd: float = 0.5) -> Result:
    """`input` moved by `lambd` towards 0, and 0 where it is nearer. RuntimeError for lambd < 0.

    >>> minigrad.nn.functional.softshrink(minigrad.tensor([-2., 0.3]))
    tensor([-1.5000,  0.0000])
    """
    _floats_only(input, "softshrink_cpu")
    largest = float(np.finfo(input.dtype).max)
    if not 0 <= lambd <= largest:
        raise RuntimeError(
            f"lambda must be in range [0, {largest:g}] for input dtype {scalar_name(input)}, but "
            f"found {lambd:g}"
        )
    moved = chosen(input > lambd, input - lambd, input + lambd)
    inside = (input >= -lambd) & (input <= lambd)
    alone = _one_by_one(input)
    return chosen(inside, input * 0, moved), (
        lambda g: masked(g, _or_nan((input < -lambd) | (input > lambd), input, alone)),
    )


# Exponentials -------------------------------------------------------------------------------------


@differentiable(_KERNEL)
def elu(input: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Result:
    """`scale * input` from 0 on, and `scale * alpha * (exp(input_scale * input) - 1)` below 0.

    >>> minigrad.nn.functional.elu(minigrad.tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    _floats_only(input, "elu_cpu")
    below, factor = chosen(input < 0, input, 0), alpha * scale
    alone = _one_by_one(input, _AT_A_TIME_IN_ELU)
    others = not alone if isinstance(alone, bool) else ~alone

    def pullback(g: Array) -> Array:
        x = chosen(_or_nan(input < 0, input, others), input, 0)  # no second derivative at 0
        slope = g * (input_scale * factor) * np.exp(x * input_scale)
        return chosen(_or_nan(input <= 0, input, others), slope, g * scale)

    return chosen(input < 0, np.expm1(below * input_scale) * factor, input * scale), (pullback,)


@differentiable(_KERNEL)
def silu(input: Array) -> Result:
    """`input * sigmoid(input)`.

    >>> minigrad.nn.functional.silu(minigrad.tensor([0., 2.]))
    tensor([0.0000, 1.7616])
    """
    _floats_only(input, "silu_cpu")

    def pullback(g: Array) -> Array:
        s = sigmoid(input)[0]
        return g * s * (1 + input * (1 - s))

    return input / (1 + np.exp(-input)), (pullback,)


@differentiable(_KERNEL)
def mish(input: Array) -> Result:
    """`input * tanh(softplus(input))`.

    >>> minigrad.nn.functional.mish(minigrad.tensor([0., 2.]))
    tensor([0.0000, 1.9440])
    """
    _floats_only(input, "mish_cpu")

    def pullback(g: Array) -> Array:
        t = np.tanh(np.log1p(np.exp(input)))
        return g * (t + input * sigmoid(input)[0] * (1 - t * t))

    return input * np.tanh(np.log1p(np.exp(input))), (pullback,)


@differentiable(_FUNCTIONAL)
def softplus(input: Array, beta: float = 1, threshold: float = 20) -> Result:
    """`log(1 + exp(beta * input)) / beta`; `input` where `beta * input` is above `threshold`.

    >>> minigrad.nn.functional.softplus(minigrad.tensor([0., 30.]))
    tensor([ 0.6931, 30.0000])
    """
    _floats_only(input, "softplus_cpu")

    def pullback(g: Array) -> Array:
        linear = input * beta > threshold
        z = np.exp(np.where(linear, 0, input * beta))
        return np.where(linear, g, g * z / (z + 1))

    x = input * beta
    return np.where(x > threshold, input, np.log1p(np.exp(x)) / beta), (pullback,)


@reads_as(lambda x, decay: np.exp(np.where(x < 0, x, -x)))
def _decay(x: Array, decay: Array) -> Array:
    """exp(−|x|), which the forward computed."""
    return decay


@differentiable(_FUNCTIONAL, layout="contiguous", node="LogSigmoidBackward0")
def logsigmoid(input: Array) -> Result:
    """The logarithm of `sigmoid(input)`, computed without overflow.

    >>> minigrad.nn.functional.logsigmoid(minigrad.tensor([0., -200.]))
    tensor([  -0.6931, -200.0000])
    """
    _floats_only(input, "log_sigmoid_cpu")

    def pullback(g: Array) -> Array:
        e = _decay(input, decay)
        return g * chosen(input < 0, 1 - e / (1 + e), e / (1 + e))

    decay = np.exp(chosen(input < 0, input, -input))
    return chosen(input < 0, input, 0) - np.log1p(decay), (pullback,)


@differentiable(_KERNEL)
def hardswish(input: Array) -> Result:
    """`input * clamp(input + 3, 0, 6) / 6`.

    >>> minigrad.nn.functional.hardswish(minigrad.tensor([-4., 0., 1.]))
    tensor([-0.0000, 0.0000, 0.6667])
    """
    _floats_only(input, "hardswish_cpu")
    inner = np.minimum(np.maximum(input + 3, 0), 6)

    def pullback(g: Array) -> Array:
        inside = (input > -3) & (input < 3)
        return masked(g * chosen(inside, input / 3 + 0.5, 1), ~(input <= -3))

    return input * inner / 6, (pullback,)


_SIXTH = float(np.float32(1) / np.float32(6))  # PyTorch rounds it, for float64 too


@differentiable(_KERNEL, derivative_node="HardsigmoidBackwardBackward0")
def hardsigmoid(input: Array) -> Result:
    """`clamp(input + 3, 0, 6) / 6`; the derivative is 0 at the kinks.

    >>> minigrad.nn.functional.hardsigmoid(minigrad.tensor([-4., 0., 1.]))
    tensor([0.0000, 0.5000, 0.6667])
    """
    _floats_only(input, "hardsigmoid_cpu")
    return np.minimum(np.maximum(input + 3, 0), 6) / 6, (
        lambda g: masked(g * _SIXTH, (input > -3) & (input < 3)),
    )


# GELU ---------------------------------------------------------------------------------------------

_CUBIC, _TANH_SCALE = 0.044715, math.sqrt(2 / math.pi)
_PEAK = 1 / math.sqrt(2 * math.pi)  # of the normal density


@differentiable(_FUNCTIONAL)
def gelu(input: Array, *, approximate: str = "none") -> Result:
    """`input` times the probability that a standard normal number is less than it.

    `approximate="tanh"` replaces the probability by a formula with tanh. RuntimeError for any other
    value (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).

    >>> minigrad.nn.functional.gelu(minigrad.tensor([0., 2.]))
    tensor([0.0000, 1.9545])
    """
    if not isinstance(approximate, str):
        raise TypeError(f"argument 'approximate' must be str, not {type(approximate).__name__}")
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    _floats_only(input, "GeluKernelImpl")
    if approximate == "none":
        return input * _normal_cdf(input), (
            lambda g: gelu_backward(g, input, approximate=approximate)[0],
        )
    inner = _TANH_SCALE * (input + _CUBIC * (input * input * input))
    return 0.5 * input * (1 + np.tanh(inner)), (
        lambda g: gelu_backward(g, input, approximate=approximate)[0],
    )


@differentiable(_KERNEL)
def gelu_backward(grad: Array, input: Array, *, approximate: str) -> Result:
    """The gradient of `gelu` for a cotangent `grad`. It is an op because its derivative is simpler.

    For Φ the normal distribution and φ its density, (x Φ)' = Φ + x φ and (x Φ)'' = (2 − x²) φ.
    """
    if approximate == "none":
        slope = _normal_cdf(input) + input * _density(input)
        return grad * slope, (
            lambda h: gelu_backward(h, input, approximate=approximate)[0],
            lambda h: h * grad * _density(input) * (2 - input * input),
        )

    def curvature(h: Array) -> Array:
        t = np.tanh(_TANH_SCALE * (input + _CUBIC * (input * input * input)))
        inner = _TANH_SCALE * (1 + 3 * _CUBIC * (input * input))
        bend = _TANH_SCALE * 6 * _CUBIC * input
        return h * grad * ((1 - t * t) * (inner + 0.5 * input * (bend - 2 * t * inner * inner)))

    t = np.tanh(_TANH_SCALE * (input + _CUBIC * (input * input * input)))
    inner = _TANH_SCALE * (1 + 3 * _CUBIC * (input * input))
    return grad * (0.5 * (1 + t) + 0.5 * input * (1 - t * t) * inner), (
        lambda h: gelu_backward(h, input, approximate=approximate)[0],
        curvature,
    )


def _density(x: Array) -> Array:
    return np.exp(x * x * -0.5) * _PEAK


def _normal_cdf(x: Array) -> Array:
    return 0.5 * (1 + _erf(x * math.sqrt(0.5)))


# The error function by rational approximations in three intervals (Cody, "Rational Chebyshev
# approximations for the error function", 1969): numerators and denominators, the highest power
# first.
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 113.864154151050156, 377.485237685302021,
     3209.37758913846947),
    (1.0, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 66.1191906371416295,
     298.635138197400131, 881.952221241769090, 1712.04761263407058, 2051.07837782607147,
     1230.33935479799725),
    (1.0, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019,
     3290.79923573345963, 4362.61909014324716, 3439.36767414372164, 1230.33935480374942),
)  # fmt: skip
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip


_BLOCK = 1 << 14  # so many elements stay in the processor's cache from step to step


def _ratio(coefficients: tuple[tuple[float, ...], ...], x: Array) -> Array:
    parts = []
    for row in coefficients:
        total = row[0] * x + row[1]
        for each in row[2:]:
            total *= x
            total += each
        parts.append(total)
    return parts[0] / parts[1]


def _near(size: Array) -> Array:
    return size * _ratio(_NEAR, size * size)


def _middle(size: Array) -> Array:
    return 1 - np.exp(-(size * size)) * _ratio(_MIDDLE, size)


def _far(size: Array) -> Array:
    square = size * size
    inverse = 1 / square
    rest = 1 / math.sqrt(math.pi) - inverse * _ratio(_FAR, inverse)
    return 1 - np.exp(-square) / size * rest


def _erf(x: Array) -> Array:
    x = np.asarray(x, order="C")
    y = np.empty_like(x)
    if x.size == 1:  # NumPy computes with a number of its own faster than with an array
        y[...] = _erf_of_block(x.reshape(-1)[0])
        return y
    values, results = x.reshape(-1), y.reshape(-1)
    for start in range(0, x.size, _BLOCK):
        results[start : start + _BLOCK] = _erf_of_block(values[start : start + _BLOCK])
    return y


def _erf_of_block(x: Array) -> Array:
    """The error function, by the formulas of those intervals in which there are elements."""
    size = chosen(x < 0, -x, x)
    size = np.minimum(size, 6)  # from where on the function is 1, and nothing overflows
    near, middle = size <= 0.46875, size <= 4
    if near.all():
        y = _near(size)
    else:
        y = _middle(size) if middle.any() else size
        if near.any():
            y = chosen(near, _near(np.minimum(size, 0.46875)), y)
        if not middle.all():
            y = np.where(middle, y, _far(np.maximum(size, 4)))
    return chosen(x < 0, -y, y)


# Gates --------------------------------------------------------------------------------------------


@differentiable(forms=FUNCTION, half=HALF_IN_DERIVATIVES, module="nn.functional", layout="own")
def glu(input: Array, dim: int = -1) -> Result:
    """The first half of `input` along `dim` times the sigmoid of the second half.

    RuntimeError for a 0-d tensor and for an odd size.

    >>> minigrad.nn.functional.glu(minigrad.tensor([1., 2., 0., 0.]))
    tensor([0.5000, 1.0000])
    """
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    shape, d = input.shape, axis(dim, input.ndim)
    if shape[d] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {shape[d]}")
    _floats_only(input, "glu_cpu")
    around, half = (slice(None),) * d, shape[d] // 2
    first, second = (*around, slice(0, half)), (*around, slice(half, 2 * half))

    def pullback(g: Array) -> Array:
        a, s = input[first], sigmoid(input[second])[0]
        return put(g * s, first, shape)[0] + put((1 - s) * s * a * g, second, shape)[0]

    halves = input[first], input[second]
    return elementwise(halves[0] * sigmoid(halves[1])[0], halves), (pullback,)
