"""`python -m benchmarks`: its options, its output and its exit status.

The status is 0 after a measurement and 1 if the engines don't compute the same, in which case
nothing is timed. `minigrad/app/command.py` lists the others.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from minigrad.app.command import (
    CommandParser,
    OutputError,
    UsageError,
    check_distinct_files,
    check_output_files,
    parse_number,
    require_package,
    run_command,
    write_all,
)
from minigrad.app.plotting import picture_format
from minigrad.rules import REGISTRY
from minigrad.utils.atomic_write import write_atomically

from .expressions import EXPRESSIONS
from .results import BenchmarkResults, read_results
from .settings import BenchmarkSettings

PARTS = {
    "steps": "a training step, whole and in phases, on networks of growing size",
    "ops": "every op, on 1 element and on 1,000,000",
    "growth": "how the cost grows with ops, batch size and width",
    "models": "a training step of networks with convolutions, recurrence and attention",
    "compiled": "the training step as a NumPy program of minigrad.compile",
    "distributed": "DistributedDataParallel on 1, 2 and 4 processes",
}
QUICK = BenchmarkSettings(rounds=3, seconds=1e-4, quick=True)

DESCRIPTION = """\
Time minigrad against NumPy by hand and against PyTorch.

The engines take turns, round by round, in one process, on the same data, dtype
and number of threads. A ratio is the median of the ratios within a round.
Before the timing, the results of all engines are compared.
"""
EXAMPLES = """\
examples:
  python -m benchmarks                       a training step, in about a minute
  python -m benchmarks steps ops growth --json new.json --plot new.png
  python -m benchmarks ops --ops add exp matmul
  python -m benchmarks --with compile,jax --threads 2
  python -m benchmarks --compare old.json    what changed since that run
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command on the arguments `argv` (default: this process's); return its status."""
    return run_command("benchmarks", _command, argv)


def _command(argv: list[str]) -> int:
    arguments = _parser().parse_args(argv)
    parts, settings = _parts(arguments), _settings(arguments)
    files = {name: getattr(arguments, name) for name in ("plot", "json")}
    check_output_files(files)
    check_distinct_files(files, {"compare": arguments.compare})
    _require_packages(settings.engines)
    old = None if arguments.compare is None else read_results(arguments.compare)

    # Imported here because they need PyTorch and other optional packages, checked above.
    from .agreement import Disagreement
    from .run_parts import run_parts

    try:
        results = run_parts(parts, settings)
    except Disagreement as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        if "CUDA" not in str(error):
            raise
        raise UsageError(f"PyTorch failed on CUDA: {str(error).splitlines()[0]}") from None
    _report(results, old, files)
    return 0


def _report(
    results: BenchmarkResults, old: BenchmarkResults | None, files: dict[str, str | None]
) -> None:
    """Print what changed since the `old` results, and write the files."""
    # Imported here because they need optional packages, too.
    from .changes import describe_changes
    from .plotting import draw_benchmarks
    from .run_parts import heading

    if old is not None:
        print(f"\n{describe_changes(old, results)}")
    title = heading(results.environment, results.settings)

    def write_plot(path: str) -> None:
        picture = draw_benchmarks(title, results.measurements, picture_format(path))
        write_atomically(path, picture)

    writers = {"json": lambda path: write_atomically(path, results.to_json()), "plot": write_plot}
    if problems := write_all(writers, files):
        raise OutputError("; ".join(problems))


# Options ------------------------------------------------------------------------------------------


def _parser() -> CommandParser:
    parts = "".join(f"  {name:11} {what}\n" for name, what in PARTS.items())
    parser = CommandParser(
        prog="python -m benchmarks",
        description=DESCRIPTION,
        epilog=f"parts:\n{parts}\n{EXAMPLES}",
    )
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"what to measure: {', '.join(PARTS)}; default: steps",
    )
    parser.add_argument(
        "--with",
        dest="engines",
        type=_comma_separated,
        default=(),
        metavar="NAMES",
        help="add engines, separated by commas: compile, jax, mygrad, autograd",
    )
    parser.add_argument(
        "--ops", nargs="+", metavar="NAME", help="measure only these ops in the part ops"
    )
    _add_method_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--json", metavar="FILE", help="write all rounds and the environment")
    output.add_argument("--plot", metavar="FILE", help="plot time against size, as .png or .svg")
    output.add_argument(
        "--compare", metavar="FILE", help="print what changed since the run that wrote FILE"
    )
    return parser


def _add_method_options(parser: CommandParser) -> None:
    default = BenchmarkSettings()
    method = parser.add_argument_group("method")
    method.add_argument(
        "--rounds",
        type=integer,
        metavar="N",
        help=f"turns of each engine (default: {default.rounds})",
    )
    method.add_argument(
        "--seconds",
        type=number,
        metavar="S",
        help=f"length of a turn (default: {default.seconds})",
    )
    method.add_argument(
        "--threads",
        type=integer,
        metavar="N",
        help=f"threads of each library (default: {default.threads})",
    )
    method.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        help=f"dtype of all numbers (default: {default.dtype})",
    )
    method.add_argument(
        "--quick",
        action="store_true",
        help="smoke run with small cases and few rounds; its numbers mean nothing",
    )


# argparse puts the names of these two into its error messages.
def integer(text: str) -> int:
    return parse_number(text, int)


def number(text: str) -> float:
    return parse_number(text, float)


def _comma_separated(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _parts(arguments: argparse.Namespace) -> list[str]:
    parts = list(dict.fromkeys(arguments.parts)) or ["steps"]
    for part in parts:
        if part not in PARTS:
            raise UsageError(f"unknown part {part!r}: use {', '.join(PARTS)}")
    if arguments.plot is not None and not {"steps", "ops", "growth"} & set(parts):
        raise UsageError(f"--plot draws the parts steps, ops and growth, not {', '.join(parts)}")
    if arguments.ops and "ops" not in parts:
        raise UsageError("--ops needs the part ops: python -m benchmarks ops --ops ...")
    return parts


def _settings(arguments: argparse.Namespace) -> BenchmarkSettings:
    settings = QUICK if arguments.quick else BenchmarkSettings()
    for name in ("rounds", "seconds", "threads", "dtype"):
        if (value := getattr(arguments, name)) is not None:
            settings = replace(settings, **{name: value})
    if settings.rounds < 1:
        raise UsageError(f"--rounds {settings.rounds}: use at least 1")
    if not 0 < settings.seconds < math.inf:
        raise UsageError(f"--seconds {settings.seconds}: use a positive number")
    ops = tuple(arguments.ops or ())
    for op in ops:
        if op not in REGISTRY and op not in EXPRESSIONS:
            close = difflib.get_close_matches(op, [*REGISTRY, *EXPRESSIONS])
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UsageError(f"--ops {op}: unknown op{hint}")
    return replace(settings, engines=arguments.engines, ops=ops)


def _require_packages(engines: Sequence[str]) -> None:
    """Raise UsageError for a missing package, or an unknown engine."""
    for package in ("torch", "tabulate", "threadpoolctl"):
        require_package(package, "-e '.[bridge]'", "a benchmark")
    from .all_engines import OPTIONAL  # here because it imports PyTorch, which was just checked

    for name in engines:
        if name not in OPTIONAL:
            raise UsageError(f"--with {name}: unknown engine, use {', '.join(OPTIONAL)}")
        if importlib.util.find_spec(OPTIONAL[name][0]) is None:
            raise UsageError(f"--with {name}: not installed: pip install {name}")
