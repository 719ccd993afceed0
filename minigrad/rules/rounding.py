"""Rounding, integer division and remainders, and the parts of a number: sign, fraction, exponent.

The derivative of a function that is constant between jumps is 0 everywhere.
"""

from __future__ import annotations

import numpy as np

from .dims import index
from .dtypes import scalar_name
from .presentation import ARITHMETIC, ELEMENTWISE, FLOAT_FUNCTION, IN_PLACE, NO_DERIVATIVE, PROMOTED
from .rule import (
    Array,
    Operand,
    Result,
    also_saved,
    differentiable,
    not_implemented,
    unchanged,
    without_derivative,
)
from .trigonometry import require_floats


def _refuse_bools(name: str, *operands: Operand) -> None:
    """NotImplementedError for an operand that is an array of bools."""
    for x in operands:
        if isinstance(x, np.ndarray) and x.dtype.kind == "b":
            raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


# To whole numbers ---------------------------------------------------------------------------------


@differentiable(ELEMENTWISE, linear=True, forms=IN_PLACE)
def floor(input: Array) -> Result:
    """The largest whole number that is not above each element.

    >>> minigrad.floor(minigrad.tensor([1.5, -1.5]))
    tensor([ 1., -2.])
    """
    _refuse_bools("floor_vml_cpu", input)
    return np.floor(input), (lambda g: np.zeros_like(g),)


@differentiable(ELEMENTWISE, linear=True, forms=IN_PLACE)
def ceil(input: Array) -> Result:
    """The smallest whole number that is not below each element.

    >>> minigrad.ceil(minigrad.tensor([1.5, -1.5]))
    tensor([ 2., -1.])
    """
    _refuse_bools("ceil_vml_cpu", input)
    return np.ceil(input), (lambda g: np.zeros_like(g),)


@differentiable(ELEMENTWISE, linear=True, forms=IN_PLACE)
def trunc(input: Array) -> Result:
    """Each element without its fraction.

    >>> minigrad.trunc(minigrad.tensor([1.5, -1.5]))
    tensor([ 1., -1.])
    """
    _refuse_bools("trunc_vml_cpu", input)
    return np.trunc(input), (lambda g: np.zeros_like(g),)


