"""benchmarks/ops.py and op_arguments.py: every rule is measured, and wrong ops are refused."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

import minigrad
from benchmarks.agreement import Disagreement
from benchmarks.expressions import EXPRESSIONS, calls
from benchmarks.measurement import Measurement
from benchmarks.op_arguments import MEASURED, op_arguments
from benchmarks.ops import BOTH, FORWARD, LARGE, check_op, in_library, in_numpy, measure, table
from benchmarks.settings import BenchmarkSettings
from minigrad.rules import REGISTRY
from tests.bridge.mistakes import mistake_in_rule

FLOAT32 = np.dtype(np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("name", MEASURED)
def test_every_rule_has_a_call_on_which_all_engines_agree(name: str, size: int, dtype: str) -> None:
    call = op_arguments(name, size, np.dtype(dtype))
    engines = {
        "minigrad": in_library(name, minigrad, call),
        "PyTorch": in_library(name, torch, call),
        "NumPy": in_numpy(name, call),
    }
    check_op(name, engines, np.dtype(dtype))
    first = next(x for x in call.operands if isinstance(x, np.ndarray))
    needs_two = ("deviation", "glu", "normalise", "variance")
    assert first.size == size or name in ("cat", "expand", "matmul", "repeat", "stack", *needs_two)
    assert len({each.both is None for each in engines.values()}) == 1
    differentiable = REGISTRY[name].differentiable
    assert (engines["minigrad"].both is not None) == differentiable
    if differentiable:
        for each in engines.values():
            assert each.both is not None
            each.both()


@pytest.mark.parametrize("name", ["cumprod", "det", "inv", "prod", "slogdet"])
def test_a_product_of_a_million_elements_stays_finite(name: str) -> None:
    call = op_arguments(name, LARGE, FLOAT32)
    results = in_library(name, minigrad, call).results()
    assert all(np.isfinite(x).all() for x in results.values())


@pytest.mark.parametrize("name", [name for name in MEASURED if REGISTRY[name].differentiable])
def test_a_wrong_derivative_is_refused(name: str) -> None:
    call = op_arguments(name, 100, FLOAT32)
    with mistake_in_rule(name, derivative=lambda d: d * 1.0005 + d.dtype.type(1e-3)):
        engines = {
            "minigrad": in_library(name, minigrad, call),
            "PyTorch": in_library(name, torch, call),
        }
        with pytest.raises(Disagreement, match=f"{name}: minigrad computes .* but PyTorch is"):
            check_op(name, engines, FLOAT32)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_expression_runs_in_both_libraries(name: str) -> None:
    for library in (minigrad, torch):
        forward, both = calls(name, library)
        forward()
        if both is not None:
            both()


def test_expressions_are_measured_on_small_tensors_only() -> None:
    settings = BenchmarkSettings(rounds=1, seconds=1e-5, quick=True, ops=("m[5]", "i + i"))
    found = measure(settings)
    keys = {(m.case, m.size, m.engine, m.quantity) for m in found}
    assert keys == {
        *(("m[5]", 1, e, q) for e in ("minigrad", "PyTorch") for q in (FORWARD, BOTH)),
        *(("i + i", 1, e, FORWARD) for e in ("minigrad", "PyTorch")),
    }
    assert "m[5]" in table(found)


def test_the_table_names_the_ops_over_their_target() -> None:
    found = [
        Measurement("ops", name, size, engine, FORWARD, (seconds,))
        for name, factor in (("exp", 2.5), ("sort(x)", 1.7), ("convolution", 2.7))
        for size in (1, 1_000_000)
        for engine, seconds in (("minigrad", factor * size), ("PyTorch", 1.0 * size))
    ]
    *_, small, large = table(found).splitlines()
    assert small == "over the target, 1 element, forward: convolution 2.7, exp 2.5"
    assert large == "over the target, 1,000,000 elements, forward: exp 2.5, sort(x) 1.7"


def test_a_wrong_value_stops_the_measurement() -> None:
    settings = BenchmarkSettings(rounds=1, seconds=1e-5, quick=True, ops=("exp",))
    with (
        mistake_in_rule("exp", value=lambda y: y * y.dtype.type(1.0005)),
        pytest.raises(Disagreement, match="exp: minigrad computes"),
    ):
        measure(settings)


def test_ops_without_derivative_are_measured_forward_only() -> None:
    settings = BenchmarkSettings(rounds=2, seconds=1e-5, quick=True, ops=("exp", "eq"))
    found = measure(settings)
    keys = {(m.case, m.size, m.engine, m.quantity) for m in found}
    engines, sizes = ("minigrad", "PyTorch", "NumPy"), (1, 100)
    assert keys == {
        *(("exp", s, e, q) for s in sizes for e in engines for q in (FORWARD, BOTH)),
        *(("eq", s, e, FORWARD) for s in sizes for e in engines),
    }
    assert all(m.part == "ops" and min(m.rounds) > 0 for m in found)
    assert [line.split()[0] for line in table(found).splitlines()[3:5]] == ["exp", "eq"]


def test_the_fixed_cost_and_the_cost_per_element() -> None:
    def rounds(engine: str, size: float, quantity: str, *microseconds: float) -> Measurement:
        seconds = tuple(t * 1e-6 for t in microseconds)
        return Measurement("ops", "exp", size, engine, quantity, seconds)

    found = [
        m
        for engine, factor in (("minigrad", 1.0), ("PyTorch", 2.0), ("NumPy", 0.5))
        for m in (
            rounds(engine, 1, FORWARD, factor, factor, factor),
            rounds(engine, 1, BOTH, 3 * factor, 3 * factor, 3 * factor),
            rounds(engine, 1001, FORWARD, 5 * factor, 5 * factor, 5 * factor),
            rounds(engine, 1001, BOTH, 7 * factor, 7 * factor, 7 * factor),
        )
    ]
    text = table(found)
    line = next(line for line in text.splitlines() if line.startswith("exp"))
    forward, both = ["1.00", "2.00", "0.50", "0.50"], ["3.00", "6.00", "1.50", "0.50"]
    per_element = ["4.00", "8.00", "2.00", "0.50"]  # in ns: 4 µs for 1000 more elements
    assert line.split() == ["exp", *forward, *both, *per_element]
    assert "median 0.50, largest: exp 0.50" in text
