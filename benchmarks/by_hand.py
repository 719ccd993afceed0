"""The network trained in NumPy by hand: in straightforward code, and with preallocated buffers.

The second is the practical limit for NumPy on one thread: it allocates nothing, and every line is
one call that writes into the next one's operand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .engine import Engine, on_arrays
from .networks import LEARNING_RATE, Network

BY_HAND, PREALLOCATED = "NumPy by hand", "NumPy, preallocated"


def straightforward(network: Network) -> Engine:
    """The forward and backward passes as most people would write them in NumPy."""
    x, y = network.x, network.y
    w1, b1, w2, b2 = parameters = tuple(p.copy() for p in network.parameters)
    n = len(x)
    rows = np.arange(n)

    def forward() -> Any:
        z = x @ w1 + b1
        h = np.maximum(z, 0)
        scores = h @ w2 + b2
        shifted = scores - scores.max(axis=1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -logp[rows, y].mean()
        return loss, z, h, logp

    def backward(saved: Any) -> Any:
        loss, z, h, logp = saved
        d_scores = np.exp(logp)
        d_scores[rows, y] -= 1
        d_scores /= n
        d_w2, d_b2 = h.T @ d_scores, d_scores.sum(axis=0)
        d_z = (d_scores @ w2.T) * (z > 0)
        d_w1, d_b1 = x.T @ d_z, d_z.sum(axis=0)
        return loss, (d_w1, d_b1, d_w2, d_b2)

    def update(result: Any) -> Any:
        loss, gradients = result
        for p, d in zip(parameters, gradients, strict=True):
            p -= LEARNING_RATE * d
        return loss

    return on_arrays(BY_HAND, network, parameters, forward, backward, update)


def preallocated(network: Network) -> Engine:
    """The same without allocations: every call writes into a buffer made beforehand."""
    x, y, initial = network.x, network.y, network.parameters
    w1, b1, w2, b2 = parameters = tuple(p.copy() for p in initial)
    d_w1, d_b1, d_w2, d_b2 = gradients = tuple(np.empty_like(p) for p in initial)
    steps = tuple(np.empty_like(p) for p in initial)
    (n, _), (hidden, classes), dtype = x.shape, w2.shape, x.dtype
    h, d_h = np.empty((2, n, hidden), dtype)
    logp, e, d_scores = np.empty((3, n, classes), dtype)
    column, picked, loss = np.empty((n, 1), dtype), np.empty(n, dtype), np.empty((), dtype)
    active = np.empty((n, hidden), bool)
    label_positions = np.arange(n) * classes + y  # in the flattened scores
    d_scores_flat = d_scores.reshape(-1)
    x_t, h_t, w2_t = x.T, h.T, w2.T
    # 0-d arrays, because each call would convert a Python number again.
    zero, rate, share, minus_share = (
        np.array(value, dtype) for value in (0, LEARNING_RATE, 1 / n, -1 / n)
    )

    def forward() -> Any:
        np.matmul(x, w1, h)
        np.add(h, b1, h)
        np.maximum(h, zero, out=h)
        np.matmul(h, w2, logp)
        np.add(logp, b2, logp)
        np.maximum.reduce(logp, 1, out=column, keepdims=True)
        np.subtract(logp, column, logp)
        np.exp(logp, e)
        np.add.reduce(e, 1, out=column, keepdims=True)
        np.log(column, column)
        np.subtract(logp, column, logp)
        logp.take(label_positions, None, picked, "clip")
        np.add.reduce(picked, 0, out=loss)
        np.multiply(loss, minus_share, loss)
        return loss

    def backward(loss: Any) -> Any:
        np.exp(logp, d_scores)
        np.multiply(d_scores, share, d_scores)
        d_scores_flat.take(label_positions, None, picked, "clip")
        np.subtract(picked, share, picked)
        d_scores_flat.put(label_positions, picked)
        np.matmul(h_t, d_scores, d_w2)
        np.add.reduce(d_scores, 0, out=d_b2)
        np.matmul(d_scores, w2_t, d_h)
        np.greater(h, zero, active)
        np.multiply(d_h, active, d_h)
        np.matmul(x_t, d_h, d_w1)
        np.add.reduce(d_h, 0, out=d_b1)
        return loss, gradients

    def update(result: Any) -> Any:
        loss, gradients = result
        for p, d, step in zip(parameters, gradients, steps, strict=True):
            np.multiply(d, rate, step)
            np.subtract(p, step, p)
        return loss

    return on_arrays(PREALLOCATED, network, parameters, forward, backward, update)
