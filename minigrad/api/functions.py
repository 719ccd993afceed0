"""The functions of ops at PyTorch's top level, which `minigrad` exports.

They are collected here from the registry of rules and from `compositions/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..core.dispatch import OPS
from ..core.tensor import require_tensor
from ..rules import REGISTRY
from . import compositions

PUBLIC: dict[str, Callable[..., Any]] = {
    name: OPS[name]
    for name, rule in REGISTRY.items()
    if "function" in rule.presentation.forms and not rule.presentation.module
} | compositions.public("")

# PyTorch has these methods that write in place as functions, too.
WRITTEN = (
    *("abs", "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan"),
    *("arctanh", "asin", "asinh", "atan", "atanh", "ceil", "clamp", "clamp_max"),
    *("clamp_min", "clip", "cos", "cosh", "deg2rad", "erf", "erfc", "exp", "exp2"),
    *("expm1", "fill", "fix", "floor", "frac", "gcd", "i0", "lcm", "ldexp", "log"),
    *("log10", "log1p", "log2", "logit", "nan_to_num", "neg", "negative", "rad2deg"),
    *("reciprocal", "relu", "round", "rsqrt", "sigmoid", "sin", "sinc", "sinh", "sqrt"),
    *("square", "tan", "tanh", "trunc", "xlogy", "zero"),
)


def _written(name: str) -> Callable[..., Any]:
    """The function that calls the method `name_`."""

    def function(input: Any, *args: Any, **options: Any) -> Any:
        require_tensor(input, f"{name}_", "input")
        return getattr(input, f"{name}_")(*args, **options)

    function.__doc__ = f"`input.{name}_(…)`, as a function."
    return function


PUBLIC |= {f"{name}_": _written(name) for name in WRITTEN}
for _name, _function in PUBLIC.items():
    # Pickle finds a function by its name in its module.
    if getattr(sys.modules[_function.__module__], _function.__qualname__, None) is not _function:
        _function.__module__, _function.__qualname__ = __name__, _name
globals().update(PUBLIC)
__all__ = sorted(PUBLIC)
