"""Mutants of the loops that numba compiles: each is killed by a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("torch")
pytest.importorskip("tabulate")

from minigrad.compiling.compiled import Compiled
from minigrad.compiling.numba import loops, scalars
from minigrad.compiling.numba.forms import Forms
from minigrad.compiling.numba.loops import Loops, Map, Scope
from minigrad.compiling.numba.memory import NoForm, Place
from minigrad.compiling.numba.running import NumbaRunning
from minigrad.compiling.values import Number
from tests.compiling import test_numba_steps as steps
from tests.compiling.numba_statements import compiled
from tests.compiling.test_steps import UPDATES, batches, by_hand, classifier

Patch = pytest.MonkeyPatch


# Scenes -------------------------------------------------------------------------------------------


def training() -> None:
    steps.agree(classifier, batches(4))


def special_values() -> None:
    steps.test_nan_and_infinity_are_as_in_eager()


def changed_options() -> None:
    eager, twin = classifier(), classifier()
    step = steps.numba(twin.step)
    for i, batch in enumerate(batches(6)):
        for setting in (eager, twin):
            setting.optimizer.param_groups[0].update(lr=0.1 * i, weight_decay=(0.5, 0.0)[i % 2])
        steps.close(eager.step(*batch), step(*batch))
        steps.same(eager, twin)


def repeated() -> None:
    eager, twin = by_hand(UPDATES["no_grad"]), by_hand(UPDATES["no_grad"])
    data = batches(7)
    losses = steps.numba(twin.step).repeat(7, steps.stacked(data))
    for batch, loss in zip(data, losses, strict=True):
        steps.close(eager.step(*batch), loss)
    steps.same(eager, twin)


def statements() -> None:
    """A value read at another place in the next statement, and an array shifted in itself."""

    def function(np: Any, x: Any) -> Any:
        y = x * 2
        z = y.T + y
        w = x.copy()
        w[1:] = w[:-1]
        return [z, w]

    x = np.arange(16.0).reshape(4, 4)
    got = compiled(function, x)(x)
    assert got is not None
    for ours, theirs in zip(got, function(np, x), strict=True):
        assert np.array_equal(ours, theirs)


def memory() -> None:
    """A value that is used after others of its size."""

    def function(np: Any, x: Any) -> Any:
        y, z = x * 2, x.T * 3
        return [y.T + (z @ x), y @ z]

    x = np.arange(16.0).reshape(4, 4)
    got = compiled(function, x)(x)
    assert got is not None
    assert all(np.array_equal(a, b) for a, b in zip(got, function(np, x), strict=True))


def index() -> None:
    x = np.arange(12.0).reshape(4, 3)
    call = compiled(lambda np, x, i: x[i, 0], x, np.array([1, 2]))
    assert call(x, np.array([3, 4])) is None


# Mutants ------------------------------------------------------------------------------------------


def _broadcast_lost(patch: Patch) -> None:
    broadcast = Place.broadcast

    def first_only(self: Place, shape: tuple[int, ...]) -> Place:
        found = broadcast(self, shape)
        return found if shape == self.shape else replace(found, strides=(0,) * len(shape))

    patch.setattr(Place, "broadcast", first_only)


def _write_dropped(patch: Patch) -> None:
    add = Loops.map

    def without(self: Loops, new: Map) -> None:
        if new.target.buffer != "w_0":
            add(self, new)

    patch.setattr(Loops, "map", without)


def _value_not_stored(patch: Patch) -> None:
    passing = Loops._is_passing
    patch.setattr(
        Loops, "_is_passing", lambda self, name, found: passing(self, name, found[:1])
    )  # as if no later loop used it


def _conflicts_ignored(patch: Patch) -> None:
    patch.setattr(loops, "_conflict", lambda old, new: False)


def _overlap_ignored(patch: Patch) -> None:
    patch.setattr(Map, "overlaps_itself", lambda self: False)


def _memory_reused_early(patch: Patch) -> None:
    assign = Loops._assign_offsets

    def early(self: Loops, touched: dict[str, list[int]]) -> None:
        assign(self, {name: found[:1] for name, found in touched.items()})

    patch.setattr(Loops, "_assign_offsets", early)


def _index_not_checked(patch: Patch) -> None:
    line = Scope.line
    patch.setattr(
        Scope, "line", lambda self, text: None if "return step" in text else line(self, text)
    )


def _guard_dropped(patch: Patch) -> None:
    patch.setattr(Forms, "_guard", lambda self, statement: None)


def _option_baked(patch: Patch) -> None:
    operand = Forms.operand

    def baked(self: Forms, x: Any) -> Any:
        return (type(x.value), repr(x.value)) if type(x) is Number else operand(self, x)

    patch.setattr(Forms, "operand", baked)


def _nan_lost(patch: Patch) -> None:
    patch.setitem(scalars._EXTREME, "maximum", "({1} if {1} > {0} else {0})")


def _same_batch_in_each_step(patch: Patch) -> None:
    repeat = NumbaRunning.repeated

    def without_moves(self: NumbaRunning, paths: dict[str, str]) -> list[str]:
        return [line.replace("_array.strides[0]", "ndim * 0") for line in repeat(self, paths)]

    patch.setattr(NumbaRunning, "repeated", without_moves)


def _writes_counted_once(patch: Patch) -> None:
    counted = Compiled._counted
    patch.setattr(Compiled, "_counted", lambda self, times="": counted(self))


MUTANTS: dict[Callable[[Patch], None], Callable[[], None]] = {
    _broadcast_lost: training,
    _write_dropped: training,
    _value_not_stored: training,
    _conflicts_ignored: statements,
    _overlap_ignored: statements,
    _memory_reused_early: memory,
    _index_not_checked: index,
    _guard_dropped: changed_options,
    _option_baked: changed_options,
    _nan_lost: special_values,
    _same_batch_in_each_step: repeated,
    _writes_counted_once: repeated,
}


@pytest.mark.parametrize("scene", sorted(set(MUTANTS.values()), key=lambda f: f.__name__))
def test_the_loops_pass(scene: Callable[[], None]) -> None:
    scene()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_killed(mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError, NoForm, pytest.fail.Exception)):
        MUTANTS[mutant]()
