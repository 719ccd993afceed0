"""`minigrad train`, from its options to all that is printed and written.

First everything is checked that can be, then the programs are trained one after the other, and
then, however that ended, the checkpoint, the record and the picture are written.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.api.files import write_aside
from minigrad.app import checkpoint, datasets, outputs, settings, training
from minigrad.app.checkpoint import CheckpointError, State
from minigrad.app.datasets import Dataset
from minigrad.app.plotting import draw
from minigrad.app.run_record import as_json
from minigrad.app.settings import Settings, UsageError
from minigrad.app.training import Diverged, Keeper, Run

# A plot or a record has this many accuracies along the curve, besides those that are printed.
CURVE_POINTS = 100


def train(parser: argparse.ArgumentParser, arguments: dict[str, Any]) -> int:
    """Do what the `arguments` say, those that were given, and return the exit status.

    `parser` reads a checkpoint's settings as it read the command line. Raises UsageError,
    DataError or CheckpointError before anything is trained.
    """
    files = {name: arguments.pop(name, None) for name in ("save", "load", "plot", "json")}
    outputs.check_writable({name: files[name] for name in ("save", "plot", "json")})
    with _blaming(files["load"]):
        loaded, states = _loaded(parser, files["load"])
    plan = settings.resolve(_tidy(arguments), loaded)
    outputs.check_distinct(files, {"load": files["load"], "data": plan.data})
    data = datasets.load(plan.data, plan.test_size)
    print(data)
    if "auto" in states and plan.optimizer != loaded.get("optimizer", plan.optimizer):
        print(f"{plan.optimizer} starts without what {loaded['optimizer']} had gathered")
        states["auto"] = replace(states["auto"], optimizer=None)
    with _blaming(files["load"]):
        runs = _prepared(plan, data, states)

    keeper = None
    if files["save"]:
        keeper = Keeper(files["save"], plan)
        for run in runs:
            keeper.keep(run)
    points = CURVE_POINTS if files["plot"] or files["json"] else 0
    began = time.perf_counter()
    outcome, status = _train_all(runs, keeper, points)

    if files["json"]:
        seconds = time.perf_counter() - began
        write_aside(files["json"], as_json(plan, data, runs, outcome, seconds))
    if files["plot"]:
        write_aside(files["plot"], draw(str(data), runs, Path(files["plot"]).suffix[1:].lower()))
    if status:
        kept = f"; {keeper.path} has {keeper}" if keeper is not None and keeper.states else ""
        print(f"minigrad: {'error: ' if status == 2 else ''}{outcome}{kept}", file=sys.stderr)
    elif keeper is not None:
        print(f"Saved {keeper.path}: {keeper}")
    return status


def _prepared(plan: Settings, data: Dataset, states: dict[str, State]) -> list[Run]:
    """The runs, all ready before the first one is trained: a misfit is found at once."""
    if states:  # a program that the file has not: what it has instead is the misfit to be named
        other = State({k: v for state in states.values() for k, v in state.parameters.items()})
        states = {name: states.get(name, other) for name in plan.programs}
    return [training.prepare(name, plan, data, states.get(name)) for name in plan.programs]


def _train_all(runs: Sequence[Run], keeper: Keeper | None, points: int) -> tuple[str, int]:
    """Train the runs one after the other; how that ended, and the exit status for it."""
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
    finally:  # whatever ends it, a closed pipe included
        if keeper is not None:
            keeper.write()
    return "finished", 0


def _tidy(arguments: dict[str, Any]) -> dict[str, Any]:
    return arguments | ({"hidden": tuple(arguments["hidden"])} if "hidden" in arguments else {})


def _loaded(
    parser: argparse.ArgumentParser, path: str | None
) -> tuple[dict[str, Any], dict[str, State]]:
    """The checkpoint's settings and states, or none.

    The settings are read as the options that they would be on the command line: a file is checked
    no less than a user, and by the same rules.
    """
    if path is None:
        return {}, {}
    stored, states = checkpoint.read(path)
    if unknown := stored.keys() - {f.name for f in fields(Settings)}:
        raise CheckpointError(f"unknown settings in it: {', '.join(map(str, unknown))}")
    options: list[str] = []
    for name, value in stored.items():
        if value is not None:
            values = value if isinstance(value, list | tuple) else [value]
            options += [f"--{name.replace('_', '-')}", *map(str, values)]
    try:
        return _tidy(vars(parser.parse_args(options))), states
    except UsageError as error:
        raise CheckpointError(f"its settings are not valid: {error}") from None


@contextmanager
def _blaming(path: str | None) -> Iterator[None]:
    """Name the checkpoint in what is wrong with it."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"--load {path}: {error}") from None


def _header(run: Run) -> str:
    plan, data = run.settings, run.data
    sizes = "-".join(map(str, (data.x.shape[1], *plan.hidden, len(data.classes))))
    loss = plan.loss or {"manual": "nll", "auto": "cross_entropy"}[run.program]
    update = "gradient descent by hand" if run.program == "manual" else plan.optimizer
    update += f", momentum {plan.momentum:g}" if plan.momentum else ""
    update += f", weight decay {plan.weight_decay:g}" if plan.weight_decay else ""
    epochs = f"epochs {run.start + 1} to {run.last}" if run.epochs else f"epoch {run.start}"
    if not run.epochs and plan.epochs is None:
        epochs += " (its run is finished; --epochs N trains on)"
    batch = f"batches of {plan.batch_size}" if plan.batch_size else "full batch"
    return (
        f"{run.program}: {sizes}, {plan.activation}, {loss}; {update}, lr {plan.lr:g}, {epochs}, "
        f"{batch}, {plan.dtype}, seed {plan.seed}"
    )


def _print_result(run: Run) -> None:
    data, result = run.data, run.result
    assert result is not None  # the run has been trained to its end
    if result.test_predicted is None or data.y_test is None:
        print("Predicted:", _labels(data.classes[result.predicted]))
        print("Truth:    ", _labels(data.classes[data.y]))
        print(f"Accuracy:  {result.accuracy:.4f}")
    else:
        print("Predicted (held out):", _labels(data.classes[result.test_predicted]))
        print("Truth     (held out):", _labels(data.classes[data.y_test]))
        print(f"Accuracy  (training): {result.accuracy:.4f}")
        print(f"Accuracy  (held out): {result.test_accuracy:.4f}")


def _labels(labels: np.ndarray) -> str:
    """The labels on one line, as NumPy shows an array: the middle of many is left out."""
    ends = 12 if labels.dtype.kind in "if" else 4
    return np.array2string(labels, threshold=3 * ends, edgeitems=ends, max_line_width=sys.maxsize)
