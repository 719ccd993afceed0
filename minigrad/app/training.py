"""Running one of the two programs: printing, measuring, keeping the state, stopping in time."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import accuracy_score

import minigrad
from minigrad.app import checkpoint
from minigrad.app.checkpoint import State
from minigrad.app.datasets import Dataset
from minigrad.app.programs import PROGRAMS, Progress
from minigrad.app.settings import Settings, defaults_for


class Diverged(Exception):
    """The loss is not a finite number any more; the message says since when."""


@dataclass(frozen=True)
class Point:
    """One epoch of a curve. The accuracies are of the network after the epoch, where measured;
    the loss is the mean of the epoch's losses, each before its update."""

    epoch: int
    loss: float
    train_accuracy: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True)
class Measured:
    """The network as it now is, on all the data there are."""

    loss: float
    predicted: np.ndarray
    accuracy: float
    test_predicted: np.ndarray | None = None
    test_accuracy: float | None = None


@dataclass
class Run:
    """One program on its way: made, then set to a state or not, then trained.

    `epochs` is how many it is to train from `start` on.
    """

    program: str
    settings: Settings
    data: Dataset
    start: int
    epochs: int
    steps: Iterator[Progress]
    progress: Progress
    curve: list[Point] = field(default_factory=list)
    result: Measured | None = None

    @property
    def last(self) -> int:
        return self.start + self.epochs

    def measure(self) -> Measured:
        data = self.data
        loss, predicted = self.progress.evaluate(data.x, data.y)
        accuracy = float(accuracy_score(data.y, predicted))
        if data.x_test is None or data.y_test is None:
            return Measured(loss, predicted, accuracy)
        _, test_predicted = self.progress.evaluate(data.x_test, data.y_test)
        test_accuracy = float(accuracy_score(data.y_test, test_predicted))
        return Measured(loss, predicted, accuracy, test_predicted, test_accuracy)


@dataclass
class Keeper:
    """The last good state of each program, and the file that it is written to.

    Good is a state at an epoch's end whose own loss is finite. Copies are kept, not the live
    parameters, so that an interrupt in the middle of an epoch, or a loss that has run away, finds
    a whole and good state to write.
    """

    path: str
    settings: Settings
    states: dict[str, State] = field(default_factory=dict)
    written: bool = True

    def keep(self, run: Run) -> None:
        loss, _ = run.progress.evaluate(run.data.x, run.data.y)
        if math.isfinite(loss):
            self.written = False  # first: an interrupt between the two must not lose the state
            self.states[run.program] = checkpoint.capture(run.progress, run.last)

    def write(self) -> None:
        if not self.written:
            checkpoint.write(self.path, self.settings, self.states)
            self.written = True

    def __str__(self) -> str:
        return ", ".join(f"{name} at epoch {state.epoch}" for name, state in self.states.items())


def prepare(program: str, settings: Settings, data: Dataset, state: State | None = None) -> Run:
    """A program ready to train: drawn from the seed, or set to a checkpoint's `state`.

    It trains for the settings' `epochs`, or else what is left of the state's run, or else the
    data's default. Raises CheckpointError.
    """
    finished = 0 if state is None else state.epoch
    if settings.epochs is not None:
        epochs = settings.epochs
    elif state is not None and state.planned is not None:
        epochs = max(state.planned - finished, 0)
    else:
        epochs = defaults_for(settings.data).epochs
    steps = PROGRAMS[program](
        minigrad,
        data.x,
        data.y,
        classes=len(data.classes),
        epochs=epochs,
        finished=finished,
        **settings.arguments(program),
    )
    run = Run(program, settings, data, finished, epochs, steps, next(steps))
    if state is not None:
        checkpoint.restore(program, run.progress, state)
    return run


def train(run: Run, keeper: Keeper | None, points: int, bar: bool) -> None:
    """Train to the run's last epoch, printing as it goes, and measure the result.

    `points` is how many accuracies the curve should have besides those printed (0: no curve is
    kept), and `bar` asks for a progress bar. Raises Diverged; the curve so far stays on the run.
    """
    every = run.settings.log_every
    stride = max(1, run.epochs // points) if points else every
    with _progress_bar(run) if bar else _no_bar() as (advance, say):
        for progress in run.steps:
            if not progress.whole:
                continue
            run.progress = progress
            epoch, loss = progress.epoch, progress.loss
            finite = math.isfinite(loss)
            if finite and keeper is not None:
                keeper.keep(run)
            printed = epoch % every == 0 or epoch == run.last
            point = Point(epoch, loss)
            if finite and (printed or (epoch - run.start) % stride == 0):
                now = run.measure()
                point = Point(epoch, loss, now.accuracy, now.test_accuracy)
            if points:
                run.curve.append(point)
            if not finite:
                raise _diverged(run, loss, f"in epoch {epoch}")
            advance(loss)
            if printed:
                say(_line(point))
                if keeper is not None:
                    keeper.write()
    result = run.measure()
    if not math.isfinite(result.loss):
        raise _diverged(run, result.loss, f"after epoch {run.last}")
    run.result = result


def _line(point: Point) -> str:
    line = f"Epoch: {point.epoch}, loss: {point.loss:.4f}, train_acc: {point.train_accuracy:.3f}"
    return line if point.test_accuracy is None else f"{line}, test_acc: {point.test_accuracy:.3f}"


def _diverged(run: Run, loss: float, when: str) -> Diverged:
    return Diverged(
        f"{run.program}: the loss is {loss} {when}: try a smaller --lr than {run.settings.lr:g}"
    )


# What `train` tells the terminal: that an epoch is done, with its loss; and a line to print.
Terminal = tuple[Callable[[float], None], Callable[[str], None]]


@contextmanager
def _progress_bar(run: Run) -> Iterator[Terminal]:
    """A bar on the terminal, with the lines above it."""
    from tqdm import tqdm

    with tqdm(total=run.epochs, desc=run.program, unit="epoch", leave=False) as bar:

        def advance(loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update()

        yield advance, lambda line: bar.write(line, file=sys.stdout)


@contextmanager
def _no_bar() -> Iterator[Terminal]:
    yield lambda loss: None, lambda line: print(line, flush=True)
