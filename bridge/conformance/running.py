"""`conform`: run the suites on a candidate and report."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .adapter import BadCandidate, load, name_of
from .process import WorkerProcess
from .report import Report
from .verdicts import Verdict

EXAMPLES = 12
PATIENCE = 60.0  # seconds without progress
MEMORY = 4 * 2**30  # bytes
ALL = ("rules", "tape", "programs", "training", "opinfo")

Progress = Callable[[int, int, str], Any]  # parts done, parts in all, what runs


def conform(
    candidate: Any,
    *,
    suites: Sequence[str] = ALL,
    minutes: float | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
    patience: float = PATIENCE,
    memory: int = MEMORY,
    progress: Progress = lambda done, total, text: None,
) -> Report:
    """Judge an engine by PyTorch, and return the report.

    `candidate` is the name of an adapter in `bridge/adapters`, a module's dotted name, the path of
    a Python file, or an object with an adapter's names. One given by name runs in a process of its
    own, which is stopped if it makes no progress for `patience` seconds or takes more than `memory`
    bytes; an object runs in this process.

    - `suites`: which of `rules`, `tape`, `programs`, `training` and `opinfo` run.
    - `minutes`: how long, with new examples as long as there is time. Without it, every check gets
      `examples` examples once.
    - `seed`: of the examples.

    Raises BadCandidate if the candidate is no engine, and ValueError for an unknown suite. After
    Ctrl-C, returns the report so far, whose `stopped` says so.

    >>> report = conform("minigrad", suites=["tape"])
    >>> report.ok
    True
    """
    unknown = [suite for suite in suites if suite not in ALL]
    if unknown or not suites:
        raise ValueError(f"no suite {', '.join(unknown) or 'given'}: use {', '.join(ALL)}")
    runner = (
        WorkerProcess(candidate, suites, patience, memory)
        if isinstance(candidate, str)
        else _InThisProcess(candidate, suites)
    )
    report = Report(str(candidate), _reference())
    with _interrupted_once():
        return _run(runner, report, minutes, examples, seed, progress)


def _run(
    runner: Any,
    report: Report,
    minutes: float | None,
    examples: int,
    seed: int,
    progress: Progress,
) -> Report:
    start = time.monotonic()
    try:
        runner.start()
        report.candidate = runner.name
        end = float("inf") if minutes is None else start + 60 * minutes
        for verdict in _verdicts(runner, report, examples, seed, end, progress):
            report.verdicts.append(verdict)
    except KeyboardInterrupt:
        report.stopped = "interrupted: this is the report so far"
    finally:
        runner.close()
        report.seconds = time.monotonic() - start
    return report


@contextmanager
def _interrupted_once() -> Iterator[None]:
    """Within the block, only the first interrupt counts: `timeout` sends two at once."""
    came = False

    def handle(number: int, frame: Any) -> None:
        nonlocal came
        if not came:
            came = True
            raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is signal.default_int_handler:
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reference() -> str:
    import torch  # only a run needs it

    return f"PyTorch {torch.__version__}"


def _verdicts(
    runner: Any, report: Report, examples: int, seed: int, end: float, progress: Progress
) -> Iterator[Verdict]:
    """Yield the verdicts on all parts, again with other seeds as long as there is time."""
    parts = [(suite, unit) for suite, units in runner.units.items() for unit in units]
    lacking: set[tuple[str, str]] = set()
    for turn in range(10**9):
        left = [part for part in parts if part not in lacking]
        for i, (suite, unit) in enumerate(left):
            remaining = end - time.monotonic()
            if remaining <= 0:
                if turn == 0:
                    report.stopped = f"out of time: {i} of {len(left)} parts ran"
                return
            progress(i, len(left), f"{suite} {unit}")
            # A part may take longer than its share, since most take less.
            seconds = min(3600.0, max(1.0, 4 * remaining / (len(left) - i)))
            given = {"examples": examples, "seed": seed + turn, "seconds": seconds}
            found = list(runner.judge(suite, unit, **given))
            if all(v.verdict != "right" for v in found):
                lacking.add((suite, unit))  # another seed would say the same
            yield from found
        progress(len(left), len(left), "")
        if end == float("inf") or not left:
            return


class _InThisProcess:
    """Judge an object without limits."""

    def __init__(self, candidate: Any, suites: Sequence[str]) -> None:
        self.candidate, self.suites = candidate, suites

    def start(self) -> None:
        from .suites import SUITES, judge  # needs PyTorch

        self.adapter = load(self.candidate)
        self._judge = judge
        self.name = name_of(self.adapter)
        self.units = {suite: SUITES[suite].units(self.adapter) for suite in self.suites}

    def judge(self, suite: str, unit: str, *, seconds: float, **options: Any) -> Iterator[Verdict]:
        yield from self._judge(
            self.adapter, suite, unit, deadline=time.monotonic() + seconds, **options
        )

    def close(self) -> None:
        pass


__all__ = ["ALL", "BadCandidate", "Report", "conform"]
