"""Which seeds are next: a share for each subject, and programs about what is rare."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bridge.random_programs.numbered import first_seed

from . import PROGRAMS, RULES, TRAININGS
from .coverage import Coverage

# How many seeds a task has: some seconds of work, so that dask's time for it doesn't count.
SIZES = {PROGRAMS: 100, RULES: 100, TRAININGS: 5}
# How many of 20 tasks are of each subject.
SHARES = {PROGRAMS: 15, RULES: 4, TRAININGS: 1}


@dataclass(frozen=True)
class Range:
    """`count` seeds of a subject, from `first`."""

    subject: str
    first: int
    count: int

    @property
    def seeds(self) -> list[Range]:
        """Return a range for each seed."""
        return [Range(self.subject, self.first + i, 1) for i in range(self.count)]


class Schedule:
    """The next range of a campaign of `total` seeds.

    If `first` is given, the seeds from there, all of the first subject. Otherwise each subject gets
    its share, and half of the programs are about the op that was called least often so far.
    """

    def __init__(
        self, subjects: tuple[str, ...], total: int, coverage: Coverage, first: int | None = None
    ) -> None:
        self.subjects, self.coverage, self.first = subjects, coverage, first
        self.left = total
        self.taken: set[tuple[str, int]] = set()
        self._next: Counter[tuple[str, int]] = Counter()
        self._tasks: Counter[str] = Counter()

    def finish(self, subject: str, first: int, count: int) -> None:
        """Count a range that an earlier run has finished."""
        self.taken.add((subject, first))
        self._tasks[subject] += 1
        self.left -= count

    def next(self) -> Range | None:
        """Return the next range that isn't finished or running; None if there is none."""
        if self.left <= 0:
            return None
        subject = min(self.subjects, key=lambda name: self._tasks[name] / SHARES[name])
        count = min(SIZES[subject], self.left)
        base = self.first or 0
        if self.first is None and subject == PROGRAMS and self._tasks[PROGRAMS] % 2:
            base = first_seed(self.coverage.rarest())
        first = base + self._next[subject, base]
        while (subject, first) in self.taken:
            first += SIZES[subject]
        self._next[subject, base] = first - base + SIZES[subject]
        self.finish(subject, first, count)
        return Range(subject, first, count)
