"""The command `minigrad`: what it accepts, what it prints, and the status it ends with.

0: all went well. 1: nobody reads the output any more. 2: bad input, or a loss that ran away; one
line says what. 130: stopped by Ctrl-C. The training itself is `minigrad.training`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

import minigrad
from minigrad import checkpoint, datasets, programs, settings, training
from minigrad.checkpoint import CheckpointError, State
from minigrad.datasets import DataError, Dataset
from minigrad.files import check_writable, reason, write_aside
from minigrad.plotting import FORMATS, draw
from minigrad.settings import Settings, SettingsError
from minigrad.training import Diverged, Keeper, Run

# A plot or a record has this many accuracies along the curve, besides those that are printed.
CURVE_POINTS = 100

SUMMARY = "A reverse-mode autograd engine in NumPy, with PyTorch's face."
EXAMPLES = """\
examples:
  minigrad train                                  the tutorial's network, by hand and by optimiser
  minigrad train --data digits                    real data, judged on samples held out
  minigrad train --data wine --hidden 32 16 --optimizer adam --plot wine.png
  minigrad train --data measurements.csv --seed 7 --json run.json
  minigrad train --data digits --save net.safetensors      (Ctrl-C at any time)
  minigrad train --load net.safetensors --save net.safetensors       train what is left
  minigrad train --load net.safetensors --epochs 0                   only evaluate
