"""`minigrad train`, from the options that were given to everything that is printed and written.

All input is checked first. Then the programs train one after the other. However that ends, the
checkpoint, the report and the plot are written.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import numpy as np

import minigrad
from minigrad.app import checkpoint, datasets, training
from minigrad.app.checkpoint import CheckpointError, ProgramState
from minigrad.app.command import (
    OutputError,
    UsageError,
    check_distinct_files,
    check_output_files,
    describe_error,
    require_package,
    with_option,
    write_all,
)
from minigrad.app.datasets import IMAGES, TrainingData
from minigrad.app.plotting import draw_curves, picture_format
from minigrad.app.settings import Settings, resolve
from minigrad.app.training import CheckpointKeeper, Diverged, TrainingRun
from minigrad.app.training_report import training_report
from minigrad.utils.atomic_write import write_atomically

from ..compiling import CompiledStep

# How many accuracies a curve has in addition to the printed ones, for the report and the plot.
CURVE_POINTS = 100


def train(parser: argparse.ArgumentParser, arguments: dict[str, Any]) -> int:
    """Run the command with the `arguments` that were given, and return its exit status.

    `parser` parses a checkpoint's settings like a command line. Raises InputError before any
    training starts.
    """
    files = {name: arguments.pop(name, None) for name in ("save", "load", "plot", "json")}
    steps: list[CompiledStep] = []
    prints_step = arguments.pop("print_step", False)
    backend = arguments.pop("compile", "numpy" if prints_step else "")
    options = _compiling(steps, backend) if backend else {}
    settings, data, runs = _prepare(parser, arguments, files, options)
    keeper = None
    if files["save"] is not None:
        keeper = CheckpointKeeper(files["save"], settings)
        for run in runs:
            keeper.keep(run)
    began = time.perf_counter()
    failure: Exception | None = None
    has_curves = files["plot"] is not None or files["json"] is not None
    try:
        outcome, status = _train_all(runs, keeper, has_curves)
    except Exception as error:  # a failed save or a closed pipe, for example
        outcome, status, failure = describe_error(error), 2, error
    seconds = time.perf_counter() - began
    if prints_step:
        _print_steps(steps)

    def write_report(path: str) -> None:
        write_atomically(path, training_report(settings, data, runs, outcome, seconds))

    def write_plot(path: str) -> None:
        write_atomically(path, draw_curves(str(data), runs, picture_format(path)))

    def write_checkpoint(path: str) -> None:
        if keeper is not None:
            keeper.write()

    writers = {"save": write_checkpoint, "json": write_report, "plot": write_plot}
    problems = write_all(writers, files)
    if failure is not None and not (problems and isinstance(failure, OSError)):
        raise failure
    return _end(outcome, status, problems, keeper)


def _end(outcome: str, status: int, problems: list[str], keeper: CheckpointKeeper | None) -> int:
    """Print how the run ended and what the checkpoint holds, and return the exit status."""
    saved = [] if keeper is None or not keeper.whole else [f"saved {keeper.path}: {keeper}"]
    failed = ([outcome] if status else []) + problems
    if problems:
        raise OutputError("; ".join([*dict.fromkeys(failed), *saved]))
    if status:
        kind = "error: " if status == 2 else ""
        print(f"minigrad: {kind}{'; '.join([outcome, *saved])}", file=sys.stderr)
    elif keeper is not None:
        print(f"Saved {keeper.path}: {keeper}")
    return status


# Preparing ----------------------------------------------------------------------------------------


def _compiling(steps: list[CompiledStep], backend: str) -> dict[str, Any]:
    """The option of programs that compiles their steps. The compiled steps are added to a list."""
    if backend == "numba":
        require_package("numba", "'minigrad[numba]'", "--compile numba")

    def compiler(step: Any) -> CompiledStep:
        steps.append(minigrad.compile(step, backend=backend))
        return steps[-1]

    return {"compiler": compiler}


def _print_steps(steps: Sequence[CompiledStep]) -> None:
    for step in steps:
        if step.source:
            print(f"\n{step.source}", end="")
        else:
            print(f"\nThe step isn't recorded: {step.refusal or 'it ran less than two times'}")


def _prepare(
    parser: argparse.ArgumentParser,
    arguments: dict[str, Any],
    files: dict[str, str | None],
    options: dict[str, Any],
) -> tuple[Settings, TrainingData, list[TrainingRun]]:
    """Check all input, load the data and the checkpoint, and build the runs."""
    check_output_files({name: files[name] for name in ("save", "plot", "json")})
    for option in ("save", "load"):
        if files[option] is not None:
            require_package("safetensors", "safetensors", f"--{option}")
    with _naming_checkpoint(files["load"]):
        loaded, states = _load_checkpoint(parser, files["load"])
    settings = resolve(_with_hidden_tuple(arguments), loaded)
    check_distinct_files(files, {"load": files["load"], "data": settings.data})
    data = datasets.load(settings.data, settings.test_size)
    print(data)
    if "auto" in states and settings.optimizer != loaded.get("optimizer", settings.optimizer):
        theirs = loaded["optimizer"]
        print(f"{settings.optimizer} starts without state: the checkpoint holds that of {theirs}")
        states["auto"] = replace(states["auto"], optimizer=None)
    schedule = settings.scheduler, settings.lr
    if "auto" in states and schedule != (loaded.get("scheduler"), loaded.get("lr")):
        states["auto"] = replace(states["auto"], scheduler=None)  # it starts from the new rate
    with _naming_checkpoint(files["load"]):
        return settings, data, _prepare_runs(settings, data, states, options)


def _prepare_runs(
    settings: Settings,
    data: TrainingData,
    states: dict[str, ProgramState],
    options: dict[str, Any],
) -> list[TrainingRun]:
    """All runs, prepared before the first one trains, so that a misfit is found at once."""
    if states:
        # A program without a state in the checkpoint gets all its parameters, so that `restore`
        # names those that are missing and those that are unexpected.
        parameters: dict[str, Any] = {}
        for state in states.values():
            parameters |= state.parameters
        states = {name: states.get(name, ProgramState(parameters)) for name in settings.programs}
    return [
        training.prepare(name, settings, data, states.get(name), **options)
        for name in settings.programs
    ]


def _load_checkpoint(
    parser: argparse.ArgumentParser, path: str | None
) -> tuple[dict[str, Any], dict[str, ProgramState]]:
    """The checkpoint's settings and states; both empty without a path.

    The settings are parsed as command-line options, so they are checked by the same rules.
    """
    if path is None:
        return {}, {}
    stored, states = checkpoint.read(path)
    if unknown := stored.keys() - {f.name for f in fields(Settings)}:
        raise CheckpointError(f"it has unknown settings: {', '.join(map(str, unknown))}")
    options: list[str] = []
    for name, value in stored.items():
        if value is not None:
            values = value if isinstance(value, list | tuple) else [value]
            options += [f"--{name.replace('_', '-')}", *map(str, values)]
    try:
        return _with_hidden_tuple(vars(parser.parse_args(options))), states
    except UsageError as error:
        raise CheckpointError(f"its settings are not valid: {error}") from None


def _with_hidden_tuple(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with `hidden` as the tuple that Settings has; argparse makes a list."""
    return arguments | ({"hidden": tuple(arguments["hidden"])} if "hidden" in arguments else {})


