"""Elementwise functions that combine ops, and other names of ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS, function
from ...core.one_node import as_one_node, one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...rules import REGISTRY
from ...rules.dtypes import float64, scalar_name, to_numpy
from ...rules.layout import elementwise
from ...rules.presentation import BOTH, FUNCTION, IN_PLACE
from ...rules.promotion import in_common_dtype
from .basic import div
from .registry import COMPOSITIONS, Composition, composed

if TYPE_CHECKING:
    from ..tensor import Tensor


@composed(IN_PLACE)
def square(input: Tensor) -> Tensor:
    """Return the square of each element.

    >>> minigrad.square(minigrad.tensor([-3., 2.]))
    tensor([9., 4.])
    """
    return OPS["pow"](input, 2)


@composed(BOTH)
def positive(input: Tensor) -> Tensor:
    """Return the tensor itself, as `+x` does. RuntimeError for bools.

    >>> minigrad.positive(minigrad.tensor([-3., 2.]))
    tensor([-3.,  2.])
    """
    require_tensor(input, "positive", "input")
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@composed(BOTH)
def float_power(input: Any, exponent: Any) -> Tensor:
    """Return `input ** exponent`, computed in float64. One of them must be a tensor.

    >>> minigrad.float_power(minigrad.tensor([2, 3]), 0.5)
    tensor([1.4142, 1.7321], dtype=torch.float64)
    """
    return OPS["pow"](_in_float64(input), _in_float64(exponent))


def _in_float64(x: Any) -> Any:
    if isinstance(x, TensorBase):
        return x if x._array.dtype == np.float64 else OPS["cast"](x, to_numpy(float64))
    return float(x) if isinstance(x, int) else x


@composed(IN_PLACE)
@one_node("LdexpBackward0", "input", "other")
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """Return `input * 2 ** other`.

    Of a float and an integer it is exact, even where `2 ** other` is infinite or 0.

    >>> minigrad.ldexp(minigrad.tensor([1.]), minigrad.tensor([3]))
    tensor([8.])
    """
    require_tensor(input, "ldexp", "input")
    require_tensor(other, "ldexp", "other", 2)
    if other.is_floating_point() or not input.is_floating_point():
        return OPS["mul"](input, OPS["pow"](2.0, other))
    if other._array.dtype.kind == "b":
        raise NotImplementedError("\"ldexp_cpu_exp\" not implemented for 'Bool'")
    exponent = other.long().clamp(-3000, 3000)  # beyond it every product is 0 or infinite
    first = exponent.clamp(-1000, 1000)
    second = (exponent - first).clamp(-1000, 1000)
    result = input.double()
    for part in (exponent - first - second, second, first):  # only the last product rounds
        result = result * OPS["pow"](2.0, part.double())
    return result.to(input.dtype)


@composed(BOTH)
def isreal(input: Tensor) -> Tensor:
    """Return True for each element, because there are no complex dtypes.

    >>> minigrad.isreal(minigrad.tensor([1., 2.]))
    tensor([True, True])
    """
    require_tensor(input, "isreal", "input")
    return wrap(elementwise(np.ones(input._array.shape, bool), (input._array,)))


# Comparisons of tensors ---------------------------------------------------------------------------


@composed(BOTH)
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Return whether |input - other| <= atol + rtol |other|, element by element.

    Equal infinities are close, and two NaN if `equal_nan`. RuntimeError for different dtypes and
    negative tolerances.

    >>> minigrad.isclose(minigrad.tensor([1., 2.]), minigrad.tensor([1.000001, 3.]))
    tensor([ True, False])
    """
    require_tensor(input, "isclose", "input")
    require_tensor(other, "isclose", "other", 2)
    a, b = input._array, other._array
    if a.dtype != b.dtype:
        raise RuntimeError(f"{scalar_name(a)} did not match {scalar_name(b)}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if isinstance(value, TensorBase) and (value.requires_grad or value._array.ndim):
            raise TypeError(
                f"isclose(): argument '{name}' must be float, not a Tensor with grad or dimensions"
            )
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    x, y = input.detach(), other.detach()
    close = x == y
    if equal_nan and a.dtype.kind == "f":
        close = close | ((x != x) & (y != y))
    if rtol == 0 and atol == 0:
        return close
    if a.dtype.kind != "f":
        x, y = (OPS["cast"](each, np.dtype(np.float32)) for each in (x, y))
    gap = (x - y).abs()
    return close | (gap.isfinite() & (gap <= (y * rtol).abs() + atol))


@composed(BOTH)
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Return whether all elements are close, as `isclose` says.

    >>> minigrad.allclose(minigrad.tensor([1., 2.]), minigrad.tensor([1.000001, 2.]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


@composed(BOTH)
def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape and, in a common dtype, the same elements.

    >>> minigrad.equal(minigrad.tensor([1., 2.]), minigrad.tensor([1., 2.]))
    True
    """
    require_tensor(input, "equal", "input")
    require_tensor(other, "equal", "other", 2)
    a, b = input._array, other._array
    if a.shape != b.shape:
        return False
    a, b = in_common_dtype(a, b)
    return bool(np.array_equal(a, b))


# Other names --------------------------------------------------------------------------------------


def _alias(alias: str, name: str) -> None:
    """Register another name of an op."""
    COMPOSITIONS["", alias] = Composition(OPS[name], IN_PLACE, False, "")


for _alias_name, _name in {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "clip": "clamp",
    "fix": "trunc",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "subtract": "sub",
}.items():
    _alias(_alias_name, _name)
_sgn = function(REGISTRY["sign"], node="SgnBackward0")
COMPOSITIONS["", "sgn"] = Composition(_sgn, IN_PLACE, False, "")
COMPOSITIONS["", "divide"] = Composition(div, IN_PLACE, False, "")


@composed(FUNCTION)
def fill(input: Tensor, value: Any) -> Tensor:
    """Return a tensor like `input` with every element set to a number or a 0-d tensor.

    >>> minigrad.fill(minigrad.zeros(2), 3)
    tensor([3., 3.])
    """
    require_tensor(input, "fill", "input")
    filled = OPS["fill"](input, value).clone()
    if isinstance(value, TensorBase):
        return as_one_node(filled, "FillBackward1", input, value)
    return as_one_node(filled, "FillBackward0", input)
