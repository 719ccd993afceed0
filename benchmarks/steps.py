"""One training step of a two-layer network, three ways: by hand in NumPy, and in a namespace.

Every maker returns a function that does one step and returns the loss, and a list of the
parameters, so that what is timed can be compared first. All start from the same arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LEARNING_RATE = 0.01
Step = Callable[[], Any]


@dataclass(frozen=True)
class Problem:
    """Data and first parameters: x (n, inputs), y (n,), and two layers as (in, out), (out,)."""

    name: str
    x: np.ndarray
    y: np.ndarray
    parameters: tuple[np.ndarray, ...]

    @classmethod
    def tutorial(cls) -> Problem:
        """The tutorial's six points, five hidden units, three classes."""
        x = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]], np.float32)
        return cls._of("6x2 -> 5 -> 3", x, np.array([0, 1, 2, 0, 0, 2]), 5, 3)

    @classmethod
    def drawn(cls, n: int, inputs: int, hidden: int, classes: int) -> Problem:
        """Standard normal data with labels drawn evenly."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((n, inputs), np.float32)
        return cls._of(
            f"{n}x{inputs} -> {hidden} -> {classes}",
            x,
            rng.integers(0, classes, n),
            hidden,
            classes,
        )

    @classmethod
    def _of(cls, name: str, x: np.ndarray, y: np.ndarray, hidden: int, classes: int) -> Problem:
        rng = np.random.default_rng(1)
        shapes = [(x.shape[1], hidden), (hidden,), (hidden, classes), (classes,)]
        scale = np.float32(1 / np.sqrt(x.shape[1]))
        return cls(name, x, y, tuple(rng.standard_normal(s, np.float32) * scale for s in shapes))


def by_hand(problem: Problem) -> tuple[Step, list[Any]]:
    """The forward and backward passes written out in NumPy, as one would."""
    x, y = problem.x, problem.y
    w1, b1, w2, b2 = parameters = [p.copy() for p in problem.parameters]
    n = len(x)
    rows = np.arange(n)

    def step() -> Any:
        z = x @ w1 + b1
        h = np.maximum(z, 0)
        scores = h @ w2 + b2
        shifted = scores - scores.max(axis=1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -logp[rows, y].mean()

        d_scores = np.exp(logp)
        d_scores[rows, y] -= 1
        d_scores /= n
        d_w2, d_b2 = h.T @ d_scores, d_scores.sum(axis=0)
        d_z = (d_scores @ w2.T) * (z > 0)
        d_w1, d_b1 = x.T @ d_z, d_z.sum(axis=0)

        for p, d in ((w1, d_w1), (b1, d_b1), (w2, d_w2), (b2, d_b2)):
            p -= LEARNING_RATE * d
        return loss

    return step, parameters


def manual(torch: Any, problem: Problem) -> tuple[Step, list[Any]]:
    """The tutorial's manual loop, in the namespace `torch`."""
    F = torch.nn.functional
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    W1, B1, Wout, Bout = parameters = [
        torch.from_numpy(p.copy()).requires_grad_() for p in problem.parameters
    ]

    def step() -> Any:
        z1 = torch.add(torch.matmul(x, W1), B1)
        Zout = torch.add(torch.matmul(F.relu(z1), Wout), Bout)
        loss = F.nll_loss(F.log_softmax(Zout, dim=1), y)
        loss.backward()
        with torch.no_grad():
            W1.data -= LEARNING_RATE * W1.grad.data
            B1.data -= LEARNING_RATE * B1.grad.data
            Wout.data -= LEARNING_RATE * Wout.grad.data
            Bout.data -= LEARNING_RATE * Bout.grad.data
        W1.grad.data.zero_()
        B1.grad.data.zero_()
        Wout.grad.data.zero_()
        Bout.grad.data.zero_()
        return loss

    return step, parameters


def automatic(torch: Any, problem: Problem) -> tuple[Step, list[Any]]:
    """The same network as modules, with CrossEntropyLoss and SGD, in the namespace `torch`."""
    nn = torch.nn
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    w1, b1, w2, b2 = problem.parameters
    model = nn.Sequential(nn.Linear(*w1.shape), nn.ReLU(), nn.Linear(*w2.shape))
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), (w1.T, b1, w2.T, b2), strict=True):
            parameter.copy_(torch.from_numpy(values.copy()))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, list(model.parameters())
