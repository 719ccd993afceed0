"""The two programs compared with PyTorch and with each other, and resumed."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import FUSED, WITHOUT_FMA

import minigrad
from minigrad.app import datasets, models, programs
from minigrad.app.programs import PROGRAMS, Progress

TOY = datasets.load("toy")


def set_to(progress: Progress, parameters: dict[str, np.ndarray], tensor: Any) -> None:
    """Set the parameters of a program that hasn't started; `tensor` converts an array."""
    assert list(progress.parameters) == list(parameters)
    for name, parameter in progress.parameters.items():
        parameter.data.copy_(tensor(parameters[name].copy()))


def arrays(progress: Progress) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in progress.parameters.items()}


def epochs(steps: Iterator[Progress]) -> Iterator[Progress]:
    """The program's progress at the end of each epoch."""
    return (progress for progress in steps if progress.whole)


def trajectory(steps: Iterator[Progress]) -> tuple[list[float], dict[str, np.ndarray]]:
    """Every epoch's loss, and the final parameters."""
    losses = []
    for progress in epochs(steps):
        losses.append(progress.loss)
    return losses, arrays(progress)


def both(program: str, x: np.ndarray, y: np.ndarray, **options: Any) -> tuple[Any, Any]:
    """The program's trajectories in minigrad and in PyTorch, from the same parameters."""
    torch = pytest.importorskip("torch")
    found = []
    parameters = None
    for namespace in (torch, minigrad):
        steps = PROGRAMS[program](namespace, x, y, dtype="float64", **options)
        first = next(steps)
        if parameters is None:
            parameters = arrays(first)
        else:
            set_to(first, parameters, namespace.from_numpy)
        found.append(trajectory(steps))
    theirs, ours = found
    return ours, theirs


def assert_close(ours: Any, theirs: Any, tolerance: float) -> None:
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=tolerance)
    assert list(ours[1]) == list(theirs[1])
    for name, array in ours[1].items():
        np.testing.assert_allclose(array, theirs[1][name], rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_thousand_epochs_of_the_tutorial_match_pytorch(program: str) -> None:
    ours, theirs = both(program, TOY.x, TOY.y)
    assert len(ours[0]) == 1000
    assert_close(ours, theirs, 1e-12)
    assert ours[0][-1] < ours[0][0]


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    samples, features, classes = (draw(st.integers(low, 6)) for low in (1, 1, 2))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    return {
        "x": numbers.standard_normal((samples, features)),
        "y": numbers.integers(0, classes, samples),
        "classes": classes,
        "hidden": draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)),
        "activation": draw(st.sampled_from(programs.ACTIVATIONS)),
        "loss": draw(st.sampled_from(programs.LOSSES)),
        "lr": draw(st.sampled_from((0.01, 0.1))),
        "epochs": draw(st.integers(1, 12)),
        "batch_size": draw(st.none() | st.integers(1, 7)),
        "seed": draw(st.integers(0, 2**64 - 1)),
    }


@given(problems())
def test_the_manual_program_matches_pytorch_for_any_network(problem: dict[str, Any]) -> None:
    assert_close(*both("manual", **problem), 1e-12)


@given(problems(), st.sampled_from((0.0, 0.9)), st.sampled_from((0.0, 0.01)))
def test_sgd_matches_pytorch_for_any_network(
    problem: dict[str, Any], momentum: float, weight_decay: float
) -> None:
    ours, theirs = both("auto", **problem, momentum=momentum, weight_decay=weight_decay)
    assert_close(ours, theirs, 1e-12)


@given(problems(), st.sampled_from((0.0, 0.01)))
def test_adam_matches_pytorch_for_any_network(problem: dict[str, Any], weight_decay: float) -> None:
    # Adam divides each gradient by its own size. So a rounding error of 1e-17 in a gradient near 0
    # becomes lr * 1e-17 / eps in each epoch, 1e-10 with the default eps of 1e-8.
    ours, theirs = both("auto", **problem, optimizer="adam", weight_decay=weight_decay)
    assert_close(ours, theirs, 1e-8)


