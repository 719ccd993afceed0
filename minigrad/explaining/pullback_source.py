"""The source code of a pullback in `minigrad/rules/`, and the tensors that it reads."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

_PACKAGE = Path(__file__).parent.parent


def pullback_source(pullback: Any) -> tuple[str, str, int]:
    """Return the code of a pullback, the file it is in, and its first line.

    >>> from minigrad.rules import REGISTRY
    >>> _, (by_input, by_other) = REGISTRY["mul"].forward(np.ones(2), np.ones(2))
    >>> pullback_source(by_input)[:2]
    ('lambda g: g * other', 'minigrad/rules/elementwise.py')
    """
    code = getattr(inspect.unwrap(pullback), "__code__", None)
    return ("", "", 0) if code is None else _of_code(code)


@lru_cache(4096)
def _of_code(code: CodeType) -> tuple[str, str, int]:
    path = Path(code.co_filename)
    shown = str(path.relative_to(_PACKAGE.parent)) if path.is_relative_to(_PACKAGE) else path.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "", shown, code.co_firstlineno
    found = _definition(path, text, code)
    segment = "" if found is None else ast.get_source_segment(text, found) or ""
    if found is not None and not isinstance(found, ast.Lambda):
        segment = textwrap.dedent(" " * found.col_offset + segment)
    return segment, shown, code.co_firstlineno


def _definition(path: Path, text: str, code: CodeType) -> Any:
    """The smallest function or lambda of the file that contains the code's instructions."""
    lines = [(p[0], p[2]) for p in code.co_positions() if None not in (p[0], p[2]) and p[0]]
    last = max(lines, default=(code.co_firstlineno, 0))
    kinds = ast.Lambda if code.co_name == "<lambda>" else ast.FunctionDef
    around = [
        node
        for node in _functions(path, text)
        if isinstance(node, kinds)
        and node.lineno == code.co_firstlineno
        and (node.lineno, node.col_offset)
        <= last
        <= (node.end_lineno or 0, node.end_col_offset or 0)
        and _parameters(node) == code.co_varnames[: code.co_argcount]
    ]
    return max(around, key=lambda node: (node.lineno, node.col_offset), default=None)


def _parameters(node: Any) -> tuple[str, ...]:
    return tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args))


@lru_cache(64)
def _functions(path: Path, text: str) -> list[Any]:
    tree = ast.parse(text)
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda | ast.FunctionDef)]


def saved_arrays(pullback: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays that a pullback captured, with the names that the rule gives them."""
    function = inspect.unwrap(pullback)
    cells = getattr(function, "__closure__", None) or ()
    names = function.__code__.co_freevars if cells else ()
    for name, cell in zip(names, cells, strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # an empty cell
            continue
        if isinstance(value, np.ndarray | np.generic):
            yield name, np.asarray(value)
        elif isinstance(value, tuple | list):
            for i, item in enumerate(value):
                if isinstance(item, np.ndarray):
                    yield f"{name}[{i}]", item
        elif callable(value) and getattr(value, "__closure__", None):
            yield from saved_arrays(value)
