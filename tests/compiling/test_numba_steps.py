"""Steps that numba compiles: trainings within the bridge's bounds, their state, and `repeat`."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("numba")
pytest.importorskip("torch")
pytest.importorskip("tabulate")

import minigrad
from bridge import trajectory
from bridge.drawing.trainings import Training
from bridge.running.program import Step, advance
from bridge.strategies import trainings
from minigrad import nn, optim
from minigrad.compiling import CompiledStep, repeating
from minigrad.compiling.compiled import MISS
from minigrad.compiling.numba.functions import functions
from tests.compiling.test_steps import OPTIMIZERS, UPDATES, batches, by_hand, classifier
from tests.compiling.twin_steps import Setting, labels, module_setting, numbers
from tests.profiles import examples

STEPS = 20
F = nn.functional


def numba(step: Callable[..., Any], fullgraph: bool = True) -> CompiledStep:
    return CompiledStep(step, fullgraph, "numba")


# Trainings ----------------------------------------------------------------------------------------


def program_of(training: Training, steps: int) -> Callable[..., Iterator[Step]]:
    """The program of a training, whose step numba compiles in minigrad."""

    def program(torch: Any, device: str = "cpu", dtype: str = "float32") -> Iterator[Step]:
        torch.manual_seed(training.seed)
        model, loss, optimizer, *schedulers = training.setup(torch)
        kind = getattr(torch, dtype)
        model.to(device, kind)
        loss.to(device, kind) if isinstance(loss, torch.nn.Module) else None

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            optimizer.step()
            return value

        run = numba(step, fullgraph=False) if torch is minigrad else step
        parameters = dict(model.named_parameters())
        yield Step(float("nan"), parameters, optimizer)
        inputs, targets = training.data()
        for i in range(steps):
            start = i * training.batch_size % len(inputs)
            rows = slice(start, start + training.batch_size)
            parts = [torch.from_numpy(part[rows].copy()).to(device) for part in (inputs, targets)]
            value = run(*[x.to(kind) if x.is_floating_point() else x for x in parts])
            for scheduler in schedulers if i % 3 == 2 else ():
                advance(scheduler, value.item())
            yield Step(value.item(), parameters, optimizer)

    return program


@pytest.mark.filterwarnings("ignore:minigrad.compile")
@settings(max_examples=examples(1))
@given(trainings(dropout=False))
def test_a_training_is_within_the_bounds(training: Training) -> None:
    report = trajectory(program_of(training, STEPS), dtype=training.dtype, steps=STEPS)
    assert report.ok, report


# State --------------------------------------------------------------------------------------------


def shape_of_state(thing: Any) -> Any:
    """A state without the elements of float arrays: dtypes, shapes, strides and versions."""
    if isinstance(thing, tuple) and len(thing) == 5 and isinstance(thing[3], bytes):
        name, *layout = thing
        is_float = name.startswith("float") and thing[1] != ()  # not the counts of steps
        return (name, *layout[:2], None if is_float else layout[2], layout[3])
    if isinstance(thing, dict):
        return {key: shape_of_state(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [shape_of_state(part) for part in thing]
    return thing


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-4, atol=2e-5)


def same(eager: Setting, twin: Setting) -> None:
    """The same state, and elements as near as a few steps of rounding."""
    assert shape_of_state(eager.state()) == shape_of_state(twin.state())
    for name, tensor in eager.tensors.items():
        close(tensor, twin.tensors[name])
        if tensor.grad is not None:
            close(tensor.grad, twin.tensors[name].grad)
    if eager.optimizer is not None:
        ours, theirs = (s.optimizer.state_dict()["state"] for s in (twin, eager))
        for number, state in theirs.items():
            for key, value in state.items():
                if isinstance(value, minigrad.Tensor):
                    close(value, ours[number][key])


def agree(make: Callable[[], Setting], data: list[tuple[Any, ...]]) -> CompiledStep:
    eager, twin = make(), make()
    step = numba(twin.step)
    for batch in data:
        a, b = eager.step(*batch), step(*batch)
        close(a, b)
        assert (a.dtype, a.shape, a.requires_grad) == (b.dtype, b.shape, b.requires_grad)
        same(eager, twin)
    assert step._calls <= 3  # an optimiser makes its state in the first
    return step


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_after_steps(name: str) -> None:
    def setting() -> Setting:  # of one layer, as numba takes seconds for each
        return module_setting(lambda: nn.Linear(2, 3), nn.CrossEntropyLoss(), OPTIMIZERS[name])

    agree(setting, batches(6))


@pytest.mark.parametrize("name", UPDATES)
def test_updates_by_hand(name: str) -> None:
    agree(lambda: by_hand(UPDATES[name]), batches(6))


def test_a_network_of_many_layers() -> None:
    """Convolutions, normalisation, pooling, an embedding and attention's products."""

    def images() -> Any:
        return nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.GroupNorm(1, 3), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(),
            nn.Linear(12, 3),
        )  # fmt: skip

    def setting() -> Setting:
        return module_setting(images, nn.CrossEntropyLoss(), lambda p: optim.SGD(p, lr=0.01))

    agree(setting, [(numbers(i, 4, 1, 6, 6), labels(i, 4, 3)) for i in range(5)])

    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.norm, self.out = (
                nn.Embedding(7, 4),
                nn.LayerNorm(4),
                nn.Linear(4, 7),
            )
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Any) -> Any:
            e = self.embedding(x)
            e = e + self.attention(e, e, e, need_weights=False)[0]
            return self.out(self.norm(e)).flatten(0, 1)

    def words() -> Setting:
        return module_setting(Words, nn.CrossEntropyLoss(), lambda p: optim.SGD(p, lr=0.1))

    data = [(labels(i, 10, 7).view(2, 5), labels(i + 9, 10, 7)) for i in range(5)]
    agree(words, data)