"""


class UsageError(ValueError):
    """The command line makes no sense; the message is one line that says why."""


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors as exceptions: `main` prints all errors, in one way."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments (the process's own by default); its exit status."""
    try:
        status = _command(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()  # so that a closed pipe is noticed here, and not at the exit
        return status
    except (UsageError, SettingsError, DataError, CheckpointError) as error:
        return _fail(str(error))
    except BrokenPipeError:  # `minigrad train | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(f"{error.filename}: {reason(error)}" if error.filename else str(error))
    except MemoryError:
        return _fail("there is not enough memory for a network of this size")
    except KeyboardInterrupt:
        print("minigrad: interrupted", file=sys.stderr)
        return 130


def _fail(message: str) -> int:
    print("minigrad: error:", message.replace("\n", " "), file=sys.stderr)
    return 2


def _command(argv: list[str]) -> int:
    parser = _Parser(
        prog="minigrad",
        description=SUMMARY,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    train = commands.add_parser(
        "train",
        help="train a network, by hand or by optimiser",
        description="Train a network: without options the tutorial's, on its six points, first "
        "with the update written by hand and then with nn.Module and an optimiser.",
        epilog=f"defaults for each --data, where no option is given:\n{settings.table()}\n\n"
        + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        # What is not given must not hide what a checkpoint says: the defaults come later.
        argument_default=argparse.SUPPRESS,
    )
    _add_options(train)
    arguments = vars(parser.parse_args(argv))
    if arguments.pop("command") is None:
        parser.print_help()
        return 0
    return _train(train, arguments)


# The options.


def _number(
    text: str, kind: Callable[[str], Any], what: str, low: float, high: float, above: bool
) -> Any:
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not (low < number if above else low <= number) or not number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return number


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    top = math.inf if high is None else high
    what = f"a whole number of at least {low}" if high is None else f"a number in {low} ... {high}"
    return lambda text: _number(text, int, what, low, top, above=False)


def _positive(text: str) -> float:
    return _number(text, float, "a positive number", 0, sys.float_info.max, above=True)


def _not_negative(text: str) -> float:
    return _number(text, float, "a number of at least 0", 0, sys.float_info.max, above=False)


def _share(text: str) -> float:
    return _number(text, float, "a share from 0 to below 1", 0, math.nextafter(1, 0), above=False)


def _add_options(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("the data")
    data.add_argument(
        "--data",
        metavar="DATA",
        help=f"{datasets.TOY} (the default), {', '.join(datasets.BUNDLED)}, or a CSV file, whose "
        "last column is the label (numbers or words); all but toy are standardised",
    )
    data.add_argument(
        "--test-size",
        type=_share,
        metavar="SHARE",
        help="the share of the samples that is held out (always the same ones); 0: train on all",
    )
    network = parser.add_argument_group("the network")
    network.add_argument(
        "--hidden",
        type=_whole(1, 1_000_000),
        nargs="+",
        metavar="N",
        help="the sizes of the hidden layers, one or more",
    )
    network.add_argument(
        "--activation", choices=programs.ACTIVATIONS, help="after each hidden layer (relu)"
    )
    network.add_argument(
        "--dtype", choices=programs.DTYPES, help="of the numbers throughout (float32)"
    )
    how = parser.add_argument_group("the training")
    how.add_argument(
        "--update",
        choices=("manual", "auto", "both"),
        help="manual: gradient descent written by hand; auto: nn.Module and an optimiser",
    )
    how.add_argument(
        "--loss",
        choices=programs.LOSSES,
        help="nll is log_softmax and nll_loss (manual's own, the same number as cross_entropy, "
        "which is auto's); mse is against one-hot targets",
    )
    how.add_argument("--optimizer", choices=programs.OPTIMIZERS, help="of auto (sgd)")
    how.add_argument("--momentum", type=_not_negative, metavar="M", help="of sgd (0)")
    how.add_argument(
        "--weight-decay", type=_not_negative, metavar="D", help="of sgd and adam (0), as L2 penalty"
    )
    how.add_argument("--lr", type=_positive, metavar="RATE", help="the learning rate")
    how.add_argument(
        "--epochs",
        type=_whole(0),
        metavar="N",
        help="how often to go through the data; with --load how often more "
        "(what is left of that run, by default)",
    )
    how.add_argument(
        "--batch-size",
        type=_whole(1),
        metavar="N",
        help="samples per update, in an order drawn for each epoch (all at once, in their order)",
    )
    how.add_argument(
        "--seed",
        type=_whole(0, 2**64 - 1),
        metavar="N",
        help="of the first parameters and of the batches (0)",
    )
    files = parser.add_argument_group("what to print and to keep")
    files.add_argument(
        "--log-every", type=_whole(1), metavar="N", help="print every N epochs, and the last"
    )
    files.add_argument(
        "--save",
        metavar="FILE",
        help="keep a checkpoint (safetensors): at each line printed, at the end and at Ctrl-C",
    )
    files.add_argument(
        "--load",
        metavar="FILE",
        help="go on from a checkpoint, with its settings where no option is given; "
        "with --epochs 0 only evaluate it",
    )
    files.add_argument("--plot", metavar="FILE", help="draw loss and accuracy, as .png or .svg")
    files.add_argument(
        "--json", metavar="FILE", help="write the run's record: settings, versions, curve, result"
    )


# `minigrad train`.


def _train(parser: argparse.ArgumentParser, arguments: dict[str, Any]) -> int:
    files = {name: arguments.pop(name, None) for name in ("save", "load", "plot", "json")}
    _check_files(files, arguments.get("data"))
    with _blaming(files["load"]):
        loaded, states = _loaded(parser, files["load"])
    plan = settings.resolve(_tidy(arguments), loaded)
    data = datasets.load(plan.data, plan.test_size)
    print(data)
    if "auto" in states and plan.optimizer != loaded.get("optimizer", plan.optimizer):
        print(f"{plan.optimizer} starts without what {loaded['optimizer']} had gathered")
        states["auto"] = replace(states["auto"], optimizer=None)
    if states:  # a program that the file has not: what it has instead is the misfit to be named
        other = State({k: v for state in states.values() for k, v in state.parameters.items()})
        states = {name: states.get(name, other) for name in plan.programs}
    with _blaming(files["load"]):
        runs = [training.prepare(name, plan, data, states.get(name)) for name in plan.programs]

    keeper = None
    if files["save"]:
        keeper = Keeper(files["save"], plan)
        for run in runs:
            keeper.keep(run)
    points = CURVE_POINTS if files["plot"] or files["json"] else 0
    began, outcome, status = time.perf_counter(), "finished", 0
    try:
        for run in runs:
            print(_header(run), flush=True)
            training.train(run, keeper, points, bar=sys.stdout.isatty() and sys.stderr.isatty())
            _print_result(run)
    except Diverged as error:
        outcome, status = str(error), 2
    except KeyboardInterrupt:
        outcome, status = f"interrupted after epoch {run.progress.epoch} of {run.program}", 130
    finally:  # whatever ends it, a closed pipe included
        if keeper is not None:
            keeper.write()

    if files["json"]:
        record = _record(plan, data, runs, outcome, time.perf_counter() - began)
        text = json.dumps(record, indent=1, allow_nan=False)
        write_aside(files["json"], text.encode() + b"\n")
    if files["plot"]:
        write_aside(files["plot"], draw(str(data), runs, Path(files["plot"]).suffix[1:].lower()))
    if status:
        kept = f"; {keeper.path} has {keeper}" if keeper is not None and keeper.states else ""
        print(f"minigrad: {'error: ' * (status == 2)}{outcome}{kept}", file=sys.stderr)
    elif keeper is not None:
        print(f"Saved {keeper.path}: {keeper}")
    return status


def _tidy(arguments: dict[str, Any]) -> dict[str, Any]:
    return arguments | ({"hidden": tuple(arguments["hidden"])} if "hidden" in arguments else {})


def _check_files(files: dict[str, str | None], data: str | None) -> None:
    """Find out before the training, and not after it, what cannot be written."""
    plot = files["plot"]
    if plot is not None and Path(plot).suffix[1:].lower() not in FORMATS:
        raise UsageError(f"--plot {plot}: the name must end in .png or .svg")
    for option in ("save", "plot", "json"):
        if (path := files[option]) is not None:
            try:
                check_writable(path)
            except (OSError, ValueError) as error:
                raise UsageError(f"--{option} {path} cannot be written: {reason(error)}") from None
    # A checkpoint may take the place of the one it went on from. Nothing else is overwritten.
    taken = {"load": files["load"], "data": data}
    for option in ("save", "plot", "json"):
        path = files[option]
        for other, used in taken.items():
            same = path and used and os.path.realpath(path) == os.path.realpath(used)
            if same and (option, other) != ("save", "load"):
                raise UsageError(f"--{option} and --{other} are the same file, {path}")
        taken[option] = path


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


def _record(
    plan: Settings, data: Dataset, runs: Sequence[Run], outcome: str, seconds: float
) -> dict[str, Any]:
    """The run as JSON can hold it: a loss that is not a finite number is null."""

    def finite(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def point(values: dict[str, Any]) -> dict[str, Any]:
        return {k: finite(v) for k, v in values.items() if v is not None}

    def result(run: Run) -> dict[str, Any] | None:
        if run.result is None:
            return None
        arrays = {k: v for k, v in vars(run.result).items() if v is not None}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in arrays.items()}

    return {
        "outcome": outcome,
        "seconds": round(seconds, 3),
        "versions": {
            "minigrad": minigrad.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": platform.platform(),
        },
        "settings": asdict(plan),
        "data": {
            "name": data.name,
            "training_samples": len(data.x),
            "held_out_samples": 0 if data.x_test is None else len(data.x_test),
            "features": data.x.shape[1],
            "classes": data.classes.tolist(),
        },
        "programs": {
            run.program: {
                "first_epoch": run.start + 1,
                "last_epoch": run.progress.epoch,
                "planned_epoch": run.last,
                "curve": [point(asdict(p)) for p in run.curve],
                "result": result(run),
            }
            for run in runs
        },
    }