@pytest.mark.parametrize("loss", programs.LOSSES)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_both_programs_take_the_same_steps(loss: str, batch_size: int | None) -> None:
    options = {"loss": loss, "batch_size": batch_size, "dtype": "float64", "hidden": (4, 3)}
    options |= {"epochs": 100, "lr": 0.1}
    by_hand = programs.manual(minigrad, TOY.x, TOY.y, **options)
    first = arrays(next(by_hand))
    layers = [("linear1", "1"), ("linear2", "2"), ("linear3", "out")]
    same = {}
    for linear, name in layers:
        same[f"{linear}.weight"] = np.ascontiguousarray(first["W" + name].T)
        same[f"{linear}.bias"] = first["B" + name]
    by_optimiser = programs.automatic(minigrad, TOY.x, TOY.y, **options)
    set_to(next(by_optimiser), same, minigrad.from_numpy)
    ours, theirs = trajectory(by_hand), trajectory(by_optimiser)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-12)
    for linear, name in layers:
        np.testing.assert_allclose(ours[1]["W" + name].T, theirs[1][f"{linear}.weight"], atol=1e-12)
        np.testing.assert_allclose(ours[1]["B" + name], theirs[1][f"{linear}.bias"], atol=1e-12)


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("manual", {}),
        ("auto", {}),
        ("auto", {"momentum": 0.9, "weight_decay": 0.01}),
        ("auto", {"optimizer": "adam"}),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_resumed_program_equals_an_uninterrupted_one(
    program: str, options: dict[str, Any], batch_size: int | None
) -> None:
    run, options = PROGRAMS[program], {**options, "batch_size": batch_size}
    losses, parameters = trajectory(run(minigrad, TOY.x, TOY.y, epochs=9, **options))
    early = list(islice(epochs(run(minigrad, TOY.x, TOY.y, epochs=9, **options)), 5))
    assert early[-1].epoch == 4
    later = run(minigrad, TOY.x, TOY.y, epochs=5, finished=4, **options)
    first = next(later)
    set_to(first, arrays(early[-1]), minigrad.from_numpy)
    if first.optimizer is not None:
        first.optimizer.load_state_dict(early[-1].optimizer.state_dict())
    late_losses, late_parameters = trajectory(later)
    assert late_losses == losses[5:]
    for name, array in parameters.items():
        np.testing.assert_array_equal(late_parameters[name], array)


