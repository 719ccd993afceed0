"""The picture of a benchmark run: time against size, one line per engine.

Each library has one colour, from the palette of Okabe and Ito for colour-blind readers. Each engine
also has its own marker and line style, so the picture is readable in grey. NumPy by hand is black:
no engine on NumPy can get below the dashed line, preallocated NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from minigrad.app.plotting import new_figure, picture_bytes

from . import growth, ops, steps
from .by_hand import BY_HAND, PREALLOCATED
from .chains_and_fans import SHAPES
from .measurement import Measurement, median, middle_half, ratio

TITLE = "minigrad, PyTorch and NumPy by hand"

_VERMILION, _BLUE, _GREEN, _SKY = "#D55E00", "#0072B2", "#009E73", "#56B4E9"
_PURPLE, _ORANGE, _GREY = "#CC79A7", "#E69F00", "#999999"
# The colour, marker and line style of each engine.
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
# A panel's title, and the function that draws it.
Panel = tuple[str, Callable[[Axes], None]]
# For each engine, the rounds at each size.
Lines = dict[str, dict[float, tuple[float, ...]]]


def draw_benchmarks(heading: str, measurements: Sequence[Measurement], format: str) -> bytes:
    """A picture of all measurements, in the `format` "png" or "svg".

    `heading`, in small print, says on which machine they were made, and how.
    """
    panels = [*_step_panels(measurements), *_growth_panels(measurements)]
    panels += _op_panels(measurements)
    rows = -(-len(panels) // 2)
    figure = new_figure(TITLE, (13, 4.7 * rows + 0.6))
    figure.supxlabel(heading, fontsize=7, color="0.35", parse_math=False)
    grid = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axes, (title, draw_panel) in zip(grid, panels, strict=False):
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.25)
        draw_panel(axes)
    for axes in grid[len(panels) :]:
        axes.remove()
    return picture_bytes(figure, format)


# The part "steps" ---------------------------------------------------------------------------------


def _step_panels(measurements: Sequence[Measurement]) -> list[Panel]:
    whole = [m for m in measurements if m.part == steps.PART and m.quantity == steps.STEP]
    if not whole:
        return []
    lines, names = _lines(whole), {m.size: m.case for m in whole}
    panels: list[Panel] = [
        ("A training step: time against size", partial(_draw_step_times, lines, names))
    ]
    if BY_HAND in lines:
        title = "The same, relative to NumPy by hand: lower is faster"
        panels.append((title, partial(_draw_step_ratios, lines, names)))
    return panels


def _draw_step_times(lines: Lines, names: Mapping[float, str], axes: Axes) -> None:
    _draw_times(axes, lines)
    axes.set_ylabel("time per step")
    axes.legend(fontsize=8, loc="upper left")
    _label_networks(axes, names)


def _draw_step_ratios(lines: Lines, names: Mapping[float, str], axes: Axes) -> None:
    for name, rounds in lines.items():
        ratios = {size: ratio(each, lines[BY_HAND][size]) for size, each in rounds.items()}
        _draw_line(axes, name, ratios)
    axes.set_xscale("log")
    axes.set_yscale("log")
    _use_plain_numbers(axes)
    axes.set_ylabel("÷ NumPy by hand, within each round")
    _label_networks(axes, names)


def _label_networks(axes: Axes, names: Mapping[float, str]) -> None:
    labels = [name.replace(" → ", "\n→ ", 1) for name in names.values()]
    axes.set_xticks(list(names), labels, fontsize=7)
    axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    axes.set_xlabel("network (placed by its floating-point operations per step)")


# The part "growth" --------------------------------------------------------------------------------


def _growth_panels(measurements: Sequence[Measurement]) -> list[Panel]:
    mine = [m for m in measurements if m.part == growth.PART]
    panels: list[Panel] = []
    for shape in SHAPES:
        of_shape = [m for m in mine if m.case == shape]
        if of_shape:
            title = f"A {shape} of n ops: cost per op"
            panels.append((title, partial(_draw_cost_per_op, of_shape)))
    for case, network in growth.SWEPT_NETWORKS.items():
        sweep = [m for m in mine if m.case == case]
        if sweep:
            title = f"A training step by {case}: {network}"
            panels.append((title, partial(_draw_sweep, sweep, case)))
    return panels


def _draw_cost_per_op(measurements: Sequence[Measurement], axes: Axes) -> None:
    """The time per op, and its memory on a second axis, against the number of ops."""
    times: Lines = {}
    for m in measurements:
        if m.quantity != growth.MEMORY:
            of_engine = times.setdefault(m.engine, {})
            before = of_engine.get(m.size, (0.0,) * len(m.rounds))
            of_engine[m.size] = tuple(
                b + r / m.size * 1e6 for b, r in zip(before, m.rounds, strict=True)
            )
    for name, rounds in times.items():
        _draw_line(axes, name, rounds, label=f"{name}, time")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("n")
    axes.set_ylabel("µs per op, forward and backward")
    handles, labels = axes.get_legend_handles_labels()
    memory = _lines([m for m in measurements if m.quantity == growth.MEMORY])
    if memory:
        right = axes.twinx()
        for name, rounds in memory.items():
            per_op = {n: tuple(r / n for r in each) for n, each in rounds.items()}
            label = f"{name}, memory (right)"
            _draw_line(right, name, per_op, label=label, alpha=0.45, hollow=True)
        right.set_ylim(bottom=0)
        right.set_ylabel("bytes per op, at the peak")
        more_handles, more_labels = right.get_legend_handles_labels()
        handles, labels = handles + more_handles, labels + more_labels
    axes.legend(handles, labels, fontsize=8)


def _draw_sweep(measurements: Sequence[Measurement], case: str, axes: Axes) -> None:
    _draw_times(axes, _lines(measurements))
    crossovers = growth.crossovers(measurements, case)
    for engine, start in crossovers.items():
        if start is not None:
            axes.axvline(start, color=STYLES[engine][0], linestyle=":", linewidth=1.5)
    axes.set_xlabel("\n".join(["n", *map(growth.in_words, crossovers, crossovers.values())]))
    axes.set_ylabel("time per step")
    axes.legend(fontsize=7, loc="upper left")


# The part "ops" -----------------------------------------------------------------------------------


def _op_panels(measurements: Sequence[Measurement]) -> list[Panel]:
    mine = [m for m in measurements if m.part == ops.PART]
    panels: list[Panel] = []
    for size in sorted({m.size for m in mine}):
        elements = f"{size:,.0f} element{'s' * (size > 1)}"
        title = f"Every op on {elements} (filled: with backward, hollow: forward only)"
        of_size = [m for m in mine if m.size == size]
        panels.append((title, partial(_draw_ops, of_size)))
    return panels


def _draw_ops(measurements: Sequence[Measurement], axes: Axes) -> None:
    """A point for each op: PyTorch's time across, minigrad's upwards."""
    times = {(m.case, m.engine, m.quantity): m.median * 1e6 for m in measurements}
    points = {}
    for name in dict.fromkeys(m.case for m in measurements):
        both = (name, ops.MINIGRAD, ops.BOTH) in times
        quantity = ops.BOTH if both else ops.FORWARD
        theirs, ours = (times[name, engine, quantity] for engine in (ops.PYTORCH, ops.MINIGRAD))
        points[name] = theirs, ours
        marker, face = ("o", _VERMILION) if both else ("s", "none")
        axes.plot(theirs, ours, marker, color=_VERMILION, mfc=face, ms=5, alpha=0.8)
    ends = [pick(v for point in points.values() for v in point) for pick in (min, max)]
    axes.plot(ends, ends, "-", color="black", linewidth=1)
    offset = {"textcoords": "offset points"}
    axes.annotate(
        "as fast as PyTorch",
        ends[-1:] * 2,
        fontsize=8,
        ha="right",
        va="bottom",
        xytext=(-30, -2),
        **offset,
    )
    for name in _outermost(points):
        axes.annotate(name, points[name], fontsize=7, xytext=(4, 3), **offset)
    axes.set_xscale("log")
    axes.set_yscale("log")
    _use_plain_numbers(axes)
    axes.set_xlabel("PyTorch, µs")
    axes.set_ylabel("minigrad, µs")


def _outermost(points: Mapping[str, tuple[float, float]], count: int = 8) -> list[str]:
    """The points farthest from the diagonal whose labels don't overlap."""
    logs = {name: (math.log10(theirs), math.log10(ours)) for name, (theirs, ours) in points.items()}
    chosen: list[str] = []
    for name in sorted(logs, key=lambda name: -abs(logs[name][1] - logs[name][0])):
        distances = (math.dist(logs[name], logs[other]) for other in chosen)
        if len(chosen) < count and all(distance > 0.12 for distance in distances):
            chosen.append(name)
    return chosen


