"""How the cost grows: with the number of ops, with the batch, and with the width of a network.

A chain is n ops each of which takes the result of the one before; a fan is n ops that all take the
same tensor. The time and the memory of an op should not depend on how many there are. Of a network
whose batch or width grows, the question is from where on PyTorch is the faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from tabulate import tabulate

import minigrad

from .agreement import agree, check
from .engines import engines
from .measurement import Measurement, median, ratio
from .memory import NotMeasured, peak
from .networks import Network
from .progress import progress
from .settings import Settings
from .turns import Contestant, take_turns, take_turns_in_phases

PART, STEP, MEMORY = "growth", "step", "memory"
BATCH, WIDTH = "batch", "width"
NAMESPACES: dict[str, Any] = {"minigrad": minigrad, "PyTorch": torch}
OURS, THEIRS = "minigrad, modules", ("PyTorch, modules", "PyTorch CUDA, modules")

COUNTS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
WEIGHED = 10_000  # from so many ops on, their memory is more than a process's pages hide
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
WIDTHS = (8, 32, 128, 512, 2048)
WEIGHED_NETWORKS = ((256, 784, 512, 10), (1024, 784, 2048, 10))
SEVERAL = ("minigrad, manual", "PyTorch, manual", "minigrad, modules", "PyTorch, modules")


# Chains and fans ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Graph:
    """n ops to be recorded and walked back: `forward`, then `backward` of what that returned."""

    leaf: Any
    forward: Callable[[], Any]
    backward: Callable[[Any], None]

    def __call__(self) -> None:
        self.leaf.grad = None
        self.backward(self.forward())


def chain(torch: Any, n: int) -> Graph:
    """n multiplications, each of the result of the one before, of three elements.

    >>> graph = chain(minigrad, 4)
    >>> graph()
    >>> graph.leaf.grad
    tensor([0.0625, 0.0625, 0.0625])
    """
    # A half in short chains, and nearly 1 in long ones: the result is a sixteenth.
    x, factor = _leaf(torch), torch.full((3,), 16 ** (-1 / n))
    one = torch.ones(3)

    def forward() -> Any:
        y = x
        for _ in range(n):
            y = y * factor
        return y

    def backward(y: Any) -> None:
        y.backward(one)

    return Graph(x, forward, backward)


def fan(torch: Any, n: int) -> Graph:
    """n multiplications of one tensor of three elements.

    >>> graph = fan(minigrad, 4)
    >>> graph()
    >>> graph.leaf.grad
    tensor([2., 2., 2.])
    """
    x, factor = _leaf(torch), torch.full((3,), 0.5)
    ones = [torch.ones(3)] * n

    def forward() -> Any:
        return [x * factor for _ in range(n)]

    def backward(results: Any) -> None:
        torch.autograd.backward(results, ones)

    return Graph(x, forward, backward)


def _leaf(torch: Any) -> Any:
    return torch.ones(3, requires_grad=True)


SHAPES: dict[str, Callable[[Any, int], Graph]] = {"chain": chain, "fan": fan}


def _graphs(settings: Settings) -> Iterator[Measurement]:
    counts = COUNTS[:3] if settings.quick else COUNTS
    for shape, n in progress([(s, n) for s in SHAPES for n in counts], "chains and fans"):
        graphs = {name: SHAPES[shape](torch, n) for name, torch in NAMESPACES.items()}
        results = {}
        for name, graph in graphs.items():
            graph()
            results[name] = {"the gradient": graph.leaf.grad.numpy()}
        # A chain multiplies one rounding with the next.
        agree(f"{shape} of {n:,} ops", results, tolerance=n * 2**-23, reference="PyTorch")
        contestants = {
            name: Contestant(
                graph,
                {"forward": graph.forward, "backward": graph.backward},
                prepare=lambda leaf=graph.leaf: setattr(leaf, "grad", None),  # type: ignore[misc]
            )
            for name, graph in graphs.items()
        }
        few = 9 if n < 100_000 else 3
        times = take_turns_in_phases(contestants, min(settings.rounds, few), settings.seconds)
        for name, phases in times.items():
            for phase, rounds in phases.items():
                yield Measurement(PART, shape, n, name, phase, rounds)
            if n >= WEIGHED:
                yield from _weighed(shape, n, name, shape, n, settings=settings)


def _weighed(
    case: str, size: float, engine: str, work: str, *sizes: int, settings: Settings
) -> Iterator[Measurement]:
    """The peak memory of a piece of work; nothing, where it cannot be measured."""
    # What an allocator keeps is another amount each time where there are few allocations.
    often = 5 if work == STEP else 1
    try:
        found = [
            float(peak(work, engine, *sizes, dtype=settings.dtype, threads=settings.threads))
            for _ in range(often)
        ]
    except NotMeasured:
        return
    yield Measurement(PART, case, size, engine, MEMORY, tuple(found))


# Networks -----------------------------------------------------------------------------------------


def _networks(settings: Settings) -> Iterator[Measurement]:
    cases = [(BATCH, n, (n, 784, 128, 10)) for n in (BATCHES[:2] if settings.quick else BATCHES)]
    cases += [(WIDTH, h, (64, 784, h, 10)) for h in (WIDTHS[:2] if settings.quick else WIDTHS)]
    for case, size, sizes in progress(cases, "networks"):
        network = Network.drawn(*sizes, dtype=settings.dtype)
        contesting = engines(network, settings.engines)
        check(network, contesting)
        contestants = {engine.name: engine.contestant() for engine in contesting}
        times = take_turns(contestants, settings.rounds, settings.seconds)
        for name, rounds in times.items():
            yield Measurement(PART, case, size, name, STEP, rounds)
    if not settings.quick:
        for sizes in progress(WEIGHED_NETWORKS, "memory"):
            network = Network.drawn(*sizes, dtype=settings.dtype)
            for engine in SEVERAL:
                yield from _weighed(
                    network.name, network.operations, engine, STEP, *sizes, settings=settings
                )


def measure(settings: Settings) -> list[Measurement]:
    """Chains and fans of up to a million ops, and networks of many sizes.

    Raises Disagreement if the engines do not compute the same.
    """
    return [*_graphs(settings), *_networks(settings)]


# What is to be seen -------------------------------------------------------------------------------


def crossover(
    sizes: Sequence[float], ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]
) -> float | None:
    """The size from which on they are the faster, at that and at every larger one; None if never.

    Between two sizes it is where the ratio would be 1 if it were a straight line in logarithms.

    >>> crossover([1, 100], [[1.0], [4.0]], [[2.0], [2.0]])
    10.0
    >>> crossover([1, 100], [[4.0], [4.0]], [[2.0], [2.0]])
    1.0
    """
    logs = [math.log(median(ratio(a, b))) for a, b in zip(ours, theirs, strict=True)]
    won = len(logs)
    while won and logs[won - 1] > 0:
        won -= 1
    if won == len(logs):
        return None
    if won == 0:
        return float(sizes[0])
    before, after = logs[won - 1], logs[won]
    share = before / (before - after)
    return float(sizes[won - 1] * (sizes[won] / sizes[won - 1]) ** share)


def crossovers(measurements: Sequence[Measurement], case: str) -> dict[str, float | None]:
    """For each engine of PyTorch's in a sweep, from where on it is faster than minigrad."""
    found: dict[str, dict[float, tuple[float, ...]]] = {}
    for each in measurements:
        if each.case == case and each.quantity == STEP:
            found.setdefault(each.engine, {})[each.size] = each.rounds
    ours = found.get(OURS, {})
    return {
        engine: crossover(list(ours), list(ours.values()), list(found[engine].values()))
        for engine in THEIRS
        if engine in found and ours
    }


