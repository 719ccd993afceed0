"""HIPS autograd, which differentiates functions of NumPy arrays."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

import autograd.numpy as anp
from autograd import make_vjp
from autograd.scipy.special import logsumexp

from .array_ops import array_ops
from .functional import Functional

name, version = "autograd", version_of("autograd")


def _gradients(function: Any, arrays: Any, cotangent: Any) -> Any:
    return make_vjp(lambda xs: function(*xs))(tuple(arrays))[0](cotangent)


ops = array_ops(anp) | {
    "relu": lambda x: anp.maximum(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + anp.exp(-x)),
    "logsumexp": lambda x, dim, keepdim=False: logsumexp(x, axis=dim, keepdims=keepdim),
}
_engine = Functional(ops, _gradients, anp.array)
tensor, backward, grad, to_numpy = (
    _engine.tensor,
    _engine.backward,
    _engine.grad,
    _engine.to_numpy,
)
zero_grad, ops = _engine.zero_grad, _engine.ops
