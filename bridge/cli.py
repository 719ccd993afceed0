"""`python -m bridge`: its options, what it prints and writes, and its exit statuses.

0: the libraries agree. 1: they differ (or the reader of the output closed it). 2: bad usage,
explained in one line. 130: Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from minigrad.app import datasets, settings
from minigrad.app.command import (
    CommandParser,
    OutputError,
    UsageError,
    check_distinct_files,
    check_output_files,
    require_package,
    run_command,
    whole_number,
    write_all,
)
from minigrad.app.datasets import TrainingData
from minigrad.app.plotting import picture_format
from minigrad.app.programs import PROGRAMS
from minigrad.app.settings import Settings
from minigrad.app.training_options import add_training_options
from minigrad.utils.atomic_write import write_atomically

from .campaign.cli import command as campaign_command

if TYPE_CHECKING:
    from .reporting.report import ProgramReport
    from .running.program import SteppedProgram

EXAMPLES = """\
examples:
  python -m bridge                                   the tutorial's two programs, in both libraries
  python -m bridge --data digits --optimizer adam --epochs 50 --plot distance.png
  python -m bridge --dtype float64 --mode free --json run.json
  python -m bridge --device cuda
  python -m bridge --processes 2                     DistributedDataParallel on two ranks
  python -m bridge campaign --help                   random programs, as many as there is time for
  python -m bridge conform mypackage.engine          judge another engine (see conform --help)
