"""How the cost grows: with the number of ops, with the batch, and with the width of a network.

In a chain and in a fan of n ops (`chains_and_fans.py`) an op's time and memory should not depend on
n. For a network whose batch or width grows, the question is from which size on PyTorch is faster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from tabulate import tabulate

from .agreement import check_agreement, check_engines
from .all_engines import all_engines
from .chains_and_fans import NAMESPACES, SHAPES, OpGraph
from .measurement import Measurement, median, ratio
from .memory import NotMeasured, peak
from .networks import Network
from .progress_bar import with_progress_bar
from .settings import BenchmarkSettings
from .turns import Contestant, take_turns, take_turns_in_phases

PART, STEP, MEMORY = "growth", "step", "memory"
BATCH, WIDTH = "batch", "width"
SWEPT_NETWORKS = {BATCH: "n×784 → 128 → 10", WIDTH: "64×784 → n → 10"}
OURS, THEIRS = "minigrad, modules", ("PyTorch, modules", "PyTorch CUDA, modules")

OP_COUNTS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
MEMORY_FROM = 10_000  # fewer ops take less memory than a process's page rounding hides
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
WIDTHS = (8, 32, 128, 512, 2048)
MEMORY_NETWORKS = ((256, 784, 512, 10), (1024, 784, 2048, 10))
MEMORY_ENGINES = ("minigrad, manual", "PyTorch, manual", "minigrad, modules", "PyTorch, modules")


# Measuring ----------------------------------------------------------------------------------------


def measure(settings: BenchmarkSettings) -> list[Measurement]:
    """Measure chains and fans of up to a million ops, and networks of many sizes.

    Raises Disagreement if the engines don't compute the same.
    """
    return [
        *_measure_graphs(settings),
        *_measure_sweeps(settings),
        *([] if settings.quick else _measure_step_memory(settings)),
    ]


def _measure_graphs(settings: BenchmarkSettings) -> Iterator[Measurement]:
    counts = OP_COUNTS[:3] if settings.quick else OP_COUNTS
    cases = [(shape, n) for shape in SHAPES for n in counts]
    for shape, n in with_progress_bar(cases, "chains and fans"):
        graphs = {name: SHAPES[shape](torch, n) for name, torch in NAMESPACES.items()}
        _check_graphs(f"{shape} of {n:,} ops", graphs, n)
        contestants = {
            name: Contestant(
                graph,
                {"forward": graph.forward, "backward": graph.backward},
                prepare=lambda leaf=graph.leaf: setattr(leaf, "grad", None),  # type: ignore[misc]
            )
            for name, graph in graphs.items()
        }
        most_rounds = 9 if n < 100_000 else 3
        rounds = min(settings.rounds, most_rounds)
        times = take_turns_in_phases(contestants, rounds, settings.seconds)
        for name, phases in times.items():
            for phase, seconds in phases.items():
                yield Measurement(PART, shape, n, name, phase, seconds)
            if n >= MEMORY_FROM:
                yield from _measure_memory(shape, n, name, shape, n, settings=settings)


def _check_graphs(case: str, graphs: dict[str, OpGraph], n: int) -> None:
    results = {}
    for name, graph in graphs.items():
        graph()
        results[name] = {"the gradient": graph.leaf.grad.numpy()}
    # Each op of a chain adds a rounding error.
    check_agreement(case, results, tolerance=n * 2**-23, reference="PyTorch")


def _measure_sweeps(settings: BenchmarkSettings) -> Iterator[Measurement]:
    cases = [(BATCH, n, (n, 784, 128, 10)) for n in (BATCHES[:2] if settings.quick else BATCHES)]
    cases += [(WIDTH, h, (64, 784, h, 10)) for h in (WIDTHS[:2] if settings.quick else WIDTHS)]
    for case, size, sizes in with_progress_bar(cases, "networks"):
        network = Network.drawn(*sizes, dtype=settings.dtype)
        engines = all_engines(network, settings.engines)
        check_engines(network, engines)
        contestants = {engine.name: engine.contestant() for engine in engines}
        times = take_turns(contestants, settings.rounds, settings.seconds)
        for name, rounds in times.items():
            yield Measurement(PART, case, size, name, STEP, rounds)


def _measure_step_memory(settings: BenchmarkSettings) -> Iterator[Measurement]:
    for sizes in with_progress_bar(MEMORY_NETWORKS, "memory"):
        network = Network.drawn(*sizes, dtype=settings.dtype)
        for engine in MEMORY_ENGINES:
            yield from _measure_memory(
                network.name, network.operations, engine, STEP, *sizes, settings=settings
            )


def _measure_memory(
    case: str, size: float, engine: str, work: str, *sizes: int, settings: BenchmarkSettings
) -> Iterator[Measurement]:
    """The peak memory of a piece of work. Yields nothing where it can't be measured."""
    # With few allocations, the memory that an allocator keeps varies from process to process.
    processes = 5 if work == STEP else 1
    try:
        found = [
            float(peak(work, engine, *sizes, dtype=settings.dtype, threads=settings.threads))
            for _ in range(processes)
        ]
    except NotMeasured:
        return
    yield Measurement(PART, case, size, engine, MEMORY, tuple(found))


