"""Block by block: consecutive elementwise statements on large arrays, for a few rows at a time.

The arrays of a large network don't fit into the processor's cache, and an update or an activation
takes several statements. If all of them are computed for some rows, and then for the next, the
elements stay in the cache from one statement to the next, and a temporary needs memory for these
rows alone. Each element is computed as before, so the bits are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .program import is_view
from .recording import Statement
from .values import Number, Recorded

ELEMENTS = 1 << 15  # of a block: as float64, two of them stay in a cache of half a megabyte


class Chain:
    """Statements that are computed block by block.

    - `shape`: that of their results; a block is some of the first dimension's rows.
    - `members`: the places of the statements in the program.
    - `lines`: their text, and `parts` the names of the rows of each array by the array's name.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.members: list[int] = []
        self.lines: list[str] = []
        self.parts: dict[str, str] = {}
        self.temporaries: set[int] = set()  # storages
        self._regions: dict[int, set[Any]] = {}  # what is used of each storage
        self._written: set[int] = set()  # storages

    @property
    def rows(self) -> int:
        """How many rows a block has."""
        return max(1, ELEMENTS // math.prod(self.shape[1:]))

    def blocks(self) -> list[tuple[slice, slice]]:
        """The rows of each block, and those of a temporary that hold them."""
        n, rows = self.shape[0], self.rows
        starts = range(0, n, rows)
        return [(slice(at, min(at + rows, n)), slice(min(rows, n - at))) for at in starts]

    def divides(self, x: Any) -> bool:
        """Whether a block uses some rows of an operand; otherwise it uses the whole operand."""
        return x.ndim == len(self.shape) and x.shape[0] == self.shape[0]

    def add(self, place: int, used: Iterable[Any], written: Iterable[Any]) -> bool:
        """Add a statement that uses and writes some arrays. False if it must not be in this chain.

        A statement would see rows of another block that are already overwritten, or not yet, if it
        used an array that the chain writes in another way than row by row.
        """
        regions = {storage: set(own) for storage, own in self._regions.items()}
        for x in used:
            regions.setdefault(id(x.storage), set()).add(_region(x))
        both = self._written | {id(x.storage) for x in written}
        if any(len(regions[s]) > 1 or next(iter(regions[s]))[-1] != self.shape for s in both):
            return False
        self.members.append(place)
        self._regions, self._written = regions, both
        return True

    def writes(self, storage: Any) -> bool:
        """Whether a statement of the chain writes a storage."""
        return id(storage) in self._written

    def row_by_row(self, x: Any) -> bool:
        """Whether the chain uses the storage of a whole array only row by row."""
        return self._regions.get(id(x.storage)) == {_region(x)} and x.shape == self.shape


def _region(x: Any) -> Any:
    """Which memory an array is, and in which order."""
    return x.value.__array_interface__["data"][0], x.value.strides, x.shape


def chains(
    statements: list[Statement],
    is_elementwise: Callable[[Statement], bool],
    skipped: Callable[[int, Statement], bool],
    stored: Mapping[int, tuple[Statement, int]],
) -> list[Chain]:
    """The chains of a program.

    `skipped` tells which statements aren't in the calls at all. `stored` holds the writes that are
    done by the statement before them, by the id of the value that is written.
    """
    found: list[Chain] = []
    chain: Chain | None = None
    for i, statement in enumerate(statements):
        shape = _large_shape(statement)
        if (chain or shape) and skipped(i, statement):
            continue
        if chain and _is_apart(statement, chain):
            continue
        if shape is None or not is_elementwise(statement):
            chain = None
            continue
        used, written = _arrays_of(statement, stored)
        if chain is None or chain.shape != shape or not chain.add(i, used, written):
            chain = Chain(shape)
            if chain.add(i, used, written):
                found.append(chain)
            else:
                chain = None
    return [chain for chain in found if len(chain.members) > 1]


def _arrays_of(
    statement: Statement, stored: Mapping[int, tuple[Statement, int]]
) -> tuple[list[Any], list[Any]]:
    """The arrays that a statement uses, and of these the ones that it writes."""
    written: list[Any] = [*statement.results, *statement.writes]
    if id(written[0]) in stored:  # the value itself is never made
        written = list(stored[id(written[0])][0].writes)
    return [x for x in (*statement.operands, *written) if _is_array(x)], written


def _is_array(x: Any) -> bool:
    return type(x) is Recorded and isinstance(x.value, np.ndarray) and x.ndim > 0


def _large_shape(statement: Statement) -> tuple[int, ...] | None:
    """The shape of what a statement computes, if that is worth a division into blocks."""
    made = [*statement.results, *statement.writes]
    if len(made) != 1 or type(made[0]) is not Recorded:
        return None
    shape = tuple(made[0].shape)
    return shape if len(shape) and shape[0] > 1 and math.prod(shape) > ELEMENTS else None


def _is_apart(statement: Statement, chain: Chain) -> bool:
    """Whether a statement can come before a chain: a view, or numbers that don't depend on it."""
    if statement.writes or statement.name.startswith(("is ", "raises ")):
        return False
    if len(statement.results) == 1 and is_view(statement, statement.results[0]):
        return True
    values = [*statement.operands, *statement.results]
    if not all(type(x) is Number or x.ndim == 0 for x in values):
        return False
    return not any(type(x) is Recorded and chain.writes(x.storage) for x in statement.operands)
