"""A layer of an LSTM as one rule: op by op, a training step of it takes half as long again."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import sigmoid
from .presentation import INTERNAL
from .rule import Array, Result, differentiable, once
from .shape import cat, stack


@differentiable(INTERNAL, node="MkldnnRnnLayerBackward0")
def lstm(gates: Array, h: Array, c: Array, weight: Array) -> Result:
    """The h and the c after each step of an LSTM, (2, T, N, H).

    `gates` (T, N, 4H) is what the inputs and the biases add to the gates, in the order input,
    forget, cell, output. `h` and `c` (N, H) are the first state, and `weight` (4H, H) multiplies h.
    The formulas are those of torch.nn.LSTM's documentation, and their derivatives are
    backpropagation through time.
    """
    size = c.shape[1]
    y = np.empty((2, len(gates), *c.shape), gates.dtype)
    last_h, last_c = h, c
    for t in range(len(gates)):
        sums = gates[t] + last_h.dot(weight.T)
        i, f = sigmoid(sums[:, :size])[0], sigmoid(sums[:, size : 2 * size])[0]
        cell, o = np.tanh(sums[:, 2 * size : 3 * size]), sigmoid(sums[:, 3 * size :])[0]
        last_c = np.add(f * last_c, i * cell, out=y[1, t])
        last_h = np.multiply(o, np.tanh(last_c), out=y[0, t])

    def before(first: Array, each: Array) -> Array:
        """The state before each step, given the first one and those after each step."""
        return cat(first[None], each[:-1], dim=0)[0]

    @once
    def through_time(g: Array) -> Any:
        """The gradient of the gates of each step, that of the first c, and the states before."""
        hs, cs = before(h, y[0]).reshape(-1, size), before(c, y[1])
        sums = gates + (hs @ weight.T).reshape(gates.shape)
        i, f = sigmoid(sums[:, :, :size])[0], sigmoid(sums[:, :, size : 2 * size])[0]
        cell, o = np.tanh(sums[:, :, 2 * size : 3 * size]), sigmoid(sums[:, :, 3 * size :])[0]
        t = np.tanh(y[1])
        slopes = cell * (1 - i) * i, cs * (1 - f) * f, i * (1 - cell * cell), t * (1 - o) * o
        from_h = o * (1 - t * t)
        found: tuple[Any, ...] = ()
        to_h, to_c = g[0, -1], g[1, -1]
        for k in range(len(gates) - 1, -1, -1):
            to_c = to_c + to_h * from_h[k]
            parts = to_c * slopes[0][k], to_c * slopes[1][k], to_c * slopes[2][k]
            found = cat(*parts, to_h * slopes[3][k], dim=1)[0], *found
            to_c = to_c * f[k]
            if k:
                to_h, to_c = g[0, k - 1] + found[0] @ weight, g[1, k - 1] + to_c
        return found, to_c, hs

    def to_weight(g: Array) -> Array:
        found, _, hs = through_time(g)
        return cat(*found, dim=0)[0].T @ hs

    return y, (
        lambda g: stack(*through_time(g)[0], dim=0)[0],
        lambda g: through_time(g)[0][0] @ weight,
        lambda g: through_time(g)[1] + 0,
        to_weight,
    )
