"""Draw calls of trigonometric, rounding, special and other elementwise ops."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.rules import bessel, polynomials
from minigrad.rules.rule import names_in

from . import cases
from .draws import RandomDraws
from .operands import Case, Operand, laid_out


def binary_with_tensor(draw: RandomDraws) -> Case:
    """Draw two tensors, or a tensor and a number."""
    a, b = (draw.array(shape) for shape in draw.shapes(2))
    return Case(draw.pick((a, b), (a, b), (a, draw.number())))


def integers(draw: RandomDraws) -> Case:
    """Draw two tensors of integers."""
    draw.dtype = np.dtype(draw.pick("int64", "int32"))
    draw.was_odd = True
    a, b = (draw.array(shape) for shape in draw.shapes(2))
    return Case((a, b))


def integers_with_number(draw: RandomDraws) -> Case:
    case = integers(draw)
    return draw.pick(case, replace(case, operands=(case.operands[0], draw.pick(1, 2, 40))))


def rounded(draw: RandomDraws) -> Case:
    case = between(draw)
    if draw.style == "smooth":
        return case
    return replace(case, options=draw.options(decimals=(..., 0, 1, 3, -1)))


def with_value(draw: RandomDraws) -> Case:
    """Draw three tensors, and a factor of their product or quotient."""
    case = moderate_tensors(3)(draw)
    return replace(case, options=draw.options(value=(..., 1, 2, -1)))


def lerp(draw: RandomDraws) -> Case:
    draw.was_odd = True
    a, b, c = (draw.array(shape, dtype=draw.dtype) for shape in draw.shapes(3))
    return Case((a, b, c))


def bounded(draw: RandomDraws) -> Case:
    shape, bounds = draw.shapes(2)
    x = draw.array(shape)
    return Case((x, draw.pick(draw.array(bounds), draw.number())))


def nan_to_num(draw: RandomDraws) -> Case:
    numbers = (..., 0.0, 1.5, -2.0)
    case = cases.unary(draw)
    return replace(case, options=draw.options(nan=numbers, posinf=numbers, neginf=numbers))


def without_gradient(case: Callable[[RandomDraws], Case]) -> Callable[[RandomDraws], Case]:
    """Draw operands that don't require grad: in PyTorch, backward would raise an error."""

    def draw_it(draw: RandomDraws) -> Case:
        drawn = case(draw)
        return replace(drawn, wanted=(False,) * len(drawn.operands))

    return draw_it


def first_without_gradient(case: Callable[[RandomDraws], Case]) -> Callable[[RandomDraws], Case]:
    """Draw operands of which the first doesn't require grad, as `without_gradient` does for all."""

    def draw_it(draw: RandomDraws) -> Case:
        drawn = case(draw)
        first, *others = drawn.operands
        assert isinstance(first, Operand)
        return replace(drawn, operands=(replace(first, constant=True), *others))

    return draw_it


between = cases.off_jumps(cases.unary)


def moderate(draw: RandomDraws) -> Case:
    return Case((draw.array(draw.shape(), moderate=True),))


def moderate_tensors(count: int) -> Callable[[RandomDraws], Case]:
    """Draw tensors of one float dtype without special values.

    Around these, and between dtypes, rounding decides the derivatives.
    """

    def draw_it(draw: RandomDraws) -> Case:
        dtype = draw.dtype if draw.dtype.kind == "f" else np.dtype(np.float64)
        shapes = draw.shapes(count)
        return Case(tuple(draw.array(s, moderate=True, positive=True, dtype=dtype) for s in shapes))

    return draw_it


def _tensors(case: Case) -> list[Operand]:
    return [x for x in case.operands if isinstance(x, Operand)]


def fraction(draw: RandomDraws) -> Case:
    """Draw a tensor of numbers between -1 and 1."""
    case = moderate(draw)
    x, *_ = _tensors(case)
    if not x.differentiable:
        return case
    return Case((replace(x, values=np.asarray(np.tanh(x.values) * 0.9)),))


