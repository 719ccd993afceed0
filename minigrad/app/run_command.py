"""`minigrad run`: run a PyTorch program on minigrad, or list the names that it would miss."""

from __future__ import annotations

import ast
import builtins
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import minigrad
from minigrad.app import child_main
from minigrad.app.command import InputError, end_at_termination
from minigrad.app.stand_in import counterpart, installed
from minigrad.utils.atomic_write import short_message


def run(program: str, arguments: Sequence[str], missing: bool = False) -> int:
    """Run a program with minigrad in PyTorch's place, and return its exit status.

    With `missing`, print the names of PyTorch's that it uses and minigrad lacks, and return 1 if
    there are any. The program isn't run. Raises InputError if the file can't be read.
    """
    source = read(program)
    if not missing:
        end_at_termination()
        return executed(program, compiled(program, source), arguments)
    lacking = sorted(missing_names(_parsed(program, source)))
    for line, name in lacking:
        print(f"{program}:{line}: {name}")
    return int(bool(lacking))


def read(program: str) -> bytes:
    """Return the content of a program's file. Raises InputError if it can't be read."""
    try:
        return Path(program).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise InputError(f"can't read {program!r}: {short_message(error)}") from error


def _parsed(program: str, source: bytes) -> ast.Module:
    """Return the syntax tree of a program. Raises InputError if it has none."""
    with _naming_program(program):
        return ast.parse(source, program)


def compiled(program: str, source: bytes) -> CodeType:
    """Return the code of a program. Raises InputError if it can't be compiled."""
    with _naming_program(program):
        # A link keeps its name, as in Python. The imports of this file from __future__ aren't
        # the program's.
        return compile(source, os.path.abspath(program), "exec", dont_inherit=True)


@contextmanager
def _naming_program(program: str) -> Iterator[None]:
    try:
        yield
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(f"{program!r} is no Python program: {error}") from error


class _MainSpec(ModuleSpec):
    """What Python's multiprocessing needs to know of a main module, which is in no package."""

    parent = ""


def executed(
    program: str,
    code: CodeType,
    arguments: Sequence[str],
    around: AbstractContextManager[Any] | None = None,
) -> int:
    """Run the program as `__main__`, as Python would, with its folder first in the path.

    It runs inside the context manager `around`, if one is given. The program ends when its threads
    have ended. Returns its exit status.
    """
    main, file = ModuleType("__main__"), code.co_filename
    vars(main).update(__file__=file, __cached__=None, __builtins__=builtins)
    main.__loader__ = SourceFileLoader("__main__", file)
    # New processes of the program start with the module of this name.
    main.__spec__ = _MainSpec(child_main.__name__, None)
    before = sys.argv, sys.path[:], sys.modules["__main__"], sys.excepthook
    outer_program = os.environ.get(child_main.PROGRAM)
    os.environ[child_main.PROGRAM] = str(Path(program).resolve())
    sys.argv, sys.modules["__main__"] = [program, *arguments], main
    sys.excepthook = sys.__excepthook__
    sys.path.insert(0, str(Path(program).resolve().parent))
    try:
        with around or nullcontext(), installed(), _waiting_for_threads():
            try:
                exec(code, vars(main))
            except SystemExit:
                raise
            except BaseException as error:
                _print_traceback(file, error)
                raise
    except SystemExit:
        raise
    except KeyboardInterrupt:
        return 130
    except BaseException:
        return 1
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"], sys.excepthook = before
        del os.environ[child_main.PROGRAM]
        if outer_program is not None:
            os.environ[child_main.PROGRAM] = outer_program
    return 0


@contextmanager
def _waiting_for_threads() -> Iterator[None]:
    """Wait at the end for the threads that were started in the block, as Python does."""
    before = threading.enumerate()
    try:
        yield
    finally:
        while left := [t for t in threading.enumerate() if not (t.daemon or t in before)]:
            left[0].join()


def _print_traceback(file: str, error: BaseException) -> None:
    """Print the traceback from the program on, without the frames that started it.

    A program may have its own function for this in `sys.excepthook`.
    """
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != file:
        frames = frames.tb_next
    error = error.with_traceback(frames or error.__traceback__)
    sys.excepthook(type(error), error, error.__traceback__)


# Names that are missing ---------------------------------------------------------------------------


def missing_names(code: ast.Module) -> set[tuple[int, str]]:
    """Return the lines and names of what a program uses of PyTorch and minigrad lacks.

    They are found from its imports, so methods of tensors aren't among them. Nor are attributes of
    a name that the program also gives to something else.

    >>> missing_names(ast.parse("import torch.nn as nn\\nnet = nn.Linear(1, nn.Nothing)"))
    {(2, 'torch.nn.Nothing')}
    """
    known = dict(_imported(code))
    for node in ast.walk(code):
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and not _is_read(node)):
            known.pop(node.arg if isinstance(node, ast.arg) else node.id, None)
    used = {(line, name) for line, name in _uses(code, known) if not _exists(name)}
    # Of `torch.fx` and `torch.fx.Graph` in one line, the first is what is missing.
    return {
        (line, name)
        for line, name in used
        if not any(name.startswith(f"{other}.") for at, other in used if at == line)
    }


def _is_read(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _of_torch(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == "torch"


def _imported(code: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names that a program gives to what it imports from PyTorch, and PyTorch's names."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            for each in node.names:
                if _of_torch(each.name):
                    yield (each.asname, each.name) if each.asname else ("torch", "torch")
        elif isinstance(node, ast.ImportFrom) and _of_torch(node.module):
            for each in node.names:
                yield each.asname or each.name, f"{node.module}.{each.name}"


def _uses(code: ast.Module, known: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the lines and full names of what a program uses of PyTorch."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names if _of_torch(each.name))
        elif isinstance(node, ast.ImportFrom) and _of_torch(node.module):
            for each in node.names:
                yield node.lineno, f"{node.module}.{each.name}".removesuffix(".*")
        elif isinstance(node, ast.Attribute):
            parts: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                parts.insert(0, inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in known:
                yield node.lineno, ".".join([known[inner.id], *parts])


def _exists(name: str) -> bool:
    """Whether minigrad has what a name of PyTorch's means. The rest of a value's name counts as its
    attributes, which may be set while the program runs.
    """
    parts = name.split(".")
    found: Any = minigrad
    for i, part in enumerate(parts[1:], 2):
        module = counterpart(".".join(parts[:i]))
        if module is None and not hasattr(found, part):
            return not isinstance(found, ModuleType | type)
        found = module if module is not None else getattr(found, part)
    return True
