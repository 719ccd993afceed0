"""The network in other automatic differentiation libraries, written as their users would.

None of the libraries is required, so each is imported only by the engine that needs it.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from .engine import Engine, on_arrays
from .networks import LEARNING_RATE, Network


def autograd(network: Network) -> Engine:
    """HIPS autograd: a function of the parameters and its VJP."""
    anp = importlib.import_module("autograd.numpy")
    make_vjp = importlib.import_module("autograd").make_vjp
    x, y = network.x, network.y
    parameters = tuple(p.copy() for p in network.parameters)
    rows, one = np.arange(len(x)), np.ones((), x.dtype)

    def loss_of(parameters: Any) -> Any:
        w1, b1, w2, b2 = parameters
        z = anp.dot(x, w1) + b1
        # Not np.maximum, which splits the cotangent between both operands at a tie.
        h = anp.where(z > 0, z, 0)
        scores = anp.dot(h, w2) + b2
        shifted = scores - anp.max(scores, axis=1, keepdims=True)
        logp = shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True))
        return -anp.mean(logp[rows, y])

    def forward() -> Any:
        return make_vjp(loss_of)(parameters)

    def backward(result: Any) -> Any:
        vjp, loss = result
        return loss, vjp(one)

    def update(result: Any) -> Any:
        loss, gradients = result
        for p, d in zip(parameters, gradients, strict=True):
            p -= LEARNING_RATE * d
        return loss

    return on_arrays("autograd", network, parameters, forward, backward, update)


def mygrad(network: Network) -> Engine:
    """MyGrad: tensors with a `backward` method."""
    mg = importlib.import_module("mygrad")
    relu = importlib.import_module("mygrad.nnet.activations").relu
    softmax_crossentropy = importlib.import_module("mygrad.nnet.losses").softmax_crossentropy
    x, y = network.x, network.y
    w1, b1, w2, b2 = parameters = [mg.tensor(p.copy()) for p in network.parameters]

    def forward() -> Any:
        h = relu(mg.matmul(x, w1) + b1)
        return softmax_crossentropy(mg.matmul(h, w2) + b2, y)

    def backward(loss: Any) -> Any:
        loss.backward()
        return loss

    def update(loss: Any) -> Any:
        for p in parameters:
            p.data -= LEARNING_RATE * p.grad
            p.null_grad()
        return loss

    def reset() -> None:
        for p, initial in zip(parameters, network.parameters, strict=True):
            p.data[...] = initial

    return Engine(
        "MyGrad",
        {"forward": forward, "backward": backward, "update": update},
        gradients=lambda loss: tuple(np.array(p.grad) for p in parameters),
        parameters=lambda: tuple(p.data for p in parameters),
        reset=reset,
        loss=lambda loss: loss.data,
    )


def jax(network: Network) -> Engine:
    """JAX on the CPU: the step is one compiled function, and so is each of its two phases.

    The first phase is forward and backward together, because JAX compiles them as one.
    """
    library = _import_jax(network.x.dtype)
    jnp, nn = library.numpy, library.nn
    x, y, initial = (
        library.device_put(each) for each in (network.x, network.y, network.parameters)
    )
    rows = np.arange(len(network.x))
    state = {"parameters": initial}

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = parameters
        h = nn.relu(jnp.matmul(x, w1) + b1)
        logp = nn.log_softmax(jnp.matmul(h, w2) + b2, axis=1)
        return -jnp.mean(logp[rows, y])

    def updated(parameters: Any, gradients: Any) -> Any:
        return library.tree.map(lambda p, d: p - LEARNING_RATE * d, parameters, gradients)

    value_and_grad = library.value_and_grad(loss_of)

    @library.jit
    def compiled_step(parameters: Any, x: Any, y: Any) -> Any:
        loss, gradients = value_and_grad(parameters, x, y)
        return loss, updated(parameters, gradients)

    compiled, compiled_update = library.jit(value_and_grad), library.jit(updated)

    def forward_and_backward() -> Any:
        return compiled(state["parameters"], x, y)

    def update(result: Any) -> Any:
        loss, gradients = result
        state["parameters"] = compiled_update(state["parameters"], gradients)
        return loss

    def step() -> Any:
        loss, state["parameters"] = compiled_step(state["parameters"], x, y)
        return loss

    return Engine(
        "JAX",
        {"forward and backward": forward_and_backward, "update": update},
        gradients=lambda result: tuple(np.asarray(d) for d in result[1]),
        parameters=lambda: tuple(np.asarray(p) for p in state["parameters"]),
        reset=lambda: state.update(parameters=initial),
        finish=lambda: library.block_until_ready(state["parameters"]),
        step=step,
    )


def _import_jax(dtype: np.dtype) -> Any:
    library = importlib.import_module("jax")
    library.config.update("jax_platforms", "cpu")
    library.config.update("jax_enable_x64", dtype == np.float64)
    return library
