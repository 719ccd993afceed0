"""The part "steps": a training step, whole and in phases, on networks of growing size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from tabulate import tabulate

from .agreement import check_engines
from .all_engines import all_engines
from .by_hand import BY_HAND, PREALLOCATED
from .measurement import Measurement, median, middle_half, ratio
from .networks import Network, ladder
from .progress_bar import with_progress_bar
from .settings import BenchmarkSettings
from .turns import take_turns, take_turns_in_phases

PART, STEP = "steps", "step"
PHASES = ("forward", "backward", "update")
TOGETHER = "forward and backward"  # the phase of an engine that doesn't separate them

COLUMNS = ("", *PHASES, STEP, "±", "÷ by hand", "÷ prealloc.", "÷ PyTorch")

Rounds = tuple[float, ...]


def measure(settings: BenchmarkSettings) -> list[Measurement]:
    """Measure a step and its phases, for every network and every engine.

    Raises Disagreement if the engines don't compute the same.
    """
    found: list[Measurement] = []
    for network in with_progress_bar(ladder(settings.dtype, settings.quick), PART):
        found += _measure_network(network, settings)
    return found


def _measure_network(network: Network, settings: BenchmarkSettings) -> list[Measurement]:
    engines = all_engines(network, settings.engines)
    check_engines(network, engines)
    contestants = {engine.name: engine.contestant() for engine in engines}
    whole = take_turns(contestants, settings.rounds, settings.seconds)
    in_phases = take_turns_in_phases(contestants, settings.rounds, settings.seconds)
    return [
        Measurement(PART, network.name, network.operations, name, quantity, rounds)
        for name in contestants
        for quantity, rounds in ({STEP: whole[name]} | in_phases[name]).items()
    ]


def table(measurements: Sequence[Measurement]) -> str:
    """A block for each network, with a line for each engine.

    The ratios compare whole steps with NumPy by hand, with preallocated NumPy, and with PyTorch in
    the same style.
    """
    lines: list[list[str]] = []
    for network, group in groupby(measurements, key=lambda each: each.case):
        engines: dict[str, dict[str, Rounds]] = {}
        for each in group:
            engines.setdefault(each.engine, {})[each.quantity] = each.rounds
        slowest = max(median(rounds[STEP]) for rounds in engines.values())
        unit, scale = ("µs", 1e6) if slowest < 2e-3 else ("ms", 1e3)
        lines.append([f"{network}, in {unit}", *[""] * (len(COLUMNS) - 1)])
        lines += [_engine_line(name, engines, scale) for name in engines]
    alignment = ("left", *["right"] * (len(COLUMNS) - 1))
    return tabulate(lines, COLUMNS, "plain", disable_numparse=True, colalign=alignment)


def _engine_line(name: str, engines: Mapping[str, Mapping[str, Rounds]], scale: float) -> list[str]:
    rounds = engines[name]
    times = [f"{median(rounds[p]) * scale:.2f}" if p in rounds else "" for p in PHASES]
    if TOGETHER in rounds:
        times[:2] = ["(both)", f"{median(rounds[TOGETHER]) * scale:.2f}"]
    ratios = [
        f"{median(ratio(rounds[STEP], engines[other][STEP])):.2f}"
        if other in engines and other != name
        else ""
        for other in (BY_HAND, PREALLOCATED, _same_style(name))
    ]
    step = f"{median(rounds[STEP]) * scale:.2f}"
    return [f"  {name}", *times, step, spread(rounds[STEP]), *ratios]


def spread(rounds: Sequence[float]) -> str:
    """Half the width of the middle half, relative to the median.

    >>> spread([1.0, 1.0, 1.1, 1.2, 1.2])
    '9%'
    """
    low, high = middle_half(rounds)
    return f"{(high - low) / 2 / median(rounds):.0%}"


def _same_style(name: str) -> str:
    """The PyTorch engine in the same style.

    >>> _same_style("minigrad, manual"), _same_style("JAX")
    ('PyTorch, manual', 'PyTorch, modules')
    """
    return "PyTorch, manual" if name.endswith("manual") else "PyTorch, modules"
