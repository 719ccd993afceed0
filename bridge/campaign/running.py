"""Run a campaign on a dask cluster, and keep what it finds.

Dask moves tasks to processes, and restarts processes that end. What is here decides which task is
next, and what its result means.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from distributed import Client, Future, KilledWorker, as_completed

from .coverage import Coverage
from .ranges import Range, Schedule
from .records import Records
from .shrinking import script
from .subjects import Disagreement, RangeResult, as_plain, crash, limited, run_range

DIED = "the process died or took too long"


class Found:
    """What a campaign has found so far: disagreements by kind, coverage, and their files.

    `directory` gets `ranges.jsonl` and a script for each kind. None keeps everything in memory.
    """

    def __init__(self, directory: str | None) -> None:
        self.directory = directory
        self.coverage = Coverage()
        self.kinds: Counter[str] = Counter()
        self.first: dict[str, tuple[str, int, Disagreement]] = {}
        self.scripts: dict[str, str] = {}
        self.finished: list[Range] = []
        self.seconds = 0.0
        self.records: Records | None = None
        if directory is not None:
            os.makedirs(directory, exist_ok=True)
            self.records = Records(os.path.join(directory, "ranges.jsonl"))
            for record in self.records.lines:
                self._restore(record)

    @property
    def judged(self) -> int:
        """The number of seeds in all finished ranges."""
        return sum(done.count for done in self.finished)

    def _restore(self, record: dict[str, Any]) -> None:
        if "script" in record:
            self.scripts[record["kind"]] = record["script"]
            return
        done = Range(record["subject"], record["first"], record["count"])
        self.coverage.restore(record)
        self.seconds += record["seconds"]
        self._count(done, {int(s): Disagreement(**d) for s, d in record["found"].items()})

    def _count(self, done: Range, found: dict[int, Disagreement]) -> None:
        self.finished.append(done)
        for seed, each in found.items():
            self.kinds[each.kind] += 1
            self.first.setdefault(each.kind, (done.subject, seed, each))

    def add(self, done: Range, result: RangeResult, seconds: float) -> None:
        """Add a finished range, and write its line."""
        self.seconds += seconds
        self._count(done, result.found)
        change = self.coverage.add(result.calls)
        if self.records is not None:
            plain = {seed: as_plain(each) for seed, each in result.found.items()}
            line = {"subject": done.subject, "first": done.first, "count": done.count}
            self.records.append({**line, "seconds": seconds, "found": plain, **change})

    def add_script(self, kind: str, text: str) -> None:
        """Keep the script of a kind, and write it to a file of its own."""
        self.scripts[kind] = text
        if self.records is not None and self.directory is not None:
            self.records.append({"kind": kind, "script": text})
            with open(self.script_path(kind), "w", encoding="utf-8") as file:
                file.write(text)

    def script_path(self, kind: str) -> str:
        """Return the path of a kind's script: the words of the kind, and its number."""
        words = "_".join(re.findall(r"\w+", kind))[:80]
        number = list(self.first).index(kind) + 1
        return os.path.join(self.directory or "", f"{number:03}_{words}.py")

    def unshrunk(self) -> list[str]:
        """Return the kinds that have no script yet."""
        return [kind for kind in self.first if kind not in self.scripts]

    def __str__(self) -> str:
        lines = []
        for kind, count in self.kinds.most_common():
            subject, seed, found = self.first[kind]
            lines.append(f"{count}× {kind} (first: {subject}, seed {seed}): {found.message}")
        return "\n".join(lines)


def run_here(schedule: Schedule, found: Found) -> None:
    """Run all ranges in this process, one after the other, then shrink."""
    while (given := schedule.next()) is not None:
        started = time.process_time()
        found.add(given, run_range(given.subject, given.first, given.count), _since(started))
    for kind in found.unshrunk():
        found.add_script(kind, script(*found.first[kind]))


