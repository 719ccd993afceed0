"""What every command shares: the parser, the checks of output files, errors and exit statuses.

`minigrad`, `python -m bridge` and `python -m benchmarks` all run inside `run_command`. The exit
statuses are:

    0    success
    1    the command's own negative result, or its output pipe was closed
    2    bad usage or bad input; one line on standard error says what is wrong
    130  interrupted by Ctrl-C, SIGTERM or SIGHUP
"""

from __future__ import annotations

import argparse
import functools
import importlib
import io
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

from minigrad.app.plotting import FORMATS, picture_format
from minigrad.utils.atomic_write import check_writable, short_message


class InputError(ValueError):
    """Something the user supplied is wrong. The message is one line that says what."""


class UsageError(InputError):
    """Invalid command-line options, alone or in combination."""


class OutputError(InputError):
    """A result can't be written, or not all of them."""


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


Number = TypeVar("Number")


def parse_number(text: str, number_type: Callable[[str], Number]) -> Number:
    """The number in `text`, as `number_type` reads it. Raises ValueError.

    Python also reads 1_000, digits of every script, and spaces around a number. Here they are none.

    >>> parse_number("1e3", float)
    1000.0
    """
    if not text.isascii() or "_" in text or text != text.strip():
        raise ValueError(f"{text!r} is not a number")
    return number_type(text)


def number_in_range(
    text: str, number_type: Callable[[str], Any], what: str, low: float, high: float = math.inf
) -> Any:
    """The number in an option's `text`, which must lie between `low` and `high`, both included.

    Raises ArgumentTypeError, which says that the text is not `what`.
    """
    try:
        number = parse_number(text, number_type)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return number


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """What reads an option's text as a whole number from `least` to `most`."""
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    largest = math.inf if most is None else most
    return lambda text: number_in_range(text, int, f"a whole number {limits}", least, largest)


def positive_number(
    text: str, what: str = "a positive number", most: float = sys.float_info.max
) -> float:
    """The number in an option's `text`. Raises ArgumentTypeError unless it is in (0, `most`]."""
    number: float = number_in_range(text, float, what, math.nextafter(0, 1), most)
    return number


def run_command(
    name: str, command: Callable[[list[str]], int], argv: Sequence[str] | None = None
) -> int:
    """Run `command` on the arguments `argv` (default: this process's) and return its exit status.

    `name` starts each error message.
    """
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Labels and paths may have characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _termination_interrupts():
            status = command(sys.argv[1:] if argv is None else list(argv))
            # A closed pipe raises here rather than at interpreter exit. A program that the command
            # ran may have closed standard output, or replaced it by any object.
            with suppress(AttributeError, ValueError):
                sys.stdout.flush()
        return status
    except (InputError, OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename is None:
            # What can't be printed now can't be printed at interpreter exit either.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):  # `minigrad train | head -1`
                return 1
        print(f"{name}: error: {describe_error(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130


def describe_error(error: Exception) -> str:
    """One line that says what is wrong."""
    if isinstance(error, MemoryError):
        return "not enough memory: use a smaller network or less data"
    if isinstance(error, OSError):
        # All files are opened by name.
        named = "standard output" if error.filename is None else error.filename
        return f"{named}: {short_message(error)}"
    return str(error).replace("\n", " ")


def _open_closed_streams() -> None:
    """Discard what is printed to a stream that was closed from the start (`minigrad train >&-`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, it stays open


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP act like Ctrl-C, unless they are ignored.

    `timeout`, batch systems and lost connections send them.
    """
    _exchange_handlers(signal.SIG_DFL, _interrupt)
    try:
        yield
    finally:
        end_at_termination()


def end_at_termination() -> None:
    """Let SIGTERM and SIGHUP end this process at once, as they end any other."""
    _exchange_handlers(_interrupt, signal.SIG_DFL)


# A handler of its own, to be told from one that a program sets.
_interrupt = functools.partial(signal.default_int_handler)


def _exchange_handlers(old: Any, new: Any) -> None:
    if threading.current_thread() is not threading.main_thread():  # no other may set handlers
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == old:
            signal.signal(number, new)


# The processes that a command forks, such as those of a pool, aren't the command.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=end_at_termination)


# Files and packages -------------------------------------------------------------------------------


def require_package(module: str, package: str, purpose: str) -> None:
    """Raise UsageError if `module`, which `pip install package` installs, can't be imported."""
    try:
        found = importlib.import_module(module)
        if found.__spec__ is None or found.__spec__.origin is None:  # a folder of that name
            raise ImportError(f"No module named '{module}'")
    except ImportError as error:
        name = module.partition(".")[0]
        raise UsageError(f"{purpose} needs {name} ({error}): pip install {package}") from None


def with_option(option: str, path: str) -> str:
    """The option and its path as in the shell, where an empty path needs quotes."""
    return f"--{option} {path or repr('')}"


def check_output_files(outputs: dict[str, str | None]) -> None:
    """Raise UsageError for an output file that can't be written.

    Each path, or None, is given under its option's name: "plot" for `--plot`. A plot must have the
    name of a known picture format, and needs Matplotlib. `--save` is written several times, so it
    must be a regular file.
    """
    for option, path in outputs.items():
        if path is None:
            continue
        if option == "plot":
            if picture_format(path) not in FORMATS:
                named = with_option(option, path)
                raise UsageError(f"{named}: the name must end in .png or .svg")
            require_package("matplotlib.backends.backend_agg", "matplotlib", "--plot")
        try:
            check_writable(path)
            _check_kind(path, regular=option == "save")
        except (OSError, ValueError) as error:
            named = with_option(option, path)
            raise UsageError(f"{named} cannot be written: {short_message(error)}") from None


def _check_kind(path: str, regular: bool) -> None:
    """Raise OSError if a file is the one that is printed to, or isn't `regular`, but must be."""
    if not os.path.exists(path):
        return
    if not os.path.isfile(path):
        if regular:
            raise OSError("it is not a regular file")
        return
    try:
        printed_to = os.fstat(sys.stdout.fileno())
    except OSError:  # it isn't a file
        return
    if os.path.samestat(os.stat(path), printed_to):
        raise OSError("it is the file that standard output goes to")


def write_all(
    writers: Mapping[str, Callable[[str], None]], files: Mapping[str, str | None]
) -> list[str]:
    """Call each option's writer with the path that was given for it, if one was.

    What can't be written must not cost what can: returns the OSErrors, in words.
    """
    problems = []
    for option, write in writers.items():
        if (path := files[option]) is not None:
            try:
                write(path)
            except OSError as error:
                problems.append(describe_error(error))
    return problems


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
