"""tinygrad, on the CPU."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version as version_of
from typing import Any

import numpy as np

from bridge.conformance.adapter import Missing

if not shutil.which("clang"):  # without a compiler, tinygrad's interpreter runs in Python
    os.environ.setdefault("DEV", "PYTHON")

from tinygrad import Tensor

name, version = "tinygrad", version_of("tinygrad")
_KINK = "the derivative at a kink is that of one side: tinygrad/mixin/elementwise.py"
conventions = {
    (op, check): _KINK for op in ("leaky_relu", "hardswish") for check in ("ties", "signed zeros")
}


def tensor(array: np.ndarray, requires_grad: bool) -> Tensor:
    # A 0-d array would become a constant, and tinygrad has no gradients of constants.
    return Tensor(np.array(array).reshape(-1)).reshape(np.shape(array))


def backward(result: Tensor, cotangent: np.ndarray) -> None:
    result.backward(Tensor(np.array(cotangent)))


def grad(leaf: Tensor) -> Tensor | None:
    return leaf.grad


def to_numpy(value: Tensor) -> np.ndarray:
    return value.numpy()


def zero_grad(leaf: Tensor) -> None:
    leaf.grad = None


_METHODS = (
    *("add", "sub", "mul", "div", "pow", "neg", "exp", "log", "relu", "tanh", "sigmoid", "sqrt"),
    *("abs", "reciprocal", "sin", "cos", "tan", "maximum", "minimum", "matmul", "square", "sign"),
    *("floor", "ceil", "round", "trunc", "exp2", "log2", "log10", "rsqrt", "erf", "softplus"),
    *("silu", "elu", "mish", "hardswish", "leaky_relu", "asin", "acos", "atan", "sinh"),
    *("cosh", "asinh", "acosh", "atanh", "reshape", "permute", "transpose", "flip", "unsqueeze"),
    *("squeeze", "logaddexp", "tril", "triu", "cumsum", "eq", "ne", "lt", "le", "gt", "ge"),
    "detach",
)


def _method(name: str) -> Any:
    def call(x: Any, *rest: Any, **options: Any) -> Any:
        if not isinstance(x, Tensor):
            raise Missing("a number as the first operand")
        return getattr(x, name)(*rest, **options)

    return call


def _reduction(name: str) -> Any:
    def call(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
        return getattr(x, name)(axis=None if dim == () else dim, keepdim=keepdim)

    return call


def _item(x: Tensor, key: Any) -> Tensor:
    entries = key if isinstance(key, tuple) else (key,)
    if any(isinstance(entry, np.ndarray) for entry in entries):
        raise Missing("an array as an index")
    return x[key]


def _gelu(x: Tensor, approximate: str = "none") -> Tensor:
    if approximate != "tanh":
        raise Missing("gelu without the approximation by tanh")
    return x.gelu()


ops = {name: _method(name) for name in _METHODS if hasattr(Tensor, name)}
ops |= {
    **{name: _reduction(name) for name in ("sum", "mean", "prod")},
    "amax": _reduction("max"),
    "amin": _reduction("min"),
    "softmax": lambda x, dim: x.softmax(dim),
    "log_softmax": lambda x, dim: x.log_softmax(dim),
    "logsumexp": lambda x, dim, keepdim=False: x.logsumexp(dim, keepdim=keepdim),
    "where": lambda condition, a, b: condition.where(a, b),
    "cat": lambda xs, dim=0: xs[0].cat(*xs[1:], dim=dim),
    "stack": lambda xs, dim=0: xs[0].stack(*xs[1:], dim=dim),
    "getitem": _item,
    "gelu": _gelu,
}
