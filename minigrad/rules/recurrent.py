"""A layer of an LSTM as one rule: op by op, a training step takes twice as long."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import sigmoid
from .presentation import INTERNAL
from .reading import reads_as
from .rule import Array, Result, differentiable, once
from .shape import cat, stack


@differentiable(INTERNAL, public="nn.lstm", node="MkldnnRnnLayerBackward0")
def lstm(gates: Array, h: Array, c: Array, weight: Array) -> Result:
    """The h and the c after each step of an LSTM, (2, T, N, H).

    `gates` (T, N, 4H) is what the inputs and the biases add to the gates, in the order input,
    forget, cell, output. `h` and `c` (N, H) are the first state, and `weight` (4H, H) multiplies h.
    The formulas are those of torch.nn.LSTM's documentation, and their derivatives are
    backpropagation through time.
    """
    size = c.shape[1]
    y = np.empty((2, len(gates), *c.shape), gates.dtype)
    kept = np.empty((5, len(gates), *c.shape), gates.dtype)
    columns = _in_rows(weight.T)
    last_h, last_c = h, c
    for t in range(len(gates)):
        sums = (gates[t] + last_h @ columns).reshape(-1, 4, size).swapaxes(0, 1)
        i, f, cell, o, squashed = kept[:, t]
        # The sigmoid of all four takes less time than two calls; the cell has a tanh instead.
        np.divide(1, 1 + np.exp(-sums), out=kept[:4, t])
        np.tanh(sums[2], out=cell)
        last_c = np.add(f * last_c, i * cell, out=y[1, t])
        last_h = np.multiply(o, np.tanh(last_c, out=squashed), out=y[0, t])

    def computed() -> Any:
        """The gates of all steps and tanh(c), from what has a derivative."""
        columns = _in_rows(weight.T)
        sums = gates + stack(*[x @ columns for x in _before(h, y[0])], dim=0)[0]
        i, f = sigmoid(sums[:, :, :size])[0], sigmoid(sums[:, :, size : 2 * size])[0]
        cell, o = np.tanh(sums[:, :, 2 * size : 3 * size]), sigmoid(sums[:, :, 3 * size :])[0]
        return i, f, cell, o, np.tanh(y[1])

    @reads_as(computed)
    def as_kept() -> Any:
        return kept

    @once
    def through_time(g: Array) -> Any:
        """The gradient of the gates of each step, that of the first c, and the states before."""
        hs, cs = _before(h, y[0]).reshape(-1, size), _before(c, y[1])
        i, f, cell, o, t = as_kept()
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


def _in_rows(x: Array) -> Array:
    """A matrix row by row in memory, which BLAS multiplies in two thirds of the time."""
    return cat(x, dim=0)[0]


def _before(first: Array, each: Array) -> Array:
    """The state before each step, given the first one and those after each step."""
    return cat(first[None], each[:-1], dim=0)[0]
