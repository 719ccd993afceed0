"""benchmarks/growth.py and chains_and_fans.py: the graphs, the crossovers and the tables."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks.agreement import Disagreement
from benchmarks.chains_and_fans import NAMESPACES, SHAPES
from benchmarks.growth import crossover, crossovers, measure, table
from benchmarks.measurement import Measurement
from benchmarks.settings import BenchmarkSettings
from tests.bridge.mistakes import mistake_in_rule

QUICK = BenchmarkSettings(rounds=1, seconds=1e-5, quick=True)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("name", NAMESPACES)
def test_chains_and_fans_have_n_ops(name: str, n: int) -> None:
    chain, fan = (build(NAMESPACES[name], n) for build in SHAPES.values())
    node, count = chain.forward().grad_fn, 0
    while node.name().startswith("Mul"):
        node, count = node.next_functions[0][0], count + 1
    assert count == n
    results = fan.forward()  # keeps the nodes alive, so that their ids are distinct
    nodes = [each.grad_fn for each in results]
    assert len({id(node) for node in nodes}) == n
    for _ in range(2):  # a second call gives the same, so gradients are cleared
        chain()
        assert np.allclose(chain.leaf.grad.numpy(), 1 / 16)
        fan()
        assert np.allclose(fan.leaf.grad.numpy(), n / 2)


def test_the_crossover_starts_the_last_run_of_wins() -> None:
    sizes, theirs = [1, 10, 100], [[2.0], [2.0], [2.0]]
    assert crossover(sizes, [[1.0], [1.0], [1.0]], theirs) is None
    assert crossover(sizes, [[3.0], [3.0], [3.0]], theirs) == 1
    assert crossover(sizes, [[1.0], [1.0], [4.0]], theirs) == pytest.approx(10**1.5)
    # A win before a loss does not count.
    assert crossover(sizes, [[4.0], [1.0], [4.0]], theirs) == pytest.approx(10**1.5)
    assert crossover(sizes, [[4.0], [4.0], [1.0]], theirs) is None
    assert crossover(sizes, [[2.0], [2.0], [4.0]], theirs) == pytest.approx(10)  # ties don't count


def test_crossovers_use_the_ratios_within_a_round() -> None:
    def step(engine: str, n: float, *rounds: float) -> Measurement:
        return Measurement("growth", "batch", n, engine, "step", rounds)

    # At n = 1 the medians are equal, but minigrad is twice as fast in two of three rounds.
    found = [
        step("minigrad, modules", 1, 1.0, 2.0, 3.0),
        step("PyTorch, modules", 1, 2.0, 4.0, 1.0),
        step("minigrad, modules", 100, 2.0, 2.0, 2.0),
        step("PyTorch, modules", 100, 1.0, 1.0, 1.0),
    ]
    assert crossovers(found, "batch") == {"PyTorch, modules": pytest.approx(10)}
    assert "PyTorch, modules: faster than minigrad, modules from n ≈ 10 on" in table(found)


def test_a_quick_run_has_all_its_parts() -> None:
    found = measure(QUICK)
    assert {m.case for m in found} == {"chain", "fan", "batch", "width"}
    text = table(found)
    for title in ("chain of", "fan of", "step, by batch", "step, by width"):
        assert title in text
    assert re.search(r"most ÷ least from 1,000 ops on: minigrad \d", text)


def test_a_wrong_gradient_is_refused() -> None:
    wrong = mistake_in_rule("mul", derivative=lambda d: d * d.dtype.type(1.01))
    with wrong, pytest.raises(Disagreement, match="chain of 10 ops: minigrad computes"):
        measure(QUICK)
