"""The deep profile: batches of random programs from known seeds, until the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import settings

PROGRAMS = "random programs"


def deep() -> bool:
    """Tell whether the profile is `--hypothesis-profile=deep`."""
    return settings().max_examples == settings.get_profile("deep").max_examples


@dataclass
class Campaign:
    """Batches of random programs, each from its own seed, for `minutes`.

    The usual profile has one batch, which never changes. Its seed is None.
    """

    minutes: float
    first: int
    record: Callable[[str, Any], None]

    def seeds(self, lane: int) -> Iterator[int | None]:
        """Yield the seeds of the batches to run; parallel lanes have different seeds."""
        if not deep():
            yield None
            return
        ends = time.monotonic() + 60 * self.minutes
        seed = self.first + 1_000_000 * lane
        yield seed
        while time.monotonic() < ends:
            seed += 1
            yield seed

    def add_command(self, error: BaseException, seed: int | None) -> None:
        """Add a note to an error: the command that draws the same programs again."""
        command = "pytest tests/test_random_programs.py::test_random_programs"
        if seed is not None:
            command += f" --hypothesis-profile=deep --minutes=0 --first-seed={seed}"
        error.add_note(f"seed {seed}; to reproduce: {command}")