@contextmanager
def _naming_checkpoint(path: str | None) -> Iterator[None]:
    """Add `--load` and the path to a CheckpointError."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{with_option('load', path or '')}: {error}") from None


# Training and printing ----------------------------------------------------------------------------


def _train_all(
    runs: Sequence[TrainingRun], keeper: CheckpointKeeper | None, has_curves: bool
) -> tuple[str, int]:
    """Train the runs in order; return the outcome in words and the exit status."""
    points = CURVE_POINTS if has_curves else 0
    run = runs[0]
    try:
        for run in runs:
            print(_header(run), flush=True)
            training.train(run, keeper, points, bar=sys.stdout.isatty() and sys.stderr.isatty())
            _print_result(run)
    except Diverged as error:
        return str(error), 2
    except KeyboardInterrupt:
        return f"interrupted after epoch {run.progress.epoch} of {run.program}", 130
    return "finished", 0


def _header(run: TrainingRun) -> str:
    settings, data = run.settings, run.data
    image = IMAGES.get(settings.data) if settings.model != "mlp" else None
    inputs = "×".join(map(str, image)) if image else data.x.shape[1]
    sizes = "-".join(map(str, (inputs, *settings.hidden, len(data.classes))))
    sizes = f"{settings.model} {sizes}" if image else sizes
    loss = settings.loss or {"manual": "nll", "auto": "cross_entropy"}[run.program]
    update = "manual gradient descent" if run.program == "manual" else settings.optimizer
    update += f", momentum {settings.momentum:g}" if settings.momentum else ""
    update += f", weight decay {settings.weight_decay:g}" if settings.weight_decay else ""
    if settings.scheduler and run.program == "auto":
        update += f", {settings.scheduler} schedule"
    epochs = f"epochs {run.start + 1} to {run.last}" if run.epochs else f"epoch {run.start}"
    if not run.epochs and settings.epochs is None:
        epochs += " (the run is finished; --epochs N continues it)"
    batch = f"batches of {settings.batch_size}" if settings.batch_size else "full batch"
    return (
        f"{run.program}: {sizes}, {settings.activation}, {loss}; {update}, lr {settings.lr:g}, "
        f"{epochs}, {batch}, {settings.dtype}, seed {settings.seed}"
    )


def _print_result(run: TrainingRun) -> None:
    data, result = run.data, run.result
    assert result is not None  # set at the end of training
    if result.test_predicted is None or data.y_test is None:
        print("Predicted:", _shortened(data.classes[result.predicted]))
        print("Truth:    ", _shortened(data.classes[data.y]))
        print(f"Accuracy:  {result.accuracy:.4f}")
    else:
        print("Predicted (held out):", _shortened(data.classes[result.test_predicted]))
        print("Truth     (held out):", _shortened(data.classes[data.y_test]))
        print(f"Accuracy  (training): {result.accuracy:.4f}")
        print(f"Accuracy  (held out): {result.test_accuracy:.4f}")


def _shortened(labels: np.ndarray) -> str:
    """The labels on one line, like a NumPy array: the middle of a long one is left out."""
    ends = 12 if labels.dtype.kind in "if" else 4
    return np.array2string(labels, threshold=3 * ends, edgeitems=ends, max_line_width=sys.maxsize)
