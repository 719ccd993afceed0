"""`minigrad explain`: run a program once, and write a page that shows what autograd did."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from minigrad.app.command import check_output_files
from minigrad.app.run_command import compiled, executed, read
from minigrad.explaining import explain


def explain_program(
    program: str,
    arguments: Sequence[str],
    output: str | None = None,
    backward: int = 1,
    keep_values: int | None = None,
    text: bool = False,
) -> int:
    """Run a program on minigrad, write its page, and return the program's exit status.

    The page goes to `output`, by default to the program's name with `.html`. With `text`, the text
    form is printed, and the page is written only if `output` is given. Raises InputError if the
    program can't be read, and UsageError or OSError if the page can't be written.
    """
    code = compiled(program, read(program))
    path = output if output is not None or text else str(Path(program).with_suffix(".html"))
    check_output_files({"output": path})
    page = explain(backward=backward, keep_values=keep_values)
    page.record.program, page.record.arguments = program, [*arguments]
    try:
        return executed(program, code, arguments, page)
    finally:
        if text:
            print(page, end="")
        if path is not None:
            _import_igraph()
            page.save(path)


def _import_igraph() -> None:
    """Import igraph without matplotlib, with which that takes ten times as long.

    Nothing is plotted any more: the program has ended, and the page needs only the layout.
    """
    hidden = "matplotlib" not in sys.modules
    if hidden:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("igraph")
    except ImportError:
        pass  # it is an extra
    finally:
        if hidden:
            del sys.modules["matplotlib"]
