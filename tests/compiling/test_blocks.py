"""Elementwise statements that run block by block: the same bits, and which statements they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from minigrad import nn, optim
from minigrad.compiling import blocks
from minigrad.compiling.blocks import Chain
from minigrad.compiling.running import Running
from tests.compiling.twin_steps import Setting, agree, labels, module_setting, numbers


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "ELEMENTS", 8)


def on_square(step: Callable[[Any, Any], Any]) -> Callable[[], Setting]:
    """A step that writes into a matrix, without a graph."""

    def make() -> Setting:
        w = numbers(3, 5, 5)

        def call(x: Any) -> Any:
            with minigrad.no_grad():
                return step(w, x)

        return Setting(call, {"w": w})

    return make


def transposed_before_a_write(w: Any, x: Any) -> Any:
    w.copy_((w.t() + x) * 2)
    return w * 1


def shifted_rows(w: Any, x: Any) -> Any:
    y = w[1:] * 2 + w[:-1]
    w[1:] = (y + x[1:]) * 3
    return w * 1


def a_row_of_what_is_written(w: Any, x: Any) -> Any:
    w.copy_((w + w[0]) * 2)
    w.copy_((w - w[:, :1]) * x)
    return w * 1


def a_transposed_temporary(w: Any, x: Any) -> Any:
    y = w.exp() + x
    z = (y.t() * 2).sin()
    return (z + 1) * w


def a_temporary_that_is_used_later(w: Any, x: Any) -> Any:
    y = (w + x) * 2
    z = (y - 1).cos()
    return y.sum(0) + z.sum(0)


def a_view_of_a_temporary(w: Any, x: Any) -> Any:
    y = (w + x) * 2
    return (y[1:] + y[:-1]) * y[:, :1].exp()[1:]


def a_number_of_what_is_computed(w: Any, x: Any) -> Any:
    y = (w + x) * 2
    n = y[0, 0] * 3
    return (y - 1) * n


def columns_and_numbers(w: Any, x: Any) -> Any:
    y = (w * x[:, :1] + x[0]) * 3
    w.mul_(0.5).add_(y, alpha=0.1).clamp_(-1, 1)
    return minigrad.where(w > 0, w, y) * w.dtype.itemsize


SCENES = (
    transposed_before_a_write,
    shifted_rows,
    a_row_of_what_is_written,
    a_transposed_temporary,
    a_temporary_that_is_used_later,
    a_view_of_a_temporary,
    a_number_of_what_is_computed,
    columns_and_numbers,
)


def play(*scenes: Callable[[Any, Any], Any]) -> None:
    for scene in scenes:
        agree(on_square(scene), [(numbers(i, 5, 5),) for i in range(5)])


@pytest.mark.parametrize("scene", SCENES)
def test_a_step_has_the_bits_of_the_engine(scene: Callable[[Any, Any], Any]) -> None:
    play(scene)


def trained(optimizer: Callable[[Any], Any]) -> Any:
    return agree(
        lambda: module_setting(
            lambda: nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 3)),
            nn.CrossEntropyLoss(),
            optimizer,
        ),
        [(numbers(i, 6, 4), labels(i, 6, 3)) for i in range(6)],
    )


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [("SGD", {}), ("SGD", {"momentum": 0.9, "nesterov": True}), ("Adam", {}), ("RMSprop", {})],
)
def test_an_update_is_one_loop(optimizer: str, options: dict[str, Any]) -> None:
    compiled = trained(lambda p: getattr(optim, optimizer)(p, lr=0.1, **options))
    _, *loops = compiled.running_source.split("    for part, within in ")
    (of_weight,) = [loop for loop in loops if " = w_0[part]" in loop]
    assert "[within]" in of_weight  # its temporaries have the rows of a block


def test_the_smallest_arrays_are_computed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "ELEMENTS", 42)  # the hidden layer has 6 rows of 7
    assert "for part" not in trained(lambda p: optim.SGD(p, lr=0.1)).running_source


def _regions_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(blocks, "_region", lambda x: (x.shape,))


def _every_statement_joins(patch: pytest.MonkeyPatch) -> None:
    add = Chain.add

    def always(self: Chain, place: int, used: Any, written: Any) -> bool:
        if not add(self, place, used, written):
            self.members.append(place)
        return True

    patch.setattr(Chain, "add", always)


def _all_temporaries(patch: pytest.MonkeyPatch) -> None:
    def made(self: Running, chain: Chain) -> set[int]:
        statements = self.program.statements
        return {id(r.storage) for i in chain.members for r in statements[i].results}

    patch.setattr(Running, "_temporaries", made)


def _buffers_given_back_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Chain, "row_by_row", lambda self, x: True)


def _numbers_that_depend_on_the_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Chain, "writes", lambda self, storage: False)


MUTANTS = (
    _regions_ignored,
    _every_statement_joins,
    _all_temporaries,
    _buffers_given_back_early,
    _numbers_that_depend_on_the_chain,
)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_killed(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises((AssertionError, ValueError, IndexError, NameError, RuntimeError)):
        play(*SCENES)
