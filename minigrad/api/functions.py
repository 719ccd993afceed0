"""The functions of ops at PyTorch's top level, which `minigrad` exports.

They are collected here from the registry of rules and from `compositions/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..core.dispatch import OPS
from ..core.output import taking_out
from ..core.resizing import with_format
from ..core.tensor import require_tensor
from ..rules import REGISTRY
from . import compositions
from .tensor import Tensor

# The methods that write in place, or change the shape, and are functions too in PyTorch.
_IN_PLACE = """
abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh as_strided asin asinh atan atanh
ceil clamp clamp_max clamp_min clip conj_physical cos cosh deg2rad detach erf erfc exp exp2 expm1
fill fix floor frac gcd i0 index_put lcm ldexp log log10 log1p log2 logit nan_to_num neg negative
rad2deg reciprocal relu resize_as round rsqrt sigmoid sin sinc sinh sqrt square tan tanh trunc xlogy
zero
"""
# What their examples give them beside the tensor; the others need nothing.
_ARGUMENTS = {
    "addmv": "minigrad.ones(2, 2), minigrad.ones(2)",
    "as_strided": "(1,), (1,)",
    "clamp": "0, 1",
    "clamp_max": "1",
    "clamp_min": "0",
    "clip": "0, 1",
    "fill": "1",
    "gcd": "minigrad.tensor(4)",
    "index_put": "(minigrad.tensor([0]),), minigrad.tensor(1)",
    "lcm": "minigrad.tensor(4)",
    "ldexp": "minigrad.tensor(1)",
    "resize_as": "minigrad.ones(1)",
    "xlogy": "2",
}
_OF_INTS = ("gcd", "index_put", "lcm")
_OF_NN = ("alpha_dropout", "celu", "feature_alpha_dropout", "rrelu", "selu", "threshold")
_written = compositions.activations.written


def _as_function(name: str) -> Callable[..., Any]:
    """A method that writes in place as a function of the tensor."""
    method = getattr(Tensor, name)

    def function(input: Any, *args: Any, **options: Any) -> Any:
        require_tensor(input, name, "input")
        return method(input, *args, **options)

    function.__name__ = function.__qualname__ = name
    numbers = "[1, 2]" if name[:-1] in _OF_INTS else "[0.5, 0.25]"
    call = ", ".join(filter(None, ("x", _ARGUMENTS.get(name[:-1], ""))))
    function.__doc__ = (
        f"{(method.__doc__ or '').partition('>>>')[0].strip()}\n\n"
        f">>> x = minigrad.tensor({numbers})\n>>> minigrad.{name}({call}) is x\nTrue\n"
    )
    return function


PUBLIC: dict[str, Callable[..., Any]] = taking_out(
    "",
    {
        name: OPS[name]
        for name, rule in REGISTRY.items()
        if "function" in rule.presentation.forms and not rule.presentation.module
    }
    | compositions.public(""),
) | {f"{name}_": _written(compositions.public("nn.functional")[name]) for name in _OF_NN}
PUBLIC |= {
    "dropout_": compositions.dropout.dropout_,
    "embedding_renorm_": compositions.native.embedding_renorm_,
    "feature_dropout_": compositions.dropout.feature_dropout_,
}
PUBLIC |= {f"{name}_": _as_function(f"{name}_") for name in _IN_PLACE.split()}
PUBLIC["clone"] = with_format(OPS["clone"])

for _name, _function in PUBLIC.items():
    # Pickle finds a function by its name in its module.
    if getattr(sys.modules[_function.__module__], _function.__qualname__, None) is not _function:
        _function.__module__, _function.__qualname__ = __name__, _name
globals().update(PUBLIC)
__all__ = sorted(PUBLIC)
