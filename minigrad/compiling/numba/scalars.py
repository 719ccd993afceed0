"""Functions of single elements, as text that numba compiles to what NumPy computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "less": "<", "less_equal": "<=",
    "equal": "==", "not_equal": "!=", "greater": ">", "greater_equal": ">=",
}  # fmt: skip
# NumPy's functions that numba has for numbers.
_FUNCTIONS = frozenset(
    [
        "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
        "cbrt", "ceil", "copysign", "cos", "cosh", "deg2rad", "exp", "exp2", "expm1", "fabs",
        "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd", "hypot", "invert", "isfinite",
        "isinf", "isnan", "lcm", "left_shift", "log", "log10", "log1p", "log2", "logaddexp",
        "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "negative",
        "nextafter", "positive", "power", "rad2deg", "reciprocal", "remainder", "right_shift",
        "rint", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
    ]
)  # fmt: skip
# For bools, NumPy's arithmetic is logic.
_LOGIC = {
    "add": "{0} or {1}", "multiply": "{0} and {1}", "maximum": "{0} or {1}",
    "minimum": "{0} and {1}", "logical_or": "{0} or {1}", "logical_and": "{0} and {1}",
    "logical_xor": "{0} != {1}", "logical_not": "not {0}", "invert": "not {0}",
    "bitwise_and": "{0} and {1}", "bitwise_or": "{0} or {1}", "bitwise_xor": "{0} != {1}",
    "equal": "{0} == {1}", "not_equal": "{0} != {1}",
}  # fmt: skip


# Of two zeros NumPy takes the second. NaN wins.
_EXTREME = {
    "maximum": "({0} if {0} > {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} < {1} or {0} != {0} else {1})",
}


def converted(text: str, have: Any, want: Any) -> str:
    """An element of one dtype as one of another. `have` may be a type of Python's numbers."""
    want = np.dtype(want)
    if isinstance(have, np.dtype) and have == want:
        return text
    if want.kind == "b":
        return f"({text} != 0)" if have is not bool else text
    return f"np.{want.name}({text})"


def function(name: str, kinds: Sequence[np.dtype], operands: Sequence[str]) -> str | None:
    """A ufunc of operands of these dtypes, as text; None if it has no form."""
    if all(kind.kind == "b" for kind in kinds) and name in _LOGIC:
        return f"({_LOGIC[name].format(*operands)})"
    if name in _EXTREME:
        return _EXTREME[name].format(*operands)
    if name == "floor_divide" and kinds[0].kind == "f":
        return f"floor_divided({operands[0]}, {operands[1]})"
    if name == "fmod" and kinds[0].kind in "iu":
        return f"rest_of_integers({operands[0]}, {operands[1]})"
    if name in _INFIX:
        return f"({operands[0]} {_INFIX[name]} {operands[1]})"
    if name == "negative" and kinds[0].kind == "f":
        return f"(-{operands[0]})"
    if name == "square":
        return f"({operands[0]} * {operands[0]})"
    if name in _FUNCTIONS:
        return f"np.{name}({', '.join(operands)})"
    return None
