"""`python -m bridge`: the options it takes, what it prints and writes, and how it ends.

0: the two libraries agree. 1: they do not (or nobody reads the output any more). 2: bad usage,
which one line names. 130: Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minigrad.api.atomic_write import write_atomically
from minigrad.app import datasets, settings
from minigrad.app.command import (
    CommandParser,
    UsageError,
    check_distinct_files,
    check_output_files,
    run_command,
)
from minigrad.app.datasets import TrainingData
from minigrad.app.programs import PROGRAMS
from minigrad.app.settings import Settings
from minigrad.app.training_options import add_training_options

EXAMPLES = """\
examples:
  python -m bridge                                   the tutorial's two programs, in both libraries
  python -m bridge --data digits --optimizer adam --epochs 50 --plot distance.png
  python -m bridge --dtype float64 --mode free --json run.json
  python -m bridge --device cuda
"""
MODES = ("lockstep", "free")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments (the process's own by default); its exit status."""
    return run_command("bridge", _command, argv)


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m bridge",
        description="Run the same program in minigrad and in PyTorch, side by side, and say where "
        "and by how much the two differ: in lockstep, both set to the same state before each step, "
        "and free, each on its own.",
        epilog=f"defaults by data set:\n{settings.defaults_table()}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    comparison = parser.add_argument_group("the comparison")
    comparison.add_argument(
        "--device", choices=("cpu", "cuda"), help="where PyTorch computes (cpu)"
    )
    comparison.add_argument(
        "--mode",
        choices=(*MODES, "both"),
        help="lockstep: each step from one state; free: each library on its own (both)",
    )
    files = add_training_options(parser)
    files.add_argument("--json", metavar="FILE", help="write the whole report")
    files.add_argument(
        "--plot",
        metavar="FILE",
        help="draw both losses, and the distance against the bound, as .png or .svg",
    )
    return parser


def _command(argv: list[str]) -> int:
    arguments = vars(_parser().parse_args(argv))
    device, mode = arguments.pop("device", "cpu"), arguments.pop("mode", "both")
    files = {name: arguments.pop(name, None) for name in ("plot", "json")}
    if "hidden" in arguments:
        arguments["hidden"] = tuple(arguments["hidden"])
    check_output_files(files)
    plan = settings.resolve(arguments, {})
    check_distinct_files(files, {"data": plan.data})
    if plan.epochs == 0:
        raise UsageError("--epochs 0: there is nothing to compare, use at least 1")
    data = datasets.load(plan.data, plan.test_size)
    try:
        import torch  # noqa: F401, all that follows needs it
    except ModuleNotFoundError:
        raise UsageError("PyTorch is not installed: pip install 'torch>=2.4,<2.14'") from None
    try:
        reports = _compared(plan, data, device, MODES if mode == "both" else (mode,))
    except RuntimeError as error:
        if "CUDA" not in str(error):
            raise
        first, *_ = str(error).splitlines()
        raise UsageError(f"PyTorch failed on --device {device}: {first}") from None

    differ = {name: report.verdict() for name, report in reports.items() if not report.ok}
    verdict = (
        "minigrad and PyTorch agree"
        if not differ
        else (f"minigrad and PyTorch DIFFER: {'; '.join(differ)}")
    )
    print(f"\n{verdict}")
    if files["json"]:
        write_atomically(files["json"], _as_json(plan, data, reports, verdict))
    if files["plot"]:
        from .plotting import draw

        rows = [(name, report.rows) for name, report in reports.items()]
        write_atomically(
            files["plot"], draw(str(data), rows, Path(files["plot"]).suffix[1:].lower())
        )
    return 1 if differ else 0


def _compared(
    plan: Settings, data: TrainingData, device: str, modes: Sequence[str]
) -> dict[str, Any]:
    """The report of each program in each mode, by a name for it; printed as they are made."""
    from .environment import DeviceError, check_device, describe
    from .findings import Finding
    from .free_running import trajectory
    from .in_lockstep import lockstep
    from .program import COPIED

    try:
        check_device(device)
    except DeviceError as error:
        raise UsageError(f"--device {device}: {error}") from None
    compare: dict[str, Callable[..., Any]] = {"lockstep": lockstep, "free": trajectory}
    reports: dict[str, Any] = {}
    epochs = settings.defaults_for(plan.data).epochs if plan.epochs is None else plan.epochs
    for name in plan.programs:
        arguments = plan.arguments(name) | {"classes": len(data.classes), "epochs": epochs}
        del arguments["dtype"]

        def program(
            torch: Any, device: str, dtype: str, name: str = name, arguments: Any = arguments
        ) -> Iterator[Any]:
            return PROGRAMS[name](torch, data.x, data.y, device=device, dtype=dtype, **arguments)

        for mode in modes:
            title = f"{name}, {mode}"
            with _progress_bar(title, 2 * epochs) as advance:
                report = compare[mode](
                    program,
                    device=device,
                    dtype=plan.dtype,
                    seed=plan.seed,
                    measure=_measure(plan, data, epochs, advance),
                )
            if not reports:
                print(f"{data}\n{describe(report.environment)}")
            if report.ok and report.start == COPIED and device == "cpu":
                report.fault = Finding("the first parameters", "the seed gives others in PyTorch")
            reports[title] = report
            print(f"\n{title}: {report.start}\n{report}", flush=True)
    return reports


def _measure(
    plan: Settings, data: TrainingData, epochs: int, advance: Callable[[], Any]
) -> Callable[[Any], dict[str, Any] | None]:
    """What is to be known of a program besides its loss, at each logged epoch."""
    from sklearn.metrics import accuracy_score

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
    """A bar on the terminal, if there is one."""
    from tqdm import tqdm

    with tqdm(
        total=total, desc=title, unit="epoch", leave=False, disable=not sys.stderr.isatty()
    ) as bar:
        yield bar.update


def _as_json(plan: Settings, data: TrainingData, reports: dict[str, Any], verdict: str) -> bytes:
    """The whole comparison, as strict JSON."""
    plain = {name: report.to_dict() for name, report in reports.items()}
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
