"""`Measurement`: what a timer measured, and what is said of it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_ENGLISH = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}
_MOST_DIGITS = 4
_SMALLEST_ERROR = 25e-9  # seconds; no clock is more exact
_WIDE = 0.1  # a range of the quartiles, as a share of the median, that is worth a warning


@dataclass(frozen=True)
class TaskSpec:
    """What a `Timer` measures: a statement, its setup, and the texts that name it."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or else the statement, and the sub-label."""
        several = "\n" in self.stmt
        statement = f"stmt:\n{textwrap.indent(self.stmt, '  ')}" if several else self.stmt
        title = self.label or statement
        return f"{title}: {self.sub_label}" if self.sub_label else title


@dataclass
class Measurement:
    """The times that a `Timer` measured: `raw_times`, in seconds, each of `number_per_run` runs.

    >>> task = minigrad.utils.benchmark.TaskSpec("x + 1", "pass")
    >>> m = minigrad.utils.benchmark.Measurement(2, [2.0, 4.0, 6.0], task)
    >>> m.times, m.median, m.mean, m.title
    ([1.0, 2.0, 3.0], 2.0, 2.0, 'x + 1')
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    @property
    def title(self) -> str:
        """The title of the task."""
        return self.task_spec.title

    @property
    def times(self) -> list[float]:
        """The time of one run, in seconds, from each measurement."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def mean(self) -> float:
        """The mean of `times`."""
        return float(np.mean(self.times))

    @property
    def median(self) -> float:
        """The median of `times`."""
        return float(np.median(self.times))

    @property
    def significant_figures(self) -> int:
        """How many digits of the median are certain, from 1 to 4, by the spread of the middle."""
        count = len(self.times)
        middle = sorted(self.times)[count // 4 : -(-3 * count // 4)]
        error = max(1.645 * float(np.std(middle)) / math.sqrt(len(middle)), _SMALLEST_ERROR)
        digits = math.floor(_log10(self.median / error))
        return min(max(digits, 1), _MOST_DIGITS)

    def meets_confidence(self, threshold: float = _WIDE) -> bool:
        """Whether the range between the quartiles is less than that share of the median."""
        return self.iqr / self.median < threshold

    @property
    def has_warnings(self) -> bool:
        """Whether the range between the quartiles is wide."""
        return not self.meets_confidence()

    @property
    def as_row_name(self) -> str:
        """What a table calls the measurement: its sub-label, or else its statement."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __getattr__(self, name: str) -> Any:
        """A field of the task, such as `label` or `num_threads`."""
        if name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute '{name}'")

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Return a measurement for each task, of single runs, with all times of the task."""
        times: dict[TaskSpec, list[float]] = {}
        for m in measurements:
            times.setdefault(m.task_spec, []).extend(m.times)
        return [Measurement(1, found, task) for task, found in times.items()]

    @property
    def iqr(self) -> float:
        """The range between the quartiles of `times`."""
        low, high = self._quartiles()
        return high - low

    def _quartiles(self) -> tuple[float, float]:
        low, high = np.quantile(self.times, (0.25, 0.75))
        return float(low), float(high)

    def __repr__(self) -> str:
        count = len(self.raw_times)
        unit, scale = select_unit(self.median)
        task = self.task_spec
        lines = [object.__repr__(self), self.title]
        lines += [task.description] if task.description else []
        lines += [f"setup: {task.setup}"] if task.setup != "pass" else []
        several, of_each = ("Median: ", "s") if count > 1 else ("", "")
        lines.append(f"  {several}{self.median / scale:.2f} {unit}")
        if count >= 4:
            low, high = self._quartiles()
            quartiles = f"{low / scale:.2f} to {high / scale:.2f}"
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({quartiles})")
        runs = f"{self.number_per_run} runs {'per measurement,' if count > 1 else ','}"
        threads = f"{task.num_threads} thread{'s' if task.num_threads > 1 else ''}"
        lines.append(f"  {count} measurement{of_each}, {runs} {threads}")
        return "\n".join(lines)


def select_unit(t: float) -> tuple[str, float]:
    """Return the name of the unit that suits a time, and its length in seconds.

    >>> minigrad.utils.benchmark.select_unit(0.02)
    ('ms', 0.001)
    """
    power = math.floor(_log10(t) / 3) if t > 0 else 0
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(power, "s")
    return unit, _UNITS[unit]


def unit_to_english(u: str) -> str:
    """Return the English name of a unit. KeyError for an unknown one.

    >>> minigrad.utils.benchmark.unit_to_english("us")
    'microsecond'
    """
    return _ENGLISH[u]


def trim_sigfig(x: float, n: int) -> float:
    """Return a number rounded to `n` digits. AssertionError unless `n` is an integer.

    >>> minigrad.utils.benchmark.trim_sigfig(1234.0, 2)
    1200.0
    """
    if n != int(n):
        raise AssertionError("the number of significant figures must be an integer")
    scale = 10.0 ** (leading_digits(x) - n)
    return float(np.float32(np.round(np.float32(x / scale))) * np.float32(scale))


def leading_digits(x: float) -> int:
    """The number of digits before the point, in float32; negative for zeros behind the point."""
    return math.ceil(_log10(abs(x)))


def _log10(x: float) -> float:
    """The logarithm in float32, exact for powers of ten, which NumPy's isn't."""
    return float(np.float32(math.log10(np.float32(x))))


def ordered_unique(elements: Iterable[Any]) -> list[Any]:
    """Return the elements in the order in which they come first.

    >>> minigrad.utils.benchmark.ordered_unique("abca")
    ['a', 'b', 'c']
    """
    return list(dict.fromkeys(elements))
