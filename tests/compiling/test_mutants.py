"""Mutants of the compiler: each is killed by a scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from minigrad import nn, optim
from minigrad.compiling import program, running
from minigrad.compiling.program import Program
from minigrad.compiling.recorder import Recorder
from minigrad.compiling.recording import Recording
from minigrad.compiling.running import Running
from minigrad.compiling.values import Recorded
from tests.compiling.twin_steps import Setting, agree, labels, module_setting, numbers


def classifier() -> Setting:
    return module_setting(
        lambda: nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)),
        nn.CrossEntropyLoss(),
        lambda p: optim.Adam(p, lr=0.1),
    )


def training() -> None:
    agree(classifier, [(numbers(i, 6, 2), labels(i, 6, 3)) for i in range(6)])


def ignored_labels() -> None:
    rows = [[0, 1, 2, 0], [0, 1, 2, 2], [-100, 1, 2, 0], [0, 1, 3, 0]]
    agree(classifier, [(numbers(0, 4, 2), minigrad.tensor(row)) for row in rows])


def write_between() -> None:
    def make() -> Setting:
        b = numbers(1, 4)

        def step(x: Any) -> Any:
            first = (b * x).exp()
            b.mul_(2)
            return [first, (b * x).exp()]

        return Setting(step, {"b": b})

    agree(make, [(numbers(i, 4),) for i in range(4)])


def kept_outputs() -> None:
    setting = classifier()
    step = minigrad.compile(setting.step, fullgraph=True)
    kept = [step(numbers(i, 6, 2), labels(i, 6, 3)) for i in range(6)]
    assert len({loss.item() for loss in kept}) == 6

    def twice(x: Any) -> Any:
        return [x * 2, x * 2]

    two = minigrad.compile(twice, fullgraph=True)
    for _ in range(3):
        a, b = two(numbers(0, 3))
        before = b.tolist()
        a.zero_()
        assert b.tolist() == before
    grown = [two(numbers(i, 3))[0] for i in range(3)]
    assert len({tuple(x.tolist()) for x in grown}) == 3


def _sharing_without_versions(patch: pytest.MonkeyPatch) -> None:
    key = Program._key
    patch.setattr(Program, "_key", lambda self, statement, versions: key(self, statement, {}))


def _buffer_reused_early(patch: pytest.MonkeyPatch) -> None:
    def last_but_one(self: Running) -> dict[int, int]:
        uses: dict[int, list[int]] = {}
        for i, statement in enumerate(self.program.statements):
            for x in (*statement.operands, *statement.results, *statement.writes):
                if type(x) is Recorded and i not in uses.setdefault(id(x.storage), []):
                    uses[id(x.storage)].append(i)
        return {storage: found[-2:][0] for storage, found in uses.items()}

    patch.setattr(Running, "_last_uses", last_but_one)


def _output_not_kept(patch: pytest.MonkeyPatch) -> None:
    init = Running.__init__

    def without_fresh(
        self: Any, program: Any, names: Any, static: Any, fresh: Any, slots: Any
    ) -> None:
        init(self, program, names, static, set(), slots)

    patch.setattr(Running, "__init__", without_fresh)


def _step_count_baked(patch: pytest.MonkeyPatch) -> None:
    item = Recording.item

    def baked(self: Any, recorded: Any, name: str, args: Any) -> Any:
        if name == "item" and self.updating:
            return recorded.value.item()
        return item(self, recorded, name, args)

    patch.setattr(Recording, "item", baked)


def _label_baked(patch: pytest.MonkeyPatch) -> None:
    use = Recording.input

    def constant(self: Any, array: Any, external: bool = True) -> Any:
        return self.constant(array) if array.dtype.kind == "i" else use(self, array, external)

    patch.setattr(Recording, "input", constant)


def _guard_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Program, "_guards_first", lambda self: 0)
    for module in (program, running):
        patch.setattr(module, "is_guard", lambda statement: False)
    patch.setattr(Running, "_emit", _without_guards(Running._emit))


def _without_guards(emit: Callable[..., None]) -> Callable[..., None]:
    def call(self: Any, i: int, statement: Any) -> None:
        if not statement.name.startswith(("is ", "raises ")):
            emit(self, i, statement)

    return call


def _write_dropped(patch: pytest.MonkeyPatch) -> None:
    dead = Program._drop_dead

    def also_the_last_write(self: Program) -> None:
        dead(self)
        last = next(s for s in reversed(self.statements) if s.writes)
        self.statements.remove(last)

    patch.setattr(Program, "_drop_dead", also_the_last_write)


def _version_not_counted(patch: pytest.MonkeyPatch) -> None:
    note = Recorder._note_effects

    def without_versions(self: Recorder) -> None:
        note(self)
        self.versions = dict.fromkeys(self.versions, 0)

    patch.setattr(Recorder, "_note_effects", without_versions)


def weight_decay() -> None:
    def between(setting: Setting, i: int) -> None:
        setting.optimizer.param_groups[0]["weight_decay"] = (0, 0.1, 0.2, 0)[i % 4]

    data = [(numbers(i, 6, 2), labels(i, 6, 3)) for i in range(6)]
    agree(classifier, data, between)


MUTANTS: dict[Callable[[pytest.MonkeyPatch], None], Callable[[], None]] = {
    _sharing_without_versions: write_between,
    _buffer_reused_early: training,
    _output_not_kept: kept_outputs,
    _step_count_baked: training,
    _label_baked: training,
    _guard_dropped: weight_decay,
    _write_dropped: training,
    _version_not_counted: training,
}


@pytest.mark.parametrize("scene", sorted(set(MUTANTS.values()), key=lambda f: f.__name__))
def test_the_compiler_passes(scene: Callable[[], None]) -> None:
    scene()


def test_ignored_labels() -> None:
    ignored_labels()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_killed(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError, NameError, KeyError)):
        MUTANTS[mutant]()
