"""Draw calls of the ops of neural networks: activations, convolution, pooling, normalisation.

`SAMPLES` lists for each rule its cases, and its forms other than those in the registry.
"""

from __future__ import annotations

from typing import Any

from bridge.libraries.op_calls import functional

from .cases import CaseFunction, unary
from .draws import RandomDraws
from .operands import Case

# Activations --------------------------------------------------------------------------------------


def unary_with(**choices: tuple[Any, ...]) -> CaseFunction:
    """Draw a tensor, and one of the choices for each option."""
    return lambda draw: Case((draw.array(draw.shape()),), draw.options(**choices))


def threshold(draw: RandomDraws) -> Case:
    numbers = {"threshold": draw.pick(0, 0.5, -1, 2), "value": draw.pick(0, 7, -1.5)}
    return Case((draw.array(draw.shape()),), numbers)


def prelu(draw: RandomDraws) -> Case:
    shape = draw.shape()
    weight = tuple(draw.pick(size, 1) if d == 1 else 1 for d, size in enumerate(shape))
    x = draw.array(shape)
    return Case((x, draw.array(weight, dtype=x.values.dtype)))


def glu(draw: RandomDraws) -> Case:
    shape = list(draw.shape(least=1))
    dim = draw.dim(len(shape))
    if -len(shape) <= dim < len(shape) and not draw.odd(12):
        shape[dim] += shape[dim] % 2
    return Case((draw.array(tuple(shape)),), {"dim": dim})


def gelu_backward(draw: RandomDraws) -> Case:
    draw.was_odd = True
    shape = draw.shape()
    approximate = draw.pick("none", "tanh")
    return Case((draw.array(shape), draw.array(shape)), {"approximate": approximate})


def _elu(t: Any, input: Any, alpha: float = 1.0) -> Any:
    return t.nn.functional.elu(input, alpha)


def _gradient_of_gelu(t: Any, grad: Any, input: Any, *, approximate: str) -> Any:
    x = input if input.requires_grad else input.detach().requires_grad_()
    y = t.nn.functional.gelu(x, approximate=approximate)
    return t.autograd.grad(y, x, grad, create_graph=True)[0]


def _f(name: str) -> dict[str, Any]:
    return {"functional": functional(name)}


SAMPLES: dict[str, tuple[Any, ...]] = {
    "elu": (unary_with(alpha=(..., 1, 0.5, 2)), {"functional": _elu}),
    "gelu": (unary_with(approximate=(..., "none", "tanh")),),
    "gelu_backward": (gelu_backward, {"gradient": _gradient_of_gelu}),
    "glu": (glu,),
    "hardshrink": (unary_with(lambd=(..., 0, 0.5, 1)),),
    "hardsigmoid": (unary, _f("hardsigmoid")),
    "hardswish": (unary, _f("hardswish")),
    "hardtanh": (unary_with(min_val=(..., -2, 0), max_val=(..., 1, 2.5)), _f("hardtanh")),
    "leaky_relu": (unary_with(negative_slope=(..., 0.1, 1, -2)), _f("leaky_relu")),
    "logsigmoid": (unary,),
    "mish": (unary, _f("mish")),
    "prelu_kernel": (prelu, {"function": lambda t, x, weight: t.prelu(x, weight)}),
    "silu": (unary, _f("silu")),
    "softplus": (unary_with(beta=(..., 1, 2, 0.5), threshold=(..., 20, 1)),),
    "softshrink": (unary_with(lambd=(..., 0, 0.5, 1)),),
    "threshold": (threshold, _f("threshold")),
}
