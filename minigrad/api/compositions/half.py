"""float16 in compositions that stand for one kernel of PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...core.dispatch import OPS
from ...core.half import HALF
from ...core.tensor import TensorBase
from ...rules.dtypes import float32


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a composition so that float16 tensors are computed in float32, and rounded once."""

    @functools.wraps(function)
    def compute(*args: Any, **options: Any) -> Any:
        given = [*args, *options.values()]
        tensors = [x for x in given if isinstance(x, TensorBase) and x._array.dtype.kind == "f"]
        if not tensors or any(x._array.dtype is not HALF for x in tensors):
            return function(*args, **options)
        named = {name: _wide(x) for name, x in options.items()}
        return OPS["cast"](function(*map(_wide, args), **named), HALF)

    return compute


def refuse_half(
    x: Any, kernel: str, error: type[Exception] = NotImplementedError, message: str = ""
) -> None:
    """Raise the error of a function that PyTorch lacks for float16, if `x` is a tensor of it."""
    if isinstance(x, TensorBase) and x._array.dtype is HALF and x._array.size:
        raise error(message or f"\"{kernel}\" not implemented for 'Half'")


def _wide(x: Any) -> Any:
    is_half = isinstance(x, TensorBase) and x._array.dtype is HALF
    return OPS["cast"](x, float32.numpy) if is_half else x
