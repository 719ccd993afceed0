"""A training step, on a ladder of networks: by hand, in minigrad, in PyTorch and in others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tabulate import tabulate

from .agreement import check
from .engines import BY_HAND, PREALLOCATED, engines
from .measurement import Measurement, median, middle_half, ratio
from .networks import Network, ladder
from .progress import progress
from .settings import Settings
from .turns import take_turns, take_turns_in_phases

PART, STEP = "steps", "step"
PHASES = ("forward", "backward", "update")
TOGETHER = "forward and backward"  # of an engine that does not take them apart


def measure(settings: Settings) -> list[Measurement]:
    """The time of a step and of its phases, for every network of the ladder and every engine.

    Raises Disagreement if the engines do not compute the same.
    """
    found: list[Measurement] = []
    for network in progress(ladder(settings.dtype, settings.quick), PART):
        found += of_network(network, settings)
    return found


def of_network(network: Network, settings: Settings) -> list[Measurement]:
    """The same for one network."""
    contesting = engines(network, settings.engines)
    check(network, contesting)
    contestants = {engine.name: engine.contestant() for engine in contesting}
    whole = take_turns(contestants, settings.rounds, settings.seconds)
    apart = take_turns_in_phases(contestants, settings.rounds, settings.seconds)
    return [
        Measurement(PART, network.name, network.operations, name, quantity, rounds)
        for name in contestants
        for quantity, rounds in ({STEP: whole[name]} | apart[name]).items()
    ]


def table(measurements: Sequence[Measurement]) -> str:
    """A block for each network, in it a line for each engine.

    The ratios are of whole steps: to NumPy by hand, to the same with every buffer preallocated, and
    to PyTorch in the same style, each the median of the ratios within a round.
    """
    headers = ["", *PHASES, STEP, "±", "÷ by hand", "÷ prealloc.", "÷ PyTorch"]
    lines: list[list[str]] = []
    for network, group in groupby(measurements, key=lambda each: each.case):
        of_engine: dict[str, dict[str, tuple[float, ...]]] = {}
        for each in group:
            of_engine.setdefault(each.engine, {})[each.quantity] = each.rounds
        slowest = max(median(rounds[STEP]) for rounds in of_engine.values())
        unit, scale = ("µs", 1e6) if slowest < 2e-3 else ("ms", 1e3)
        lines.append([f"{network}, in {unit}", *[""] * (len(headers) - 1)])
        for name, rounds in of_engine.items():
            times = [f"{median(rounds[p]) * scale:.2f}" if p in rounds else "" for p in PHASES]
            if TOGETHER in rounds:
                times[:2] = ["(both)", f"{median(rounds[TOGETHER]) * scale:.2f}"]
            others = (BY_HAND, PREALLOCATED, _same_style(name))
            ratios = [
                f"{median(ratio(rounds[STEP], of_engine[other][STEP])):.2f}"
                if other in of_engine and other != name
                else ""
                for other in others
            ]
            step = f"{median(rounds[STEP]) * scale:.2f}"
            lines.append([f"  {name}", *times, step, spread(rounds[STEP]), *ratios])
    return tabulate(lines, headers, "plain", disable_numparse=True, colalign=_ALIGNED)


_ALIGNED = ("left", *["right"] * 8)


def spread(rounds: Sequence[float]) -> str:
    """Half of what the middle half of the rounds spans, relative to the median.

    >>> spread([1.0, 1.0, 1.1, 1.2, 1.2])
    '9%'
    """
    low, high = middle_half(rounds)
    return f"{(high - low) / 2 / median(rounds):.0%}"


def _same_style(name: str) -> str:
    """The engine of PyTorch's that is written in the same style as the one of that name.

    >>> _same_style("minigrad, manual"), _same_style("JAX")
    ('PyTorch, manual', 'PyTorch, modules')
    """
    return "PyTorch, manual" if name.endswith("manual") else "PyTorch, modules"
