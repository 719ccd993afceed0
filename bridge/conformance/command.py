"""`python -m bridge conform`: its options, what it prints and writes, and its exit statuses.

0: nothing is wrong. 1: something is. 2: bad usage, or a candidate that isn't an engine. 130: after
Ctrl-C, with the report so far.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.app.command import (
    CommandParser,
    OutputError,
    UsageError,
    check_output_files,
    positive_number,
    require_package,
    whole_number,
    with_option,
    write_all,
)
from minigrad.utils.atomic_write import write_atomically

from .running import ALL, EXAMPLES, conform

EXAMPLES_OF_USE = """\
examples:
  python -m bridge conform minigrad
  python -m bridge conform mypackage.engine --suite rules,tape,programs --minutes 5
  python -m bridge conform adapter.py --html report.html --json report.json
"""
PACKAGES = {"torch": "'torch>=2.4,<2.14'", "hypothesis": "'hypothesis>=6.100'", "tqdm": "tqdm"}


def parser() -> CommandParser:
    """Return the parser of the command's options."""
    made = CommandParser(
        prog="python -m bridge conform",
        description="Judge an engine by PyTorch: its ops, its tape, random programs and trainings.",
        epilog=EXAMPLES_OF_USE,
    )
    made.add_argument(
        "candidate",
        help="an adapter of bridge/adapters, a module with PyTorch's names, or a Python file",
    )
    made.add_argument("--suite", default=",".join(ALL), help=f"some of {', '.join(ALL)} (all)")
    made.add_argument(
        "--minutes", type=positive_number, help="search for so long (each check once)"
    )
    made.add_argument(
        "--examples", type=whole_number(1), default=EXAMPLES, help=f"of a check ({EXAMPLES})"
    )
    made.add_argument("--seed", type=whole_number(0), default=0, help="seed of the examples (0)")
    made.add_argument("--html", metavar="FILE", help="write the report as a page")
    made.add_argument("--json", metavar="FILE", help="write the report as data")
    return made


def command(argv: list[str]) -> int:
    """Run the command, and return its exit status."""
    options = parser().parse_args(argv)
    suites = [name.strip() for name in options.suite.split(",")]
    for name in suites:
        if name not in ALL:
            raise UsageError(f"{with_option('suite', name)}: no such suite, use {', '.join(ALL)}")
    for module, package in PACKAGES.items():
        require_package(module, package, "conform")
    files = {"html": options.html, "json": options.json}
    check_output_files(files)
    with _progress() as progress:
        report = conform(
            options.candidate,
            suites=list(dict.fromkeys(suites)),
            minutes=options.minutes,
            examples=options.examples,
            seed=options.seed,
            progress=progress,
        )
    print(report, end="")
    writers = {
        "html": lambda path: write_atomically(path, report.to_html()),
        "json": lambda path: write_atomically(path, report.to_json()),
    }
    if problems := write_all(writers, files):
        raise OutputError("; ".join(problems))
    if report.stopped.startswith("interrupted"):
        return 130
    return 0 if report.ok else 1


@contextmanager
def _progress() -> Iterator[Any]:
    """Show a progress bar if standard error is a terminal."""
    from tqdm import tqdm  # only the command needs it

    with tqdm(total=0, unit="part", leave=False, disable=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int, text: str) -> None:
            bar.total, bar.n = total, done
            bar.set_description(text[:40].ljust(40))

        yield show
