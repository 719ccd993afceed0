"""The picture of a run: time against size, one line for each engine, and where they cross.

A library has one colour (of Okabe and Ito's palette, which all eyes can tell apart), and an engine
its own marker and line besides, so that the picture can be read in grey. NumPy by hand is black:
below the dashed line, where every buffer is preallocated, no engine on NumPy can come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minigrad.app.plotting import new_figure, picture_bytes

from . import growth, ops, steps
from .engines import BY_HAND, PREALLOCATED
from .measurement import Measurement, median, middle_half, ratio

TITLE = "minigrad beside PyTorch and NumPy by hand"

_VERMILION, _BLUE, _GREEN, _SKY = "#D55E00", "#0072B2", "#009E73", "#56B4E9"
_PURPLE, _ORANGE, _GREY = "#CC79A7", "#E69F00", "#999999"
# Colour, marker and line of each engine.
STYLES: dict[str, tuple[str, str, str]] = {
    BY_HAND: ("black", "", "-"),
    PREALLOCATED: ("black", "", "--"),
    "minigrad": (_VERMILION, "o", "-"),
    "minigrad, manual": (_VERMILION, "o", "-"),
    "minigrad, modules": (_VERMILION, "s", "--"),
    "PyTorch": (_BLUE, "^", "-"),
    "PyTorch, manual": (_BLUE, "^", "-"),
    "PyTorch, modules": (_BLUE, "v", "--"),
    "PyTorch CUDA, manual": (_GREEN, "P", "-"),
    "PyTorch CUDA, modules": (_GREEN, "X", "--"),
    "torch.compile": (_SKY, "D", "-."),
    "JAX": (_PURPLE, "*", "-."),
    "MyGrad": (_ORANGE, "<", ":"),
    "autograd": (_GREY, ">", ":"),
}

Axes = Any
Panel = tuple[str, Callable[[Axes], None]]
# size → rounds, for each engine
Lines = dict[str, dict[float, tuple[float, ...]]]


def draw(about: str, measurements: Sequence[Measurement], format: str) -> bytes:
    """The picture of all that was measured, in the format "png" or "svg".

    `about` says in small print on which machine, and how.
    """
    panels = [*_steps(measurements), *_growth(measurements), *_ops(measurements)]
    rows = -(-len(panels) // 2)
    figure = new_figure(TITLE, (13, 4.7 * rows + 0.6))
    figure.supxlabel(about, fontsize=7, color="0.35", parse_math=False)
    grid = figure.subplots(rows, 2, squeeze=False).flat
    for axes, (title, panel) in zip(grid, panels, strict=False):
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.25)
        panel(axes)
    for axes in list(grid)[len(panels) :]:
        axes.remove()
    return picture_bytes(figure, format)


# A training step ----------------------------------------------------------------------------------


def _steps(measurements: Sequence[Measurement]) -> list[Panel]:
    mine = [m for m in measurements if m.part == steps.PART and m.quantity == steps.STEP]
    if not mine:
        return []
    lines, names = _lines(mine), {m.size: m.case for m in mine}

    def ticks(axes: Axes) -> None:
        labels = [name.replace(" → ", "\n→ ", 1) for name in names.values()]
        axes.set_xticks(list(names), labels, fontsize=7)
        axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axes.set_xlabel("network (placed by its floating-point operations per step)")

    def time(axes: Axes) -> None:
        _time(axes, lines)
        axes.set_ylabel("time of a step")
        axes.legend(fontsize=8, loc="upper left")
        ticks(axes)

    def relative(axes: Axes) -> None:
        for name, rounds in lines.items():
            ratios = {size: ratio(each, lines[BY_HAND][size]) for size, each in rounds.items()}
            _line(axes, name, ratios)
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_numbers(axes)
        axes.set_ylabel("÷ NumPy by hand, within each round")
        ticks(axes)

    panels: list[Panel] = [("A training step: time against size", time)]
    if BY_HAND in lines:
        panels.append(("The same, relative to NumPy by hand: lower is faster", relative))
    return panels


# How the cost grows -------------------------------------------------------------------------------


def _growth(measurements: Sequence[Measurement]) -> list[Panel]:
    mine = [m for m in measurements if m.part == growth.PART]
    panels: list[Panel] = []
    for shape in growth.SHAPES:
        of_shape = [m for m in mine if m.case == shape]
        if of_shape:
            panels.append((f"A {shape} of n ops: the cost of each", _costs(of_shape)))
    names = {growth.BATCH: "n×784 → 128 → 10", growth.WIDTH: "64×784 → n → 10"}
    for case, network in names.items():
        swept = [m for m in mine if m.case == case]
        if swept:
            panels.append((f"A training step by {case}: {network}", _swept(swept, case)))
    return panels


def _costs(measurements: Sequence[Measurement]) -> Callable[[Axes], None]:
    """Time for an op, and memory on an axis of its own, against their number."""

    def panel(axes: Axes) -> None:
        time = [m for m in measurements if m.quantity != growth.MEMORY]
        per_op: Lines = {}
        for m in time:
            of_engine = per_op.setdefault(m.engine, {})
            before = of_engine.get(m.size, (0.0,) * len(m.rounds))
            of_engine[m.size] = tuple(
                b + r / m.size * 1e6 for b, r in zip(before, m.rounds, strict=True)
            )
        for name, rounds in per_op.items():
            _line(axes, name, rounds, label=f"{name}, time")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("n")
        axes.set_ylabel("µs for an op, forward and backward")
        memory = [m for m in measurements if m.quantity == growth.MEMORY]
        if memory:
            right = axes.twinx()
            for name, rounds in _lines(memory).items():
                per = {n: tuple(r / n for r in each) for n, each in rounds.items()}
                _line(right, name, per, label=f"{name}, memory (right)", alpha=0.45, fill=True)
            right.set_ylim(bottom=0)
            right.set_ylabel("bytes for an op, at the peak")
            handles = axes.get_legend_handles_labels(), right.get_legend_handles_labels()
            axes.legend(*(a + b for a, b in zip(*handles, strict=True)), fontsize=8)
        else:
            axes.legend(fontsize=8)

    return panel


def _swept(measurements: Sequence[Measurement], case: str) -> Callable[[Axes], None]:
    def panel(axes: Axes) -> None:
        _time(axes, _lines(measurements))
        crossovers = growth.crossovers(measurements, case)
        for engine, start in crossovers.items():
            if start is not None:
                axes.axvline(start, color=STYLES[engine][0], linestyle=":", linewidth=1.5)
        axes.set_xlabel("\n".join(["n", *map(growth.told, crossovers, crossovers.values())]))
        axes.set_ylabel("time of a step")
        axes.legend(fontsize=7, loc="upper left")

    return panel


# Ops ----------------------------------------------------------------------------------------------


def _ops(measurements: Sequence[Measurement]) -> list[Panel]:
    mine = [m for m in measurements if m.part == ops.PART]
    if not mine:
        return []
    rounds = {(m.case, m.size, m.engine, m.quantity): m.rounds for m in mine}
    sizes = sorted({m.size for m in mine})
    names = list(dict.fromkeys(m.case for m in mine))

    def of(size: float) -> Callable[[Axes], None]:
        def panel(axes: Axes) -> None:
            points = {}
            for name in names:
                both = (name, size, ops.MINIGRAD, ops.BOTH) in rounds
                quantity = ops.BOTH if both else ops.FORWARD
                theirs, ours = (
                    median(rounds[name, size, engine, quantity]) * 1e6
                    for engine in (ops.PYTORCH, ops.MINIGRAD)
                )
                points[name] = theirs, ours
                marker, face = ("o", _VERMILION) if both else ("s", "none")
                axes.plot(theirs, ours, marker, color=_VERMILION, mfc=face, ms=5, alpha=0.8)
            ends = [f(v for point in points.values() for v in point) for f in (min, max)]
            axes.plot(ends, ends, "-", color="black", linewidth=1)
            axes.annotate(
                "as fast as PyTorch",
                ends[-1:] * 2,
                fontsize=8,
                ha="right",
                va="bottom",
                xytext=(-30, -2),
                textcoords="offset points",
            )
            for name in _outermost(points):
                axes.annotate(
                    name, points[name], fontsize=7, xytext=(4, 3), textcoords="offset points"
                )
            axes.set_xscale("log")
            axes.set_yscale("log")
            _plain_numbers(axes)
            axes.set_xlabel("PyTorch, µs")
            axes.set_ylabel("minigrad, µs")

        return panel

    kinds = "filled with backward, hollow forward only"
    titles = (f"Every op on {size:,.0f} element{'s' * (size > 1)} ({kinds})" for size in sizes)
    return list(zip(titles, map(of, sizes), strict=True))


def _outermost(points: dict[str, tuple[float, float]], count: int = 8) -> list[str]:
    """The names of those farthest from the diagonal; but one of those that lie on each other."""
    chosen: list[str] = []
    for name in sorted(points, key=lambda name: -abs(_ratio(points[name]))):
        apart = (math.dist(_logs(points[name]), _logs(points[other])) for other in chosen)
        if len(chosen) < count and all(distance > 0.12 for distance in apart):
            chosen.append(name)
    return chosen


def _logs(point: tuple[float, float]) -> tuple[float, ...]:
    return tuple(map(math.log10, point))


def _ratio(point: tuple[float, float]) -> float:
    theirs, ours = _logs(point)
    return ours - theirs


# Lines --------------------------------------------------------------------------------------------


def _lines(measurements: Sequence[Measurement]) -> Lines:
    found: Lines = {}
    for m in measurements:
        found.setdefault(m.engine, {})[m.size] = m.rounds
    return found


def _time(axes: Axes, lines: Lines) -> None:
    """Seconds against size, with what NumPy itself takes shaded."""
    for name, rounds in lines.items():
        _line(axes, name, rounds)
    limit = lines.get(PREALLOCATED)
    axes.set_xscale("log")
    axes.set_yscale("log")
    if limit:
        bottom = axes.get_ylim()[0]
        axes.fill_between(list(limit), list(map(median, limit.values())), bottom, color="0.93")
        axes.set_ylim(bottom=bottom)
        axes.text(
            0.97,
            0.04,
            "what NumPy itself takes, with every buffer preallocated",
            fontsize=7,
            color="0.35",
            ha="right",
            transform=axes.transAxes,
        )
    axes.yaxis.set_major_formatter(_seconds)


def _line(
    axes: Axes,
    name: str,
    rounds: dict[float, tuple[float, ...]],
    label: str | None = None,
    alpha: float = 1.0,
    fill: bool = False,
) -> None:
    """Medians, and the middle half as a band."""
    color, marker, line = STYLES[name]
    sizes = sorted(rounds)
    middles = [median(rounds[size]) for size in sizes]
    low, high = zip(*(middle_half(rounds[size]) for size in sizes), strict=True)
    face = "white" if fill else color
    axes.plot(
        sizes,
        middles,
        marker=marker,
        linestyle=line,
        color=color,
        label=label or name,
        markersize=5,
        linewidth=1.5,
        alpha=alpha,
        markerfacecolor=face,
    )
    axes.fill_between(sizes, low, high, color=color, alpha=0.15, linewidth=0)


def _seconds(value: float, position: int) -> str:
    """A time as an axis names it.

    >>> _seconds(1e-5, 0), _seconds(0.01, 0)
    ('10 µs', '10 ms')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size * 0.999:
            return f"{value / size:.0f} {unit}"
    return f"{value * 1e9:.0f} ns"


def _plain_numbers(axes: Axes) -> None:
    """A few ticks for each power of ten, with the numbers themselves."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis, (low, high) in ((axes.yaxis, axes.get_ylim()), (axes.xaxis, axes.get_xlim())):
        subs = (1, 2, 5) if high > 30 * low else (1, 1.5, 2, 3, 4, 6, 8)
        axis.set_major_locator(LogLocator(subs=subs, numticks=30))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
        axis.set_tick_params(labelsize=7)