# Crossovers ---------------------------------------------------------------------------------------


def crossover(
    sizes: Sequence[float], ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]
) -> float | None:
    """The size from which they are faster at every measured size; None if there is none.

    Between two sizes the ratio is interpolated linearly on logarithmic axes.

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
    """For each PyTorch engine in a sweep, the size from which on it is faster than minigrad."""
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


def in_words(engine: str, start: float | None) -> str:
    """A crossover as a sentence.

    >>> in_words("PyTorch, modules", 300.0)
    'PyTorch, modules: faster than minigrad, modules from n ≈ 300 on'
    """
    if start is None:
        return f"{engine}: faster than {OURS} at no size"
    return f"{engine}: faster than {OURS} from n ≈ {start:,.0f} on"


# Tables -------------------------------------------------------------------------------------------


def table(measurements: Sequence[Measurement]) -> str:
    """Tables of chains and fans, of networks by batch and by width, and of memory."""
    blocks = [_graph_table([m for m in measurements if m.case == shape]) for shape in SHAPES]
    blocks += [_sweep_table(measurements, case) for case in SWEPT_NETWORKS]
    others = [m for m in measurements if m.case not in (*SHAPES, *SWEPT_NETWORKS)]
    blocks.append(_memory_table(others))
    return "\n\n".join(block for block in blocks if block)


def _graph_table(measurements: Sequence[Measurement]) -> str:
    if not measurements:
        return ""
    headers = [f"{measurements[0].case} of", *NAMESPACES, "÷ PyTorch"]
    headers += [f"{name}, bytes" for name in NAMESPACES]
    lines, costs = [], dict[str, list[float]]()
    for n, group in groupby(measurements, key=lambda each: each.size):
        times: dict[str, np.ndarray] = {}
        memory: dict[str, float] = {}
        for each in group:
            if each.quantity == MEMORY:
                memory[each.engine] = each.median / n
            else:
                times[each.engine] = times.get(each.engine, 0) + np.array(each.rounds) / n
        for name, rounds in times.items():
            costs.setdefault(name, []).append(median(rounds.tolist()))
        lines.append(
            [
                f"{int(n):,}",
                *(f"{median(times[name].tolist()) * 1e6:.2f}" for name in NAMESPACES),
                f"{median((times['minigrad'] / times['PyTorch']).tolist()):.2f}",
                *(f"{memory[name]:.0f}" if name in memory else "" for name in NAMESPACES),
            ]
        )
    spans = ", ".join(
        f"{name} {max(cost[2:]) / min(cost[2:]):.2f}" for name, cost in costs.items() if cost[2:]
    )
    text = _tabulated(lines, headers)
    return f"µs per op, forward and backward\n{text}\nmost ÷ least from 1,000 ops on: {spans}"


def _sweep_table(measurements: Sequence[Measurement], case: str) -> str:
    rounds = {(m.engine, m.size): m.rounds for m in measurements if m.case == case}
    names = list(dict.fromkeys(engine for engine, _ in rounds))
    sizes = list(dict.fromkeys(size for _, size in rounds))
    if not sizes:
        return ""
    lines = [
        [name, *(f"{median(rounds[name, size]) * 1e6:.0f}" for size in sizes)] for name in names
    ]
    headers = [f"{SWEPT_NETWORKS[case]}, n =", *(f"{int(size):,}" for size in sizes)]
    found = crossovers(measurements, case)
    return "\n".join(
        [
            f"µs per step, by {case}",
            _tabulated(lines, headers),
            *map(in_words, found, found.values()),
        ]
    )


def _memory_table(measurements: Sequence[Measurement]) -> str:
    if not measurements:
        return ""
    megabytes = {(m.case, m.engine): m.median / 1e6 for m in measurements}
    names = list(dict.fromkeys(engine for _, engine in megabytes))
    lines = [
        [case, *(f"{megabytes[case, name]:.1f}" for name in names)]
        for case in dict.fromkeys(case for case, _ in megabytes)
    ]
    return f"peak MB over a few steps, median of 5 processes\n{_tabulated(lines, ['', *names])}"


def _tabulated(lines: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    alignment = ("left", *["right"] * (len(headers) - 1))
    return tabulate(lines, headers, disable_numparse=True, colalign=alignment)
