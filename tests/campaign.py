"""The deep profile: random programs for as long as one says, counted, from seeds one can name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import settings

PROGRAMS = "random programs"


def deep() -> bool:
    """Whether the deep profile is on: `--hypothesis-profile=deep`."""
    return settings().max_examples == settings.get_profile("deep").max_examples


@dataclass
class Campaign:
    """Batches of random programs, each from a seed of its own, until the time is up.

    In the usual profile there is one batch, which is the same every time: its seed is None.
    """

    minutes: float
    first: int
    record: Callable[[str, Any], None]

    def seeds(self, lane: int) -> Iterator[int | None]:
        """The seeds of the batches to run; lanes, which run side by side, have others."""
        if not deep():
            yield None
            return
        ends = time.monotonic() + 60 * self.minutes
        seed = self.first + 1_000_000 * lane
        yield seed
        while time.monotonic() < ends:
            seed += 1
            yield seed

    def tell(self, error: BaseException, seed: int | None) -> None:
        """Add to an error how the programs that led to it are drawn again."""
        command = "pytest tests/test_random_programs.py::test_random_programs"
        if seed is not None:
            command += f" --hypothesis-profile=deep --minutes=0 --first-seed={seed}"
        error.add_note(f"seed {seed}; to see it again: {command}")
