"""The suites find planted mistakes, name them, and find nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bridge.conformance import conform, programs, rules, tape, training
from bridge.conformance.adapter import load
from bridge.conformance.namespace import Namespace
from bridge.conformance.tape_mistakes import MISTAKES
from bridge.conformance.verdicts import Verdict
from minigrad.app.programs import PROGRAMS
from tests.bridge.conformance.toys import loaded
from tests.bridge.mistakes import mistake_in_rule

OPS = ("add", "exp", "mul", "relu")


def wrong(verdicts: list[Verdict]) -> list[Verdict]:
    return [v for v in verdicts if v.verdict in ("wrong", "error")]


def judged(adapter: object, names: tuple[str, ...] = OPS) -> list[Verdict]:
    return [v for name in names for v in rules.judge(adapter, name, examples=8)]  # type: ignore


def test_the_toy_is_right(tmp_path: Path) -> None:
    toy = loaded(tmp_path)
    found = judged(toy)
    assert not wrong(found)
    assert {v.op for v in found if v.verdict == "right"} == {*OPS}
    assert not wrong([v for name in tape.CHECKS for v in tape.judge(toy, name)])
    assert not wrong([v for name in programs.units(toy) for v in programs.judge(toy, name)])


def test_what_the_candidate_lacks_is_missing(tmp_path: Path) -> None:
    toy = loaded(tmp_path)
    assert {v.verdict for v in judged(toy, ("cosh", "svd", "convolution"))} == {"missing"}
    assert [v.verdict for v in tape.judge(toy, "write_to_saved")] == ["missing"]
    assert [v.verdict for v in training.judge(toy, "by hand, tanh")] == ["missing"]


RELU = "g * (x.data > 0)"
MISTAKES_OF_TOY = {
    "scaled": ((RELU, "g * (x.data > 0) * 2"), "relu", "plain", "scaled by 2"),
    "slightly scaled": ((RELU, f"{RELU} * 1.0005"), "relu", "plain", ""),
    "negated": (("lambda g: g * y)", "lambda g: -g * y)"), "exp", "plain", ""),
    "tie": ((RELU, "g * (x.data >= 0)"), "relu", "ties", "each of several equal elements"),
    "nan": (("np.isnan(x.data)", "False"), "relu", "nan", "the value at nan is wrong"),
    "dtype": (
        ("y = np.exp(x.data)", "y = np.exp(x.data.astype(float))"),
        "exp",
        "float32",
        "drift",
    ),
    "swapped": (
        (
            "lambda g: g * b.data), (b, lambda g: g * a.data",
            "lambda g: g * a.data), (b, lambda g: g * b.data",
        ),
        "mul",
        "plain",
        "",
    ),
    "cotangent ignored": (("lambda g: g * y)", "lambda g: y)"), "exp", "plain", "cotangent"),
    "first copy": (
        ("d.sum(tuple(range(d.ndim - len(shape))))", "d[(0,) * (d.ndim - len(shape))]"),
        "add",
        "broadcasting",
        "",
    ),
    "no sum": (
        ("    d = d.sum(tuple(range(d.ndim - len(shape))))\n    return d.sum", "    return d.sum"),
        "add",
        "broadcasting",
        "",
    ),
    "writes to its operand": (
        ("    y = np.exp(x.data)", "    y = np.exp(x.data, out=x.data)"),
        "exp",
        "plain",
        "",
    ),
    "row-major": (
        ("np.exp(x.data)", "np.exp(x.data.ravel('K').reshape(x.data.shape))"),
        "exp",
        "layout",
        "",
    ),
    "crash on nothing": (
        ("y = np.exp(x.data)", "y = np.exp(x.data); x.data.flat[0]"),
        "exp",
        "empty",
        "",
    ),
}


@pytest.mark.parametrize("what", MISTAKES_OF_TOY)
def test_a_mistake_in_an_op_is_found_and_named(what: str, tmp_path: Path) -> None:
    change, op, kind, diagnosis = MISTAKES_OF_TOY[what]
    found = wrong(judged(loaded(tmp_path, change), (op,)))
    assert kind in {v.check for v in found}
    assert any(diagnosis in v.diagnosis for v in found), found
    assert all(v.script for v in found)


def test_a_fault_is_shrunk_to_a_program_that_runs_in_both(tmp_path: Path) -> None:
    toy = loaded(tmp_path, (RELU, f"{RELU} * 2"))
    first = wrong(judged(toy, ("relu",)))[0]
    results = []
    for t in (torch, Namespace(toy)):
        names = {"torch": t, "print": lambda *shown: results.append(shown)}
        exec(first.script, names)
    (_, theirs), (_, ours) = results
    assert float(theirs.sum()) * 2 == float(np.sum(ours))
    assert np.size(ours) <= 2


def test_a_convention_is_no_fault(tmp_path: Path) -> None:
    said = "one half of the gradient at 0: README of the toy"
    also = f"conventions = {{('relu', 'ties'): {said!r}, ('relu', 'signed zeros'): {said!r}}}"
    found = judged(
        loaded(tmp_path, (RELU, f"{RELU} + 0.5 * g * (x.data == 0)"), also=also), ("relu",)
    )
    assert not wrong(found)
    assert {v.diagnosis for v in found if v.verdict == "convention"} == {said}


TAPE = {
    "aliased": ("g.copy() if x.grad is None", "g if x.grad is None", "no_aliases"),
    "lost accumulation": ("else x.grad + g", "else g.copy()", "accumulation"),
    "in place": ("flowing[id(parent)] + d if", "np.add(flowing[id(parent)], d, out=flowing[id("
                 "parent)]) if", "nested_sums"),
    "order": ("reversed(order)", "sorted(order, key=lambda x: len(x.parents), reverse=True)", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", TAPE)
def test_a_mistake_in_the_toys_tape_is_found(what: str, tmp_path: Path) -> None:
    before, after, check = TAPE[what]
    no_copy = (
        "    d = d.sum(tuple",
        "    if d.shape == shape:\n        return d\n    d = d.sum(tuple",
    )
    toy = loaded(tmp_path, no_copy, (before, after))
    found = wrong([v for name in tape.CHECKS for v in tape.judge(toy, name)])
    assert check in {v.check for v in found} if check else found


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_minigrads_tape_is_found(mistake: str) -> None:
    quick = [name for name in tape.CHECKS if name not in ("long_chain", "memory")]
    with MISTAKES[mistake]():
        assert wrong([v for name in quick for v in tape.judge(load("minigrad"), name)])


@pytest.mark.parametrize("library", ["torch", "minigrad"])
def test_nothing_is_wrong_with_the_tape_of_a_complete_library(library: str) -> None:
    adapter = load(library)
    found = [v for name in tape.units(adapter) for v in tape.judge(adapter, name)]
    assert {v.verdict for v in found} == {"right"}


@pytest.mark.parametrize("library", ["torch", "minigrad"])
@pytest.mark.parametrize("op", ["relu", "sum", "matmul", "max_dim"])
def test_nothing_is_wrong_with_the_rules_of_a_complete_library(library: str, op: str) -> None:
    found = list(rules.judge(load(library), op, examples=3))
    assert {v.verdict for v in found} == {"right"}


def test_a_wrong_program_is_found_and_shrunk(tmp_path: Path) -> None:
    toy = loaded(tmp_path, ("lambda g: g * b.data)", "lambda g: g * b.data * 2)"))
    (found,) = programs.judge(toy, "whole", examples=20)
    assert found.verdict == "wrong"
    assert found.op == "mul"
    assert len(found.script.splitlines()) < 12
    exec(found.script, {})


def test_a_wrong_training_is_found() -> None:
    from bridge.conformance.mutants import Mutant, planted

    minigrad = load("minigrad")
    assert [v.verdict for v in training.judge(minigrad, "by hand, tanh")] == ["right"]
    with planted("tanh", Mutant("scaled", "tanh", 0).forward()):
        assert [v.verdict for v in training.judge(minigrad, "by hand, tanh")] == ["wrong"]


@pytest.mark.parametrize("name", [*PROGRAMS])
def test_the_tutorials_programs_are_judged(name: str) -> None:
    unit = f"{training.TUTORIAL}{name}"
    for library in ("torch", "minigrad"):
        adapter = load(library)
        assert unit in training.units(adapter)
        assert [v.verdict for v in training.judge(adapter, unit, examples=1)] == ["right"]
    with mistake_in_rule("relu", derivative=lambda d: d * 1.5):
        assert [v.verdict for v in training.judge(adapter, unit, examples=1)] == ["wrong"]


def test_conform_judges_an_object(tmp_path: Path) -> None:
    report = conform(loaded(tmp_path), suites=["tape"])
    assert report.ok
    assert report.counts()["tape"]["missing"]
    with pytest.raises(ValueError, match="no suite rule"):
        conform("torch", suites=["rule"])
