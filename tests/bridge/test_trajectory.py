"""bridge/running/trajectory.py: free runs that agree, and mistakes that rounding can't excuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

torch = pytest.importorskip("torch")
pytest.importorskip("tabulate")

import minigrad
from bridge import training, trajectory
from bridge.running.program import Step
from bridge.running.trajectory import FLOAT64, _distance_from
from minigrad.app import programs
from minigrad.optim import SGD, Adam
from tests.bridge.mistakes import mistake_in_rule
from tests.bridge.test_lockstep import any_tutorial, network, tutorial
from tests.profiles import examples


@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_a_thousand_float64_epochs_of_the_tutorial_agree_within_1e_12(program: str) -> None:
    report = trajectory(tutorial(program, epochs=1000), dtype="float64")
    assert report.ok, report.verdict()
    assert len(report.rows) == 1000
    assert report.farthest < 1e-12
    assert report.repeats == 0


@pytest.mark.parametrize("program", programs.PROGRAMS)
@pytest.mark.parametrize("seed", range(min(examples(8), 40)))
def test_float32_runs_of_the_tutorial_are_within_the_bound(program: str, seed: int) -> None:
    report = trajectory(tutorial(program, epochs=200, seed=seed))
    assert report.ok, report.verdict()
    assert report.farthest <= report.bound


@settings(max_examples=10)
@given(any_tutorial(epochs=20))
def test_any_settings_of_the_tutorial_agree(drawn: tuple[Any, str, int]) -> None:
    program, dtype, updates = drawn
    report = trajectory(program, dtype=dtype)
    assert report.ok, report.verdict()
    assert len(report.rows) == updates


def test_a_run_with_huge_numbers_is_judged_by_perturbed_runs() -> None:
    """The perturbed runs must not overflow where the others don't."""
    report = trajectory(tutorial("auto", epochs=250, lr=1e30))
    assert report.ok, report.verdict()
    assert len(report.rows) == 250
    assert not report.diverged


@pytest.mark.parametrize(("offset", "ok"), [(1e-8, True), (1e-2, False)])
def test_runs_on_both_sides_of_a_kink_are_judged_by_perturbed_runs(offset: float, ok: bool) -> None:
    """minigrad's run is on one side of relu's kink and PyTorch's on the other.

    Rounding explains this only if both are close enough to the kink.
    """

    def program(torch: Any, dtype: str = "float32") -> Iterator[Step]:
        w = torch.tensor([0.25, 0.5, -0.75], dtype=getattr(torch, dtype), requires_grad=True)
        yield Step(0.0, {"w": w})
        loss = torch.relu(w.sum() + (offset if torch is minigrad else -offset))
        loss.backward()
        with torch.no_grad():
            w -= w.grad * 0.1
        yield Step(loss.item(), {"w": w})

    report = trajectory(program)
    assert report.ok == ok, report.verdict()
    assert report.farthest > 0.1
    assert report.repeats > 0
    assert (report.yardstick > report.torch_farthest) == ok
    assert ("repeats with operands perturbed" in report.verdict()) == ok


@pytest.mark.parametrize("dtype", programs.DTYPES)
@pytest.mark.parametrize("kind", ["value", "derivative"])
def test_a_mistake_in_a_rule_is_found(dtype: str, kind: str) -> None:
    factor = 1 + (1e-3 if dtype == "float32" else 1e-8)
    with mistake_in_rule("tanh", **{kind: lambda x: x * x.dtype.type(factor)}):
        report = trajectory(network(lr=0.1), dtype=dtype)
    assert not report.ok
    assert report.fault is not None
    assert report.fault.step is not None
    assert f"DIFFER at step {report.fault.step}: " in report.verdict()
    assert report.worst is report.fault


