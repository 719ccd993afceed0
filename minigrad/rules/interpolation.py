"""Elementwise ops of several operands: products added to a tensor, blends, bounds and extremes."""

from __future__ import annotations

import numpy as np

from .dims import number
from .elementwise import chosen, masked
from .presentation import ARITHMETIC, BOTH, ELEMENTWISE, IN_PLACE, PROMOTED
from .promotion import converted, result_type
from .rule import Array, Operand, Result, also_saved, differentiable, unchanged, without_derivative
from .trigonometry import require_floats


@differentiable(ARITHMETIC, half="float32")
def addcmul(input: Array, tensor1: Array, tensor2: Array, *, value: float = 1) -> Result:
    """`input + value * tensor1 * tensor2`, broadcast. NotImplementedError for bools.

    >>> minigrad.addcmul(minigrad.ones(2), minigrad.tensor([1., 2.]), minigrad.tensor(3.), value=2)
    tensor([ 7., 13.])
    """
    if input.dtype.kind == "b":
        raise NotImplementedError("\"addcmul_cpu_out\" not implemented for 'Bool'")
    value = converted(number(value, "value"), input.dtype)
    y = (input + value * tensor1 * tensor2).astype(input.dtype, copy=False)
    return y, (
        unchanged,
        lambda g: g * (tensor2 * value),
        lambda g: g * (tensor1 * value),
    )


@differentiable(ARITHMETIC, half="float32")
def addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value: float = 1) -> Result:
    """`input + value * tensor1 / tensor2`, broadcast. RuntimeError for integers.

    >>> minigrad.addcdiv(minigrad.ones(2), minigrad.tensor([1., 2.]), minigrad.tensor(2.), value=4)
    tensor([3., 5.])
    """
    if input.dtype.kind != "f":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported: convert the operands to floats "
            "or use div(rounding_mode='trunc')"
        )
    value = converted(number(value, "value"), input.dtype)
    return input + value * tensor1 / tensor2, (
        lambda g: also_saved(g, tensor2),
        lambda g: g * (value / tensor2),
        lambda g: -g * (value * (tensor1 / (tensor2 * tensor2))),
    )


def _lerp_node(input: Array, end: Array, weight: Operand) -> str:
    return f"LerpBackward{int(isinstance(weight, np.ndarray))}"


@differentiable(ELEMENTWISE, half="float32", forms=IN_PLACE, node=_lerp_node)
def lerp(input: Array, end: Array, weight: Operand) -> Result:
    """`input + weight * (end - input)`, broadcast; `weight` is a number or a tensor.

    RuntimeError for different dtypes, unless it is that of a 0-d `weight`; NotImplementedError for
    integers.

    >>> minigrad.lerp(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]), 0.5)
    tensor([2., 3.])
    """
    of_one_number = isinstance(weight, np.ndarray) and weight.ndim == 0
    for x in (end,) if of_one_number else (end, weight):
        if isinstance(x, np.ndarray) and x.dtype != input.dtype:
            raise RuntimeError(f"expected dtype {input.dtype} but got dtype {x.dtype}")
    if of_one_number and weight.dtype != input.dtype:
        common = result_type(input, end, weight)
        input, end, weight = (x.astype(common) for x in (input, end, weight))
    require_floats("lerp_kernel", input)
    gap = end - input
    # From the nearer end, so that a weight of 1 gives `end` exactly.
    if isinstance(weight, np.ndarray):
        near = np.abs(weight) < 0.5
        y = chosen(near, input + weight * gap, end - gap * (1 - weight))
    else:
        share = converted(weight, input.dtype)
        y = input + share * gap if abs(share) < 0.5 else end - gap * (1 - share)
    return y, (
        lambda g: g * (1 - weight),
        lambda g: g * weight,
        lambda g: also_saved(g * (end - input), weight),
    )


def _refuse_bools(name: str, input: Array, bound: Operand) -> None:
    """NotImplementedError for bools and a number. With a tensor it is a maximum or a minimum."""
    if input.dtype.kind == "b" and not isinstance(bound, np.ndarray):
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


def _clamp_min_node(input: Array, min: Operand) -> str:
    return f"ClampMinBackward{int(isinstance(min, np.ndarray))}"


