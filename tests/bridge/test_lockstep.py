"""bridge/running/lockstep.py: programs that agree, and mistakes of every kind, found and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("tabulate")

import minigrad
import minigrad.nn.functional as F
from bridge import lockstep, training, trajectory
from bridge.running.program import Step
from bridge.running.run import COPIED, FROM_SEED
from minigrad.app import programs
from minigrad.core import backward
from minigrad.core import walk as graph
from minigrad.optim import SGD, Adam
from tests.bridge.mistakes import mistake_in_rule, same_masks

X = np.random.default_rng(0).standard_normal((8, 3))
Y = np.random.default_rng(1).integers(0, 4, 8)


def network(optimizer: str = "SGD", **options: Any) -> Any:
    def setup(torch: Any) -> Any:
        nn = torch.nn
        model = nn.Sequential(
            nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)
        )
        made = getattr(torch.optim, optimizer)(model.parameters(), **options)
        return model, nn.CrossEntropyLoss(), made

    return training(setup, (X, Y), epochs=4, batch_size=3)


def tutorial(program: str, **options: Any) -> Any:
    x = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]], np.float64)
    y = np.array([0, 1, 2, 0, 0, 2])

    def run(torch: Any, device: str = "cpu", dtype: str = "float32") -> Any:
        made = programs.PROGRAMS[program]
        return made(torch, x, y, device=device, dtype=dtype, **{"epochs": 20, **options})

    return run


# Programs that agree ------------------------------------------------------------------------------


@st.composite
def any_tutorial(draw: st.DrawFn, epochs: int) -> tuple[Any, str, int]:
    """A tutorial's program with drawn settings, its dtype, and its number of updates."""
    batch_size = draw(st.none() | st.integers(1, 6))
    programs_and_optimisers: list[tuple[str, dict[str, Any]]] = [
        ("manual", {}),
        ("auto", {"momentum": 0.9}),
        ("auto", {"optimizer": "adam"}),
    ]
    program, optimiser = draw(st.sampled_from(programs_and_optimisers))
    run = tutorial(
        program,
        activation=draw(st.sampled_from(programs.ACTIVATIONS)),
        loss=draw(st.sampled_from(programs.LOSSES)),
        batch_size=batch_size,
        seed=draw(st.integers(0, 1000)),
        epochs=epochs,
        **optimiser,
    )
    updates = epochs * (1 if batch_size is None else -(-6 // batch_size))
    return run, draw(st.sampled_from(programs.DTYPES)), updates


@settings(max_examples=15)
@given(any_tutorial(epochs=5))
def test_any_settings_of_the_tutorial_agree(drawn: tuple[Any, str, int]) -> None:
    program, dtype, updates = drawn
    report = lockstep(program, dtype=dtype)
    assert report.ok, report.verdict()
    assert report.rows[-1].step == updates
    assert report.ops > 0


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.5, "dampening": 0.3, "maximize": True}),
        ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.01, "amsgrad": True}),
        ("AdamW", {"lr": 0.01}),
    ],
)
@pytest.mark.parametrize("dtype", programs.DTYPES)
def test_every_optimiser_agrees(optimizer: str, options: dict[str, Any], dtype: str) -> None:
    report = lockstep(network(optimizer, **options), dtype=dtype)
    assert report.ok, report.verdict()
    assert len(report.rows) == 12


def test_steps_with_a_loss_near_zero_agree() -> None:
    """Gradients of a loss near 0 are differences of nearly equal numbers."""
    report = lockstep(tutorial("auto", optimizer="adam", lr=0.05, epochs=300))
    assert report.ok, report.verdict()
    assert any(row.distance > 32 for row in report.rows)  # so rounding had to be measured
    assert all(row.distance <= row.bound for row in report.rows)


def test_an_activation_at_its_kink_is_not_a_fault() -> None:
    """The order of summation decides whether the sum is 0, and so the derivative of relu."""

    def program(torch: Any, dtype: str = "float32") -> Iterator[Step]:
        w = torch.full((1, 64), 0.1, dtype=getattr(torch, dtype), requires_grad=True)
        x = torch.tensor([[1.0, 3.0, -4.0, 0.7] * 16], dtype=getattr(torch, dtype)).T
        yield Step(0.0, {"w": w})
        loss = torch.relu(w @ x).sum()
        loss.backward()
        yield Step(loss.item(), {"w": w})

    x = (np.float32([1.0, 3.0, -4.0, 0.7] * 16) * np.float32(0.1)).sum()
    assert abs(x) < 2
    assert lockstep(program).ok


