"""The timing method: engines take turns, round by round, so that their times can be compared.

Clock speed, caches and other processes change from minute to minute. So each round gives each
engine one turn, in a new random order, and times are compared within a round
(`measurement.ratio`). A turn repeats the same work many times and divides. An untimed lead-in, a
tenth of the turn, fills the caches and lets another engine's threads come to rest. The garbage
collector runs before each turn and is off during it.
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


def do_nothing() -> None:
    pass


@dataclass(frozen=True)
class Contestant:
    """The work to be timed, and the untimed work around it.

    `run` does the whole work once. `phases` does it in pieces: the first takes no argument, and
    each other one takes the previous one's result. `prepare` is called before each turn, untimed.
    `finish` waits for work that is still under way, on a GPU for example, and is timed.
    """

    run: Callable[[], Any]
    phases: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    prepare: Callable[[], Any] = do_nothing
    finish: Callable[[], Any] = do_nothing


def take_turns(
    contestants: Mapping[str, Contestant], rounds: int, seconds: float
) -> dict[str, tuple[float, ...]]:
    """The seconds that one `run` of each contestant takes, one number per round.

    A turn takes about `seconds`, or a single run if that takes longer.

    >>> times = take_turns({"a": Contestant(list), "b": Contestant(dict)}, rounds=3, seconds=1e-4)
    >>> [(name, len(each)) for name, each in times.items()]
    [('a', 3), ('b', 3)]
    """
    return _all_rounds(contestants, rounds, seconds, _turn)


def take_turns_in_phases(
    contestants: Mapping[str, Contestant], rounds: int, seconds: float
) -> dict[str, dict[str, tuple[float, ...]]]:
    """The seconds that each phase takes, for the contestants that have phases.

    Each phase ends with `finish`, so the phases of a GPU's work add up to more than the whole.
    """
    with_phases = {name: each for name, each in contestants.items() if each.phases}
    times = _all_rounds(with_phases, rounds, seconds, _turn_in_phases)
    return {
        name: dict(zip(with_phases[name].phases, zip(*each, strict=True), strict=True))
        for name, each in times.items()
    }


def _all_rounds(
    contestants: Mapping[str, Contestant],
    rounds: int,
    seconds: float,
    turn: Callable[[Contestant, int], Any],
) -> dict[str, tuple[Any, ...]]:
    counts = {name: _repetitions(each, seconds) for name, each in contestants.items()}
    times: dict[str, list[Any]] = {name: [] for name in contestants}
    order, shuffle = list(contestants), random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            times[name].append(turn(contestants[name], counts[name]))
    return {name: tuple(each) for name, each in times.items()}


def _repetitions(contestant: Contestant, seconds: float) -> int:
    """How many runs fill a turn of `seconds`, found by doing that many. This also warms up."""
    count = 1
    # The first run also compiles code and fills pools, so its time is no measure, unless it took so
    # long that a second one is not worth the wait.
    if _turn(contestant, count) > 20 * seconds:
        return count
    while True:
        spent = _turn(contestant, count) * count
        if spent >= seconds / 2:
            return max(1, round(count * seconds / spent))
        # In several steps, as the first runs may still be slow.
        count = min(count * 10, max(count + 1, int(count * seconds / max(spent, 1e-9))))


def _turn(contestant: Contestant, count: int) -> float:
    """The mean time of `count` runs in a row."""
    run, finish = contestant.run, contestant.finish
    contestant.prepare()
    with _collector_off():
        for _ in repeat(None, count // 10):
            run()
        finish()
        start = perf_counter()
        for _ in repeat(None, count):
            run()
        finish()
        return (perf_counter() - start) / count


def _turn_in_phases(contestant: Contestant, count: int) -> tuple[float, ...]:
    """The mean time of each phase over `count` runs in a row."""
    (_, first), *others = contestant.phases.items()
    functions, finish = [function for _, function in others], contestant.finish
    spent = [0.0] * len(contestant.phases)
    contestant.prepare()
    with _collector_off():
        for _ in repeat(None, count // 10):
            contestant.run()
        finish()
        for _ in repeat(None, count):
            start = perf_counter()
            result = first()
            finish()
            end = perf_counter()
            spent[0] += end - start
            for i, function in enumerate(functions, 1):
                start = perf_counter()
                result = function(result)
                finish()
                end = perf_counter()
                spent[i] += end - start
    return tuple(each / count for each in spent)


@contextmanager
def imports_frozen() -> Iterator[None]:
    """Exclude all objects that exist now, mainly the imported modules, from garbage collection.

    Scanning them before each turn would take longer than the turn.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _collector_off() -> Iterator[None]:
    """Collect garbage now, and turn the collector off within the block."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