def test_a_label_to_be_ignored_and_one_out_of_range() -> None:
    eager, twin = classifier(), classifier()
    step = numba(twin.step)
    x, rows = numbers(0, 4, 2), [[0, 1, 2, 0]] * 3 + [[-100, 1, 2, 0]] * 3 + [[0, 1, 2, 1]]
    for row in rows:
        close(eager.step(x, minigrad.tensor(row)), step(x, minigrad.tensor(row)))
        same(eager, twin)
    assert len(step._programs) == 2
    with pytest.raises(IndexError, match="out of bounds"):
        step(x, minigrad.tensor([0, 1, 3, 0]))
    with pytest.raises(IndexError, match="out of bounds"):
        eager.step(x, minigrad.tensor([0, 1, 3, 0]))
    same(eager, twin)


def test_nan_and_infinity_are_as_in_eager() -> None:
    def step(x: Any) -> Any:
        return [x.exp(), x.relu(), x.log(), x.sum(), x.max(), x * 0, x.softmax(0), x == x]

    compiled = numba(step)
    for values in ([1.0, 2, 3, 4], [1.0, -1, 0, -0.0], [np.nan, 1, np.inf, -np.inf], [np.inf] * 4):
        x = minigrad.tensor(values)
        for _ in range(3):
            for ours, theirs in zip(compiled(x), step(x), strict=True):
                np.testing.assert_array_max_ulp(
                    np.nan_to_num(ours.numpy().astype("f4")),
                    np.nan_to_num(theirs.numpy().astype("f4")), 4,
                )  # fmt: skip
                assert np.array_equal(np.isnan(ours.numpy()), np.isnan(theirs.numpy()))


# Repeat -------------------------------------------------------------------------------------------