@differentiable(ARITHMETIC, node=_clamp_min_node, checked={"min": "iuf"})
def clamp_min(input: Array, min: Operand) -> Result:
    """`input`, or `min` where that is larger; a number or a tensor.

    The gradient of a tie goes to `input`.

    >>> minigrad.clamp_min(minigrad.tensor([-2., 2.]), 0)
    tensor([0., 2.])
    """
    _refuse_bools("clamp_min_scalar_cpu", input, min)
    return np.maximum(min, input), (
        lambda g: masked(g, input >= min),
        lambda g: masked(g, input < min),
    )


def _clamp_max_node(input: Array, max: Operand) -> str:
    return f"ClampMaxBackward{int(isinstance(max, np.ndarray))}"


@differentiable(ARITHMETIC, node=_clamp_max_node, checked={"max": "iuf"})
def clamp_max(input: Array, max: Operand) -> Result:
    """`input`, or `max` where that is smaller; a number or a tensor.

    The gradient of a tie goes to `input`.

    >>> minigrad.clamp_max(minigrad.tensor([-2., 2.]), 0)
    tensor([-2.,  0.])
    """
    _refuse_bools("clamp_max_scalar_cpu", input, max)
    return np.minimum(max, input), (
        lambda g: masked(g, input <= max),
        lambda g: masked(g, input > max),
    )


@differentiable(PROMOTED)
def fmax(input: Array, other: Array) -> Result:
    """The larger of two elements, ignoring NaN. The gradient of a tie goes to `input`.

    >>> minigrad.fmax(minigrad.tensor([1., float("nan")]), minigrad.tensor([3., 2.]))
    tensor([3., 2.])
    """
    return np.fmax(input, other), (
        lambda g: masked(g, (input >= other) | np.isnan(other)),
        lambda g: masked(g, ~((input >= other) | np.isnan(other))),
    )


@differentiable(PROMOTED)
def fmin(input: Array, other: Array) -> Result:
    """The smaller of two elements, ignoring NaN. The gradient of a tie goes to `input`.

    >>> minigrad.fmin(minigrad.tensor([1., float("nan")]), minigrad.tensor([3., 2.]))
    tensor([1., 2.])
    """
    return np.fmin(input, other), (
        lambda g: masked(g, (input <= other) | np.isnan(other)),
        lambda g: masked(g, ~((input <= other) | np.isnan(other))),
    )


@differentiable(ELEMENTWISE, forms=IN_PLACE)
def nan_to_num(
    input: Array,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Result:
    """`input` with numbers in the place of NaN (0) and of infinities (the largest floats).

    Where the input isn't finite the gradient is multiplied by 0.

    >>> minigrad.nan_to_num(minigrad.tensor([1., float("nan"), float("inf")]), posinf=9.)
    tensor([1., 0., 9.])
    """
    for name, replacement in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        if replacement is not None:
            number(replacement, name)
    if input.dtype.kind != "f":
        return input.copy(), ()
    kind = np.finfo(input.dtype)
    low = kind.min if neginf is None else neginf
    high = kind.max if posinf is None else posinf
    filled = np.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=high, neginf=low)
    return filled, (lambda g: g * np.isfinite(input),)


# Tests of floats ----------------------------------------------------------------------------------


@without_derivative(ELEMENTWISE, forms=BOTH)
def isinf(input: Array) -> Result:
    """True where `input` is infinite.

    >>> minigrad.isinf(minigrad.tensor([1., float("-inf")]))
    tensor([False,  True])
    """
    return np.isinf(input), ()


@without_derivative(ELEMENTWISE, forms=BOTH)
def isposinf(input: Array) -> Result:
    """True where `input` is positive infinity.

    >>> minigrad.isposinf(minigrad.tensor([float("inf"), float("-inf")]))
    tensor([ True, False])
    """
    return input == np.inf if input.dtype.kind == "f" else np.zeros(input.shape, bool), ()


@without_derivative(ELEMENTWISE, forms=BOTH)
def isneginf(input: Array) -> Result:
    """True where `input` is negative infinity.

    >>> minigrad.isneginf(minigrad.tensor([float("inf"), float("-inf")]))
    tensor([False,  True])
    """
    return input == -np.inf if input.dtype.kind == "f" else np.zeros(input.shape, bool), ()
