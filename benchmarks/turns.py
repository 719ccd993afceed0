"""How long engines take, measured so that they can be compared: they take turns, round by round.

A machine is never the same for a minute: clocks, caches and neighbours change. So every engine has
a turn in every round, in each round at another place, and what is compared is compared within a
round (`measurement.ratio`). A turn does the same thing many times in a row and divides; a tenth
more is done before, untimed, in which caches are filled and another engine's threads come to rest.
Before each turn the garbage collector runs, and during it none does.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from time import perf_counter
from typing import Any


def nothing() -> None:
    """What there is to do where there is nothing to do."""


@dataclass(frozen=True)
class Contestant:
    """What is timed, and what belongs to it that is not.

    `run` does the whole thing once. `phases` does it too, a piece at a time: the first takes no
    argument, and each other one what the one before it returned. `prepare` is called before each
    turn, untimed. `finish`, which is timed, waits for what was only started: a GPU's work.
    """

    run: Callable[[], Any]
    phases: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    prepare: Callable[[], Any] = nothing
    finish: Callable[[], Any] = nothing


def take_turns(
    contestants: Mapping[str, Contestant], rounds: int, seconds: float
) -> dict[str, tuple[float, ...]]:
    """Seconds for one `run` of each contestant, one number for each round.

    A turn lasts about so many `seconds`, but does the thing at least once.

    >>> times = take_turns({"a": Contestant(list), "b": Contestant(dict)}, rounds=3, seconds=1e-4)
    >>> [(name, len(each)) for name, each in times.items()]
    [('a', 3), ('b', 3)]
    """
    return _rounds(contestants, rounds, seconds, _turn)


def take_turns_in_phases(
    contestants: Mapping[str, Contestant], rounds: int, seconds: float
) -> dict[str, dict[str, tuple[float, ...]]]:
    """As `take_turns`, with the time of each phase, for those contestants that have any.

    Each phase ends with `finish`, so on a GPU they add up to more than the whole.
    """
    apart = {name: each for name, each in contestants.items() if each.phases}
    times = _rounds(apart, rounds, seconds, _turn_in_phases)
    return {
        name: dict(zip(apart[name].phases, zip(*each, strict=True), strict=True))
        for name, each in times.items()
    }


def _rounds(
    contestants: Mapping[str, Contestant],
    rounds: int,
    seconds: float,
    turn: Callable[[Contestant, int], Any],
) -> dict[str, tuple[Any, ...]]:
    counts = {name: _warmed_up(each, seconds) for name, each in contestants.items()}
    times: dict[str, list[Any]] = {name: [] for name in contestants}
    order, shuffle = list(contestants), random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            times[name].append(turn(contestants[name], counts[name]))
    return {name: tuple(each) for name, each in times.items()}


def _warmed_up(contestant: Contestant, seconds: float) -> int:
    """How often a turn of so many seconds does the thing; found by doing it that often."""
    count = 1
    # The first time is another matter: code is compiled, pools are filled.
    if _turn(contestant, count) > 20 * seconds:
        return count  # and what takes that long need not be done twice to be seen to be long
    while True:
        spent = _turn(contestant, count) * count
        if spent >= seconds / 2:
            return max(1, round(count * seconds / spent))
        # Not in one leap, because the first few may be slow yet.
        count = min(count * 10, max(count + 1, int(count * seconds / max(spent, 1e-9))))


def _turn(contestant: Contestant, count: int) -> float:
    """The mean time of so many in a row."""
    run, finish = contestant.run, contestant.finish
    contestant.prepare()
    with _no_collector():
        for _ in repeat(None, count // 10):
            run()
        finish()
        start = perf_counter()
        for _ in repeat(None, count):
            run()
        finish()
        return (perf_counter() - start) / count


def _turn_in_phases(contestant: Contestant, count: int) -> tuple[float, ...]:
    """The mean time of each phase of so many in a row."""
    (_, first), *others = contestant.phases.items()
    functions, finish = [function for _, function in others], contestant.finish
    spent = [0.0] * len(contestant.phases)
    contestant.prepare()
    with _no_collector():
        for _ in repeat(None, count // 10):
            contestant.run()
        finish()
        for _ in repeat(None, count):
            start = perf_counter()
            passed = first()
            finish()
            end = perf_counter()
            spent[0] += end - start
            for i, function in enumerate(functions, 1):
                start = perf_counter()
                passed = function(passed)
                finish()
                end = perf_counter()
                spent[i] += end - start
    return tuple(each / count for each in spent)


@contextmanager
def imports_frozen() -> Iterator[None]:
    """Within it the garbage collector leaves alone what is there already: every module, mostly.

    It would go through all that before each turn, which takes longer than the turn.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _no_collector() -> Iterator[None]:
    """Within it the garbage collector does not run; before it, it has."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
