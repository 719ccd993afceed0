"""What every command shares: the parser, the checks of output files, errors and exit statuses.

`minigrad`, `python -m bridge` and `python -m benchmarks` all run inside `run_command`. The exit
statuses are:

    0    success
    1    the command's own negative result, or its output pipe was closed
    2    bad usage or bad input; one line on standard error says what is wrong
    130  interrupted by Ctrl-C
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from minigrad.app.plotting import FORMATS, picture_format
from minigrad.utils.atomic_write import check_writable, short_message


class InputError(ValueError):
    """Something the user supplied is wrong. The message is one line that says what."""


class UsageError(InputError):
    """Invalid command-line options, alone or in combination."""


class CommandParser(argparse.ArgumentParser):
    """An argparse parser whose errors are UsageErrors, so that `run_command` prints all errors.

    Descriptions and epilogs are printed as they are, and options can't be abbreviated.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def run_command(
    name: str, command: Callable[[list[str]], int], argv: Sequence[str] | None = None
) -> int:
    """Run `command` on the arguments `argv` (default: this process's) and return its exit status.

    `name` starts each error message.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Labels and paths may have characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = command(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()  # a closed pipe raises here rather than at interpreter exit
        return status
    except InputError as error:
        return _fail(name, str(error))
    except BrokenPipeError:  # `minigrad train | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        known = f"{error.filename}: {short_message(error)}" if error.filename else str(error)
        return _fail(name, known)
    except MemoryError:
        return _fail(name, "not enough memory: use a smaller network or less data")
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130


def _fail(name: str, message: str) -> int:
    print(f"{name}: error:", message.replace("\n", " "), file=sys.stderr)
    return 2


def check_output_files(outputs: dict[str, str | None]) -> None:
    """Raise UsageError for an output file that can't be written.

    Each path, or None, is given under its option's name: "plot" for `--plot`. A plot must have the
    name of a known picture format.
    """
    plot = outputs.get("plot")
    if plot is not None and picture_format(plot) not in FORMATS:
        raise UsageError(f"--plot {plot}: the name must end in .png or .svg")
    for option, path in outputs.items():
        if path is not None:
            try:
                check_writable(path)
            except (OSError, ValueError) as error:
                problem = short_message(error)
                raise UsageError(f"--{option} {path} cannot be written: {problem}") from None


def check_distinct_files(outputs: dict[str, str | None], inputs: dict[str, str | None]) -> None:
    """Raise UsageError if an output file would overwrite another one or an input file.

    A checkpoint may overwrite the checkpoint it continues (`--load` and `--save`).
    """
    used = dict(inputs)
    for option in ("save", "plot", "json"):
        if (path := outputs.get(option)) is not None:
            for other, taken in used.items():
                same = taken is not None and os.path.realpath(path) == os.path.realpath(taken)
                if same and (option, other) != ("save", "load"):
                    raise UsageError(f"--{option} and --{other} are the same file, {path}")
            used[option] = path


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines of text, with their cells in columns.

    >>> align_columns([("op", "order"), ("softmax", "every")])
    ['op       order', 'softmax  every']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