"""
MODES = ("lockstep", "free")
# What the command imports, and how it is installed.
PACKAGES = {
    "torch": "'torch>=2.4,<2.14'",
    "tabulate": "tabulate",
    "sklearn": "scikit-learn",
    "tqdm": "tqdm",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv`, or the process's arguments, and return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given[:1] == ["conform"]:
        from .conformance.command import command  # it loads hypothesis, which the others don't

        return run_command("bridge", command, given[1:])
    return run_command("bridge", _command, argv)


def _command(argv: list[str]) -> int:
    if argv[:1] == ["campaign"]:
        return campaign_command(argv[1:])
    return _compare_programs(argv)


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m bridge",
        description="Run the same program in minigrad and in PyTorch, and say where and by how "
        "much they differ: in lockstep (PyTorch gets minigrad's state before each step) and free "
        "(each runs on its own).",
        epilog=f"defaults by data set:\n{settings.defaults_table()}\n\n{EXAMPLES}",
        argument_default=argparse.SUPPRESS,
    )
    comparison = parser.add_argument_group("the comparison")
    comparison.add_argument(
        "--device", choices=("cpu", "cuda"), help="where PyTorch computes (cpu)"
    )
    comparison.add_argument(
        "--mode",
        choices=(*MODES, "both"),
        help="lockstep: both from the same state at each step; free: each on its own (both)",
    )
    comparison.add_argument(
        "--processes",
        type=whole_number(1),
        metavar="N",
        help="run auto in DistributedDataParallel on N ranks, each with its share of a batch (1)",
    )
    files = add_training_options(parser)
    files.add_argument("--json", metavar="FILE", help="write the whole report")
    files.add_argument(
        "--plot",
        metavar="FILE",
        help="plot the losses, and the distance and its bound, as .png or .svg",
    )
    return parser


def _compare_programs(argv: list[str]) -> int:
    arguments = vars(_parser().parse_args(argv))
    processes = arguments.pop("processes", 1)
    device, mode = arguments.pop("device", "cpu"), arguments.pop("mode", "both")
    files = {name: arguments.pop(name, None) for name in ("plot", "json")}
    for module, package in PACKAGES.items():
        require_package(module, package, "the bridge")
    if "hidden" in arguments:
        arguments["hidden"] = tuple(arguments["hidden"])
    check_output_files(files)
    plan = settings.resolve(arguments, {})
    check_distinct_files(files, {"data": plan.data})
    if plan.epochs == 0:
        raise UsageError("--epochs 0: there is nothing to compare, use at least 1")
    data = datasets.load(plan.data, plan.test_size)
    modes = MODES if mode == "both" else (mode,)
    if processes > 1:
        if device != "cpu" or any(files.values()):
            raise UsageError("--processes doesn't go with --device, --json or --plot")
        return _on_ranks(argv, processes, plan, data, modes)
    try:
        reports = _run_all(plan, data, device, modes)
    except RuntimeError as error:
        if "CUDA" not in str(error):
            raise
        first, *_ = str(error).splitlines()
        raise UsageError(f"PyTorch failed on --device {device}: {first}") from None

    differing = [title for title, report in reports.items() if not report.ok]
    outcome = f"DIFFER: {'; '.join(differing)}" if differing else "agree"
    verdict = f"minigrad and PyTorch {outcome}"
    print(f"\n{verdict}")
    if problems := _write_files(files, plan, data, reports, verdict):
        raise OutputError("; ".join(problems))
    return 1 if differing else 0


def _on_ranks(
    argv: list[str], processes: int, plan: Settings, data: TrainingData, modes: Sequence[str]
) -> int:
    """Compare on several ranks: start them, or be one of them. Returns the exit status."""
    from .running import ranks  # PyTorch takes seconds to load, and --help does without it

    batch = min(plan.batch_size or len(data.x), len(data.x))
    if plan.optimizer == "lbfgs":
        raise UsageError("--processes doesn't go with lbfgs, whose steps depend on a rank's loss")
    if batch < processes:
        raise UsageError(f"--processes {processes}: a batch has only {batch} samples")
    if not ranks.is_one():
        return ranks.start(argv, processes)
    epochs = settings.defaults_for(plan.data).epochs if plan.epochs is None else plan.epochs
    whole = _program(plan, data, "auto", epochs)
    with ranks.joined():
        # The last batch of an epoch may be shorter.
        equal = not (batch % processes or len(data.x) % batch % processes)
        return ranks.compare(
            _program(plan, data, "auto", epochs, distributed=True),
            whole if equal else None,
            modes,
            plan.dtype,
            plan.seed,
        )


def _write_files(
    files: dict[str, str | None],
    plan: Settings,
    data: TrainingData,
    reports: dict[str, ProgramReport],
    verdict: str,
) -> list[str]:
    """Write the files that were asked for; return what went wrong."""

    def write_report(path: str) -> None:
        write_atomically(path, _as_json(plan, data, reports, verdict))

    def write_plot(path: str) -> None:
        from .reporting.plotting import plot  # matplotlib takes long to load

        rows = [(title, report.rows) for title, report in reports.items()]
        write_atomically(path, plot(str(data), rows, picture_format(path)))

    return write_all({"json": write_report, "plot": write_plot}, files)


def _run_all(
    plan: Settings, data: TrainingData, device: str, modes: Sequence[str]
) -> dict[str, ProgramReport]:
    """Run each program in each mode; print the reports and return them by title."""
    # PyTorch takes seconds to load, and --help does without it.
    from .comparing.findings import Finding
    from .libraries.environment import DeviceError, check_device, describe
    from .running.lockstep import lockstep
    from .running.run import COPIED
    from .running.trajectory import trajectory

    try:
        check_device(device)
    except DeviceError as error:
        raise UsageError(f"--device {device}: {error}") from None
    runners: dict[str, Callable[..., ProgramReport]] = {"lockstep": lockstep, "free": trajectory}
    reports: dict[str, ProgramReport] = {}
    epochs = settings.defaults_for(plan.data).epochs if plan.epochs is None else plan.epochs
    for name in plan.programs:
        program = _program(plan, data, name, epochs)
        for mode in modes:
            title = f"{name}, {mode}"
            with _progress_bar(title, 2 * epochs) as advance:
                measure = _accuracy_at_logged_epochs(plan, data, epochs, advance)
                report = runners[mode](
                    program, device=device, dtype=plan.dtype, seed=plan.seed, measure=measure
                )
            if not reports:
                print(f"{data}\n{describe(report.environment)}")
            if report.ok and report.start == COPIED and device == "cpu":
                fault = Finding("the first parameters", "the seed gives others in PyTorch")
                report.faults.append(fault)
            reports[title] = report
            print(f"\n{title}: {report.start}\n{report}", flush=True)
    return reports


def _program(
    plan: Settings, data: TrainingData, name: str, epochs: int, **options: Any
) -> SteppedProgram:
    """Return the tutorial's program of that name with the command's settings and data."""
    arguments = plan.arguments(name) | {"classes": len(data.classes), "epochs": epochs} | options
    del arguments["dtype"]

    def program(torch: Any, device: str, dtype: str) -> Iterator[Any]:
        return PROGRAMS[name](torch, data.x, data.y, device=device, dtype=dtype, **arguments)

    return program


def _accuracy_at_logged_epochs(
    plan: Settings, data: TrainingData, epochs: int, advance: Callable[[], Any]
) -> Callable[[Any], dict[str, Any] | None]:
    """Return the `measure` that gives the accuracy at the end of each logged epoch."""
    from sklearn.metrics import accuracy_score  # takes long to load

    def measure(progress: Any) -> dict[str, Any] | None:
        if not progress.whole:
            return None
        advance()
        if progress.epoch % plan.log_every and progress.epoch != epochs:
            return None
        _, predicted = progress.evaluate(data.x, data.y)
        return {"epoch": progress.epoch, "accuracy": float(accuracy_score(data.y, predicted))}

    return measure


@contextmanager
def _progress_bar(title: str, total: int) -> Iterator[Callable[[], Any]]:
    """Show a progress bar if standard error is a terminal; yield the function that advances it."""
    from tqdm import tqdm  # only a command needs it

    with tqdm(
        total=total, desc=title, unit="epoch", leave=False, disable=not sys.stderr.isatty()
    ) as bar:
        yield bar.update


def _as_json(
    plan: Settings, data: TrainingData, reports: dict[str, ProgramReport], verdict: str
) -> bytes:
    """Return the whole comparison as strict JSON."""
    plain = {title: report.to_dict() for title, report in reports.items()}
    environments = [report.pop("environment") for report in plain.values()]
    record = {
        "ok": all(report.ok for report in reports.values()),
        "verdict": verdict,
        "environment": environments[0],
        "settings": asdict(plan),
        "data": str(data),
        "reports": plain,
    }
    return json.dumps(record, indent=1, allow_nan=False).encode() + b"\n"
