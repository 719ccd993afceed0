"""`Compare`: measurements of several statements in one table."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from .measurement import (
    Measurement,
    leading_digits,
    ordered_unique,
    select_unit,
    trim_sigfig,
    unit_to_english,
)

_BOLD, _END = "\033[1m", "\033[0m\033[0m"
_BEST, _GOOD, _BAD, _WORST = "\033[92m", "\033[34m", "\033[2m\033[91m", "\033[31m"
_Cells = dict[tuple[Any, Any], Measurement]


class Colorize(enum.Enum):
    """What a colour compares a time with: nothing, its column or its row."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    r"""Tables of measurements: one for each label, with a row for each sub-label or statement.

    Their descriptions are the columns. ValueError for what isn't a measurement.

    >>> from minigrad.utils.benchmark import Compare, Measurement, TaskSpec
    >>> task = TaskSpec("x + 1", "pass", label="sums", description="small")
    >>> title, head, threads, row, *unit = str(Compare([Measurement(1, [3e-6], task)])).split("\n")
    >>> row
    '      x + 1  |   3.0 '
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim, self._warn, self._colorize = False, False, Colorize.NONE

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements."""
        results = list(results)
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Show only the digits that are certain."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colour the best and the worst times of each column, or of each row."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Show the spread of the times that have a wide one."""
        self._warn = True

    def print(self) -> None:
        """Print the tables."""
        print(self)

    def __str__(self) -> str:
        by_label: dict[Any, list[Measurement]] = {}
        for m in Measurement.merge(self._results):
            by_label.setdefault(m.label, []).append(m)
        return "\n".join(map(self._table, by_label.values()))

    def _table(self, results: list[Measurement]) -> str:
        unit, scale = select_unit(min(m.median for m in results))
        rows = ordered_unique((m.num_threads, m.env, m.as_row_name) for m in results)
        rows.sort(key=lambda row: row[:2])
        columns = ordered_unique(m.description for m in results)
        cells = {((m.num_threads, m.env, m.as_row_name), m.description): m for m in results}
        texts = {column: self._texts(rows, column, cells, scale) for column in columns}
        grid = [["", *(column or "" for column in columns)]]
        grid += [
            [name, *(texts[column][i] for column in columns)] for i, name in enumerate(_names(rows))
        ]
        widths = [max(map(len, each)) for each in zip(*grid, strict=True)]
        lines = ["  |  ".join(map(str.center, grid[0], widths))]
        width, threads = len(lines[0]), None
        for row, (name, *shown) in zip(rows, grid[1:], strict=True):
            if row[0] != threads:
                threads = row[0]
                lines.append(f"{threads} threads: ".ljust(width, "-"))
            centred = map(str.center, shown, widths[1:])
            found = [
                self._coloured(text, row, column, cells)
                for text, column in zip(centred, columns, strict=True)
            ]
            lines.append("  |  ".join([name.ljust(widths[0]), *found]))
        title = f" {results[0].label or ''} ".center(width - 2, "-")
        lines = [f"[{title}]", *lines, "", f"Times are in {unit_to_english(unit)}s ({unit}).", ""]
        if self._warn and any(m.has_warnings for m in results):
            spread = "(! XX%) Measurement has high variance, where XX is the IQR / median * 100."
            lines[-1:] = [spread, ""]
        return "\n".join(lines)

    def _texts(self, rows: list[Any], column: Any, cells: _Cells, scale: float) -> list[str]:
        """The times of a column, all of one length."""
        found = [cells.get((row, column)) for row in rows]
        digits = [(leading_digits(m.median / scale), m.significant_figures) for m in found if m]
        decimals = min(max(s - d, 0) for d, s in digits) if self._trim else 1
        length = max(d for d, _ in digits) + decimals + (1 if decimals else 0)
        warns = self._warn and any(m.has_warnings for m in found if m)
        room = 7 if warns else 0

        def text(m: Measurement) -> str:
            value = m.median / scale
            value = trim_sigfig(value, m.significant_figures) if self._trim else value
            spread = f" (! {m.iqr / m.median * 100:.0f}%)" if warns and m.has_warnings else ""
            return f"{value:>{length}.{decimals}f}{spread:>{room}}"

        blank = " " * len(f"{1:>{length}.{decimals}f}{'':>{room}}")
        return [blank if m is None else text(m) for m in found]

    def _coloured(self, text: str, row: Any, column: Any, cells: _Cells) -> str:
        """The text of a cell, in a colour that compares it with the best of its row or column."""
        own = cells.get((row, column))
        if self._colorize is Colorize.NONE or own is None:
            return text
        if self._colorize is Colorize.ROWWISE:
            others = [m.median for (each, _), m in cells.items() if each == row]
        else:  # with as many threads
            others = [
                m.median
                for (each, other), m in cells.items()
                if each[0] == row[0] and other == column
            ]
        best, time = min(others), own.median
        if time <= best * 1.01 or time <= best + 100e-9:
            return _BEST + _BOLD + text + _END
        if time <= best * 1.1:
            return _GOOD + _BOLD + text + _END
        if time >= best * 5:
            return _WORST + _BOLD + text + _END
        return _BAD + text + _END if time >= best * 2 else text


def _names(rows: list[Any]) -> list[str]:
    """The names of the rows, with the environment at the first of each if there are several."""
    several = len({env for _, env, _ in rows}) > 1
    width = max(len(str(env)) for _, env, _ in rows) if several else 0
    found, before = [], None
    for threads, env, name in rows:
        new = several and (threads, env) != before
        before = threads, env
        found.append("  " + (f"({env})" if new else "").ljust(width + 4) + name)
    return found
