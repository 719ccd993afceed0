"""benchmarks/growth.py and memory.py: what is built is right, and what is said of it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks import growth, memory
from benchmarks.growth import NAMESPACES, SHAPES, crossover, crossovers, measure, table
from benchmarks.measurement import Measurement
from benchmarks.memory import NotMeasured, peak, risen
from benchmarks.settings import Settings

linux = pytest.mark.skipif(not memory._CLEAR.exists(), reason="memory is measured on Linux alone")


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("name", NAMESPACES)
def test_chains_and_fans_are_of_n_ops(name: str, n: int) -> None:
    namespace = NAMESPACES[name]
    chain, fan = (build(namespace, n) for build in SHAPES.values())
    y, count = chain.forward(), 0
    while y.grad_fn.name().startswith("Mul"):
        y, count = type("", (), {"grad_fn": y.grad_fn.next_functions[0][0]}), count + 1
    assert count == n
    results = fan.forward()
    nodes = [each.grad_fn for each in results]
    assert len({id(node) for node in nodes}) == n
    for _ in range(2):  # the second time as the first: nothing is left over
        chain()
        assert np.allclose(chain.leaf.grad.numpy(), 1 / 16)
        fan()
        assert np.allclose(fan.leaf.grad.numpy(), n / 2)


def test_a_crossover() -> None:
    sizes, theirs = [1, 10, 100], [[2.0], [2.0], [2.0]]
    assert crossover(sizes, [[1.0], [1.0], [1.0]], theirs) is None
    assert crossover(sizes, [[3.0], [3.0], [3.0]], theirs) == 1
    assert crossover(sizes, [[1.0], [1.0], [4.0]], theirs) == pytest.approx(10**1.5)
    # From where on they win: a win before a loss does not count.
    assert crossover(sizes, [[4.0], [1.0], [4.0]], theirs) == pytest.approx(10**1.5)
    assert crossover(sizes, [[4.0], [4.0], [1.0]], theirs) is None
    assert crossover(sizes, [[2.0], [2.0], [4.0]], theirs) == pytest.approx(10)  # a tie is no win


def test_crossovers_are_of_ratios_within_a_round() -> None:
    def step(engine: str, n: float, *rounds: float) -> Measurement:
        return Measurement("growth", "batch", n, engine, "step", rounds)

    # The medians are equal at n = 1, but in two of three rounds minigrad is twice as fast.
    found = [
        step("minigrad, modules", 1, 1.0, 2.0, 3.0),
        step("PyTorch, modules", 1, 2.0, 4.0, 1.0),
        step("minigrad, modules", 100, 2.0, 2.0, 2.0),
        step("PyTorch, modules", 100, 1.0, 1.0, 1.0),
    ]
    assert crossovers(found, "batch") == {"PyTorch, modules": pytest.approx(10)}
    assert "PyTorch, modules: faster than minigrad, modules from n ≈ 10 on" in table(found)


def test_a_quick_run_has_all_its_parts() -> None:
    found = measure(Settings(rounds=1, seconds=1e-5, quick=True))
    assert {m.case for m in found} == {"chain", "fan", "batch", "width"}
    text = table(found)
    for title in ("chain of", "fan of", "step, by batch", "step, by width"):
        assert title in text
    assert re.search(r"dearest ÷ cheapest: minigrad \d", text)


def test_a_wrong_gradient_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.agreement import Disagreement
    from tests.bridge.mistakes import mistake_in_rule

    wrong = mistake_in_rule("mul", derivative=lambda d: d * d.dtype.type(1.01))
    with wrong, pytest.raises(Disagreement, match="chain of 10 ops: minigrad computes"):
        measure(Settings(rounds=1, seconds=1e-5, quick=True))


# Memory -------------------------------------------------------------------------------------------


@linux
def test_memory_rises_by_what_is_allocated() -> None:
    size = 64 * 2**20
    rise = risen(lambda: np.ones(size, np.uint8))
    assert size <= rise + 2**20
    assert rise < 1.5 * size


@linux
def test_the_peak_counts_and_not_what_is_left() -> None:
    def work() -> None:
        for _ in range(5):
            np.ones(32 * 2**20, np.uint8)

    assert 31 * 2**20 < risen(work) < 48 * 2**20


@linux
@pytest.mark.parametrize("engine", ["minigrad", "PyTorch"])
def test_the_memory_of_a_chain(engine: str) -> None:
    assert 100 < peak("chain", engine, 20_000) / 20_000 < 4000  # bytes for each op


@linux
def test_the_memory_of_a_step() -> None:
    parameters = 4 * (784 * 256 + 256 * 10)
    assert parameters < peak("step", "minigrad, modules", 64, 784, 256, 10) < 40 * parameters


@linux
def test_a_child_that_fails_says_why() -> None:
    with pytest.raises(NotMeasured, match="KeyError: 'nothing'"):
        peak("chain", "nothing", 10)


def test_where_memory_cannot_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "absent")
    with pytest.raises(NotMeasured, match="does not set back the peak"):
        peak("chain", "minigrad", 10)
    assert [*growth._weighed("chain", 1, "minigrad", "chain", 1, settings=Settings())] == []