@pytest.mark.parametrize(
    ("options", "kind", "expected"),
    [
        ({}, "SGD", {"lr": 0.01, "momentum": 0.0, "weight_decay": 0.0}),
        (
            {"lr": 0.5, "momentum": 0.9, "weight_decay": 0.1},
            "SGD",
            {"lr": 0.5, "momentum": 0.9, "weight_decay": 0.1},
        ),
        ({"optimizer": "adam", "weight_decay": 0.1}, "Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ],
)
def test_the_optimiser_gets_its_settings(
    options: dict[str, Any], kind: str, expected: dict[str, float]
) -> None:
    optimiser = next(programs.automatic(minigrad, TOY.x, TOY.y, **options)).optimizer
    assert type(optimiser).__name__ == kind
    (group,) = optimiser.state_dict()["param_groups"]
    assert {name: group[name] for name in expected} == expected


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_seed_decides_the_parameters(program: str) -> None:
    def drawn(seed: int) -> list[float]:
        first = next(PROGRAMS[program](minigrad, TOY.x, TOY.y, seed=seed))
        assert first.epoch == 0
        assert np.isnan(first.loss)
        return [value for array in arrays(first).values() for value in array.ravel()]

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("loss", programs.LOSSES)
def test_an_epochs_loss_is_the_mean_over_its_samples(program: str, loss: str) -> None:
    options = {"loss": loss, "dtype": "float64", "lr": 1e-300, "epochs": 1}  # too small to move
    whole, batches = (
        [*epochs(PROGRAMS[program](minigrad, TOY.x, TOY.y, **options, batch_size=b))]
        for b in (None, 4)
    )
    expected, _ = whole[0].evaluate(TOY.x, TOY.y)
    assert whole[1].loss == expected
    assert batches[1].loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("program", PROGRAMS)
def test_evaluating_predicts_and_changes_no_gradient(program: str) -> None:
    *_, last = PROGRAMS[program](minigrad, TOY.x, TOY.y, lr=0.5)
    before = {name: p.grad.clone() for name, p in last.parameters.items()}
    loss, predicted = last.evaluate(TOY.x[:2], TOY.y[:2])
    assert 0 < loss < 0.1
    np.testing.assert_array_equal(predicted, TOY.y[:2])
    assert all((p.grad == before[name]).all() for name, p in last.parameters.items())


@given(
    samples=st.integers(2, 30),
    batch_size=st.integers(1, 29),
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(1, 1000),
)
def test_an_epochs_batches_are_all_samples_in_the_order_of_seed_and_epoch(
    samples: int, batch_size: int, seed: int, epoch: int
) -> None:
    x = minigrad.arange(float(samples))
    batches = list(programs.batches(x, x * 2, batch_size, seed, epoch))
    again = list(programs.batches(x, x * 2, batch_size, seed, epoch))
    seen = [value for batch, _, _ in batches for value in batch.tolist()]
    assert seen == [value for batch, _, _ in again for value in batch.tolist()]
    assert sorted(seen) == x.tolist()
    assert all((targets == inputs * 2).all() for inputs, targets, _ in batches)
    assert {len(batch) for batch, _, _ in batches[:-1]} <= {batch_size}
    assert [last for _, _, last in batches] == [False] * (len(batches) - 1) + [True]
    if batch_size < samples:
        order = np.random.default_rng([seed, epoch]).permutation(samples)
        assert seen == order.tolist()


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_update_is_yielded_with_its_gradients(program: str) -> None:
    steps = PROGRAMS[program](minigrad, TOY.x, TOY.y, epochs=2, batch_size=4, dtype="float64")
    before = arrays(next(steps))
    seen = []
    for progress in steps:
        seen.append((progress.epoch, progress.whole))
        for name, p in progress.parameters.items():
            np.testing.assert_array_equal(p.detach().numpy(), before[name] - 0.01 * p.grad.numpy())
        before = arrays(progress)
    assert seen == [(1, False), (1, True), (2, False), (2, True)]


def test_the_programs_import_neither_library() -> None:
    trees = [ast.parse(inspect.getsource(module)) for module in (models, programs)]
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {
        *("__future__", "collections", "collections.abc", "itertools", "typing", "numpy"),
        "minigrad.app.models",
    }


# From the seed alone ------------------------------------------------------------------------------


def printed(namespace: Any, program: str, seed: int, every: int = 100) -> str:
    """The initial parameters, and what the tutorial prints."""
    steps = PROGRAMS[program](namespace, TOY.x, TOY.y, seed=seed)
    progress = next(steps)
    lines = [repr(p) for p in progress.parameters.values()]
    for progress in epochs(steps):
        if progress.epoch % every == 0:
            _, predicted = progress.evaluate(TOY.x, TOY.y)
            right = (predicted == TOY.y).mean()
            lines.append(
                f"{progress.epoch}, loss: {progress.loss:.4f}, train_acc: {right:.4f} {predicted}"
            )
    return "\n".join(lines)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_initial_parameters_match_pytorch_to_the_bit(program: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    for seed in [*range(30), -1, 2**32, 2**63, 2**64 - 1]:
        for hidden in ((5,), (33, 4)):
            first = [
                arrays(next(PROGRAMS[program](t, TOY.x, TOY.y, **options)))
                for options in [{"seed": seed, "dtype": dtype, "hidden": hidden}]
                for t in (minigrad, torch)
            ]
            for name, array in first[0].items():
                if FUSED:
                    assert array.tobytes() == first[1][name].tobytes(), (seed, name)
                else:
                    np.testing.assert_allclose(array, first[1][name], rtol=0, atol=WITHOUT_FMA)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_tutorial_prints_the_same_in_both_libraries(program: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    assert printed(minigrad, program, seed) == printed(torch, program, seed)


# Optimisers and schedulers by name --------------------------------------------------------------


@pytest.mark.parametrize("name", programs.OPTIMIZERS)
def test_every_optimiser_trains_as_in_pytorch(name: str) -> None:
    ours, theirs = both("auto", TOY.x, TOY.y, optimizer=name, epochs=6)
    assert_close(ours, theirs, 1e-9)


@pytest.mark.parametrize("model", [n for n, m in models.MODELS.items() if m.only_matrices])
def test_muon_trains_a_network_without_biases(model: str) -> None:
    options = {"model": model, "image": SHAPE, "optimizer": "muon", "hidden": (5, 3), "lr": 0.5}
    steps = list(programs.automatic(minigrad, *IMAGES, **options, epochs=3))
    assert {p.ndim for p in steps[0].parameters.values()} == {2}
    assert steps[-1].loss < steps[1].loss


# Models -----------------------------------------------------------------------------------------

SHAPE = (4, 6)  # rows and columns, so that they can't be confused
IMAGES = np.random.default_rng(0).standard_normal((7, 24)), np.arange(7) % 3


@pytest.mark.parametrize(
    ("model", "activation"), [(name, a) for name, m in models.MODELS.items() for a in m.activations]
)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_model_trains_as_in_pytorch(model: str, activation: str, optimizer: str) -> None:
    options = {"model": model, "activation": activation, "image": SHAPE, "hidden": (5, 3)}
    options |= {"optimizer": optimizer, "lr": 0.01, "epochs": 4, "batch_size": 4}
    ours, theirs = both("auto", *IMAGES, **options)
    assert_close(ours, theirs, 1e-9)


@pytest.mark.parametrize("model", models.MODELS)
def test_lbfgs_trains_every_model_as_in_pytorch(model: str) -> None:
    options = {"model": model, "activation": "tanh", "image": SHAPE, "hidden": (4,)}
    ours, theirs = both("auto", *IMAGES, **options, optimizer="lbfgs", lr=0.5, epochs=1)
    assert_close(ours, theirs, 1e-9)


@pytest.mark.parametrize("dtype", programs.DTYPES)
@pytest.mark.parametrize("model", models.MODELS)
def test_the_first_parameters_of_every_model_are_pytorchs(model: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    options = {"model": model, "activation": "tanh", "image": SHAPE, "hidden": (5, 3), "seed": 7}
    ours, theirs = (
        arrays(next(programs.automatic(t, *IMAGES, **options, dtype=dtype)))
        for t in (minigrad, torch)
    )
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        assert array.dtype == dtype
        if FUSED:
            assert array.tobytes() == theirs[name].tobytes(), name
        else:
            np.testing.assert_allclose(array, theirs[name], rtol=0, atol=WITHOUT_FMA)


@pytest.mark.parametrize("model", models.OF_IMAGES)
def test_a_model_of_images_uses_where_a_pixel_is(model: str) -> None:
    options = {"model": model, "activation": "tanh", "image": SHAPE, "hidden": (5,), "seed": 1}
    network = next(programs.automatic(minigrad, *IMAGES, **options))
    x, y = IMAGES
    loss, _ = network.evaluate(x, y)
    for moved in (x.reshape(-1, *SHAPE)[:, ::-1], x.reshape(-1, *SHAPE)[:, :, ::-1]):
        assert network.evaluate(np.ascontiguousarray(moved).reshape(x.shape), y)[0] != loss


@pytest.mark.parametrize("name", programs.SCHEDULERS)
def test_every_schedule_is_pytorchs_and_resumes(name: str) -> None:
    def rates(t: Any, epochs: int, finished: int = 0) -> list[float]:
        steps = programs.automatic(
            t, TOY.x, TOY.y, scheduler=name, lr=0.25, epochs=epochs, finished=finished
        )
        next(steps)
        return [step.optimizer.param_groups[0]["lr"] for step in steps if step.optimizer]

    whole = rates(minigrad, 20)
    assert whole == rates(pytest.importorskip("torch"), 20)
    if name != "plateau":  # it depends on the losses before
        assert len(set(whole)) > 1
        assert whole[8:] == rates(minigrad, 12, finished=8)
