"""The network trained by hand in NumPy: as one would write it, and with every buffer preallocated.

The second is the practical limit of what NumPy can do in one thread: nothing is allocated, and each
line is one call that writes where the next one reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .engine import Arrays, Engine
from .networks import LEARNING_RATE, Network


def plain(network: Network) -> Engine:
    """The forward and backward passes written out in NumPy, as one would."""
    x, y, first = network.x, network.y, network.parameters
    w1, b1, w2, b2 = parameters = tuple(p.copy() for p in first)
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

    def backward(passed: Any) -> Any:
        loss, z, h, logp = passed
        d_scores = np.exp(logp)
        d_scores[rows, y] -= 1
        d_scores /= n
        d_w2, d_b2 = h.T @ d_scores, d_scores.sum(axis=0)
        d_z = (d_scores @ w2.T) * (z > 0)
        d_w1, d_b1 = x.T @ d_z, d_z.sum(axis=0)
        return loss, (d_w1, d_b1, d_w2, d_b2)

    def update(passed: Any) -> Any:
        loss, gradients = passed
        for p, d in zip(parameters, gradients, strict=True):
            p -= LEARNING_RATE * d
        return loss

    return _engine("NumPy by hand", network, parameters, forward, backward, update)


def preallocated(network: Network) -> Engine:
    """The same with no allocation: every call writes into a buffer made beforehand."""
    x, y, first = network.x, network.y, network.parameters
    w1, b1, w2, b2 = parameters = tuple(p.copy() for p in first)
    d_w1, d_b1, d_w2, d_b2 = gradients = tuple(np.empty_like(p) for p in first)
    steps = tuple(np.empty_like(p) for p in first)
    (n, _), (hidden, classes), dtype = x.shape, w2.shape, x.dtype
    h, d_h = np.empty((2, n, hidden), dtype)
    logp, e, d_scores = np.empty((3, n, classes), dtype)
    column, picked, loss = np.empty((n, 1), dtype), np.empty(n, dtype), np.empty((), dtype)
    active = np.empty((n, hidden), bool)
    places = np.arange(n) * classes + y  # of each row's own class, in what is flattened
    d_scores_flat = d_scores.reshape(-1)
    x_t, h_t, w2_t = x.T, h.T, w2.T
    # 0-d arrays, as a Python number is converted anew by each call.
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
        logp.take(places, None, picked, "clip")
        np.add.reduce(picked, 0, out=loss)
        np.multiply(loss, minus_share, loss)
        return loss

    def backward(loss: Any) -> Any:
        np.exp(logp, d_scores)
        np.multiply(d_scores, share, d_scores)
        d_scores_flat.take(places, None, picked, "clip")
        np.subtract(picked, share, picked)
        d_scores_flat.put(places, picked)
        np.matmul(h_t, d_scores, d_w2)
        np.add.reduce(d_scores, 0, out=d_b2)
        np.matmul(d_scores, w2_t, d_h)
        np.greater(h, zero, active)
        np.multiply(d_h, active, d_h)
        np.matmul(x_t, d_h, d_w1)
        np.add.reduce(d_h, 0, out=d_b1)
        return loss, gradients

    def update(passed: Any) -> Any:
        loss, gradients = passed
        for p, d, step in zip(parameters, gradients, steps, strict=True):
            np.multiply(d, rate, step)
            np.subtract(p, step, p)
        return loss

    return _engine("NumPy, preallocated", network, parameters, forward, backward, update)


def _engine(
    name: str, network: Network, parameters: Arrays, forward: Any, backward: Any, update: Any
) -> Engine:
    def reset() -> None:
        for p, first in zip(parameters, network.parameters, strict=True):
            p[...] = first

    return Engine(
        name,
        {"forward": forward, "backward": backward, "update": update},
        gradients=lambda passed: passed[1],
        parameters=lambda: parameters,
        reset=reset,
    )