class ClusterRun:
    """The loop over the results of a cluster's tasks.

    There are as many tasks under way as workers. So a process that ends takes only its own task
    with it, and each new range is chosen by the coverage so far. `advance` is called with the
    number of seeds judged.
    """

    def __init__(
        self,
        client: Client,
        schedule: Schedule,
        found: Found,
        limit: float,
        advance: Callable[[int], Any] = lambda count: None,
        run: Callable[..., tuple[RangeResult, float]] | None = None,
    ) -> None:
        self.client, self.schedule, self.found = client, schedule, found
        self.limit, self.advance = limit, advance
        self.run_range = run or _timed_range
        self.completed = as_completed()
        self.waiting: deque[Range] = deque()
        self.to_shrink = deque(found.unshrunk())
        self.ranges: dict[Any, Range] = {}
        self.shrinking: dict[Any, str] = {}

    def run(self) -> None:
        """Run until no range and no kind is left."""
        self._fill()
        for future in self.completed:
            if future.key in self.shrinking:
                self._finish_shrinking(future)
            else:
                self._finish_range(future)
            self._fill()

    def _fill(self) -> None:
        """Submit tasks until each worker has one."""
        workers = max(1, len(self.client.scheduler_info()["workers"]))
        while len(self.ranges) + len(self.shrinking) < workers:
            if self.to_shrink:
                self._submit_shrinking(self.to_shrink.popleft())
                continue
            given = self.waiting.popleft() if self.waiting else self.schedule.next()
            if given is None:
                return
            self._submit(given)

    def _submit(self, given: Range) -> None:
        arguments = given.subject, given.first, given.count
        future = self.client.submit(self.run_range, *arguments, self.limit, pure=False)
        self.ranges[future.key] = given
        self.completed.add(future)

    def _finish_range(self, future: Future) -> None:
        given, error = self.ranges.pop(future.key), future.exception()
        result, seconds = (RangeResult(), 0.0) if error else future.result()
        if isinstance(error, KilledWorker):
            if given.count > 1:
                # One of the seeds ended or blocked its process. Alone, each is its own task.
                self.waiting.extend(given.seeds)
                return
            message = f"its process ended by itself, or after the limit of {self.limit:g} s"
            result.found[given.first] = Disagreement(given.subject, DIED, message)
        elif error is not None:
            result.found[given.first] = crash("the campaign", error)
        before = set(self.found.first)
        self.found.add(given, result, seconds)
        self.advance(given.count)
        self.to_shrink.extend(kind for kind in self.found.first if kind not in before)

    def _submit_shrinking(self, kind: str) -> None:
        subject, seed, found = self.found.first[kind]
        if found.what == DIED:  # so would the process that shrinks it
            self.found.add_script(kind, _unshrunk(kind, subject, seed))
            return
        future = self.client.submit(
            _limited_script, subject, seed, found, 10 * self.limit, pure=False
        )
        self.shrinking[future.key] = kind
        self.completed.add(future)

    def _finish_shrinking(self, future: Future) -> None:
        kind = self.shrinking.pop(future.key)
        subject, seed, _ = self.found.first[kind]
        failed = future.exception() is not None
        text = _unshrunk(kind, subject, seed) if failed else future.result()
        self.found.add_script(kind, text)


def _timed_range(
    subject: str, first: int, count: int, limit: float | None
) -> tuple[RangeResult, float]:
    started = time.process_time()
    return run_range(subject, first, count, limit), _since(started)


def _limited_script(subject: str, seed: int, found: Disagreement, limit: float) -> str:
    with limited(limit):
        return script(subject, seed, found)


def _since(started: float) -> float:
    return round(time.process_time() - started, 3)


def _unshrunk(kind: str, subject: str, seed: int) -> str:
    again = f"python -m bridge campaign --subject {subject} --seed {seed} --programs 1"
    return f'"""{kind}\n\nIt can\'t be shrunk. Run: {again}\n"""\n'