def stacked(data: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple([minigrad.stack(list(parts)) for parts in zip(*data, strict=True)])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", ["SGD", "momentum", "Adam"])
def test_repeat_is_a_loop_of_calls(name: str, backend: str) -> None:
    data = batches(12)
    for given_data in (data, stacked(data)):
        eager, twin = (classifier(OPTIMIZERS[name]) for _ in range(2))
        step = CompiledStep(twin.step, True, backend)
        losses = step.repeat(12, given_data)
        expected = minigrad.stack([eager.step(*batch).detach() for batch in data])
        close(losses, expected)
        assert not losses.requires_grad
        same(eager, twin)


@pytest.mark.parametrize("name", UPDATES)
def test_repeat_of_updates_by_hand(name: str) -> None:
    eager, twin = by_hand(UPDATES[name]), by_hand(UPDATES[name])
    step, data = numba(twin.step), batches(9)
    close(step.repeat(9, stacked(data)), minigrad.stack([eager.step(*b).detach() for b in data]))
    same(eager, twin)


def test_repeat_is_one_call_of_a_compiled_loop() -> None:
    setting, data = classifier(), batches(10)
    step = numba(setting.step)
    for batch in data[:3]:
        step(*batch)
    (program,) = step._programs
    program.run = None  # type: ignore[assignment]
    assert program.repeat is not None
    same_batch = tuple([x.expand(10, *x.shape) for x in data[0]])
    assert step.repeat(10, same_batch).shape == (10,)
    assert step.repeat(10, [data[0]] * 10).shape == (10,)


def test_repeat_leaves_the_loop_for_a_step_that_does_not_fit() -> None:
    eager, twin, data = classifier(), classifier(), batches(9)
    rows = [y.tolist() for _, y in data]
    rows[5][2] = -100
    data = [(x, minigrad.tensor(row)) for (x, _), row in zip(data, rows, strict=True)]
    data[7] = (data[7][0][:4], data[7][1][:4])  # another shape
    step = numba(twin.step)
    close(step.repeat(9, data), minigrad.stack([eager.step(*batch).detach() for batch in data]))
    same(eager, twin)
    assert twin.tensors["0.weight"]._version == eager.tensors["0.weight"]._version


def test_repeat_stacks_batches_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if no step fits the programs that there are."""
    setting, data = classifier(), batches(8)
    step = numba(setting.step)
    for batch in data[:3]:
        step(*batch)
    stacks: list[int] = []
    stack = repeating._with_layout
    monkeypatch.setattr(repeating, "_with_layout", lambda a: stacks.append(len(a)) or stack(a))
    monkeypatch.setattr(step._programs[0], "repeat", lambda *_: MISS)
    step.repeat(8, data)
    assert stacks == [8, 8]


def test_repeat_stops_where_a_step_raises() -> None:
    eager, twin, data = classifier(), classifier(), batches(8)
    data[6] = (data[6][0], minigrad.tensor([0, 1, 2, 3, 0, 1]))
    step = numba(twin.step)
    with pytest.raises(IndexError, match="out of bounds"):
        step.repeat(8, data)
    for batch in data[:6]:
        eager.step(*batch)
    with pytest.raises(IndexError, match="out of bounds"):
        eager.step(*data[6])
    same(eager, twin)


def test_steps_that_are_not_a_loop() -> None:
    """Gradients that add up, an argument that is written, a result that is a parameter."""
    w = numbers(0, 3).requires_grad_()

    def adds_up(x: Any) -> Any:
        loss = (w * x).sum()
        loss.backward()
        return loss

    step = numba(adds_up)
    rows = numbers(1, 7, 3)
    step.repeat(7, (rows,))
    assert w.grad is not None
    close(w.grad, rows.sum(0))

    def writes(x: Any) -> Any:
        x.mul_(2)
        return x.sum()

    before = rows.clone()
    close(numba(writes).repeat(7, (rows,)), 2 * before.sum(1))
    close(rows, 2 * before)
    v = numbers(0, 3)

    def returns(x: Any) -> Any:
        v.add_(x)
        return v

    start = v.clone()
    close(numba(returns).repeat(7, (rows,)), start + rows.cumsum(0))


def test_repeat_of_several_results_of_any_layout() -> None:
    def step(x: Any, scale: float) -> Any:
        return {"t": (x * scale).t(), "more": [x.sum(), x[0].expand(2, 3).clone()], "none": None}

    x = numbers(0, 6, 4, 3)
    got = numba(step).repeat(6, (x, 2.0))
    close(got["t"], (x * 2).transpose(1, 2))
    close(got["more"][0], x.sum((1, 2)))
    close(got["more"][1], x[:, :1].expand(6, 2, 3))
    assert got["none"] is None


REFUSED: list[tuple[Any, Any, type[Exception], str]] = [
    (2.0, (), TypeError, "a number of steps, not float"),
    (True, (), TypeError, "a number of steps, not bool"),
    (0, (), ValueError, "at least one step, not 0"),
    (2, minigrad.ones(2, 3), TypeError, "a tuple of arguments .* not Tensor"),
    (2, (minigrad.ones(3, 3),), ValueError, r"each of the 2 steps, .* shape \(3, 3\)"),
    (2, (minigrad.ones(()),), ValueError, r"shape \(\)"),
    (2, [(minigrad.ones(3),)], ValueError, "1 batches for 2 steps"),
    (1, [minigrad.ones(3)], TypeError, "batch 0 is a Tensor, not a tuple"),
]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("n", "given_data", "error", "message"), REFUSED)
def test_repeat_refuses_what_does_not_fit(
    n: Any, given_data: Any, error: type[Exception], message: str, backend: str
) -> None:
    with pytest.raises(error, match=message):
        CompiledStep(lambda x: x * 2, backend=backend).repeat(n, given_data)


def test_repeat_refuses_results_that_are_not_tensors() -> None:
    with pytest.raises(TypeError, match="stacks tensors, but the step returns a int"):
        numba(lambda x: 3, fullgraph=False).repeat(2, (minigrad.ones(2, 3),))


# Backends -----------------------------------------------------------------------------------------


def test_other_backends_and_a_missing_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotImplementedError, match="use 'numpy' or 'numba'"):
        minigrad.compile(lambda x: x, backend="inductor")
    found = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "numba":
            raise ImportError(name)
        return found(name, *args, **options)

    functions.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'minigrad\[numba\]'"):
        minigrad.compile(lambda x: x, backend="numba")


def test_a_statement_without_a_form_is_named_once() -> None:
    def step(x: Any) -> Any:
        return minigrad.linalg.inv(x)

    x, refuses = minigrad.eye(3) * 2, numba(step)
    refuses(x)
    with pytest.raises(RuntimeError, match=r"no form for np\.linalg\.inv \(inv, at test_numba"):
        refuses(x)
    compiled = numba(step, fullgraph=False)
    with pytest.warns(UserWarning, match=r"no form for np\.linalg\.inv .*NumPy program runs"):
        results = [compiled(x) for _ in range(2)]
    results.append(compiled(x))
    assert all(bool((r == minigrad.eye(3) / 2).all()) for r in results)
    assert "def call" in compiled.running_source