def probability(draw: RandomDraws) -> Case:
    """Draw a tensor of numbers between 0 and 1; if wild, some are 0 or 1."""
    case = fraction(draw)
    x, *_ = _tensors(case)
    if not x.differentiable:
        return case
    values = np.asarray(x.values / 2 + 0.5)
    if draw.wild:
        ends = np.asarray(draw.rng.integers(0, 2, values.shape), values.dtype)
        values = np.where(draw.rng.random(values.shape) < 0.1, ends, values)
    return Case((laid_out(values, x.layout),))


def remaindered(draw: RandomDraws) -> Case:
    """Draw two tensors, without a tiny divisor if a quotient would overflow.

    There, PyTorch's vectorised and scalar loops differ.
    """
    case = cases.off_jumps(cases.tensors(2))(draw)
    a, b = _tensors(case)
    x, y = a.values, b.values
    with np.errstate(all="ignore"):
        try:
            overflow = np.isinf(x / np.asarray(y, x.dtype)) & np.isfinite(x) & (y != 0)
        except ValueError:  # they don't broadcast
            return case
    if not overflow.any():
        return case
    larger = np.where((y != 0) & (np.abs(y) < 1), np.ones_like(y), y)
    return Case((a, laid_out(larger, b.layout)))


def logit(draw: RandomDraws) -> Case:
    return replace(probability(draw), options=draw.options(eps=(..., 0.01)))


def above_one(draw: RandomDraws) -> Case:
    case = moderate_tensors(1)(draw)
    x, *_ = _tensors(case)
    if not x.differentiable:
        return case
    return Case((replace(x, values=np.asarray(np.abs(x.values) + 1.5)),))


def polygamma(draw: RandomDraws) -> Case:
    case = moderate_tensors(1)(draw)
    return replace(case, options={"n": draw.pick(0, 1, 2, 3)})


def mvlgamma(draw: RandomDraws) -> Case:
    case = above_one(draw)
    return replace(case, options={"p": draw.pick(1, 2, 3)})


def positive_with_number(draw: RandomDraws) -> Case:
    a, b = (draw.array(shape, positive=True, moderate=True) for shape in draw.shapes(2))
    return Case(draw.pick((a, b), (a, b), (a, draw.number(0.5, 2.0)), (draw.number(0.5, 2.0), b)))


def zeta_operands(draw: RandomDraws) -> Case:
    """Draw an exponent, and a tensor or number."""
    a, b = (draw.array(shape, positive=True, moderate=True) for shape in draw.shapes(2))
    if not draw.wild:  # the function is smooth where the exponent is over 1
        a = replace(a, values=np.asarray(a.values + 1))
    elif a.values.dtype.kind != "i":
        # PyTorch's derivative computes -a and a + 1 in the dtype of `a`, before any promotion.
        a = replace(a, values=a.values.astype(np.float64))
    other = b if draw.style == "smooth" else draw.pick(b, b, draw.number(0.5, 2.0))
    return Case((a, other))


def x_log_y(draw: RandomDraws) -> Case:
    """Draw x and y, sometimes zeros at the same elements: the derivative by y is 0/0 there."""
    if not draw.odd(4):
        return positive_with_number(draw)
    x = draw.array(draw.shape(), moderate=True)
    return Case((x, replace(x)))


def positive(draw: RandomDraws) -> Case:
    """Draw a tensor of numbers from 0.1 to 3. Above, PyTorch's Bessel functions lose digits."""
    case = moderate_tensors(1)(draw)
    x, *_ = _tensors(case)
    return Case((laid_out(np.asarray(np.clip(0.1 + np.abs(x.values), None, 3)), x.layout),))


