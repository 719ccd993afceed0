"""Elementwise ops: each element of the result depends on one element of each operand.

At ties, kinks, infinities and NaN the derivatives are PyTorch's. Where the mathematics leaves a
choice, the docstring states it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .dims import number
from .dtypes import SUPPORTED, int64, of_numpy, scalar_name
from .layout import copied
from .presentation import (
    ARITHMETIC,
    ELEMENTWISE,
    FLOAT_FUNCTION,
    FUNCTION,
    IN_PLACE,
    INTERNAL,
    PROMOTED,
)
from .promotion import converted, python_number, wrapped
from .reading import reads_as
from .rule import Array, Constant, Operand, Result, differentiable, unchanged, without_derivative

# NumPy converts a Python number to an array in every call, which takes as long as a ufunc on a
# small tensor. ReLU is called often enough to use an array instead.
ZERO = {d.numpy: np.zeros((), d.numpy) for d in SUPPORTED}
for _zero in ZERO.values():
    _zero.flags.writeable = False  # pullbacks capture it


@reads_as(lambda g, keep: np.where(keep, g, 0))
def masked(g: Array, keep: Array) -> Array:
    """A float `g` where the bool `keep` is True, and 0 elsewhere.

    np.where has a branch for each element. On a random mask the processor mispredicts half of them,
    so a product takes a twentieth of the time. It multiplies the bits of `g` as integers, because
    in floating point 0 times infinity or NaN is not 0.
    """
    bits = g.view(f"i{g.itemsize}")
    kept = keep.astype(bits.dtype, "C" if 0 in keep.strides else "K")
    if kept.shape == bits.shape:
        kept *= bits
    else:
        kept = kept * bits
    return kept.view(g.dtype)


_MANY = 1 << 12  # elements; with fewer, the processor learns the mask or calls take the time


@reads_as(lambda condition, x, y: np.where(condition, x, y))
def chosen(condition: Array, x: Operand, y: Operand) -> Array:
    """`np.where(condition, x, y)`, for a condition on data, without a branch for each element.

    It flips the bits in which `x` and `y` differ, where the condition holds.
    """
    like = x if isinstance(x, np.ndarray) else y
    if condition.size < _MANY or not all(_is_like(like, each, condition) for each in (x, y)):
        return np.where(condition, x, y)
    kind = f"i{like.itemsize}"
    of_x, of_y = (np.asarray(each, like.dtype).view(kind) for each in (x, y))
    bits = condition.astype(kind)
    bits *= of_x ^ of_y
    bits ^= of_y
    return bits.view(like.dtype)


def _is_like(like: Array, x: Operand, condition: Array) -> bool:
    """Whether an operand is a number, or floats of the same dtype as `like` for each condition."""
    if not isinstance(x, np.ndarray):
        return isinstance(x, int | float)
    dtype, shapes = like.dtype, (condition.shape, ())
    honest = x.itemsize == dtype.itemsize  # a subclass may claim another dtype
    return honest and x.dtype == dtype and dtype.kind == "f" and x.shape in shapes


# Arithmetic ---------------------------------------------------------------------------------------


_NO_MINUS = (
    "Subtraction, the `-` operator, with a bool tensor is not supported. Use the `^` or "
    "`logical_xor()` operator instead, or `~` to invert a mask."
)


def _product(g: Array, number: float) -> Array:
    return g * number


@reads_as(_product)
def _multiple(g: Array, number: float) -> Array:
    """A cotangent times a number. PyTorch multiplies float16 in float32, and rounds once."""
    if g.dtype == np.float16:
        return (g.astype(np.float32) * number).astype(np.float16)
    return g * number


@differentiable(
    ARITHMETIC, linear=True, write=np.add, operators=("x + y", "x += y"), numbers_alone=True
)
def add(input: Operand, other: Operand, *, alpha: float = 1) -> Result:
    """`input + alpha * other`, broadcast.

    >>> minigrad.add(minigrad.tensor([1., 2.]), 10, alpha=2)
    tensor([21., 22.])
    """
    if alpha == 1 and type(alpha) is int:
        return input + other, (unchanged, unchanged)
    return input + _scaled(other, alpha, input), (unchanged, lambda g: _multiple(g, alpha))


@differentiable(
    ARITHMETIC,
    linear=True,
    write=np.subtract,
    operators=("x - y", "x -= y"),
    no_bools=_NO_MINUS,
    numbers_alone=True,
)
def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Result:
    """`input - alpha * other`, broadcast. RuntimeError for bool.

    >>> minigrad.sub(minigrad.tensor([1., 2.]), minigrad.tensor(1.))
    tensor([0., 1.])
    """
    if alpha == 1 and type(alpha) is int:
        return input - other, (unchanged, lambda g: -g)
    # Negated first, as in PyTorch: with uint8, -255 is a valid factor and 256 isn't.
    return input + _scaled(other, alpha, input, negated=True), (
        unchanged,
        lambda g: _multiple(g, -alpha),
    )


@differentiable(
    ARITHMETIC,
    layout="elementwise, last first",
    linear=True,
    forms=FUNCTION,
    operators=("1 - x",),
    no_bools=_NO_MINUS,
    node=lambda input, other, **_: f"RsubBackward{int(not isinstance(other, np.ndarray))}",
)
def rsub(input: Array, other: Operand, *, alpha: float = 1) -> Result:
    """`other - alpha * input`, broadcast. It computes `1 - x`.

    >>> minigrad.rsub(minigrad.tensor([1., 2.]), 1)
    tensor([ 0., -1.])
    """
    y, (to_other, to_input) = sub(other, input, alpha=alpha)
    return y, (to_input, to_other)


def _scaled(other: Operand, alpha: float, like: Operand, negated: bool = False) -> Operand:
    """`alpha * other` in the dtype of the sum, to which both operands were converted."""
    number(alpha, "alpha")
    dtype = (like if isinstance(like, np.ndarray) else other).dtype
    if isinstance(alpha, bool) and dtype.kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and dtype.kind in "biu":
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    alpha = python_number(alpha)
    if negated:
        alpha = -alpha if isinstance(alpha, float) else wrapped(-alpha, int64.numpy)
    if not isinstance(other, np.ndarray):
        other = np.array(other, dtype)
    return np.multiply(other, converted(alpha, dtype))


@differentiable(
    ARITHMETIC,
    half="float32 for a number",
    write=np.multiply,
    operators=("x * y", "x *= y"),
    numbers_alone=True,
)
def mul(input: Operand, other: Operand) -> Result:
    """`input * other`, broadcast.

    >>> minigrad.mul(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor([3., 8.])
    """
    return input * other, (lambda g: g * other, lambda g: g * input)


@differentiable(
    FLOAT_FUNCTION,
    half="float32 for a number",
    write=np.divide,
    operators=("x / y", "x /= y"),
    numbers_alone=True,
)
def div(input: Operand, other: Operand) -> Result:
    """`input / other`, broadcast; integers give the default float type.

    >>> minigrad.div(minigrad.tensor([1, 2]), 2)
    tensor([0.5000, 1.0000])
    """
    return input / other, (lambda g: g / other, lambda g: -g * (div(input, other)[0] / other))


@differentiable(ELEMENTWISE, linear=True, numpy="negative", forms=IN_PLACE, operators=("-x",))
def neg(input: Array) -> Result:
    """`-input`. RuntimeError for bool.

    >>> minigrad.neg(minigrad.tensor([1., -2.]))
    tensor([-1.,  2.])
    """
    try:
        return -input, (lambda g: -g,)
    except TypeError:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        ) from None


@differentiable(FLOAT_FUNCTION, operators=("1 / x",))
def reciprocal(input: Array) -> Result:
    """`1 / input`; integers give the default float type.

    >>> minigrad.reciprocal(minigrad.tensor([2., 4.]))
    tensor([0.5000, 0.2500])
    """
    y = 1 / input
    return y, (lambda g: -g * (y * y),)


def _pow_node(input: Operand, exponent: Operand) -> str:
    if isinstance(exponent, np.ndarray):
        return "PowBackward1" if isinstance(input, np.ndarray) else "PowBackward2"
    return "PowBackward0"


@differentiable(
    ARITHMETIC,
    layout="elementwise, contiguous for a number",
    numpy="power",
    node=_pow_node,
    operators=("x ** y", "x **= y"),
    checked={"exponent": ""},
)
def pow(input: Operand, exponent: Operand) -> Result:
    """`input ** exponent`, broadcast.

    The derivative of x ** 0 is 0 everywhere, also at 0 and NaN. The derivative with respect to the
    exponent is 0 where `input` is 0 and `exponent` is not negative. RuntimeError for integers to a
    negative power that is a Python number, or that their dtype can't hold.

    >>> minigrad.pow(minigrad.tensor([2., 3.]), 2)
    tensor([4., 9.])
    """
    y = _power(input, exponent)

    def to_input(g: Array) -> Array:
        if not hasattr(exponent, "dtype"):
            return g * (exponent * pow(input, exponent - 1)[0]) if exponent else np.zeros_like(g)
        return np.where(exponent == 0, 0, g * (exponent * pow(input, exponent - 1)[0]))

    def to_exponent(g: Array) -> Array:
        return g * np.where((input == 0) & (exponent >= 0), 0, y * np.log(input))

    return y, (to_input, to_exponent)


def _power(base: Any, exponent: Any) -> Any:
    """`base ** exponent` as PyTorch computes it: small powers as products, integers truncated."""
    if hasattr(exponent, "dtype"):
        kind = exponent.dtype.kind
        if kind == "b":
            raise NotImplementedError("\"pow\" not implemented for 'Bool'")
        return _float_power(base, exponent) if kind == "f" else _integer_power(base, exponent)
    if base.dtype == np.float16:  # in a derivative; PyTorch rounds the result only
        return _power(base.astype(np.float32), exponent).astype(np.float16)
    if base.dtype.kind == "b":  # the exponent is a Python bool
        return base | (not exponent)
    if base.dtype.kind in "iu":
        if exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        exponent = converted(exponent, base.dtype)
    if exponent == 3:
        return base * base * base
    if base.dtype.kind == "f":
        if exponent == -2:
            return 1 / (base * base)
        if exponent == -0.5:
            return 1 / np.sqrt(base)
    return base**exponent


def _float_power(base: Any, exponent: Array) -> Array:
    """`base ** exponent` for an array of exponents.

    Where one exponent is for many bases, NumPy computes x ** 0.5 as a square root, which has other
    results for -0 and -inf. So each base gets an exponent of its own.
    """
    shape = np.broadcast_shapes(np.shape(base), exponent.shape)
    if exponent.shape != shape or 0 in exponent.strides or not shape:
        exponent = np.broadcast_to(exponent, shape or (1,)).copy()
    return np.power(base, exponent).reshape(shape)


def _integer_power(base: Any, exponent: Array) -> Array:
    """`base ** exponent` for an array of exponents. Negative powers are truncated to integers."""
    if exponent.dtype.kind == "u":
        return np.power(base, exponent)
    whole = base ** np.maximum(exponent, 0)
    # Only 1 and -1 have negative powers that aren't 0.
    kept = np.where(base == 1, 1, np.where(base == -1, 1 - 2 * (exponent % 2), 0))
    return np.where(exponent < 0, kept, whole).astype(exponent.dtype, copy=False)


# Exponentials and roots ---------------------------------------------------------------------------


@differentiable(FLOAT_FUNCTION)
def exp(input: Array) -> Result:
    """e to the power of each element.

    >>> minigrad.exp(minigrad.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """
    y = np.exp(input)
    return y, (lambda g: g * y,)


@differentiable(FLOAT_FUNCTION)
def log(input: Array) -> Result:
    """The natural logarithm; -inf at 0, NaN below.

    >>> minigrad.log(minigrad.tensor([1., 0.]))
    tensor([0., -inf])
    """
    return np.log(input), (lambda g: g / input,)


@differentiable(FLOAT_FUNCTION)
def sqrt(input: Array) -> Result:
    """The square root; its derivative is infinite at 0.

    >>> minigrad.sqrt(minigrad.tensor([4., 2.]))
    tensor([2.0000, 1.4142])
    """
    y = np.sqrt(input)
    return y, (lambda g: g / (2 * y),)


# Activations --------------------------------------------------------------------------------------


@differentiable(
    ELEMENTWISE,
    half="float32",
    forms=IN_PLACE,
    derivative_node="ThresholdBackwardBackward0",
)
def relu(input: Array) -> Result:
    """`max(input, 0)`. The derivative is 0 at 0, and 1 at NaN.

    >>> minigrad.relu(minigrad.tensor([-1., 0., 2.]))
    tensor([0., 0., 2.])
    """
    if input.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    zero = ZERO[input.dtype]
    y = np.maximum(zero, input)  # in this order -0 stays -0
    return y, (lambda g: masked(g, y != zero),)


@differentiable(FLOAT_FUNCTION, half="float32")
def sigmoid(input: Array) -> Result:
    """`1 / (1 + exp(-input))`; the derivative is y (1 - y).

    >>> minigrad.sigmoid(minigrad.tensor([0., 2.]))
    tensor([0.5000, 0.8808])
    """
    y = 1 / (1 + np.exp(-input))
    return y, (lambda g: g * (1 - y) * y,)


@differentiable(FLOAT_FUNCTION, half="float32")
def tanh(input: Array) -> Result:
    """The hyperbolic tangent; the derivative is 1 - y².

    >>> minigrad.tanh(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    y = np.tanh(input)
    return y, (lambda g: g * (1 - y * y),)


# Selections ---------------------------------------------------------------------------------------


@differentiable(ELEMENTWISE, numpy="absolute", forms=IN_PLACE, operators=("abs(x)",))
def abs(input: Array) -> Result:
    """The absolute value. The derivative is 0 at 0 and at NaN.

    >>> minigrad.abs(minigrad.tensor([-1., 0., 2.]))
    tensor([1., 0., 2.])
    """
    if input.dtype.kind == "b":
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return np.absolute(input), (lambda g: g * sign(input)[0],)


@differentiable(ELEMENTWISE, linear=True, forms=IN_PLACE)
def sign(input: Array) -> Result:
    """The sign of each element: -1, 0 or 1, and 0 for NaN. The derivative is 0 everywhere.

    >>> minigrad.sign(minigrad.tensor([-3., 0., 2.]))
    tensor([-1.,  0.,  1.])
    """
    if input.dtype.kind == "b":
        return input.copy(), ()
    y = np.subtract(input > 0, input < 0, dtype=input.dtype)
    return y, (lambda g: np.zeros_like(g),)


@differentiable(PROMOTED)
def maximum(input: Array, other: Array) -> Result:
    """The larger of two elements, or NaN if either is NaN. A tie gives half the gradient to each.

    >>> minigrad.maximum(minigrad.tensor([1., 5.]), minigrad.tensor([3., 2.]))
    tensor([3., 5.])
    """
    return np.maximum(input, other), (
        lambda g: chosen(input < other, 0, np.where(input == other, g / 2, g)),
        lambda g: chosen(input > other, 0, np.where(input == other, g / 2, g)),
    )


@differentiable(PROMOTED)
def minimum(input: Array, other: Array) -> Result:
    """The smaller of two elements, or NaN if either is NaN. A tie gives half the gradient to each.

    >>> minigrad.minimum(minigrad.tensor([1., 5.]), minigrad.tensor([3., 2.]))
    tensor([1., 2.])
    """
    return np.minimum(input, other), (
        lambda g: chosen(input > other, 0, np.where(input == other, g / 2, g)),
        lambda g: chosen(input < other, 0, np.where(input == other, g / 2, g)),
    )


def _clamp_node(input: Array, min: Operand | None = None, max: Operand | None = None) -> str:
    return f"ClampBackward{int(not isinstance(max if min is None else min, np.ndarray))}"


@differentiable(ARITHMETIC, node=_clamp_node, checked={"min": "iuf", "max": "iuf"})
def clamp(input: Array, min: Operand | None = None, max: Operand | None = None) -> Result:
    """`input` limited to the interval from `min` to `max`, numbers or tensors.

    Where `min > max`, the result is `max`. The gradient goes to `input` where it is within the
    bounds or equal to one, elsewhere to the bound. RuntimeError if neither bound is given.

    >>> minigrad.clamp(minigrad.tensor([-2., 0.5, 2.]), min=-1, max=1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    one_tensor = (min is None or max is None) and isinstance(
        max if min is None else min, np.ndarray
    )
    if input.dtype.kind == "b" and not one_tensor:  # with one, it is a maximum or a minimum
        raise NotImplementedError("\"clamp\" not implemented for 'Bool'")
    y = input if min is None else np.maximum(min, input)
    y = y if max is None else np.minimum(max, y)
    low = -np.inf if min is None else min
    high = np.inf if max is None else max
    return y, (
        lambda g: masked(g, (input >= low) & (input <= high)),
        lambda g: masked(g, (input < low) & (max is None or low < high)),
        lambda g: masked(g, (input > high) | (low > high)),
    )


@differentiable(ELEMENTWISE, forms=FUNCTION, numpy="where")
def where(condition: Constant, input: Operand, other: Operand) -> Result:
    """`input` where `condition` is True and `other` elsewhere; all three broadcast.

    >>> minigrad.where(minigrad.tensor([True, False]), 1., minigrad.tensor([2., 3.]))
    tensor([1., 3.])
    """
    return np.where(condition, input, other), (
        None,
        lambda g: masked(g, condition),
        lambda g: masked(g, ~condition),
    )


def _masked_fill_node(input: Array, mask: Constant, value: Operand) -> str:
    return f"MaskedFillBackward{int(isinstance(value, np.ndarray))}"


@differentiable(half="float16", forms=IN_PLACE, node=_masked_fill_node)
def masked_fill(input: Array, mask: Constant, value: Operand) -> Result:
    """`value`, a number or a 0-d tensor, where `mask` is True, and `input` elsewhere; broadcast.

    The result has the dtype of `input`. RuntimeError for a mask that isn't bool, a value with
    dimensions, and a number that the dtype can't hold.

    >>> minigrad.masked_fill(minigrad.tensor([1., 2.]), minigrad.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    if mask.dtype.kind != "b":
        kind = of_numpy(mask.dtype).c_name
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {kind}"
        )
    if isinstance(value, np.ndarray):
        if value.ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        value = value.item()
    filling = np.array(converted(value, input.dtype), input.dtype)
    return np.where(mask, filling, input), (
        lambda g: np.where(mask, 0, g),
        None,
        lambda g: np.where(mask, g, 0),
    )


def fill_masked(target: Array, mask: Array, value: Operand) -> None:
    """Store `value` in an array where `mask` is True."""
    np.copyto(target, np.array(value).astype(target.dtype), where=mask)


# Copies -------------------------------------------------------------------------------------------


@differentiable(ELEMENTWISE, layout="own", linear=True)
def clone(input: Array) -> Result:
    """A copy, whose gradient goes to `input`.

    Its dimensions have the same order in memory as those of `input`, without gaps.

    >>> minigrad.clone(minigrad.tensor([1., 2.]))
    tensor([1., 2.])
    """
    return copied(input), (unchanged,)


@differentiable(
    INTERNAL, linear=True, public="contiguous", title="contiguous", node="CloneBackward0"
)
def contiguous_copy(input: Array) -> Result:
    """A copy in row-major order."""
    return input.copy(), (unchanged,)


@differentiable(
    ELEMENTWISE,
    layout="own",
    forms=(),
    linear=True,
    public="to",
    title="to(dtype)",
    node="ToCopyBackward0",
)
def cast(input: Array, dtype: np.dtype) -> Result:
    """`input` converted to another dtype. The engine converts the gradient back."""
    return copied(input, dtype), (unchanged,) if dtype.kind == "f" else ()


_WRITE = replace(INTERNAL, layout="own", half="float16")


def _store(input: Array, value: Operand, out: Array) -> Array:
    if isinstance(value, np.ndarray) and value.shape != out.shape:
        np.copyto(out, np.broadcast_to(value, out.shape))  # copyto alone ignores leading sizes of 1
    else:
        out[...] = value  # takes a fraction of the time of `copyto`, but accepts more shapes
    return out


@differentiable(
    _WRITE,
    linear=True,
    operators=("x[a:b] = y",),
    node="CopyBackwards",
    write=_store,
)
def copy(input: Array, other: Operand) -> Result:
    """`other` in the shape and dtype of `input`. It replaces all elements of `input`."""
    return _overwritten(input, other)


def _fill_node(input: Array, value: Operand) -> str:
    return f"FillBackward{2 + int(isinstance(value, np.ndarray))}"


def _store_number(input: Array, value: Operand, out: Array) -> Array:
    return _store(
        input, value if isinstance(value, np.ndarray) else converted(value, out.dtype), out
    )


@differentiable(_WRITE, layout="first", linear=True, node=_fill_node, write=_store_number)
def fill(input: Array, value: Operand) -> Result:
    """`value`, a number or a 0-d array, in the shape and dtype of `input`.

    RuntimeError for a number that the dtype can't hold.
    """
    if not isinstance(value, np.ndarray):
        value = converted(value, input.dtype)
    return _overwritten(input, value)


def _overwritten(input: Array, other: Operand) -> Result:
    other = np.asarray(other).astype(input.dtype, copy=False)
    if np.broadcast_shapes(input.shape, other.shape) == input.shape:
        y = np.broadcast_to(other, input.shape)
    else:
        raise RuntimeError(
            f"output with shape {list(input.shape)} doesn't match the broadcast shape "
            f"{list(other.shape)}"
        )
    return y, (lambda g: np.zeros_like(g), unchanged)


@differentiable(_WRITE, linear=True)
def zero(input: Array) -> Result:
    """Zeros in the shape of `input`."""
    return np.zeros_like(input), (lambda g: np.zeros_like(g),)


# Comparisons and logic, which have no derivative --------------------------------------------------


@without_derivative(ARITHMETIC, numpy="equal", operators=("x == y",))
def eq(input: Array, other: Operand) -> Result:
    """`input == other`, element by element.

    >>> minigrad.tensor([1, 2]) == minigrad.tensor([1, 3])
    tensor([ True, False])
    """
    return input == other, ()


@without_derivative(ARITHMETIC, numpy="not_equal", operators=("x != y",))
def ne(input: Array, other: Operand) -> Result:
    """`input != other`, element by element.

    >>> minigrad.tensor([1, 2]) != 1
    tensor([False,  True])
    """
    return input != other, ()


@without_derivative(ARITHMETIC, numpy="less", operators=("x < y",))
def lt(input: Array, other: Operand) -> Result:
    """`input < other`, element by element.

    >>> minigrad.tensor([1, 2]) < 2
    tensor([ True, False])
    """
    return input < other, ()


@without_derivative(ARITHMETIC, numpy="less_equal", operators=("x <= y",))
def le(input: Array, other: Operand) -> Result:
    """`input <= other`, element by element.

    >>> minigrad.tensor([1, 2]) <= 1
    tensor([ True, False])
    """
    return input <= other, ()


@without_derivative(ARITHMETIC, numpy="greater", operators=("x > y",))
def gt(input: Array, other: Operand) -> Result:
    """`input > other`, element by element.

    >>> minigrad.tensor([1, 2]) > 1
    tensor([False,  True])
    """
    return input > other, ()


@without_derivative(ARITHMETIC, numpy="greater_equal", operators=("x >= y",))
def ge(input: Array, other: Operand) -> Result:
    """`input >= other`, element by element.

    >>> minigrad.tensor([1, 2]) >= 2
    tensor([False,  True])
    """
    return input >= other, ()


@without_derivative(ELEMENTWISE, forms=IN_PLACE)
def logical_not(input: Array) -> Result:
    """True where `input` is zero or False.

    >>> minigrad.logical_not(minigrad.tensor([2, 0]))
    tensor([False,  True])
    """
    return np.logical_not(input), ()


@without_derivative(PROMOTED, forms=IN_PLACE)
def logical_and(input: Array, other: Array) -> Result:
    """True where both are nonzero.

    >>> minigrad.logical_and(minigrad.tensor([2, 1]), minigrad.tensor([1, 0]))
    tensor([ True, False])
    """
    return np.logical_and(input, other), ()


@without_derivative(PROMOTED, forms=IN_PLACE)
def logical_or(input: Array, other: Array) -> Result:
    """True where either is nonzero.

    >>> minigrad.logical_or(minigrad.tensor([2, 0]), minigrad.tensor([0, 0]))
    tensor([ True, False])
    """
    return np.logical_or(input, other), ()


def _bitwise(name: str, *operands: Operand) -> Array:
    """NumPy's ufunc of that name. NotImplementedError for floats."""
    for x in operands:
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(x)}'")
    return getattr(np, name)(*operands)


@without_derivative(ELEMENTWISE, numpy="invert", forms=IN_PLACE, operators=("~x",))
def bitwise_not(input: Array) -> Result:
    """Each bit inverted; for bool, `not`.

    >>> ~minigrad.tensor([True, False])
    tensor([False,  True])
    """
    return _bitwise("invert", input), ()


@without_derivative(ARITHMETIC, operators=("x & y", "x &= y"))
def bitwise_and(input: Operand, other: Operand) -> Result:
    """Bits set in both; for bool, `and`.

    >>> minigrad.tensor([True, True]) & minigrad.tensor([True, False])
    tensor([ True, False])
    """
    return _bitwise("bitwise_and", input, other), ()


@without_derivative(ARITHMETIC, operators=("x | y", "x |= y"))
def bitwise_or(input: Operand, other: Operand) -> Result:
    """Bits set in either; for bool, `or`.

    >>> minigrad.tensor([True, False]) | minigrad.tensor([False, False])
    tensor([ True, False])
    """
    return _bitwise("bitwise_or", input, other), ()


@without_derivative(ARITHMETIC, operators=("x ^ y", "x ^= y"))
def bitwise_xor(input: Operand, other: Operand) -> Result:
    """Bits set in exactly one of the two; for bool, `!=`.

    >>> minigrad.tensor([True, False]) ^ minigrad.tensor([True, True])
    tensor([False,  True])
    """
    return _bitwise("bitwise_xor", input, other), ()


@without_derivative(ELEMENTWISE)
def isnan(input: Array) -> Result:
    """True where `input` is NaN.

    >>> minigrad.isnan(minigrad.tensor([1., float("nan")]))
    tensor([False,  True])
    """
    return np.isnan(input), ()


@without_derivative(ELEMENTWISE)
def isfinite(input: Array) -> Result:
    """True where `input` is neither infinite nor NaN.

    >>> minigrad.isfinite(minigrad.tensor([1., float("inf")]))
    tensor([ True, False])
    """
    return np.isfinite(input), ()
