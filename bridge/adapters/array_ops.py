"""PyTorch's ops in the terms of a NumPy-like namespace, for adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

UNARY = {
    **{name: name for name in ("exp", "log", "tanh", "sqrt", "abs", "sin", "cos", "tan")},
    **{name: name for name in ("sinh", "cosh", "log2", "log10", "log1p", "expm1", "exp2")},
    **{name: name for name in ("reciprocal", "sign", "floor", "ceil", "square", "sinc")},
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "neg": "negative",
}
BINARY = {
    **{name: name for name in ("add", "matmul", "maximum", "minimum", "hypot")},
    **{name: name for name in ("logaddexp", "logaddexp2")},
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "pow": "power",
    "atan2": "arctan2",
}
# Where NumPy, and what follows it, differs from PyTorch on purpose or where nothing is defined.
CONVENTIONS = {
    ("atan2", "signed zeros"): "undefined at the origin, where PyTorch's gradient is 0",
    ("cumsum", "0-d"): "numpy.cumsum of a 0-d array has one dimension (NumPy's reference)",
    ("pow", "signed zeros"): "C's pow(-0.0, -0.5) is inf (C17, F.10.4.4), and PyTorch's is -inf",
    ("sign", "nan"): "numpy.sign of NaN is NaN (NumPy's reference), and PyTorch's is 0",
    ("sqrt", "signed zeros"): "undefined at -0.0, where PyTorch's gradient is -inf",
}


def array_ops(xp: Any) -> dict[str, Callable[..., Any]]:
    """Return the ops that a namespace with NumPy's names has, by PyTorch's names."""
    named = {ours: getattr(xp, theirs, None) for ours, theirs in (UNARY | BINARY).items()}
    ops: dict[str, Callable[..., Any]] = {
        # NumPy's names for the parameters are others, so they are given by place.
        name: (lambda *args, f=f: f(*args))
        for name, f in named.items()
        if f is not None
    }

    def reduction(name: str) -> Callable[..., Any]:
        def reduce(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
            return getattr(xp, name)(x, axis=None if dim == () else dim, keepdims=keepdim)

        return reduce

    reductions = {"sum": "sum", "mean": "mean", "prod": "prod", "amax": "max", "amin": "min"}
    ops |= {ours: reduction(theirs) for ours, theirs in reductions.items() if hasattr(xp, theirs)}
    ops["max"] = lambda x: xp.max(x)
    ops["min"] = lambda x: xp.min(x)
    ops["where"] = lambda condition, a, b: xp.where(condition, a, b)
    ops["reshape"] = lambda x, shape: xp.reshape(x, shape)
    ops["permute"] = lambda x, dims: xp.transpose(x, dims)
    ops["t"] = lambda x: xp.transpose(x)
    ops["unsqueeze"] = lambda x, dim: xp.expand_dims(x, dim)
    ops["getitem"] = lambda x, key: x[key]
    ops["cat"] = lambda xs, dim=0: xp.concatenate(xs, axis=dim)
    ops["stack"] = lambda xs, dim=0: xp.stack(xs, axis=dim)
    ops["cumsum"] = lambda x, dim: xp.cumsum(x, axis=dim)
    return ops
