"""Run Python in processes that have imported the libraries already.

Importing them takes longer than most commands of the documents. Where processes can't be forked,
each imports them again.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
FORKS = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
FORKS.set_forkserver_preload(["torch", "bridge", "minigrad"])


def run_python(arguments: Sequence[str], directory: Path) -> tuple[int | None, str]:
    """Run `python` with these arguments in a directory. Return its exit status and what it says.

    The first arguments are `-m` and a module, or the path of a program.
    """
    with tempfile.NamedTemporaryFile() as file:
        process = FORKS.Process(target=_run, args=(list(arguments), directory, file.name))
        process.start()
        process.join()
        return process.exitcode, file.read().decode(errors="replace")


def _run(arguments: list[str], directory: Path, said: str) -> None:
    os.chdir(directory)
    with open(said, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    others = [path for path in sys.path if path != str(ROOT / "tests")]  # which pytest has added
    sys.path[:] = [str(directory), str(ROOT), *others]
    os.environ["PYTHONPATH"] = str(ROOT)  # of the processes that the module starts
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
