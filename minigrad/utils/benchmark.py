"""`Timer` and `Measurement`, under their names in torch.utils.benchmark."""

from __future__ import annotations

import sys
import textwrap
import timeit
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Measurement", "TaskSpec", "Timer"]

_UNITS = ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s"))
_BLOCK_OVERHEAD = 1000  # a block runs this many times as long as one call of the timer


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
    def iqr(self) -> float:
        """The range between the quartiles of `times`."""
        low, high = self._quartiles()
        return high - low

    def _quartiles(self) -> tuple[float, float]:
        low, high = np.quantile(self.times, (0.25, 0.75))
        return float(low), float(high)

    def __repr__(self) -> str:
        count = len(self.raw_times)
        scale, unit = max((u for u in _UNITS if u[0] <= self.median), default=_UNITS[0])
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


class Timer:
    """Measure the time of a statement, given as text, with the names in `globals` and `torch`.

    `setup` runs once before each measurement. The texts name the measurement when it is printed.
    NotImplementedError for `global_setup`, `env`, another language and more than one thread.

    >>> timer = minigrad.utils.benchmark.Timer("x + 1", globals={"x": 1})
    >>> len(timer.timeit(3).times)
    1
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: str = "python",
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        for name, given in (("global_setup", global_setup), ("env", env)):
            if given:
                raise NotImplementedError(f"Timer(): argument '{name}' is not implemented")
        if language not in ("python", "py"):
            raise NotImplementedError(f"Timer(): language '{language}' is not implemented")
        if num_threads != 1:
            raise NotImplementedError("Timer(): argument 'num_threads' must be 1")
        names = {"torch": sys.modules[__name__.partition(".")[0]]} | (globals or {})
        stmt, setup = (textwrap.dedent(text).strip() or "pass" for text in (stmt, setup))
        self._clock = timer
        self._timer = timeit.Timer(stmt, setup, timer, names)
        self._task = TaskSpec(
            stmt, setup, label=label, sub_label=sub_label, description=description
        )

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """Measure `number` runs together, after a few to warm up."""
        self._timer.timeit(max(number // 100, 2))
        return self._measurement(number, [self._timer.timeit(number)])

    def blocked_autorange(
        self,
        callback: Callable[[int, float], Any] | None = None,
        min_run_time: float = 0.2,
    ) -> Measurement:
        """Measure blocks of runs until they took `min_run_time` seconds together.

        A block is so long that the calls of the timer take a small share of its time.
        """
        number = self._block_size(min_run_time)
        times: list[float] = []
        while sum(times) < min_run_time:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
        return self._measurement(number, times)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Measure blocks of runs until the quartiles are within `threshold` of the median.

        It stops after `max_run_time` seconds at the latest.
        """
        number = self._block_size(0.05)
        times: list[float] = []
        while sum(times) < max_run_time:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
            found = self._measurement(number, times)
            if (
                len(times) > 3
                and sum(times) > min_run_time
                and found.iqr < threshold * found.median
            ):
                break
        return self._measurement(number, times)

    def _block_size(self, min_run_time: float) -> int:
        overhead = np.median([-self._clock() + self._clock() for _ in range(5)])
        number = 1
        while True:
            taken = self._timer.timeit(number)
            if taken > max(overhead * _BLOCK_OVERHEAD, min_run_time / 1000) or number > 10**7:
                return number
            if taken > min_run_time / 10:
                return number
            number *= 10

    def _measurement(self, number: int, times: Iterable[float]) -> Measurement:
        return Measurement(number, list(times), self._task)
