"""Nested tuples, lists and dicts of tensors, as lists of their leaves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any


def flattened(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of a structure, and a function that builds the same structure of other leaves."""
    leaves = list(_leaves(tree))

    def rebuilt(others: list[Any]) -> Any:
        return _built(tree, iter(others))

    return leaves, rebuilt


def drawn(tree: Any) -> str:
    """A structure with a star for each leaf, as PyTorch prints it: "(*, [*, *])"."""
    if isinstance(tree, tuple):
        return f"({', '.join(map(drawn, tree))}{',' if len(tree) == 1 else ''})"
    if isinstance(tree, list):
        return f"[{', '.join(map(drawn, tree))}]"
    if isinstance(tree, dict):
        return f"{{{', '.join(f'{key!r}: {drawn(item)}' for key, item in tree.items())}}}"
    return "*"


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, tuple | list):
        for item in tree:
            yield from _leaves(item)
    elif type(tree) in (dict, OrderedDict):
        for item in tree.values():
            yield from _leaves(item)
    else:
        yield tree


def _built(tree: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_built(item, leaves) for item in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(_built(item, leaves) for item in tree)
    if type(tree) in (dict, OrderedDict):
        return type(tree)((key, _built(item, leaves)) for key, item in tree.items())
    return next(leaves)