# Mistakes -----------------------------------------------------------------------------------------


def wrong(x: Any) -> Any:
    return np.asarray(x) * np.asarray(x).dtype.type(1.001)


@pytest.mark.parametrize("op", ["linear", "tanh", "relu", "log_softmax", "nll_loss"])
@pytest.mark.parametrize("kind", ["value", "derivative"])
def test_a_mistake_in_a_rule_is_named(op: str, kind: str) -> None:
    with mistake_in_rule(op, **{kind: wrong}):
        report = lockstep(network(lr=0.1), steps=3)
    assert not report.ok
    assert report.fault is not None
    assert report.fault.op == op
    assert report.fault.step == 1
    assert report.fault.what.startswith("value" if kind == "value" else "gradient of ")
    assert report.fault.where.startswith("test_lockstep.py:")
    assert report.fault.index is not None
    assert report.fault.distance > report.fault.bound
    assert report.worst is report.fault
    assert f"of {op} (op " in report.verdict()
    assert len(report.rows) == 3


@pytest.mark.parametrize("op", ["mm", "add", "relu", "log_softmax", "nll_loss", "mul", "sub"])
def test_a_mistake_in_a_rule_is_named_in_the_manual_loop(op: str) -> None:
    with mistake_in_rule(op, value=wrong):
        report = lockstep(tutorial("manual"), steps=2)
    if op == "sub":  # the update is in place and doesn't call the rule
        assert report.ok
        return
    assert report.fault is not None
    assert (report.fault.op, report.fault.what) == (op, "value")
    assert report.fault.where.startswith("programs.py:")


def test_a_late_mistake_is_found_in_its_step() -> None:
    def program(torch: Any) -> Iterator[Step]:
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        yield Step(0.0, {"w": w})
        for step in range(1, 6):
            loss = (w * w).sum() if step < 4 or torch is not minigrad else (w * w * 1.01).sum()
            loss.backward()
            yield Step(loss.item(), {"w": w})

    report = lockstep(program)
    assert report.fault is not None
    assert report.fault.step == 4
    assert "unlike any in PyTorch" in report.fault.what
    assert report.fault.op == "mul"
    assert [row.step for row in report.rows] == [1, 2, 3, 4, 5]


def test_a_wrongly_combined_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    cross_entropy = F.cross_entropy
    monkeypatch.setattr(F, "cross_entropy", lambda *a, **k: cross_entropy(*a, **k) * 1.001)
    report = lockstep(network(lr=0.1))
    assert report.fault is not None
    assert report.fault.op == "mul"
    assert report.fault.step == 1


def test_a_tape_that_sums_gradients_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    summed = graph.summed_to
    monkeypatch.setattr(graph, "summed_to", lambda *args: wrong(summed(*args)))
    report = lockstep(network(lr=0.1))
    assert report.fault is not None
    assert report.fault.what == "gradient of 0.bias"
    assert not report.fault.op
    assert {found.what for found in report.faults} >= {"gradient of 0.bias", "gradient of 2.bias"}


def test_a_gradient_that_is_accumulated_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    accumulate = backward.accumulate
    monkeypatch.setattr(backward, "accumulate", lambda leaf, g: accumulate(leaf, wrong(g)))
    report = lockstep(tutorial("manual"))
    assert report.fault is not None
    assert report.fault.what == "gradient of W1"