@differentiable(ELEMENTWISE, linear=True, forms=IN_PLACE)
def frac(input: Array) -> Result:
    """The fraction of each element, with its sign. NotImplementedError for integers.

    >>> minigrad.frac(minigrad.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    require_floats("frac_vml_cpu", input)
    return input - np.trunc(input), (unchanged,)


def _round_node(input: Array, *, decimals: int | None = None) -> str:
    return f"RoundBackward{int(decimals is not None)}"


@differentiable(
    ELEMENTWISE, half="float32", linear=True, numpy="rint", forms=IN_PLACE, node=_round_node
)
def round(input: Array, *, decimals: int | None = None) -> Result:
    """Each element rounded to `decimals` decimal places (0); halves go to the even neighbour.

    NotImplementedError for bools, and for integers if `decimals` is given.

    >>> minigrad.round(minigrad.tensor([0.5, 1.5, 2.26]), decimals=1)
    tensor([0.5000, 1.5000, 2.3000])
    """
    _refuse_bools("round_vml_cpu", input)
    return _rounded(input, decimals), (lambda g: np.zeros_like(g),)


def _rounded(input: Array, decimals: int | None) -> Array:
    decimals = None if decimals is None else index(decimals, "decimals")
    if input.dtype.kind != "f":
        if decimals is None:
            return input.copy()
        raise NotImplementedError(f"\"round_cpu\" not implemented for '{scalar_name(input)}'")
    if not decimals:
        return np.rint(input)
    factor = input.dtype.type(10.0 ** np.abs(decimals))
    if decimals < 0:
        return np.rint(input / factor) * factor
    return np.rint(input * factor) / factor


# Division and remainders --------------------------------------------------------------------------


def _refuse_zero(kernel: str, input: Operand, other: Operand) -> None:
    """RuntimeError for a division of integers by zero, and NotImplementedError for bools.

    `kernel` is PyTorch's name for what computes it.
    """
    for x in (input, other):
        if isinstance(x, np.ndarray):
            if x.dtype.kind == "b":
                raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")
            if x.dtype.kind != "f" and not np.all(other) and np.size(input) and np.size(other):
                raise RuntimeError("ZeroDivisionError")


def floor_quotient(input: Operand, other: Operand) -> Array:
    """The quotient rounded down."""
    _refuse_zero("div_floor_cpu", input, other)
    return (_floor_in_steps if _is_half(input, other) else np.floor_divide)(input, other)


def _is_half(*operands: Operand) -> bool:
    return any(isinstance(x, np.ndarray) and x.dtype == np.float16 for x in operands)


def _floor_in_steps(a: Operand, b: Operand) -> Array:
    """The quotient rounded down of float16, each step of which PyTorch rounds."""
    rest = np.fmod(a, b)
    quotient = (a - rest) / b
    quotient = np.where((rest != 0) & ((rest < 0) != np.less(b, 0)), quotient - 1, quotient)
    down = np.floor(quotient)
    down = np.where(quotient - down > 0.5, down + 1, down)
    down = np.where(quotient == 0, np.copysign(0, np.divide(a, b)), down)
    return np.where(np.equal(b, 0), np.divide(a, b), down).astype(np.float16, copy=False)


def trunc_quotient(input: Operand, other: Operand) -> Array:
    """The quotient rounded towards zero."""
    _refuse_zero("div_trunc_cpu", input, other)
    kind = (input if isinstance(input, np.ndarray) else other).dtype
    if kind.kind == "f":
        return np.trunc(np.divide(input, other))
    down = np.floor_divide(input, other)
    inexact = np.multiply(down, other) != input
    return np.add(down, inexact & (down < 0), dtype=kind)


@differentiable(
    ARITHMETIC,
    half="float32 for a number",
    forms=(),
    public="div",
    title="div(mode=…)",
    node="DivBackward2",
    numbers_alone=True,
)
def rounded_div(input: Operand, other: Operand, *, rounding_mode: str) -> Result:
    """`input / other` rounded towards 0 ("trunc") or down ("floor"); the derivative is 0."""
    if not isinstance(rounding_mode, str):
        kind = type(rounding_mode).__name__
        raise TypeError(f"div(): argument 'rounding_mode' must be str, not {kind}")
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    kind = np.result_type(input, other).kind
    if kind == "b":
        raise NotImplementedError(f"\"div_{rounding_mode}_cpu\" not implemented for 'Bool'")
    if kind in "iu" and np.size(input) and not np.all(other):
        raise RuntimeError("ZeroDivisionError")
    quotient = floor_quotient if rounding_mode == "floor" else trunc_quotient
    return quotient(input, other), (
        lambda g: also_saved(np.zeros_like(g), other),
        lambda g: also_saved(np.zeros_like(g), input, other),
    )


@without_derivative(
    ARITHMETIC,
    half="float32 for a number",
    operators=("x // y", "x //= y"),
    numbers_alone=True,
    node=NO_DERIVATIVE,
)
def floor_divide(input: Operand, other: Operand) -> Result:
    """`input / other` rounded down, broadcast.

    RuntimeError for integers divided by zero, and in a backward pass.

    >>> minigrad.floor_divide(minigrad.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    return floor_quotient(input, other), ()


def _remainder_node(input: Operand, other: Operand) -> str:
    if not isinstance(input, np.ndarray):
        return NO_DERIVATIVE
    return f"RemainderBackward{int(isinstance(other, np.ndarray))}"


@differentiable(ARITHMETIC, node=_remainder_node, operators=("x % y", "x %= y"))
def remainder(input: Operand, other: Operand) -> Result:
    """What `input // other` leaves, with the sign of `other`.

    RuntimeError for integers divided by zero, and in a backward pass if `input` is a number.

    >>> minigrad.remainder(minigrad.tensor([7., -7.]), 3)
    tensor([1., 2.])
    """
    _refuse_zero("remainder_cpu", input, other)
    rest = _rest(input, other, np.floor)
    if not isinstance(input, np.ndarray):
        return rest, (None, not_implemented("remainder", op=True))
    return rest, (
        unchanged,
        lambda g: -g * rounded_div(input, other, rounding_mode="floor")[0],
    )


def _rest(input: Operand, other: Operand, rounded: np.ufunc) -> Array:
    """What the quotient leaves that is rounded by `np.trunc` or `np.floor`.

    In float32 it is computed without a loop over bits. A float64 holds the product of a float32 and
    a whole number below 2**28 without rounding, and the quotient of two float32 is on the same side
    of each whole number after rounding.
    """
    kind = np.result_type(input, other)
    if kind.kind != "f":
        return np.fmod(input, other) if rounded is np.trunc else np.remainder(input, other)
    if kind != np.float32:
        return _rest_by_bits(input, other, rounded)
    x, y = np.asarray(input, np.float64), np.asarray(other, np.float64)
    whole = rounded(x / y)
    rest = (x - whole * y).astype(np.float32)
    exact = (np.abs(whole) < 2.0**28) & (np.abs(y) < np.inf)
    if not exact.all():
        rest = np.where(exact, rest, _rest_by_bits(input, other, rounded))
    zero = rest == 0
    if zero.any():  # with the sign of `input`
        rest = np.where(zero, np.copysign(rest, x.astype(np.float32)), rest)
    return rest


def _rest_by_bits(input: Operand, other: Operand, rounded: np.ufunc) -> Array:
    y = np.fmod(input, other)
    if rounded is np.trunc:
        return y
    return np.where((y != 0) & ((y < 0) != (np.asarray(other) < 0)), y + other, y)


def _fmod_node(input: Array, other: Operand) -> str:
    return f"FmodBackward{int(isinstance(other, np.ndarray))}"


@differentiable(ARITHMETIC, node=_fmod_node)
def fmod(input: Array, other: Operand) -> Result:
    """What a division rounded towards zero leaves, with the sign of `input`.

    RuntimeError for integers divided by zero.

    >>> minigrad.fmod(minigrad.tensor([7., -7.]), 3)
    tensor([ 1., -1.])
    """
    _refuse_zero("fmod_cpu", input, other)
    return _rest(input, other, np.trunc), (
        unchanged,
        lambda g: -g * rounded_div(input, other, rounding_mode="trunc")[0],
    )


@without_derivative(PROMOTED, forms=IN_PLACE)
def gcd(input: Array, other: Array) -> Result:
    """The greatest common divisor. NotImplementedError for floats and bools.

    >>> minigrad.gcd(minigrad.tensor([12]), minigrad.tensor([18]))
    tensor([6])
    """
    _require_integers("gcd_cpu", input)
    if input.dtype.kind == "i":
        first = np.iinfo(input.dtype).min
        if ((input == first) | (other == first)).any():
            return _euclid(*np.broadcast_arrays(input, other)), ()
    return np.gcd(input, other), ()


def _euclid(a: Array, b: Array) -> Array:
    """The common divisor by C's remainders: negative for some pairs with the dtype's first integer.

    That integer is its own absolute value.
    """
    a, b = np.abs(a), np.abs(b)
    while a.any():
        left = a != 0
        a, b = np.where(left, np.fmod(b, np.where(left, a, 1)), 0), np.where(left, a, b)
    return b


@without_derivative(PROMOTED, forms=IN_PLACE)
def lcm(input: Array, other: Array) -> Result:
    """The least common multiple. NotImplementedError for floats and bools.

    >>> minigrad.lcm(minigrad.tensor([4]), minigrad.tensor([6]))
    tensor([12])
    """
    _require_integers("lcm_cpu", input)
    divisor = gcd(input, other)[0]
    factor = input // np.where(divisor == 0, 1, divisor)
    # C computes in 32 bits at least. The product may overflow, and then be negative.
    product = np.multiply(factor, other, dtype=np.result_type(input, np.int32))
    return np.abs(product).astype(input.dtype), ()


def _require_integers(name: str, x: Array) -> None:
    if x.dtype.kind not in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(x)}'")


