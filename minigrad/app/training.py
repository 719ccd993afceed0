"""Run one of the two programs: print its progress, record its curve, keep its last good state."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score
from tqdm import tqdm

import minigrad
from minigrad.app import checkpoint
from minigrad.app.checkpoint import CheckpointError, ProgramState
from minigrad.app.datasets import TrainingData
from minigrad.app.programs import PROGRAMS, Progress
from minigrad.app.settings import Settings, defaults_for


class Diverged(Exception):
    """The loss is no longer finite; the message says since when."""


@dataclass(frozen=True)
class CurvePoint:
    """One epoch of a curve.

    The loss is the mean of the epoch's losses, each before its update. The accuracies, where
    measured, are the network's after the epoch.
    """

    epoch: int
    loss: float
    train_accuracy: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """The current network's loss, predictions and accuracies on all data."""

    loss: float
    predicted: np.ndarray
    accuracy: float
    test_predicted: np.ndarray | None = None
    test_accuracy: float | None = None


@dataclass
class TrainingRun:
    """One program that trains for `epochs` epochs after the first `start`."""

    program: str
    settings: Settings
    data: TrainingData
    start: int
    epochs: int
    steps: Iterator[Progress]
    progress: Progress
    curve: list[CurvePoint] = field(default_factory=list)
    result: Evaluation | None = None

    @property
    def last(self) -> int:
        """The number of the last epoch."""
        return self.start + self.epochs

    def evaluate(self) -> Evaluation:
        """Evaluate the current network on the training part and the test part."""
        data = self.data
        loss, predicted = self.progress.evaluate(data.x, data.y)
        accuracy = float(accuracy_score(data.y, predicted))
        if data.x_test is None or data.y_test is None:
            return Evaluation(loss, predicted, accuracy)
        _, test_predicted = self.progress.evaluate(data.x_test, data.y_test)
        test_accuracy = float(accuracy_score(data.y_test, test_predicted))
        return Evaluation(loss, predicted, accuracy, test_predicted, test_accuracy)


@dataclass
class CheckpointKeeper:
    """The last good state of each program, to be written to the file `path`.

    A state is good if it is at the end of an epoch and its loss is finite. The states are copies,
    so an interrupt within an epoch or a diverging loss leaves them intact.
    """

    path: str
    settings: Settings
    states: dict[str, ProgramState] = field(default_factory=dict)
    written: bool = True

    def keep(self, run: TrainingRun) -> None:
        """Copy the run's state if it is good."""
        loss, _ = run.progress.evaluate(run.data.x, run.data.y)
        if math.isfinite(loss):
            self.written = False  # before the copy, in case an interrupt comes between the two
            self.states[run.program] = checkpoint.capture(run.progress, run.last)

    def write(self) -> None:
        """Write the states to the file, unless they have been written."""
        if not self.written:
            checkpoint.write(self.path, self.settings, self.states)
            self.written = True

    @property
    def whole(self) -> bool:
        """Whether the file holds the last good states of all programs that have one."""
        return self.written and bool(self.states)

    def __str__(self) -> str:
        return ", ".join(f"{name} at epoch {state.epoch}" for name, state in self.states.items())


def prepare(
    program: str,
    settings: Settings,
    data: TrainingData,
    state: ProgramState | None = None,
    **options: Any,
) -> TrainingRun:
    """A run that is ready to train, from the seed's parameters or from a checkpoint's `state`.

    `options` are further arguments of the program.

    The number of epochs is the settings', else what is left of the checkpoint's run, else the data
    set's default. Raises CheckpointError.
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
        **options,
    )
    run = TrainingRun(program, settings, data, finished, epochs, steps, next(steps))
    if state is not None:
        checkpoint.restore(program, run.progress, state)
        _check_loss(run)
    return run


def _check_loss(run: TrainingRun) -> None:
    """Raise CheckpointError if the restored network can't be trained or evaluated."""
    loss, _ = run.progress.evaluate(run.data.x, run.data.y)
    if not math.isfinite(loss):
        parameters = run.progress.parameters.items()
        names = [name for name, p in parameters if not bool(p.detach().isfinite().all())]
        reason = (
            f"it has NaN or infinity in {', '.join(names)}" if names else "its numbers overflow"
        )
        raise CheckpointError(f"the loss of its {run.program} network is {loss}: {reason}")


def train(run: TrainingRun, keeper: CheckpointKeeper | None, points: int, bar: bool) -> None:
    """Train to the run's last epoch, print the progress, and evaluate the result.

    The curve gets about `points` accuracies in addition to the printed ones (0: no curve). `bar`
    shows a progress bar. Raises Diverged; the run keeps its curve up to then.
    """
    log_every = run.settings.log_every
    stride = max(1, run.epochs // points) if points else log_every
    with _progress_bar(run) if bar else _no_progress_bar() as (advance, print_line):
        for progress in run.steps:
            if not progress.whole:
                continue
            run.progress = progress
            epoch, loss = progress.epoch, progress.loss
            finite = math.isfinite(loss)
            if finite and keeper is not None:
                keeper.keep(run)
            printed = epoch % log_every == 0 or epoch == run.last
            point = CurvePoint(epoch, loss)
            if finite and (printed or (epoch - run.start) % stride == 0):
                now = run.evaluate()
                point = CurvePoint(epoch, loss, now.accuracy, now.test_accuracy)
            if points:
                run.curve.append(point)
            if not finite:
                raise _diverged(run, loss, f"in epoch {epoch}")
            advance(loss)
            if printed:
                print_line(_progress_line(point))
                if keeper is not None:
                    keeper.write()
    result = run.evaluate()
    if not math.isfinite(result.loss):
        raise _diverged(run, result.loss, f"after epoch {run.last}")
    run.result = result


def _progress_line(point: CurvePoint) -> str:
    line = f"Epoch: {point.epoch}, loss: {point.loss:.4f}, train_acc: {point.train_accuracy:.3f}"
    return line if point.test_accuracy is None else f"{line}, test_acc: {point.test_accuracy:.3f}"


def _diverged(run: TrainingRun, loss: float, when: str) -> Diverged:
    """The error, with advice: settings with which every run diverges, or else the learning rate."""
    settings, advice = run.settings, []
    if settings.momentum >= 1:
        advice.append("a --momentum below 1")
    # Such a product alone makes each step flip the weights' signs and enlarge them.
    if settings.lr * settings.weight_decay > 2 and settings.weight_decay > settings.lr:
        advice.append(f"a smaller --weight-decay than {settings.weight_decay:g}")
    advice = advice or [f"a smaller --lr than {settings.lr:g}"]
    return Diverged(f"{run.program}: the loss is {loss} {when}: try {' and '.join(advice)}")


# How `train` reports: `advance(loss)` after each epoch, and `print_line(line)`.
Reporters = tuple[Callable[[float], None], Callable[[str], None]]


@contextmanager
def _progress_bar(run: TrainingRun) -> Iterator[Reporters]:
    """A progress bar at the bottom of the terminal; lines are printed above it."""
    with tqdm(total=run.epochs, desc=run.program, unit="epoch", leave=False) as bar:

        def advance(loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update()

        yield advance, lambda line: bar.write(line, file=sys.stdout)


@contextmanager
def _no_progress_bar() -> Iterator[Reporters]:
    yield lambda loss: None, lambda line: print(line, flush=True)
