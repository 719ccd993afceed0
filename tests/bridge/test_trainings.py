"""Random trainings: compared with PyTorch, resumed from a file, and with an update by hand.

Each of the four checks is tested with mistakes that some training must show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("tabulate")

import minigrad
from bridge import lockstep, trajectory
from bridge.drawing.bodies import BODIES, Body
from bridge.drawing.class_samples import (
    CONTAINERS,
    LAYERS,
    LOSSES,
    SCHEDULERS,
    STEPPED,
    Layer,
)
from bridge.drawing.trainings import Training, draw_training
from bridge.running.program import advance
from bridge.strategies import trainings
from minigrad import nn
from minigrad.app.programs import batches
from minigrad.optim import SGD, Adam, AdamW, Optimizer, lr_scheduler
from tests.bridge.mistakes import SAME_MASKS, one_epoch_late
from tests.profiles import examples

TrainingCheck = Callable[[Training], None]


def must_fail(check: TrainingCheck, **kinds: Any) -> None:
    """Check that the check fails for at least one of forty trainings."""

    def each() -> None:
        for seed in range(2**16, 2**16 + 40):
            check(draw_training(seed, **kinds))

    with pytest.raises(AssertionError):
        each()


# What is drawn ------------------------------------------------------------------------------------


def parts_of(training: Training) -> Iterator[Any]:
    """Yield the modules, the optimiser and the scheduler of a training."""
    model, loss, *others = training.setup(minigrad)
    yield from (*model.modules(), *loss.modules(), *others)


def test_every_class_is_drawn_and_200_steps_are_reached() -> None:
    seen = [draw_training(seed) for seed in range(2**16, 2**16 + 400)]
    names = {type(part).__name__ for each in seen for part in parts_of(each)}
    layers = {name for name, sample in LAYERS.items() if sample.keeps_shape}
    losses = {name for name, sample in LOSSES.items() if not sample.has_kinks}
    containers = {name for name in CONTAINERS if not name.startswith("Parameter")}
    assert names >= layers | losses | containers | {*STEPPED, *SCHEDULERS}
    steps = [each.steps for each in seen]
    sizes = [size for each in seen for size in each.sizes]
    assert min(steps) == min(sizes) == 1
    assert 190 < max(steps) <= 200
    assert 60 < max(sizes) <= 64
    assert {len(each.sizes) for each in seen} == {2, 3, 4}


def test_every_layer_of_a_body_is_drawn() -> None:
    bodies = tuple(BODIES)
    seen = [draw_training(seed, bodies=bodies).body for seed in range(2**16, 2**16 + 300)]
    names = {layer.name for body in seen if body is not None for layer in body.layers}
    over = {
        f"{kind}{n}d" for kind in ("Conv", "ConvTranspose", "MaxPool", "AvgPool") for n in "123"
    }
    over |= {f"{kind}{n}d" for kind in ("BatchNorm", "InstanceNorm") for n in "123"}
    recurrent = {"RNN", "GRU", "LSTM"}
    attending = {"MultiheadAttention", "TransformerEncoderLayer"}
    assert names >= over | recurrent | attending | {"Embedding", "GroupNorm", "ReLU"}


@given(trainings() | trainings(bodies=tuple(BODIES)))
def test_the_repr_of_a_training_is_the_call_that_makes_it(training: Training) -> None:
    names = {"Training": Training, "Layer": Layer, "Body": Body}
    assert eval(repr(training), names) == training


# Compared with PyTorch ----------------------------------------------------------------------------


def check_lockstep(training: Training) -> None:
    report = lockstep(training.program(), dtype=training.dtype)
    assert report.ok, f"{training}: {report.verdict()}"
    assert len(report.rows) == training.steps


def check_free(training: Training) -> None:
    report = trajectory(training.program(), dtype=training.dtype)
    assert report.ok, f"{training}: {report.verdict()}"
    assert len(report.rows) == training.steps or report.diverged


# A step in lockstep costs several times as much as in a free run.
@settings(max_examples=examples(6))
@given(trainings(dropout=SAME_MASKS, max_steps=min(examples(40), 200)))
def test_every_step_agrees_in_lockstep(training: Training) -> None:
    check_lockstep(training)


@settings(max_examples=examples(7))
@given(trainings(dropout=False, max_steps=5, bodies=tuple(BODIES)))
def test_images_and_sequences_agree_in_lockstep(training: Training) -> None:
    check_lockstep(training)


def test_two_hundred_steps_agree_in_lockstep() -> None:
    options = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}
    check_lockstep(
        Training(
            (4, 3),
            optimizer_options=options,
            scheduler="StepLR",
            scheduler_options={"step_size": 50, "gamma": 0.5},
            samples=8,
            batch_size=8,
            epochs=200,
        )
    )


@settings(max_examples=examples(9))
@given(trainings(dropout=SAME_MASKS))
def test_free_runs_are_within_the_bound(training: Training) -> None:
    check_free(training)


def with_eps_before_the_correction(update: Any) -> Any:
    """Use sqrt(v) + eps / correction in place of sqrt(v / correction²) + eps."""

    def changed(self: Any, group: Any, pairs: Any) -> None:
        done = max((state["step"].item() for state in self.state.values()), default=0)
        correction = (1 - group["betas"][1] ** (done + 1)) ** 0.5
        update(self, {**group, "eps": group["eps"] / correction}, pairs)

    return changed


def with_settings(**changes: Any) -> Any:
    def change(update: Any) -> Any:
        return lambda self, group, pairs: update(self, {**group, **changes}, pairs)

    return change


@pytest.mark.parametrize(
    ("check", "kind", "change"),
    [
        (check_lockstep, Adam, with_eps_before_the_correction),
        (check_lockstep, AdamW, with_settings(decoupled_weight_decay=False)),
        (check_lockstep, SGD, with_settings(dampening=0.0)),
        (check_lockstep, SGD, with_settings(momentum=0.0)),
        (check_free, Adam, with_eps_before_the_correction),
        (check_free, SGD, with_settings(nesterov=False)),
    ],
)
def test_a_mistake_in_an_optimiser_is_found(
    check: TrainingCheck, kind: Any, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "_update", change(kind._update))
    must_fail(check, optimizers=(kind.__name__,), dropout=False, max_steps=10)


@pytest.mark.parametrize("name", STEPPED)
def test_every_optimiser_agrees_in_lockstep(name: str) -> None:
    for seed in range(2**16, 2**16 + 3):
        check_lockstep(draw_training(seed, optimizers=(name,), dropout=False, max_steps=10))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_agrees_in_lockstep(name: str) -> None:
    for seed in range(2**16, 2**16 + 3):
        check_lockstep(draw_training(seed, schedulers=(name,), dropout=False, max_steps=10))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_that_is_one_epoch_late_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lr_scheduler, name, one_epoch_late(getattr(lr_scheduler, name)))
    must_fail(check_lockstep, schedulers=(name,), dropout=False, max_steps=10)


def test_a_layer_that_ignores_an_option_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class OverClasses(nn.Softmax):
        def __init__(self, dim: int) -> None:
            super().__init__(dim=1)

    monkeypatch.setattr(nn, "Softmax", OverClasses)
    must_fail(check_lockstep, layers=("Softmax",), dropout=False, max_steps=10)


def test_a_scheduler_doesnt_hide_a_wrong_update(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SGD, "_update", with_settings(dampening=0.5)(SGD._update))
    training = Training(
        (3, 2),
        optimizer_options={"lr": 0.1, "momentum": 0.9},
        scheduler="ExponentialLR",
        scheduler_options={"gamma": 0.5},
        epochs=3,
    )
    report = lockstep(training.program())
    assert report.fault is not None
    assert (report.fault.op, report.fault.step) == ("SGD.step", 2)


# Resumed from a file ------------------------------------------------------------------------------


class Session:
    """A training in minigrad, step by step, which can be saved to a file and loaded."""

    def __init__(self, training: Training, seed: int) -> None:
        minigrad.manual_seed(seed)
        self.model, self.loss, self.optimizer, *self.schedulers = training.setup(minigrad)
        self.dtype = getattr(minigrad, training.dtype)
        self.model.to(self.dtype)
        self.loss.to(self.dtype)

    def gradients(self, x: np.ndarray, y: np.ndarray) -> float:
        given = (minigrad.from_numpy(array) for array in (x, y))
        inputs, targets = (t.to(self.dtype) if t.is_floating_point() else t for t in given)
        self.optimizer.zero_grad()
        loss = self.loss(self.model(inputs), targets)
        loss.backward()
        return float(loss.item())

    def step(self, x: np.ndarray, y: np.ndarray, last: bool) -> None:
        loss = self.gradients(x, y)
        self.optimizer.step()
        for scheduler in self.schedulers if last else ():
            advance(scheduler, loss)

    def parts(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedulers": [scheduler.state_dict() for scheduler in self.schedulers],
            "stream": minigrad.get_rng_state(),
        }

    def save(self, path: Path) -> None:
        minigrad.save(self.parts(), path)

    def load(self, path: Path, without: str = "") -> None:
        """Load everything from the file except the part `without`."""
        parts = minigrad.load(path)
        if without != "model":
            self.model.load_state_dict(parts["model"])
        if without == "state":
            parts["optimizer"]["state"] = {}
        self.optimizer.load_state_dict(parts["optimizer"])
        for scheduler, state in zip(self.schedulers, parts["schedulers"], strict=True):
            if without != "schedulers":
                scheduler.load_state_dict(state)
        if without != "stream":
            minigrad.set_rng_state(parts["stream"])


def steps_of(training: Training) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """Return the batches of every epoch, each with whether it is the last of its epoch."""
    return [
        batch
        for epoch in range(1, training.epochs + 1)
        for batch in batches(*training.data(), training.batch_size, training.seed, epoch)
    ]


def leaves(thing: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the items of nested dicts and lists by path, tensors as their bits."""
    if isinstance(thing, dict | list | tuple):
        items = thing.items() if isinstance(thing, dict) else enumerate(thing)
        for key, value in items:
            yield from leaves(value, f"{path}.{key}")
    elif isinstance(thing, minigrad.Tensor):
        array = thing.detach().numpy()
        if array.dtype.kind == "f":  # the sign of a NaN is unspecified
            array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
        yield path, (array.dtype, array.shape, array.tobytes())
    else:
        yield path, repr(thing)