# Signs --------------------------------------------------------------------------------------------


@without_derivative(ELEMENTWISE)
def signbit(input: Array) -> Result:
    """True where the sign of an element is negative, also at -0.

    >>> minigrad.signbit(minigrad.tensor([-0., 1.]))
    tensor([ True, False])
    """
    if input.dtype.kind != "f":
        return np.zeros(input.shape, bool) if input.dtype.kind in "bu" else input < 0, ()
    return np.signbit(input), ()


def _copysign_node(input: Array, other: Operand) -> str:
    return f"CopysignBackward{int(not isinstance(other, np.ndarray))}"


@differentiable(FLOAT_FUNCTION, node=_copysign_node)
def copysign(input: Array, other: Operand) -> Result:
    """The magnitude of `input` with the sign of `other`. The derivative at 0 is 0.

    >>> minigrad.copysign(minigrad.tensor([1., 2.]), -0.)
    tensor([-1., -2.])
    """
    y = np.copysign(input, other)
    return y, (
        lambda g: g * np.where(input == 0, 0, y / input),
        lambda g: also_saved(np.zeros_like(g), y),
    )


@without_derivative(ELEMENTWISE, forms=IN_PLACE, node=NO_DERIVATIVE)
def heaviside(input: Array, values: Array) -> Result:
    """0 below zero, 1 above zero, and `values` at zero.

    RuntimeError for different dtypes, and in a backward pass.

    >>> minigrad.heaviside(minigrad.tensor([-1., 0., 2.]), minigrad.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if input.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    above = np.asarray(input > 0, input.dtype)
    return np.where(input == 0, values, above), ()


@differentiable(PROMOTED, forms=IN_PLACE)
def nextafter(input: Array, other: Array) -> Result:
    """The next float after `input` in the direction of `other`. NotImplementedError for integers.

    The derivative with respect to `input` is 0 where both are equal, and 1 elsewhere.

    >>> minigrad.nextafter(minigrad.tensor([1.]), minigrad.tensor([2.])) > 1
    tensor([True])
    """
    require_floats("nextafter_cpu", input)
    y = np.nextafter(input, other)
    if input.dtype == np.float16:  # of two zeros, C and PyTorch return `other`
        y = np.where(input == other, other, y)
    return y, (
        lambda g: np.where(input == other, 0, g),
        lambda g: np.zeros_like(g),
    )


# Bits ---------------------------------------------------------------------------------------------


@without_derivative(ARITHMETIC, numpy="left_shift", operators=("x << y", "x <<= y"))
def bitwise_left_shift(input: Operand, other: Operand) -> Result:
    """The bits of `input` moved up by `other` places. NotImplementedError for floats and bools.

    >>> minigrad.bitwise_left_shift(minigrad.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return _shifted("lshift_cpu", np.left_shift, input, other), ()


@without_derivative(ARITHMETIC, numpy="right_shift", operators=("x >> y", "x >>= y"))
def bitwise_right_shift(input: Operand, other: Operand) -> Result:
    """The bits of `input` moved down by `other` places. NotImplementedError for floats and bools.

    >>> minigrad.bitwise_right_shift(minigrad.tensor([4, 12]), 2)
    tensor([1, 3])
    """
    return _shifted("rshift_cpu", np.right_shift, input, other), ()


def _shifted(name: str, shift: np.ufunc, input: Operand, other: Operand) -> Array:
    like = input if isinstance(input, np.ndarray) else other
    _require_integers(name, like)
    bits = 8 * like.dtype.itemsize
    places = np.asarray(other, like.dtype)
    # A shift by all bits leaves none of them, or only the sign, which moves down.
    nothing = (places < 0) | (places >= bits)
    if shift is np.left_shift or like.dtype.kind == "u":
        return np.where(nothing, 0, shift(input, np.where(nothing, 0, places))).astype(like.dtype)
    return np.asarray(shift(input, np.where(nothing, bits - 1, places)), like.dtype)


@without_derivative(PROMOTED, forms=IN_PLACE)
def logical_xor(input: Array, other: Array) -> Result:
    """True where exactly one of the two is nonzero.

    >>> minigrad.logical_xor(minigrad.tensor([2, 1]), minigrad.tensor([1, 0]))
    tensor([False,  True])
    """
    return np.logical_xor(input, other), ()
