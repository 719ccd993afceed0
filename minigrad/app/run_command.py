"""`minigrad run`: run a PyTorch program on minigrad, or list the names that it would miss."""

from __future__ import annotations

import ast
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import minigrad
from minigrad.app import child_main
from minigrad.app.command import InputError
from minigrad.app.stand_in import counterpart, installed


def run(program: str, arguments: Sequence[str], missing: bool = False) -> int:
    """Run a program with minigrad in PyTorch's place, and return its exit status.

    With `missing`, print the names of PyTorch's that it uses and minigrad lacks, and return 1 if
    there are any. The program isn't run. Raises InputError if the file can't be read.
    """
    code = parsed(program)
    if not missing:
        return executed(program, code, arguments)
    lacking = sorted(missing_names(code))
    for line, name in lacking:
        print(f"{program}:{line}: {name}")
    return int(bool(lacking))


def parsed(program: str) -> ast.Module:
    """Return the syntax tree of a program. Raises InputError if the file can't be read."""
    try:
        return ast.parse(Path(program).read_bytes(), program)
    except OSError as error:
        raise InputError(f"can't read {program!r}: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{program!r} is no Python program: {error}") from error


def executed(
    program: str,
    code: ast.Module,
    arguments: Sequence[str],
    around: AbstractContextManager[Any] | None = None,
) -> int:
    """Run the program as `__main__`, as Python would, with its folder first in the path.

    It runs inside the context manager `around`, if one is given. Returns its exit status.
    """
    main, file = ModuleType("__main__"), os.path.abspath(program)  # links stay, as in Python
    vars(main).update(__file__=file, __builtins__=__builtins__)
    # New processes of the program start with the module of this name.
    main.__spec__ = ModuleSpec(child_main.__name__, None)
    before = sys.argv, sys.path[:], sys.modules["__main__"], os.environ.get(child_main.PROGRAM)
    os.environ[child_main.PROGRAM] = str(Path(program).resolve())
    sys.argv, sys.modules["__main__"] = [program, *arguments], main
    sys.path.insert(0, str(Path(program).resolve().parent))
    try:
        with around or nullcontext(), installed():
            exec(compile(code, file, "exec"), vars(main))
    except KeyboardInterrupt:
        raise
    except Exception as error:
        _print_traceback(file, error)
        return 1
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"], outer_program = before
        del os.environ[child_main.PROGRAM]
        if outer_program is not None:
            os.environ[child_main.PROGRAM] = outer_program
    return 0


def _print_traceback(file: str, error: Exception) -> None:
    """Print the traceback from the program on, without the frames that started it."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != file:
        frames = frames.tb_next
    traceback.print_exception(error.with_traceback(frames or error.__traceback__))


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
