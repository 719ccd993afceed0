"""HIPS autograd, which differentiates functions of NumPy arrays."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

import autograd.numpy as anp
from autograd import make_vjp
from autograd.scipy.special import expit, logsumexp

from .array_ops import CONVENTIONS, array_ops
from .functional import Functional

_BALANCED = (
    "the relu here is maximum(x, 0), and two equal operands of maximum get half of the gradient "
    "each: balanced_eq in autograd/numpy/numpy_vjps.py"
)
conventions = CONVENTIONS | {
    ("relu", "ties"): _BALANCED,
    ("relu", "signed zeros"): _BALANCED,
}
name, version = "autograd", version_of("autograd")


def _gradients(function: Any, arrays: Any, cotangent: Any) -> Any:
    return make_vjp(lambda xs: function(*xs))(tuple(arrays))[0](cotangent)


ops = array_ops(anp) | {
    "relu": lambda x: anp.maximum(x, 0.0),
    "sigmoid": expit,
    "logsumexp": lambda x, dim, keepdim=False: logsumexp(x, axis=dim, keepdims=keepdim),
}
_engine = Functional(ops, _gradients, anp.array)
tensor, backward, grad = _engine.tensor, _engine.backward, _engine.grad
to_numpy, zero_grad, ops = _engine.to_numpy, _engine.zero_grad, _engine.ops
