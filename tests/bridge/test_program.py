"""bridge/running/program.py and run.py: programs made by `training`, and runs of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minigrad
from bridge import training
from bridge.running.program import Step
from bridge.running.run import ProgramRun

X, Y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 0, 1, 1])
LIBRARIES = pytest.mark.parametrize("library", [minigrad, torch])


def setup(torch: Any) -> Any:
    model = torch.nn.Linear(2, 2)
    return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)


@LIBRARIES
@pytest.mark.parametrize(
    ("options", "steps"), [({}, 1), ({"epochs": 3}, 3), ({"epochs": 2, "batch_size": 2}, 6)]
)
def test_a_step_is_an_update(library: Any, options: Any, steps: int) -> None:
    found = list(training(setup, (X, Y), **options)(library))
    assert len(found) == 1 + steps
    assert np.isnan(found[0].loss)
    assert all(isinstance(step.loss, float) for step in found[1:])


@LIBRARIES
@pytest.mark.parametrize(
    ("data", "options"), [((X, Y), {"batch_size": 3}), ([(X[:3], Y[:3]), (X[3:], Y[3:])], {})]
)
def test_a_scheduler_takes_a_step_after_each_epoch(library: Any, data: Any, options: Any) -> None:
    def scheduled(torch: Any) -> Any:
        model, loss, optimizer = setup(torch)
        return model, loss, optimizer, torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    steps = training(scheduled, data, epochs=2, **options)(library)
    rates = [step.optimizer.param_groups[0]["lr"] for step in steps]
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_both_libraries_see_the_same_shuffled_batches() -> None:
    def seen(library: Any, seed: int) -> list[Any]:
        batches: list[Any] = []

        def recording(torch: Any) -> Any:
            model, loss, optimizer = setup(torch)

            def recorded(output: Any, target: Any) -> Any:
                batches.append(target.tolist())
                return loss(output, target)

            return model, recorded, optimizer

        list(training(recording, (X, np.arange(5) % 2), epochs=3, batch_size=2, seed=seed)(library))
        return batches

    assert seen(minigrad, 0) == seen(torch, 0) != seen(torch, 1)
    assert seen(minigrad, 0)[:3] != seen(minigrad, 0)[3:6]


@LIBRARIES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_model_loss_and_data_get_the_dtype(library: Any, dtype: str) -> None:
    def weighted(torch: Any) -> Any:
        model, _, optimizer = setup(torch)
        return model, torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0])), optimizer

    *_, last = training(weighted, (X.astype(np.float32), Y))(library, dtype=dtype)
    assert last.parameters["weight"].dtype is getattr(library, dtype)


def test_data_may_be_tensors() -> None:
    for library in (minigrad, torch):
        data = library.tensor(X.tolist()), library.tensor(Y.tolist())
        assert len(list(training(setup, data)(minigrad))) == 2


def test_data_may_be_read_only() -> None:
    x, y = X.copy(), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    for library in (minigrad, torch):
        assert len(list(training(setup, (x, y))(library))) == 2


@pytest.mark.parametrize(
    "data", [(X, Y[:3]), (X,), [X, (X, Y)], (X, Y, X), [(X, Y), (X, Y[:2])], (np.ones(()), Y)]
)
def test_other_data_raise(data: Any) -> None:
    with pytest.raises(ValueError, match=r"data must be a pair \(inputs, targets\)"):
        training(setup, data)


def test_a_run_is_restored_from_another_runs_snapshot() -> None:
    def momentum(torch: Any) -> Any:
        model, loss, _ = setup(torch)
        return model, loss, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    program = training(momentum, (X, Y), epochs=5)
    ours, theirs = (
        ProgramRun(program, minigrad, "cpu", None),
        ProgramRun(program, torch, "cpu", "float64"),
    )
    ours.advance_to(3)
    snapshot = ours.snapshot()
    theirs.restore(snapshot)
    assert ours.count == 3
    assert theirs.count == 0
    for name, value in theirs.after_update().items():
        np.testing.assert_array_equal(value, ours.after_update()[name])
        assert value.dtype == np.float64 or "group" in name
    before = snapshot.state[0]["momentum_buffer"].clone()
    theirs.step()  # must not write into the snapshot
    assert (snapshot.state[0]["momentum_buffer"] == before).all()


def test_results_of_a_step() -> None:
    program = training(setup, (X, Y))
    run = ProgramRun(program, minigrad, "cpu", "float32")
    assert "gradient of weight" not in run.results()
    run.step()
    names = {"loss", "gradient of weight", "gradient of bias", "weight", "bias", "lr of group 0"}
    assert names <= run.results().keys()
    assert not run.step()
    assert run.results()["loss"].dtype == np.float32


def test_a_program_gets_only_the_arguments_it_accepts() -> None:
    devices: list[Any] = []

    def program(torch: Any, device: str = "?") -> Any:
        devices.append(device)
        yield Step(0.0, {})

    ProgramRun(program, torch, "cpu", None)
    with pytest.raises(TypeError, match="dtype"):
        ProgramRun(program, torch, "cpu", "float32")
    assert devices == ["cpu"]