@pytest.mark.parametrize(("kind", "change"), [(SGD, {"lr": 0.1001}), (Adam, {"eps": 1e-4})])
def test_a_mistake_in_an_optimiser_is_found(
    kind: Any, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = kind._update
    monkeypatch.setattr(
        kind, "_update", lambda self, g, pairs: update(self, {**g, **change}, pairs)
    )
    report = trajectory(network(kind.__name__, lr=0.1))
    assert not report.ok


def test_runs_that_overflow_together_agree() -> None:
    def program(torch: Any, dtype: str) -> Iterator[Step]:
        w = torch.ones(2, dtype=getattr(torch, dtype), requires_grad=True)
        yield Step(0.0, {"w": w})
        for _ in range(12):
            loss = (w * w * w).sum()
            loss.backward()
            with torch.no_grad():
                w -= w.grad * 1e3
            w.grad = None
            yield Step(loss.item(), {"w": w})

    report = trajectory(program, dtype="float64")
    assert report.diverged
    assert len(report.rows) < 12
    assert report.ok, report.verdict()
    assert "until PyTorch's stopped being finite" in report.verdict()
    json.dumps(report.to_dict(), allow_nan=False)


def test_overflow_in_minigrad_only_is_a_fault() -> None:
    def program(torch: Any, dtype: str) -> Iterator[Step]:
        w = torch.ones(2, dtype=getattr(torch, dtype))
        yield Step(0.0, {"w": w})
        w *= 1e300 if torch is minigrad else 1.0
        w *= 1e300 if torch is minigrad else 1.0
        yield Step(0.0, {"w": w})

    report = trajectory(program, dtype="float64")
    assert not report.ok
    assert report.fault is not None
    assert report.fault.distance == np.inf


def test_worst_of_a_good_run_is_its_largest_distance() -> None:
    report = trajectory(network(lr=0.1))
    assert report.worst is not None
    assert report.worst.ok
    assert report.worst.distance == report.farthest
    assert report.worst.index is not None
    assert report.faults == []


def test_each_row_has_the_bound_of_the_whole_run() -> None:
    report = trajectory(tutorial("auto", optimizer="adam", epochs=100))
    assert {row.bound for row in report.rows} == {report.bound}
    assert all(row.distance <= row.bound for row in report.rows)


def test_the_distance_is_relative_to_the_largest_element() -> None:
    a, b = {"w": np.array([1.0, 2.0])}, {"w": np.array([1.0, 4.0])}
    found = _distance_from(b, a)
    assert (found.distance, found.what, found.index) == (0.5, "w", (1,))
    assert _distance_from(a, {"w": np.array([1.0, np.nan])}).distance == np.inf
    assert _distance_from({"w": np.zeros((0,))}, {"w": np.zeros((0,))}).distance == 0
    assert _distance_from({"w": np.zeros(1)}, {"w": np.ones(1)}).distance == pytest.approx(1)


def test_a_program_without_a_dtype_parameter_raises() -> None:
    with pytest.raises(TypeError, match="no parameter dtype"):
        trajectory(lambda torch: iter([Step(0.0, {})]))


def test_a_program_that_ends_first_in_one_library_is_a_fault() -> None:
    def program(torch: Any, dtype: str) -> Iterator[Step]:
        w = torch.ones(1, dtype=getattr(torch, dtype))
        for _ in range(3 if torch is minigrad else 5):
            yield Step(0.0, {"w": w})

    report = trajectory(program)
    assert not report.ok
    assert "ends in one run first" in report.verdict()


def test_the_report_prints_and_converts_to_json() -> None:
    report = trajectory(network(lr=0.1), steps=5)
    text = str(report)
    assert "off float64" in text
    assert text.splitlines()[-1].startswith(
        "agree over 5 steps: minigrad's float32 run is at most "
    )
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (plain["ok"], plain["mode"], len(plain["rows"])) == (True, "free", 5)
    assert report.bound >= 2 * report.yardstick
    assert trajectory(network(lr=0.1), steps=0, dtype="float64").bound == FLOAT64


def test_data_may_be_a_list_of_batches() -> None:
    x, y = np.ones((2, 3)), np.zeros(2, np.int64)

    def setup(torch: Any) -> Any:
        model = torch.nn.Linear(3, 2)
        return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)

    assert len(trajectory(training(setup, [(x, y), (x, y), (x, y)], epochs=2)).rows) == 6


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_on_cuda(program: str) -> None:
    for dtype in programs.DTYPES:
        report = trajectory(tutorial(program, epochs=1000), device="cuda", dtype=dtype)
        assert report.ok, report.verdict()
