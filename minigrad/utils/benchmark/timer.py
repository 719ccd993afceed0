"""`Timer`: it measures how long a statement takes."""

from __future__ import annotations

import enum
import sys
import textwrap
import timeit
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np

from .measurement import Measurement, TaskSpec

_BLOCK_OVERHEAD = 1000  # a block runs this many times as long as one call of the timer


class Language(enum.Enum):
    """The language of a statement. Only Python's can be measured."""

    PYTHON = 0
    CPP = 1


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
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        for name, given in (("global_setup", global_setup), ("env", env)):
            if given:
                raise NotImplementedError(f"Timer(): argument '{name}' is not implemented")
        if language not in ("python", "py", Language.PYTHON):
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

    def collect_callgrind(self, *args: Any, **options: Any) -> NoReturn:
        """Raise NotImplementedError: instructions aren't counted."""
        raise NotImplementedError("Timer.collect_callgrind is not implemented")
