"""Plots: the curves of a training run, and what every plot of this project shares."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigrad.app.training import CurvePoint, TrainingRun

FORMATS = ("png", "svg")


def picture_format(path: str) -> str:
    """The format that the file's name asks for.

    >>> picture_format("run.SVG")
    'svg'
    """
    return Path(path).suffix[1:].lower()


def draw_curves(title: str, runs: Sequence[TrainingRun], format: str) -> bytes:
    """A picture of the runs' losses above their accuracies, in the `format` "png" or "svg"."""
    figure = new_figure(title, (7, 6))
    losses, accuracies = figure.subplots(2, 1, sharex=True)
    for i, run in enumerate(runs):
        color, name = f"C{i}", run.program
        _plot_curve(losses, run.curve, "loss", color=color, label=name)
        for quantity, label, line in (
            ("train_accuracy", f"{name}, training", "-"),
            ("test_accuracy", f"{name}, held out", "--"),
        ):
            _plot_curve(accuracies, run.curve, quantity, color=color, label=label, linestyle=line)
    losses.set_ylabel("loss")
    accuracies.set_ylabel("accuracy")
    accuracies.set_xlabel("epoch")
    accuracies.set_ylim(-0.03, 1.03)
    for axes in (losses, accuracies):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    return picture_bytes(figure, format)


def new_figure(title: str, size: tuple[float, float]) -> Any:
    """An empty Matplotlib figure of `size` inches."""
    # Imported here because Matplotlib takes a tenth of a second and most commands don't plot.
    # pyplot is not used: it would keep every figure alive and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    # The title may be a file's name: a $ starts no formula, and bytes may not be valid text.
    figure.suptitle(title.encode("utf-8", "backslashreplace").decode(), parse_math=False)
    return figure


def picture_bytes(figure: Any, format: str) -> bytes:
    """The figure as the content of a file in the `format` "png" or "svg"."""
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the font may lack a title's characters
        figure.savefig(picture, format=format, dpi=150)
    return picture.getvalue()


def _plot_curve(axes: Any, curve: Sequence[CurvePoint], quantity: str, **style: Any) -> None:
    points = [(p.epoch, value) for p in curve if (value := getattr(p, quantity)) is not None]
    if points:
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, marker="." if len(points) < 30 else None, **style)
