"""How a command ends: its errors in one line each, and the status that says which kind.

0: all went well. 1: nobody reads the output any more, or what the command itself means by it.
2: bad input, which one line names. 130: stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from minigrad.api.files import reason
from minigrad.app.checkpoint import CheckpointError
from minigrad.app.datasets import DataError
from minigrad.app.settings import UsageError


class Parser(argparse.ArgumentParser):
    """argparse, with its errors as exceptions: `run` prints all errors, in one way."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def run(
    program: str, command: Callable[[list[str]], int], argv: Sequence[str] | None = None
) -> int:
    """Run a command with the given arguments (the process's own by default); its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label or a path may be in any script
    try:
        status = command(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()  # so that a closed pipe is noticed here, and not at the exit
        return status
    except (UsageError, DataError, CheckpointError) as error:
        return _fail(program, str(error))
    except BrokenPipeError:  # `minigrad train | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(
            program, f"{error.filename}: {reason(error)}" if error.filename else str(error)
        )
    except MemoryError:
        return _fail(program, "there is not enough memory for this network and these data")
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130


def _fail(program: str, message: str) -> int:
    print(f"{program}: error:", message.replace("\n", " "), file=sys.stderr)
    return 2
