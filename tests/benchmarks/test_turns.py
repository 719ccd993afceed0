"""benchmarks/turns.py: who has which turn, what of it is timed, and what the collector does."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import turns
from benchmarks.turns import Contestant, imports_frozen, take_turns, take_turns_in_phases


class Clock:
    """A clock that moves only when it is told to, and what was done meanwhile."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float, result: Any = None) -> Callable[..., Any]:
        """A function that takes so long."""

        def run(*arguments: Any) -> Any:
            self.done.append(name)
            self.now += seconds
            return result

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(turns, "perf_counter", made)
    return made


def test_the_time_of_one_run(clock: Clock) -> None:
    contestants = {"a": Contestant(clock.work("a", 0.25)), "b": Contestant(clock.work("b", 2.0))}
    assert take_turns(contestants, rounds=3, seconds=1) == {"a": (0.25,) * 3, "b": (2.0,) * 3}


def test_a_turn_lasts_about_as_long_as_it_is_to(clock: Clock) -> None:
    take_turns({"a": Contestant(clock.work("a", 0.25))}, rounds=1, seconds=16)
    before = len(clock.done)
    take_turns({"a": Contestant(clock.work("a", 0.25))}, rounds=3, seconds=16)
    assert len(clock.done) - 2 * before == 2 * (64 + 6)  # two rounds more, with their lead-in


def test_every_round_has_an_order_of_its_own(clock: Clock) -> None:
    def orders() -> list[str]:
        clock.done.clear()
        take_turns({n: Contestant(clock.work(n, 100.0)) for n in "abc"}, rounds=20, seconds=1)
        done = "".join(clock.done[-60:])
        return [done[i : i + 3] for i in range(0, 60, 3)]

    found = orders()
    assert all(sorted(order) == ["a", "b", "c"] for order in found)
    assert {order[0] for order in found} == set("abc")
    assert orders() == found


def test_a_turn_has_a_lead_in_that_is_not_timed(clock: Clock) -> None:
    cold: list[bool] = []

    def run() -> None:
        clock.now += 10.0 if cold else 1.0
        cold.clear()

    contestant = Contestant(run, prepare=lambda: cold.append(True))
    # Only the first run after `prepare` takes 10 seconds, and that is not counted.
    assert take_turns({"a": contestant}, rounds=3, seconds=100) == {"a": (1.0, 1.0, 1.0)}


def test_to_prepare_is_not_timed_and_to_finish_is(clock: Clock) -> None:
    contestant = Contestant(
        clock.work("run", 1.0),
        prepare=clock.work("prepare", 50.0),
        finish=clock.work("finish", 3.0),
    )
    assert take_turns({"a": contestant}, rounds=2, seconds=0.5) == {"a": (4.0, 4.0)}
    assert clock.done[-4:] == ["prepare", "finish", "run", "finish"]


def test_phases_take_what_the_one_before_returned(clock: Clock) -> None:
    seen: list[Any] = []

    def forward() -> str:
        clock.now += 1
        return "loss"

    def backward(passed: str) -> str:
        seen.append(passed)
        clock.now += 2
        return "gradients"

    def update(passed: str) -> None:
        seen.append(passed)
        clock.now += 4

    phases = {"forward": forward, "backward": backward, "update": update}
    contestant = Contestant(clock.work("run", 7.0), phases, finish=clock.work("finish", 0.5))
    found = take_turns_in_phases({"a": contestant}, rounds=2, seconds=1)
    assert found == {"a": {"forward": (1.5,) * 2, "backward": (2.5,) * 2, "update": (4.5,) * 2}}
    assert seen[:2] == ["loss", "gradients"]


def test_what_has_no_phases_has_no_turn_in_phases() -> None:
    assert take_turns_in_phases({"a": Contestant(list)}, rounds=1, seconds=1e-4) == {}


def test_nobody_to_have_a_turn() -> None:
    assert take_turns({}, rounds=2, seconds=1) == {}


def test_no_collection_during_a_turn() -> None:
    seen: set[bool] = set()
    take_turns({"a": Contestant(lambda: seen.add(gc.isenabled()))}, rounds=2, seconds=1e-4)
    assert seen == {False}
    assert gc.isenabled()


def test_the_collector_is_as_it_was_after_an_error() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take_turns({"a": Contestant(fail)}, rounds=1, seconds=1)
    assert gc.isenabled()
    gc.disable()
    try:
        take_turns({"a": Contestant(list)}, rounds=1, seconds=1e-4)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_there_is_is_frozen_for_a_while() -> None:
    before, there = gc.get_freeze_count(), [[] for _ in range(2000)]
    with imports_frozen():
        assert gc.get_freeze_count() >= before + len(there)
    assert gc.get_freeze_count() == 0