def assert_same_bits(ours: Any, theirs: Any) -> None:
    a, b = dict(leaves(ours)), dict(leaves(theirs))
    assert a.keys() == b.keys()
    assert not [path for path in a if a[path] != b[path]]


def check_resumed(training: Training, after: int, path: Path, without: str = "") -> None:
    """Check that an interrupted and resumed training ends with the same bits."""
    steps = steps_of(training)
    session = Session(training, training.seed)
    for batch in steps[:after]:
        session.step(*batch)
    session.save(path)
    # Loading converts numbers such as NAdam's `mu_product` to the parameter's dtype. The base
    # class's method is right where a subclass's has a mistake.
    session.optimizer.load_state_dict(Optimizer.state_dict(session.optimizer))
    for batch in steps[after:]:
        session.step(*batch)
    uninterrupted = session.parts()
    session = Session(training, training.seed + 1)
    session.load(path, without)
    for batch in steps[after:]:
        session.step(*batch)
    assert_same_bits(session.parts(), uninterrupted)


@given(training=trainings(), data=st.data())
def test_a_resumed_training_ends_with_the_same_bits(
    training: Training, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    after = data.draw(st.integers(0, training.steps), label="interrupted after")
    check_resumed(training, after, tmp_path_factory.mktemp("run") / "half.safetensors")


@settings(max_examples=examples(6))
@given(training=trainings(max_steps=8, bodies=tuple(BODIES)), data=st.data())
def test_a_resumed_training_of_images_or_sequences_ends_with_the_same_bits(
    training: Training, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    after = data.draw(st.integers(0, training.steps), label="interrupted after")
    check_resumed(training, after, tmp_path_factory.mktemp("run") / "half.safetensors")


@pytest.mark.parametrize("part", ["model", "state", "schedulers", "stream"])
def test_a_missing_part_is_found(part: str, tmp_path: Path) -> None:
    def check(training: Training) -> None:
        check_resumed(training, training.steps // 2, tmp_path / "half.safetensors", part)

    must_fail(check, optimizers=("SGD",), max_steps=10)


def test_a_missing_buffer_of_the_optimiser_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_buffers(self: Any) -> Any:
        return {**state_dict(self), "state": {}}

    state_dict = SGD.state_dict
    monkeypatch.setattr(SGD, "state_dict", without_buffers)

    def check(training: Training) -> None:
        check_resumed(training, training.steps // 2, tmp_path / "half.safetensors")

    must_fail(check, optimizers=("SGD",), max_steps=10)


@settings(max_examples=examples(6))
@given(trainings())
def test_a_session_equals_the_program(training: Training) -> None:
    session = Session(training, training.seed)
    for batch in steps_of(training):
        session.step(*batch)
    minigrad.manual_seed(0)
    *_, last = training.program()(minigrad, dtype=training.dtype)
    assert_same_bits(session.model.state_dict(), dict(last.parameters))
    assert_same_bits(session.optimizer.state_dict(), last.optimizer.state_dict())


# By hand ------------------------------------------------------------------------------------------

Update = Callable[[Any, Any, dict[str, Any], dict[str, Any]], None]


def plus(y: Any, x: Any, factor: float) -> Any:
    """Return y + factor * x, rounded once in float32, as PyTorch's fused multiply-add does."""
    if y.dtype == minigrad.float64:
        return y + factor * x
    return (y.double() + float(np.float32(factor)) * x.double()).to(y.dtype)


def by_hand(p: Any, g: Any, buffers: dict[str, Any], given: dict[str, Any]) -> None:
    """Update the data `p` of a parameter in explicit code."""
    if given["maximize"]:
        g = -g
    if given["weight_decay"]:
        g = plus(g, p, given["weight_decay"])
    if given["momentum"]:
        b = buffers.get("b")
        b = g if b is None else plus(given["momentum"] * b, g, 1 - given["dampening"])
        buffers["b"] = b
        g = plus(g, b, given["momentum"]) if given["nesterov"] else b
    p.copy_(plus(p, g, -given["lr"]))


def check_by_hand(training: Training, update: Update = by_hand) -> None:
    """Check that a loop with this update ends with the same bits as the optimiser."""
    with_optimizer, by_itself = (Session(training, training.seed) for _ in range(2))
    (group,) = with_optimizer.optimizer.param_groups
    parameters = list(by_itself.model.parameters())
    buffers: list[dict[str, Any]] = [{} for _ in parameters]
    stream = minigrad.get_rng_state()
    for batch in steps_of(training):
        with_optimizer.step(*batch)
    minigrad.set_rng_state(stream)
    for x, y, _ in steps_of(training):
        by_itself.gradients(x, y)
        for p, buffer in zip(parameters, buffers, strict=True):
            update(p.data, p.grad.clone(), buffer, group)
    assert_same_bits(by_itself.model.state_dict(), with_optimizer.model.state_dict())


PLAIN_SGD = {"optimizers": ("SGD",), "schedulers": ()}


@given(trainings(**PLAIN_SGD))
def test_the_update_by_hand_is_sgds_bit_for_bit(training: Training) -> None:
    check_by_hand(training)


def with_the_rate_in_the_buffer(
    p: Any, g: Any, buffers: dict[str, Any], given: dict[str, Any]
) -> None:
    """In exact arithmetic this is equal: the buffer includes the learning rate."""
    buffers["b"] = given["momentum"] * buffers.get("b", 0.0) + given["lr"] * g
    p -= buffers["b"]


def with_the_decay_first(p: Any, g: Any, buffers: dict[str, Any], given: dict[str, Any]) -> None:
    """In exact arithmetic without momentum this is equal: the decay comes first."""
    p *= 1 - given["lr"] * given["weight_decay"]
    p -= given["lr"] * g


@pytest.mark.parametrize(
    ("update", "options"),
    [
        (with_the_rate_in_the_buffer, {"lr": 0.1, "momentum": 0.9}),
        (with_the_decay_first, {"lr": 0.1, "weight_decay": 0.1}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_different_order_of_rounding_is_found(
    update: Update, options: dict[str, Any], dtype: str
) -> None:
    training = Training((3, 4), optimizer_options=options, samples=4, batch_size=4, epochs=5)
    check_by_hand(training)
    with pytest.raises(AssertionError):
        check_by_hand(training, update)
