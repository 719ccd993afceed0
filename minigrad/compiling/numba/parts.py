"""A long program in several functions.

The time in which numba compiles a function grows with the square of its length. So a long program
becomes a main function and parts, which the main function calls in turn. A part takes the arrays
and numbers that it uses, and returns whether the program goes on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from itertools import groupby

_LONGEST = 100  # lines of a part
_SHORTEST = 10  # fewer lines stay in the main function
LEAVE = "return step"


class _Item:
    """Lines that stay together, with the names that they assign and those that they take."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        names = [n for n in ast.walk(ast.parse("\n".join(lines))) if isinstance(n, ast.Name)]
        self.assigned = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        self.taken = {n.id for n in names} - self.assigned


def split(
    items: Sequence[Sequence[str]], known: set[str], give: Callable[[], str]
) -> tuple[list[str], list[str]]:
    """The text of the parts, and the lines of the main function.

    `known` are the names of arrays and numbers that the main function has. `give` returns a name
    for a part.
    """
    if sum(map(len, items)) <= _LONGEST:
        return [], [line for lines in items for line in lines]
    given = [_Item(lines) for lines in items if lines]
    places = _places(given)
    known = known.union(*[item.assigned for item in given])
    definitions: list[str] = []
    main: list[str] = []
    for place, group in groupby(range(len(given)), places.__getitem__):
        members = [given[i] for i in group]
        lines = [line for item in members for line in item.lines]
        if place < 0 or len(lines) < _SHORTEST:
            main += lines
            continue
        assigned = set().union(*[item.assigned for item in members])
        taken = set().union(*[item.taken for item in members]) - assigned
        call = f"{give()}({', '.join(sorted(taken & known))})"
        leaves = any(LEAVE in line for line in lines)
        main += [f"if not {call}: {LEAVE}"] if leaves else [call]
        definitions += [
            "@njit(error_model='numpy', no_cpython_wrapper=True, no_cfunc_wrapper=True)",
            f"def {call}:",
            *[f"    {line.replace(LEAVE, 'return False')}" for line in lines],
            "    return True\n\n",
        ]
    return definitions, main


def _places(items: Sequence[_Item]) -> list[int]:
    """The part of each item, by a number, or a negative number for the main function.

    An item whose names are also used outside its part is in the main function.
    """
    total, chunks = 0, []
    for item in items:
        chunks.append(total // _LONGEST)
        total += len(item.lines)
    in_main: set[int] = set()
    while True:
        places, last = [], (-1, False)
        part = 0
        for i, chunk in enumerate(chunks):
            part += (chunk, i in in_main) != last
            last = chunk, i in in_main
            places.append(-1 - i if i in in_main else part)
        users: dict[str, set[int]] = {}
        for item, place in zip(items, places, strict=True):
            for name in item.taken:
                users.setdefault(name, set()).add(place)
        moved = {
            i
            for i, item in enumerate(items)
            if i not in in_main and any(users.get(n, set()) - {places[i]} for n in item.assigned)
        }
        if not moved:
            return places
        in_main |= moved
