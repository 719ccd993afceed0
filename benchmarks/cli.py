"""`python -m benchmarks`: the options it takes, what it prints and writes, and how it ends.

0: it was measured. 1: the engines do not compute the same, so nothing was (or nobody reads the
output any more). 2: bad usage, which one line names. 130: Ctrl-C.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.util
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from minigrad.api.atomic_write import write_atomically
from minigrad.app.command import (
    CommandParser,
    UsageError,
    check_distinct_files,
    check_output_files,
    run_command,
)
from minigrad.rules import REGISTRY

from .settings import Settings

PARTS = {
    "steps": "a training step, whole and in phases, on a ladder of networks",
    "ops": "every op, on 1 element and on 1,000,000",
    "growth": "how the cost grows: chains, fans, batches and widths",
}
QUICK = Settings(rounds=3, seconds=1e-4, quick=True)
EXAMPLES = """\
examples:
  python -m benchmarks                                   a training step, on one screen
  python -m benchmarks steps ops growth --json new.json --plot new.png
  python -m benchmarks --with compile,jax --threads 2
  python -m benchmarks ops --ops add exp matmul
  python -m benchmarks --compare old.json                what has changed since
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments (the process's own by default); its exit status."""
    return run_command("benchmarks", _command, argv)


def _parser() -> CommandParser:
    usual = Settings()
    parser = CommandParser(
        prog="python -m benchmarks",
        description="Time minigrad against NumPy by hand and against PyTorch. The engines take "
        "turns, round by round, in one process, on the same data, dtype and number of threads; a "
        "ratio is the median of the ratios within a round. What an engine computes is compared "
        "with the others' before it is timed.",
        epilog="parts:\n"
        + "".join(f"  {name:8} {what}\n" for name, what in PARTS.items())
        + "\n"
        + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to time (steps)")
    parser.add_argument(
        "--with",
        dest="engines",
        type=_names,
        default=(),
        metavar="NAMES",
        help="more engines, with commas between: compile, jax, mygrad, autograd",
    )
    parser.add_argument("--ops", nargs="+", metavar="NAME", help="of the part ops, only these")
    method = parser.add_argument_group("the method")
    method.add_argument("--rounds", type=int, metavar="N", help=f"turns of each ({usual.rounds})")
    method.add_argument(
        "--seconds", type=float, metavar="S", help=f"how long a turn is ({usual.seconds})"
    )
    method.add_argument(
        "--threads", type=int, metavar="N", help=f"for each library ({usual.threads})"
    )
    method.add_argument(
        "--dtype", choices=("float32", "float64"), help=f"of all numbers ({usual.dtype})"
    )
    method.add_argument(
        "--quick", action="store_true", help="a smoke run: small cases, few rounds, no measurement"
    )
    files = parser.add_argument_group("files")
    files.add_argument("--json", metavar="FILE", help="write all rounds, and the environment")
    files.add_argument("--plot", metavar="FILE", help="draw time against size, as .png or .svg")
    files.add_argument(
        "--compare", metavar="OLD.json", help="say what has changed since, beyond the noise"
    )
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _command(argv: list[str]) -> int:
    arguments = _parser().parse_args(argv)
    parts, settings = _asked(arguments)
    files = {name: getattr(arguments, name) for name in ("plot", "json")}
    check_output_files(files)
    check_distinct_files(files, {"compare": arguments.compare})
    _require(settings.engines)

    from . import machine
    from .agreement import Disagreement, check
    from .engines import engines
    from .networks import Network
    from .record import Record, read
    from .turns import imports_frozen

    old = None if arguments.compare is None else read(arguments.compare)
    cores = len(machine.usable_cores())
    if not 1 <= settings.threads <= cores:
        raise UsageError(f"--threads {settings.threads}: use 1 to {cores}, this process's cores")
    modules = [importlib.import_module(f"{__package__}.{part}") for part in parts]
    measurements: list[Any] = []
    try:
        with machine.threads(settings.threads):
            where = machine.environment(settings.engines)
            about = f"{machine.describe(where)}\n{_method(settings)}"
            print(about)
            # A first step of every engine, in which libraries import what they had put off.
            network = Network.tutorial(settings.dtype)
            check(network, engines(network, settings.engines))
            with imports_frozen():
                for module in modules:
                    measurements += (found := module.measure(settings))
                    print(f"\n{module.table(found)}", flush=True)
    except Disagreement as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        if "CUDA" not in str(error):
            raise
        raise UsageError(f"PyTorch failed on CUDA: {str(error).splitlines()[0]}") from None
    record = Record(where, settings, tuple(measurements))
    if old is not None:
        from .changes import compare

        print(f"\n{compare(old, record)}")
    if files["json"]:
        write_atomically(files["json"], record.to_json())
    if files["plot"]:
        from .plotting import draw

        format = Path(files["plot"]).suffix[1:].lower()
        write_atomically(files["plot"], draw(about, measurements, format))
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[list[str], Settings]:
    """The parts and the settings that were asked for. UsageError for what there is not."""
    parts = list(dict.fromkeys(arguments.parts)) or ["steps"]
    for part in parts:
        if part not in PARTS:
            raise UsageError(f"there is no part {part!r}: use {', '.join(PARTS)}")
    settings = QUICK if arguments.quick else Settings()
    for name in ("rounds", "seconds", "threads", "dtype"):
        if (value := getattr(arguments, name)) is not None:
            settings = replace(settings, **{name: value})
    if settings.rounds < 1:
        raise UsageError(f"--rounds {settings.rounds}: use at least 1")
    if not 0 < settings.seconds < math.inf:
        raise UsageError(f"--seconds {settings.seconds}: use a time above 0")
    ops = tuple(arguments.ops or ())
    for op in ops:
        if op not in REGISTRY:
            close = difflib.get_close_matches(op, REGISTRY)
            hint = f"; do you mean {close[0]}?" if close else ""
            raise UsageError(f"--ops {op}: there is no op of that name{hint}")
    if ops and "ops" not in parts:
        raise UsageError("--ops is for the part ops: python -m benchmarks ops --ops ...")
    return parts, replace(settings, engines=arguments.engines, ops=ops)


def _require(engines: Sequence[str]) -> None:
    """UsageError for an engine that there is not, or that is not installed."""
    for needed in ("torch", "tabulate", "threadpoolctl"):
        if importlib.util.find_spec(needed) is None:
            raise UsageError(f"{needed} is not installed: pip install -e '.[bridge]'")
    from .engines import OPTIONAL

    for name in engines:
        if name not in OPTIONAL:
            raise UsageError(f"--with {name}: there is {', '.join(OPTIONAL)}")
        if importlib.util.find_spec(OPTIONAL[name][0]) is None:
            raise UsageError(f"--with {name}: it is not installed: pip install {name}")


def _method(settings: Settings) -> str:
    """How it is measured, in a line."""
    if settings.quick:
        return "a smoke run: these numbers measure nothing"
    return f"{settings.dtype}, medians of {settings.rounds} rounds, ± half of the middle half"
