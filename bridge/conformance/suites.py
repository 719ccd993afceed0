"""SUITES: the suites of `conform` by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import opinfo, programs, rules, tape, training
from .adapter import Adapter
from .verdicts import Verdict


class Suite(NamedTuple):
    """A suite: the names of its parts for a candidate, and the function that judges one part."""

    units: Callable[[Adapter], list[str]]
    judge: Callable[..., Iterator[Verdict]]


SUITES: dict[str, Suite] = {
    "rules": Suite(rules.units, rules.judge),
    "tape": Suite(tape.units, tape.judge),
    "programs": Suite(programs.units, programs.judge),
    "training": Suite(training.units, training.judge),
    "opinfo": Suite(opinfo.units, opinfo.judge),
}


def judge(adapter: Adapter, suite: str, unit: str, **options: Any) -> Iterator[Verdict]:
    """Yield the verdicts on one part of a suite."""
    yield from SUITES[suite].judge(adapter, unit, **options)
