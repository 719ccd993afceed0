"""JAX, in float64 where the operands are."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .array_ops import CONVENTIONS, array_ops
from .functional import Functional

jax.config.update("jax_enable_x64", True)

_ABS = "the derivative of abs at 0 is 1: _abs_jvp_rule in jax/_src/lax/lax.py"
conventions = CONVENTIONS | {("abs", "ties"): _ABS, ("abs", "signed zeros"): _ABS}
name, version = "jax", jax.__version__


def _gradients(function: Any, arrays: Any, cotangent: Any) -> Any:
    return jax.vjp(function, *arrays)[1](cotangent)


ops = array_ops(jnp) | {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
    "elu": lambda x, alpha=1.0: jax.nn.elu(x, alpha),
    "gelu": lambda x, approximate="none": jax.nn.gelu(x, approximate=approximate == "tanh"),
    "softmax": lambda x, dim: jax.nn.softmax(x, dim),
    "log_softmax": lambda x, dim: jax.nn.log_softmax(x, dim),
    "logsumexp": lambda x, dim, keepdim=False: jax.nn.logsumexp(x, dim, keepdims=keepdim),
    "erf": jax.scipy.special.erf,
    "lgamma": jax.scipy.special.gammaln,
    "digamma": jax.scipy.special.digamma,
}
_engine = Functional(ops, _gradients, jnp.asarray)
tensor, backward, grad = _engine.tensor, _engine.backward, _engine.grad
to_numpy, zero_grad, ops = _engine.to_numpy, _engine.zero_grad, _engine.ops