@pytest.mark.parametrize(
    ("kind", "options", "change", "what", "step"),
    [
        (SGD, {"lr": 0.1}, {"lr": 0.1001}, "0.weight", 1),
        (SGD, {"lr": 0.1, "momentum": 0.9}, {"momentum": 0.901}, "momentum_buffer of 0.weight", 2),
        (SGD, {"lr": 0.1, "weight_decay": 0.5}, {"weight_decay": 0.51}, "0.weight", 1),
        (Adam, {"lr": 0.01}, {"betas": (0.901, 0.999)}, "exp_avg of 0.weight", 1),
        (Adam, {"lr": 0.01}, {"betas": (0.9, 0.9991)}, "exp_avg_sq of 0.weight", 1),
        (Adam, {"lr": 0.01}, {"eps": 1e-6}, "0.weight", 1),
    ],
)
def test_a_mistake_in_an_optimiser_is_named(
    kind: Any, options: Any, change: Any, what: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = kind._update
    monkeypatch.setattr(
        kind, "_update", lambda self, g, pairs: update(self, {**g, **change}, pairs)
    )
    report = lockstep(network(kind.__name__, **options))
    assert report.fault is not None
    assert (report.fault.what, report.fault.op) == (what, f"{kind.__name__}.step")
    assert report.fault.step == step
    assert f"{what} after {kind.__name__}.step: " in str(report.fault)


def test_settings_that_differ_are_found() -> None:
    def program(torch: Any) -> Iterator[Step]:
        w = torch.tensor([1.0], requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.5)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.1 if torch is minigrad else 0.2)
        yield Step(0.0, {"w": w}, optimizer)
        for _ in range(4):
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            optimizer.step()
            schedule.step()
            yield Step(loss.item(), {"w": w}, optimizer)

    report = lockstep(program)
    assert report.fault is not None
    assert (report.fault.what, report.fault.step) == ("lr of group 0", 2)


def test_a_step_of_several_updates_is_judged_by_its_results() -> None:
    def program(torch: Any) -> Iterator[Step]:
        w = torch.linspace(-1, 1, 5).requires_grad_()
        optimizer = torch.optim.Adam([w], lr=0.1)
        yield Step(0.0, {"w": w}, optimizer)
        for _ in range(3):
            for _ in range(2):
                optimizer.zero_grad()
                loss = (w * w).sum()
                loss.backward()
                optimizer.step()
            yield Step(loss.item(), {"w": w}, optimizer)

    assert lockstep(program).ok


# Programs that draw random numbers ----------------------------------------------------------------


def with_dropout(torch: Any) -> Any:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 4))
    return model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@pytest.mark.parametrize("dtype", programs.DTYPES)
@pytest.mark.parametrize("run", [lockstep, trajectory])
@same_masks
def test_random_numbers_are_the_same_in_every_run(run: Any, dtype: str) -> None:
    states = minigrad.get_rng_state().tolist(), torch.get_rng_state().tolist()
    report = run(training(with_dropout, (X, Y), epochs=8, batch_size=3), dtype=dtype)
    assert report.ok, report.verdict()
    assert report.start == FROM_SEED
    if run is trajectory:
        assert report.farthest < 1e-4
    # The caller's random streams are restored.
    assert states == (minigrad.get_rng_state().tolist(), torch.get_rng_state().tolist())