# Lines and axes -----------------------------------------------------------------------------------


def _lines(measurements: Sequence[Measurement]) -> Lines:
    found: Lines = {}
    for m in measurements:
        found.setdefault(m.engine, {})[m.size] = m.rounds
    return found


def _draw_times(axes: Axes, lines: Lines) -> None:
    """Seconds against size, with the time of preallocated NumPy shaded."""
    for name, rounds in lines.items():
        _draw_line(axes, name, rounds)
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
            "the time of NumPy itself, with preallocated buffers",
            fontsize=7,
            color="0.35",
            ha="right",
            transform=axes.transAxes,
        )
    axes.yaxis.set_major_formatter(_seconds)


def _draw_line(
    axes: Axes,
    name: str,
    rounds: Mapping[float, tuple[float, ...]],
    label: str | None = None,
    alpha: float = 1.0,
    hollow: bool = False,
) -> None:
    """The medians as a line, and the middle halves as a band."""
    color, marker, line = STYLES[name]
    sizes = sorted(rounds)
    low, high = zip(*(middle_half(rounds[size]) for size in sizes), strict=True)
    axes.plot(
        sizes,
        [median(rounds[size]) for size in sizes],
        marker=marker,
        linestyle=line,
        color=color,
        label=label or name,
        markersize=5,
        linewidth=1.5,
        alpha=alpha,
        markerfacecolor="white" if hollow else color,
    )
    axes.fill_between(sizes, low, high, color=color, alpha=0.15, linewidth=0)


def _seconds(value: float, position: int) -> str:
    """A tick's label; Matplotlib also passes its position.

    >>> _seconds(1e-5, 0), _seconds(0.01, 0)
    ('10 µs', '10 ms')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size * 0.999:
            return f"{value / size:.0f} {unit}"
    return f"{value * 1e9:.0f} ns"


def _use_plain_numbers(axes: Axes) -> None:
    """Label a few ticks per power of ten with plain numbers."""
    # Imported here because Matplotlib takes a tenth of a second and most runs don't plot.
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis, (low, high) in ((axes.yaxis, axes.get_ylim()), (axes.xaxis, axes.get_xlim())):
        subs = (1, 2, 5) if high > 30 * low else (1, 1.5, 2, 3, 4, 6, 8)
        axis.set_major_locator(LogLocator(subs=subs, numticks=30))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
        axis.set_tick_params(labelsize=7)
