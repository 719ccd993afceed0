"""bridge/program.py: what a program is, and what `training` makes of a setup and data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minigrad
from bridge import training
from bridge.program import Run, Step

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


def test_both_libraries_see_the_same_batches_in_an_order_that_changes() -> None:
    def seen(library: Any, seed: int) -> list[Any]:
        batches: list[Any] = []

        def watching(torch: Any) -> Any:
            model, loss, optimizer = setup(torch)

            def watched(output: Any, target: Any) -> Any:
                batches.append(target.tolist())
                return loss(output, target)

            return model, watched, optimizer

        list(training(watching, (X, np.arange(5) % 2), epochs=3, batch_size=2, seed=seed)(library))
        return batches

    assert seen(minigrad, 0) == seen(torch, 0) != seen(torch, 1)
    assert seen(minigrad, 0)[:3] != seen(minigrad, 0)[3:6]


@LIBRARIES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_model_loss_and_data_are_in_the_dtype(library: Any, dtype: str) -> None:
    def weighted(torch: Any) -> Any:
        model, _, optimizer = setup(torch)
        return model, torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0])), optimizer

    *_, last = training(weighted, (X.astype(np.float32), Y))(library, dtype=dtype)
    assert last.parameters["weight"].dtype is getattr(library, dtype)


def test_tensors_will_do_for_data() -> None:
    for library in (minigrad, torch):
        data = library.tensor(X.tolist()), library.tensor(Y.tolist())
        assert len(list(training(setup, data)(minigrad))) == 2


def test_arrays_that_cannot_be_written_will_do() -> None:
    x, y = X.copy(), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    for library in (minigrad, torch):
        assert len(list(training(setup, (x, y))(library))) == 2


@pytest.mark.parametrize(
    "data", [(X, Y[:3]), (X,), [X, (X, Y)], (X, Y, X), [(X, Y), (X, Y[:2])], (np.ones(()), Y)]
)
def test_data_of_another_kind_are_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"data must be a pair \(inputs, targets\)"):
        training(setup, data)


def test_a_run_can_be_set_to_another() -> None:
    def momentum(torch: Any) -> Any:
        model, loss, _ = setup(torch)
        return model, loss, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    program = training(momentum, (X, Y), epochs=5)
    ours, theirs = Run(program, minigrad, "cpu", None), Run(program, torch, "cpu", "float64")
    ours.catch_up(3)
    snapshot = ours.snapshot()
    theirs.set(snapshot)
    assert ours.count == 3
    assert theirs.count == 0
    for name, value in theirs.updated().items():
        np.testing.assert_array_equal(value, ours.updated()[name])
        assert value.dtype == np.float64 or "group" in name
    kept = snapshot.state[0]["momentum_buffer"].clone()
    theirs.step()  # an optimiser writes into its state: not into the snapshot's
    assert (snapshot.state[0]["momentum_buffer"] == kept).all()


def test_what_is_compared_after_a_step() -> None:
    program = training(setup, (X, Y))
    run = Run(program, minigrad, "cpu", "float32")
    assert "gradient of weight" not in run.outcome()
    run.step()
    names = {"loss", "gradient of weight", "gradient of bias", "weight", "bias", "lr of group 0"}
    assert names <= run.outcome().keys()
    assert not run.step()
    assert run.outcome()["loss"].dtype == np.float32


def test_a_program_is_told_only_what_it_asks_for() -> None:
    told: list[Any] = []

    def program(torch: Any, device: str = "?") -> Any:
        told.append(device)
        yield Step(0.0, {})

    Run(program, torch, "cpu", None)
    with pytest.raises(TypeError, match="dtype"):
        Run(program, torch, "cpu", "float32")
    assert told == ["cpu"]