@pytest.mark.parametrize("library", ["minigrad", "torch"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_each_step_starts_with_the_same_random_stream(library: str, where: str) -> None:
    """One library draws more numbers than the other, which the next step doesn't notice."""

    def program(torch: Any) -> Any:
        model = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        yield Step(0.0, dict(model.named_parameters()), optimizer)
        for _ in range(4):
            optimizer.zero_grad()
            loss = model(torch.rand(5, 3)).sum()
            loss.backward()
            optimizer.step()
            if torch.__name__ == library and where == "after":
                torch.rand(3)
            yield Step(loss.item(), dict(model.named_parameters()), optimizer)
            if torch.__name__ == library and where == "before":
                torch.rand(3)

    report = lockstep(program)
    assert len(report.rows) == 4
    assert report.ok == (where == "after"), report.verdict()
    if where == "before":
        assert report.fault is not None
        assert report.fault.step == 2  # the first step draws the same numbers


def test_a_different_dropout_mask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    dropout = F.dropout
    monkeypatch.setattr(F, "dropout", lambda x, p, *rest: dropout(x, 1 - p, *rest))
    assert not lockstep(training(with_dropout, (X, Y))).ok


def test_a_program_without_a_seed_gets_minigrads_parameters() -> None:
    def program(torch: Any) -> Iterator[Step]:
        w = torch.randn(5)
        yield Step(0.0, {"w": w})
        w += 1
        yield Step(0.0, {"w": w})

    minigrad.manual_seed(1)
    torch.manual_seed(2)
    report = lockstep(program)
    assert report.ok
    assert report.start == COPIED


# Invalid programs ---------------------------------------------------------------------------------


def test_a_program_that_ends_first_in_one_library_is_a_fault() -> None:
    def program(torch: Any) -> Iterator[Step]:
        w = torch.ones(1, requires_grad=True)
        for _ in range(3 if torch is minigrad else 5):
            yield Step(0.0, {"w": w})

    report = lockstep(program)
    assert not report.ok
    assert report.verdict() == "DIFFER at step 2: the program: ends first in minigrad"


def test_different_shapes_of_parameters_raise() -> None:
    def program(torch: Any) -> Iterator[Step]:
        yield Step(0.0, {"w": torch.ones(2 if torch is minigrad else 3)})

    with pytest.raises(TypeError, match="other parameters in each library"):
        lockstep(program)


def test_invalid_programs_raise() -> None:
    with pytest.raises(TypeError, match=r"bridge\.training"):
        lockstep(lambda torch: torch.nn.Linear(1, 1))
    with pytest.raises(TypeError, match="no parameter dtype"):
        lockstep(lambda torch: iter([Step(0.0, {})]), dtype="float64")
    with pytest.raises(TypeError, match="parameters must be tensors, not int"):
        lockstep(lambda torch: iter([Step(0.0, {"w": 3})]))

    with pytest.raises(TypeError, match="function of the namespace, not 3"):
        lockstep(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'float32' or 'float64', not 'half'"):
        lockstep(network(lr=0.1), dtype="half")


def test_an_error_notes_the_library_and_the_step() -> None:
    def program(torch: Any) -> Iterator[Step]:
        yield Step(0.0, {})
        yield Step(0.0, {})
        torch.nothing_of_that_name()

    with pytest.raises(AttributeError) as raised:
        lockstep(program)
    assert raised.value.__notes__ == ["in minigrad, after 1 steps of the program"]


def test_a_missing_device_raises() -> None:
    from bridge import DeviceError

    with pytest.raises(DeviceError, match="use cpu or cuda"):
        lockstep(network(lr=0.1), device="tpu-v9")


# Reports ------------------------------------------------------------------------------------------


def test_the_report_prints_and_converts_to_json() -> None:
    report = lockstep(network(lr=0.1), steps=5)
    text = str(report)
    assert "losses" in text
    assert "0.weight" in text or "2.weight" in text or "bias" in text
    assert text.splitlines()[-1].startswith("agree in 5 steps: 40 ops one by one")
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["ok"] is True
    assert plain["environment"]["versions"]["torch"] == torch.__version__
    assert [row["step"] for row in plain["rows"]] == [1, 2, 3, 4, 5]
    assert report.worst is not None
    assert report.worst.ok


def test_rows_have_the_measured_values() -> None:
    report = lockstep(tutorial("auto"), steps=3, measure=lambda now: now.epoch)
    assert [row.measured for row in report.rows] == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    "measure",
    [lambda now: 1.0, lambda now: {"norm": np.float64(2.0)}, lambda now: [1, np.int64(2)]],
)
def test_measure_may_return_anything(measure: Any) -> None:
    report = lockstep(network(lr=0.1), steps=3, measure=measure)
    assert ":" in str(report)
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_loss_may_be_a_tensor() -> None:
    def program(torch: Any) -> Iterator[Step]:
        w = torch.ones(2, requires_grad=True)
        yield Step(0.0, {"w": w})
        loss = (w * w).sum()
        loss.backward()
        yield Step(loss, {"w": w})

    assert lockstep(program).ok


def test_a_lost_gradient_is_found() -> None:
    def program(torch: Any) -> Iterator[Step]:
        w = torch.ones(1, requires_grad=True)
        yield Step(0.0, {"w": w})
        loss = (w * 2).sum()
        if torch is not minigrad:
            loss.backward()
        yield Step(loss.item(), {"w": w})

    report = lockstep(program)
    assert report.verdict() == "DIFFER at step 1: gradient of w: PyTorch has it, minigrad doesn't"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_on_cuda(program: str) -> None:
    for dtype in programs.DTYPES:
        report = lockstep(tutorial(program), device="cuda", dtype=dtype)
        assert report.ok, report.verdict()
        assert report.environment["tf32"] == {"matmul": False, "cudnn": False}
