"""The curves of a run, as one PNG or SVG picture: the loss, and the accuracy below it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigrad.app.training import Point, Run

FORMATS = ("png", "svg")


def draw(title: str, runs: Sequence[Run], format: str) -> bytes:
    """The picture of the runs' curves, in the `format` "png" or "svg"."""
    figure = figure_of(title, (7, 6))
    above, below = figure.subplots(2, 1, sharex=True)
    for i, run in enumerate(runs):
        _line(above, run.curve, "loss", color=f"C{i}", label=run.program)
        _line(below, run.curve, "train_accuracy", color=f"C{i}", label=f"{run.program}, training")
        _line(
            below,
            run.curve,
            "test_accuracy",
            color=f"C{i}",
            label=f"{run.program}, held out",
            linestyle="--",
        )
    above.set_ylabel("loss")
    below.set_ylabel("accuracy")
    below.set_xlabel("epoch")
    below.set_ylim(-0.03, 1.03)
    for axes in (above, below):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    return saved(figure, format)


def figure_of(title: str, size: tuple[float, float]) -> Any:
    """An empty figure of that many inches."""
    # Figure and canvas are used as objects: nothing is registered with pyplot, no window is opened.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    # A file's name: neither mathematics where it has a $, nor always text.
    figure.suptitle(title.encode("utf-8", "backslashreplace").decode(), parse_math=False)
    return figure


def saved(figure: Any, format: str) -> bytes:
    """The figure as a file of that format, "png" or "svg"."""
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a script that the font has not is no mistake
        figure.savefig(picture, format=format, dpi=150)
    return picture.getvalue()


def _line(axes: Any, curve: Sequence[Point], quantity: str, **style: Any) -> None:
    points = [(p.epoch, value) for p in curve if (value := getattr(p, quantity)) is not None]
    if points:
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, marker="." if len(points) < 30 else None, **style)