def with_degree(draw: RandomDraws) -> Case:
    """Draw a polynomial's argument, a number or a tensor, and its degree, which is small."""
    case = fraction(draw)
    x, *_ = _tensors(case)
    if not x.differentiable:
        return Case((x, draw.pick(0, 1, 2, 3)))
    degrees = np.asarray(draw.rng.integers(-1, 6, x.values.shape), x.values.dtype)
    n = laid_out(degrees, x.layout)
    return Case(draw.pick((x, n), (x, n), (x, draw.pick(0, 1, 2, 3, 5)), (0.25, n)))


def of_special(name: str) -> dict[str, Callable[..., Any]]:
    """Return the function of that name in `torch.special`."""
    return {"function": lambda t, *args, **options: getattr(t.special, name)(*args, **options)}


_FUNCTION = dict[str, Any]


def _with(symbol: Callable[..., Any]) -> _FUNCTION:
    return {"operator": lambda t, *operands: symbol(*operands)}


# For each rule, how to draw its case, and its forms other than those in the registry.
ELEMENTWISE: dict[str, tuple[Callable[[RandomDraws], Case], _FUNCTION]] = {
    **{
        name: (cases.unary, {})
        for name in (
            *("sin", "cos", "atan", "sinh", "cosh", "asinh", "deg2rad", "rad2deg"),
            *("expm1", "exp2", "signbit"),
        )
    },
    **{name: (cases.unary_with_infinities, {}) for name in ("isinf", "isposinf", "isneginf")},
    **{name: (cases.unary_positive, {}) for name in ("log2", "log10", "log1p", "rsqrt")},
    **{name: (moderate, {}) for name in ("erf", "erfc", "i0")},
    **{name: (moderate_tensors(1), {}) for name in ("digamma", "lgamma")},
    **{name: (between, {}) for name in ("floor", "ceil", "trunc", "frac")},
    **{name: (fraction, {}) for name in ("asin", "acos", "atanh", "erfinv", "tan")},
    **{name: (moderate_tensors(2), {}) for name in ("atan2", "hypot", "logaddexp", "logaddexp2")},
    **{name: (cases.tensors(2), {}) for name in ("fmax", "fmin", "nextafter")},
    **{name: (first_without_gradient(moderate_tensors(2)), {}) for name in ("igamma", "igammac")},
    **{
        f"special_{name}": (moderate, of_special(name))
        for name in ("erfcx", "i0e", "i1", "i1e", "log_ndtr")
    },
    **{
        name: (without_gradient(draw), of_special(name.removeprefix("special_")))
        for module, draw in ((bessel, positive), (polynomials, with_degree))
        for name in names_in(module)
    },
    "acosh": (above_one, {}),
    "addcdiv": (with_value, {}),
    "addcmul": (with_value, {}),
    "bitwise_left_shift": (integers_with_number, _with(operator.lshift)),
    "bitwise_right_shift": (integers_with_number, _with(operator.rshift)),
    "clamp_max": (bounded, {}),
    "clamp_min": (bounded, {}),
    "copysign": (binary_with_tensor, {}),
    "floor_divide": (without_gradient(cases.binary), _with(operator.floordiv)),
    "fmod": (remaindered, {}),
    "frexp": (cases.off_jumps(moderate), {"function": lambda t, input: t.frexp(input)}),
    "gcd": (integers, {}),
    "heaviside": (without_gradient(cases.tensors(2)), {}),
    "lcm": (integers, {}),
    "lerp": (lerp, {}),
    "logical_xor": (cases.logical_binary, {}),
    "logit": (logit, {}),
    "mvlgamma": (mvlgamma, {}),
    "nan_to_num": (nan_to_num, {}),
    "polygamma": (polygamma, {}),
    "remainder": (remaindered, _with(operator.mod)),
    "round": (rounded, {}),
    "special_entr": (cases.unary_positive, of_special("entr")),
    "special_ndtri": (probability, of_special("ndtri")),
    "special_xlog1py": (positive_with_number, of_special("xlog1py")),
    "sinc": (moderate, {}),
    "special_zeta": (first_without_gradient(zeta_operands), of_special("zeta")),
    "xlogy": (x_log_y, {}),
}
