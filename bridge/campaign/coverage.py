"""Coverage: which ops were called, how, and next to which others; and what was never drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from bridge.drawing.operands import LAYOUTS
from bridge.random_programs.ops import FORMS, OPS
from minigrad.rules.dtypes import SUPPORTED

DTYPES = tuple(d.name for d in SUPPORTED)
Row = tuple[str, ...]


class Coverage:
    """How often each op was called, and in which combinations at least once.

    `combinations` are (op, form, dtype, layout), the last two of the first tensor. `pairs` are (op,
    op whose result it was given).
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.combinations: set[Row] = set()
        self.pairs: set[Row] = set()

    def add(self, rows: Iterable[Row]) -> dict[str, Any]:
        """Add rows of `RangeResult.calls`; return, as plain data, what they changed."""
        calls: Counter[str] = Counter()
        combinations, pairs = set(), set()
        for op, form, dtype, layout, after in rows:
            calls[op] += 1
            combinations.add((op, form, dtype, layout))
            if after:
                pairs.add((op, after))
        change = {
            "calls": dict(calls),
            "combinations": sorted(combinations - self.combinations),
            "pairs": sorted(pairs - self.pairs),
        }
        self.restore(change)
        return change

    def restore(self, change: dict[str, Any]) -> None:
        """Add what `add` returned."""
        self.calls.update(change["calls"])
        self.combinations |= set(map(tuple, change["combinations"]))
        self.pairs |= set(map(tuple, change["pairs"]))

    def rarest(self) -> str:
        """Return the op that was called least often.

        >>> coverage = Coverage()
        >>> coverage.calls.update({op: 2 for op in OPS})
        >>> coverage.calls["exp"] = 1
        >>> coverage.rarest()
        'exp'
        """
        return min(OPS, key=lambda op: self.calls[op])

    def table(self) -> dict[str, tuple[int, int, list[str]]]:
        """Return, by what is counted, how much was drawn, of how much, and what never was."""
        drawn: dict[str, set[Row]] = {
            "ops": {(op,) for op in self.calls},
            "op and form": {row[:2] for row in self.combinations},
            "op and dtype": {(row[0], row[2]) for row in self.combinations},
            "op and layout": {(row[0], row[3]) for row in self.combinations},
            "op, form, dtype and layout": self.combinations,
            "op and the op before it": self.pairs,
        }
        of_forms = [(op, form) for op in OPS for form in FORMS[op]]
        possible: dict[str, Iterable[Row]] = {
            "ops": [(op,) for op in OPS],
            "op and form": of_forms,
            "op and dtype": [(op, d) for op in OPS for d in DTYPES],
            "op and layout": [(op, x) for op in OPS for x in LAYOUTS],
            "op, form, dtype and layout": [
                (*both, d, x) for both in of_forms for d in DTYPES for x in LAYOUTS
            ],
            "op and the op before it": [(a, b) for a in OPS for b in OPS],
        }
        table = {}
        for name, rows in possible.items():
            rows = set(rows)
            never = sorted(" ".join(row) for row in rows - drawn[name])
            table[name] = len(rows) - len(never), len(rows), never
        return table

    def __str__(self) -> str:
        lines = []
        for name, (drawn, possible, never) in self.table().items():
            some = ", ".join(never[:8]) + (", ..." if len(never) > 8 else "")
            lines.append(f"{name}: {drawn} of {possible}{f'; never: {some}' if never else ''}")
        return "\n".join(lines)
