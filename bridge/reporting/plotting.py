"""Plot a comparison: both loss curves and, below them, the distance and its bound."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.app.plotting import new_figure, picture_bytes

from .rows import StepRow


def plot(title: str, reports: Sequence[tuple[str, Sequence[StepRow]]], format: str) -> bytes:
    """Plot the rows of each named report side by side; return the picture as "png" or "svg"."""
    count = max(len(reports), 1)
    figure = new_figure(title, (max(4.5 * count, 6), 6))
    axes = figure.subplots(2, count, squeeze=False, sharex="col")
    for (name, rows), above, below in zip(reports, axes[0], axes[1], strict=False):
        steps = [row.step for row in rows]
        above.set_title(name)
        above.plot(steps, [row.ours for row in rows], color="C0", linewidth=3, alpha=0.5)
        above.plot(steps, [row.theirs for row in rows], color="C1", linestyle="--")
        above.set_ylabel("loss")
        above.legend(["minigrad", "PyTorch"])
        free = any(row.torch_distance is not None for row in rows)
        below.plot(
            steps, [_on_log_axis(row.distance) for row in rows], color="C0", label="minigrad"
        )
        if free:
            torch_distances = [_on_log_axis(row.torch_distance or 0.0) for row in rows]
            below.plot(steps, torch_distances, color="C1", linestyle="--", label="PyTorch")
        below.plot(steps, [row.bound for row in rows], color="black", linestyle=":", label="bound")
        below.set_yscale("log")
        below.set_ylabel("distance from the float64 run" if free else "distance in eps")
        below.set_xlabel("update")
        below.legend()
        for each in (above, below):
            each.grid(alpha=0.3)
    return picture_bytes(figure, format)


def _on_log_axis(distance: float) -> float:
    """Replace 0, which a logarithmic axis can't show, by a gap."""
    return distance if distance > 0 else float("nan")