def told(engine: str, start: float | None) -> str:
    """A crossover, in words.

    >>> told("PyTorch, modules", 300.0)
    'PyTorch, modules: faster than minigrad, modules from n ≈ 300 on'
    """
    where = "nowhere faster" if start is None else "faster"
    return f"{engine}: {where} than {OURS}" + (f" from n ≈ {start:,.0f} on" if start else "")


def table(measurements: Sequence[Measurement]) -> str:
    """Chains and fans, networks by batch and by width, and memory."""
    blocks = [_graph_table([m for m in measurements if m.case == shape]) for shape in SHAPES]
    blocks += [_sweep_table(measurements, case) for case in (BATCH, WIDTH)]
    blocks.append(_memory_table([m for m in measurements if m.case not in (*SHAPES, BATCH, WIDTH)]))
    return "\n\n".join(block for block in blocks if block)


def _graph_table(measurements: Sequence[Measurement]) -> str:
    if not measurements:
        return ""
    headers = [f"{measurements[0].case} of", *NAMESPACES, "÷ PyTorch"]
    headers += [f"{name}, bytes" for name in NAMESPACES]
    lines, costs = [], dict[str, list[float]]()
    for n, group in groupby(measurements, key=lambda each: each.size):
        total: dict[str, np.ndarray] = {}
        memory: dict[str, float] = {}
        for each in group:
            if each.quantity == MEMORY:
                memory[each.engine] = each.median / n
            else:
                total[each.engine] = total.get(each.engine, 0) + np.array(each.rounds) / n
        for name, rounds in total.items():
            costs.setdefault(name, []).append(median(rounds.tolist()))
        lines.append(
            [
                f"{int(n):,}",
                *(f"{median(total[name].tolist()) * 1e6:.2f}" for name in NAMESPACES),
                f"{median((total['minigrad'] / total['PyTorch']).tolist()):.2f}",
                *(f"{memory[name]:.0f}" if name in memory else "" for name in NAMESPACES),
            ]
        )
    flat = ", ".join(
        f"{name} {max(cost[2:]) / min(cost[2:]):.2f}" for name, cost in costs.items() if cost[2:]
    )
    text = _tabulated(lines, headers)
    return (
        f"µs for each op, forward and backward\n{text}\nfrom 1,000 on, dearest ÷ cheapest: {flat}"
    )


def _sweep_table(measurements: Sequence[Measurement], case: str) -> str:
    rounds = {(m.engine, m.size): m.rounds for m in measurements if m.case == case}
    names = list(dict.fromkeys(engine for engine, _ in rounds))
    sizes = list(dict.fromkeys(size for _, size in rounds))
    if not sizes:
        return ""
    lines = [
        [name, *(f"{median(rounds[name, size]) * 1e6:.0f}" for size in sizes)] for name in names
    ]
    network = "n×784 → 128 → 10" if case == BATCH else "64×784 → n → 10"
    text = _tabulated(lines, [f"{network}, n =", *(f"{int(size):,}" for size in sizes)])
    found = crossovers(measurements, case)
    return "\n".join([f"µs for a step, by {case}", text, *map(told, found, found.values())])


def _memory_table(measurements: Sequence[Measurement]) -> str:
    if not measurements:
        return ""
    megabytes = {(m.case, m.engine): m.median / 1e6 for m in measurements}
    names = list(dict.fromkeys(engine for _, engine in megabytes))
    lines = [
        [case, *(f"{megabytes[case, name]:.1f}" for name in names)]
        for case in dict.fromkeys(case for case, _ in megabytes)
    ]
    return f"MB, the peak of some steps, median of 5 processes\n{_tabulated(lines, ['', *names])}"


def _tabulated(lines: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    aligned = ("left", *["right"] * (len(headers) - 1))
    return tabulate(lines, headers, disable_numparse=True, colalign=aligned)
