"""Compiled steps beside NumPy by hand, minigrad and PyTorch: `python -m benchmarks.compiled`.

Set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1. Each number is a ratio of medians in one run, to
NumPy by hand with the same optimiser. `recording`
is the time of the first recording in eager steps.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from tabulate import tabulate

import minigrad

from .by_hand import preallocated, straightforward
from .networks import LEARNING_RATE, Network
from .turns import Contestant, take_turns

SIZES = ((64, 64, 128, 10), (256, 784, 512, 10))
BETAS, EPS = (0.9, 0.999), 1e-8


def adam_by_hand(network: Network) -> Callable[[], Any]:
    """The network trained by Adam, as most people would write it in NumPy."""
    engine = straightforward(network)
    forward, backward, _ = engine.phases.values()
    parameters = engine.parameters()
    m = [np.zeros_like(p) for p in parameters]
    v = [np.zeros_like(p) for p in parameters]
    t = 0

    def step() -> Any:
        nonlocal t
        t += 1
        loss, gradients = backward(forward())
        rate = LEARNING_RATE / (1 - BETAS[0] ** t)
        correction = (1 - BETAS[1] ** t) ** 0.5
        for p, d, first, second in zip(parameters, gradients, m, v, strict=True):
            first *= BETAS[0]
            first += (1 - BETAS[0]) * d
            second *= BETAS[1]
            second += (1 - BETAS[1]) * d * d
            p -= rate * first / (np.sqrt(second) / correction + EPS)
        return loss

    return step


def modules(torch: Any, network: Network, optimizer: str) -> Callable[..., Any]:
    """A step of `nn.Sequential` with an optimiser."""
    (inputs, hidden), (_, classes) = network.parameters[0].shape, network.parameters[2].shape
    nn = torch.nn
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    with torch.no_grad():
        for p, initial in zip(model.parameters(), network.parameters, strict=True):
            p.copy_(torch.from_numpy(initial.T.copy()))
    criterion = nn.CrossEntropyLoss()
    opt = getattr(torch.optim, optimizer)(model.parameters(), lr=LEARNING_RATE)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step


def manual(torch: Any, network: Network) -> Callable[..., Any]:
    """The tutorial's manual loop."""
    F, lr = torch.nn.functional, LEARNING_RATE
    W1, B1, W2, B2 = parameters = [
        torch.from_numpy(p.copy()).requires_grad_() for p in network.parameters
    ]

    def step(x: Any, y: Any) -> Any:
        z1 = torch.add(torch.matmul(x, W1), B1)
        out = torch.add(torch.matmul(F.relu(z1), W2), B2)
        loss = F.nll_loss(F.log_softmax(out, dim=1), y)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p.data -= lr * p.grad.data
                p.grad.data.zero_()
        return loss

    return step


def contestants(network: Network) -> tuple[dict[str, Callable[[], Any]], float]:
    """What is timed, by name, and the time that the first recording took in seconds."""
    found: dict[str, Callable[[], Any]] = {
        "by hand": straightforward(network).contestant().run,
        "preallocated": preallocated(network).contestant().run,
        "Adam by hand": adam_by_hand(network),
    }
    recording = 0.0
    for library, namespace in (("minigrad", minigrad), ("PyTorch", torch)):
        x, y = (namespace.from_numpy(a) for a in (network.x, network.y))
        for name, make in (
            ("SGD, modules", lambda n: modules(n, network, "SGD")),
            ("SGD, manual", lambda n: manual(n, network)),
            ("Adam", lambda n: modules(n, network, "Adam")),
        ):
            plain = make(namespace)
            found[f"{library} {name}"] = partial(plain, x, y)
            if namespace is minigrad:
                step = minigrad.compile(make(namespace), fullgraph=True)
                step(x, y)
                start = perf_counter()
                step(x, y)
                recording = recording or perf_counter() - start
                step(x, y)
                found[f"compiled {name}"] = partial(step, x, y)
    return found, recording


def table(networks: Sequence[Network], rounds: int, seconds: float) -> str:
    """The ratios for each network."""
    columns: list[dict[str, str]] = []
    for network in networks:
        runs, recording = contestants(network)
        times = {
            name: median(each)
            for name, each in take_turns(
                {name: Contestant(run) for name, run in runs.items()}, rounds, seconds
            ).items()
        }
        column = {}
        for name, spent in times.items():
            by = times["Adam by hand" if "Adam" in name else "by hand"]
            column[name] = f"{spent * 1e6:,.1f} µs  {spent / by:.2f}"
        eager = times["minigrad SGD, modules"]
        column["recording"] = f"{recording * 1e3:.1f} ms = {recording / eager:.0f} eager steps"
        columns.append(column)
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return tabulate(rows, ["÷ by hand", *(n.name for n in networks)], "plain")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.02)
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = [Network.tutorial(), *(Network.drawn(*size) for size in SIZES)]
    print(table(networks, options.rounds, options.seconds))


if __name__ == "__main__":
    main()
