"""benchmarks/turns.py: the order of turns, what is timed, and the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import turns
from benchmarks.turns import Contestant, imports_frozen, take_turns, take_turns_in_phases


class Clock:
    """A clock that only `work` advances; `done` lists that work."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float, result: Any = None) -> Callable[..., Any]:
        """A function that takes `seconds`."""

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


def test_a_turn_has_the_requested_length(clock: Clock) -> None:
    take_turns({"a": Contestant(clock.work("a", 0.25))}, rounds=1, seconds=16)
    before = len(clock.done)
    take_turns({"a": Contestant(clock.work("a", 0.25))}, rounds=3, seconds=16)
    assert len(clock.done) - 2 * before == 2 * (64 + 6)  # two more rounds with their lead-ins


def test_every_round_has_its_own_order(clock: Clock) -> None:
    def orders() -> list[str]:
        clock.done.clear()
        take_turns({n: Contestant(clock.work(n, 100.0)) for n in "abc"}, rounds=20, seconds=1)
        done = "".join(clock.done[-60:])
        return [done[i : i + 3] for i in range(0, 60, 3)]

    found = orders()
    assert all(sorted(order) == ["a", "b", "c"] for order in found)
    assert {order[0] for order in found} == set("abc")
    assert orders() == found


def test_the_lead_in_of_a_turn_is_not_timed(clock: Clock) -> None:
    cold: list[bool] = []

    def run() -> None:
        clock.now += 10.0 if cold else 1.0
        cold.clear()

    contestant = Contestant(run, prepare=lambda: cold.append(True))
    # The first run after `prepare` takes 10 seconds and falls into the lead-in.
    assert take_turns({"a": contestant}, rounds=3, seconds=100) == {"a": (1.0, 1.0, 1.0)}


def test_prepare_is_not_timed_and_finish_is(clock: Clock) -> None:
    contestant = Contestant(
        clock.work("run", 1.0),
        prepare=clock.work("prepare", 50.0),
        finish=clock.work("finish", 3.0),
    )
    assert take_turns({"a": contestant}, rounds=2, seconds=0.5) == {"a": (4.0, 4.0)}
    assert clock.done[-4:] == ["prepare", "finish", "run", "finish"]


def test_each_phase_takes_the_result_of_the_previous_one(clock: Clock) -> None:
    seen: list[Any] = []

    def forward() -> str:
        clock.now += 1
        return "loss"

    def backward(result: str) -> str:
        seen.append(result)
        clock.now += 2
        return "gradients"

    def update(result: str) -> None:
        seen.append(result)
        clock.now += 4

    phases = {"forward": forward, "backward": backward, "update": update}
    contestant = Contestant(clock.work("run", 7.0), phases, finish=clock.work("finish", 0.5))
    found = take_turns_in_phases({"a": contestant}, rounds=2, seconds=1)
    assert found == {"a": {"forward": (1.5,) * 2, "backward": (2.5,) * 2, "update": (4.5,) * 2}}
    assert seen[:2] == ["loss", "gradients"]


def test_contestants_without_phases_are_skipped() -> None:
    assert take_turns_in_phases({"a": Contestant(list)}, rounds=1, seconds=1e-4) == {}


def test_without_contestants_there_are_no_times() -> None:
    assert take_turns({}, rounds=2, seconds=1) == {}


def test_the_collector_is_off_during_a_turn() -> None:
    seen: set[bool] = set()
    take_turns({"a": Contestant(lambda: seen.add(gc.isenabled()))}, rounds=2, seconds=1e-4)
    assert seen == {False}
    assert gc.isenabled()


@pytest.mark.parametrize("phases", [False, True])
def test_the_collector_runs_before_each_turn(phases: bool) -> None:
    """Garbage of another engine, or of `prepare`, is not collected at this one's expense."""
    left: list[weakref.ref[Node]] = []
    alive_in_turn: list[bool] = []

    class Node:
        pass

    def leave_garbage() -> None:
        node = Node()
        node.itself = node  # a reference cycle, which only the collector frees
        left.append(weakref.ref(node))

    def run(*arguments: Any) -> None:
        alive_in_turn.append(any(each() is not None for each in left))

    contestant = Contestant(run, {"only": run} if phases else {}, prepare=leave_garbage)
    (take_turns_in_phases if phases else take_turns)({"a": contestant}, rounds=3, seconds=1e-4)
    assert len(left) >= 4
    assert not any(alive_in_turn)


def test_the_collectors_state_is_restored_after_an_error() -> None:
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


def test_existing_objects_are_frozen_within_the_block() -> None:
    before, objects = gc.get_freeze_count(), [[] for _ in range(2000)]
    with imports_frozen():
        assert gc.get_freeze_count() >= before + len(objects)
    assert gc.get_freeze_count() == 0
