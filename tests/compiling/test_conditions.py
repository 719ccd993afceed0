"""What a program relies on: another thing found, another argument or an index out of bounds."""

from __future__ import annotations

import argparse
import enum
import random
import warnings
from collections import UserDict, deque
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.compiling import CompiledStep
from tests.compiling.twin_steps import Setting, bits, numbers

F = nn.functional
_NEEDS_NUMBA = pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")
BACKENDS = ["numpy", pytest.param("numba", marks=_NEEDS_NUMBA)]


def outcome(step: Callable[..., Any], batch: tuple[Any, ...]) -> Any:
    """The result of a call as bits, or its error."""
    try:
        result = step(*batch)
    except (IndexError, RuntimeError) as error:
        return str(error)
    return [bits(x) for x in (result if isinstance(result, list) else [result])]


def near(a: Any, b: Any) -> bool:
    """Whether two states are the same, but for the rounding of float32."""
    if isinstance(a, tuple) and len(a) == 5 and isinstance(a[3], bytes):
        ours, theirs = (np.frombuffer(x[3], x[0]) for x in (a, b))
        return (*a[:3], a[4]) == (*b[:3], b[4]) and np.allclose(ours, theirs, 1e-5, 1e-6)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(near, a, b))
    return bool(a == b)


def agree(
    make: Callable[[], Setting],
    batches: list[Callable[[], tuple[Any, ...]]],
    backend: str,
    between: Callable[[Setting, int], None] = lambda setting, i: None,
    recorded: bool = True,
) -> CompiledStep:
    """Run a step and its compiled twin. `between` changes what they find after each call."""
    eager, twin = make(), make()
    compiled = CompiledStep(twin.step, recorded, backend)
    same = near if backend == "numba" else lambda a, b: bool(a == b)
    for i, batch in enumerate(batches):
        a, b = outcome(eager.step, batch()), outcome(compiled, batch())
        assert same(a, b), (i, a, b)
        assert same(eager.state(), twin.state()), (i, eager.state(), twin.state())
        between(eager, i)
        between(twin, i)
    assert bool(compiled.source) == recorded
    return compiled


def rows(n: int, *shape: int) -> list[Callable[[], tuple[Any, ...]]]:
    return [partial(lambda i: (numbers(i, *shape),), i) for i in range(n)]


# What the step finds ------------------------------------------------------------------------------


class Scale(enum.IntEnum):
    TWO = 2
    THREE = 3


class Slots:
    __slots__ = ("scale",)


class OfClass:
    scale: Any = 2.0

    @property
    def other(self) -> Any:
        return self.scale


class OfNoClass:
    pass


class Layer(nn.Module):
    _scale: Any = 2.0

    def forward(self, x: Any) -> Any:
        return x * self._scale


def of_a_module(x: Any, module: ModuleType) -> Any:
    return x * module.scale


SHARED = ModuleType("users")
SHARED.inner = ModuleType("users.inner")  # type: ignore[attr-defined]

# How a step finds something, as a function that makes a step and one that sets it.
Place = tuple[Callable[[Any], Any], Callable[[Any], None]]


def in_a_closure() -> Place:
    found: Any = None

    def step(x: Any) -> Any:
        return found(x) if callable(found) else x * found

    def change(thing: Any) -> None:
        nonlocal found
        found = thing

    return step, change


def in_an_object(holder: Any, name: str = "scale", read: str = "scale") -> Place:
    def step(x: Any) -> Any:
        return x * getattr(holder, read) if read != "call" else holder(x)

    return step, lambda thing: setattr(holder, name, thing)


def in_a_forward() -> Place:
    layer = nn.Tanh()
    return layer, lambda thing: setattr(layer, "forward", lambda x: x * thing)


def in_a_python_module() -> Place:
    def change(thing: Any) -> None:
        SHARED.inner.scale = thing

    return lambda x: x * SHARED.inner.scale, change


def in_a_namespace_of_arguments() -> Place:
    holder = argparse.Namespace()
    return lambda x: x * holder.scale, lambda thing: setattr(holder, "scale", thing)


def in_a_container(holder: Any, key: Any) -> Place:
    return lambda x: x * holder[key], lambda thing: holder.__setitem__(key, thing)


def in_the_length_of_a_set() -> Place:
    holder: set[Any] = set()
    return lambda x: x * len(holder), holder.add


def in_the_default_of_a_function() -> Place:
    def inner(x: Any, scale: float) -> Any:
        return x * scale

    return lambda x: inner(x), lambda thing: setattr(inner, "__defaults__", (thing,))


def in_the_code_of_a_function() -> Place:
    def inner(x: Any) -> Any:
        return x

    codes = {2.0: (lambda x: x * 2).__code__, 3.0: (lambda x: x * 3).__code__}
    return lambda x: inner(x), lambda thing: setattr(inner, "__code__", codes[thing])


def in_a_method() -> Place:
    cls = type("Own", (), {})
    holder = cls()
    return (
        lambda x: holder.scaled(x),
        lambda thing: setattr(cls, "scaled", lambda self, x: x * thing),
    )


def that_may_be_missing(holder: Any, cls: Any) -> Place:
    """It isn't there at first."""
    return (
        lambda x: x * getattr(holder, "scale", 2.0),
        lambda thing: setattr(cls, "scale", thing) if thing != 2.0 else None,
    )


def of_the_globals_that_may_be_missing() -> Place:
    space: dict[str, Any] = {}
    exec(
        "def step(x):\n    try:\n        return x * scale\n"
        "    except NameError:\n        return x\n",
        space,
    )
    return space["step"], lambda thing: space.update({} if thing == 2.0 else {"scale": thing})


def in_a_partial() -> Place:
    holder = SimpleNamespace()
    step = partial(lambda x, holder: x * holder.scale, holder=holder)
    return lambda x: step(x), lambda thing: setattr(holder, "scale", thing)


PLACES: dict[str, Callable[[], Place]] = {
    "a closure": in_a_closure,
    "an attribute": lambda: in_an_object(SimpleNamespace()),
    "slots": lambda: in_an_object(Slots()),
    "a class": lambda: in_an_object(type("Own", (OfClass,), {})),
    "the class of an object": lambda: in_an_object(OfClass()),
    "a property": lambda: in_an_object(OfClass(), "scale", "other"),
    "a module": lambda: in_an_object(Layer(), "_scale", "call"),
    "a module of Python": in_a_python_module,
    "a partial": in_a_partial,
    "arguments of a command": in_a_namespace_of_arguments,
    "a function": lambda: in_an_object(lambda x: x),
    "a layer": lambda: in_an_object(nn.Linear(3, 3)),
    "a layer of a function": lambda: in_an_object(nn.LeakyReLU(), "negative_slope", "call"),
    "the forward of a layer": lambda: in_a_forward(),
    "a tensor": lambda: in_an_object(minigrad.zeros(1)),
    "an optimiser": lambda: in_an_object(optim.SGD([minigrad.zeros(1)])),
    "an array of NumPy": lambda: in_a_container(np.zeros(1), 0),
    "a deque": lambda: in_a_container(deque([1.0]), 0),
    "a user's dict": lambda: in_a_container(UserDict(), "scale"),
    "an attribute of a list": lambda: in_an_object(type("Own", (list,), {})()),
    "a set": in_the_length_of_a_set,
    "a default": in_the_default_of_a_function,
    "code": in_the_code_of_a_function,
    "a method": in_a_method,
    "a new attribute": lambda: that_may_be_missing(*[SimpleNamespace()] * 2),
    "a new attribute of a class": lambda: that_may_be_missing(OfNoClass(), OfNoClass),
    "a new global": of_the_globals_that_may_be_missing,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PLACES)
def test_a_number_that_changes(name: str, backend: str) -> None:
    def make() -> Setting:
        step, change = PLACES[name]()
        change(2.0)
        setting = Setting(step)
        setting.change = change  # type: ignore[attr-defined]
        return setting

    def between(setting: Setting, i: int) -> None:
        if i == 2:
            setting.change(3.0)  # type: ignore[attr-defined]

    agree(make, rows(5, 3), backend, between)


INTEGERS = [lambda: (minigrad.tensor([1, 2, 3]),)] * 5
PAIRS: dict[str, tuple[Any, Any, Any]] = {
    "functions": (F.relu, F.tanh, rows(5, 3)),
    "int and float": (2, 2.0, INTEGERS),
    "True and 1": (True, 1, [lambda: (minigrad.tensor([True, False]),)] * 5),
    "zeros": (0.0, -0.0, rows(5, 3)),
    "NumPy's numbers": (np.float64(2), np.float64(3), rows(5, 3)),
    "NumPy's float32": (np.float32(2), np.float32(3), rows(5, 3)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PAIRS)
def test_two_things_that_are_alike(name: str, backend: str) -> None:
    first, second, batches = PAIRS[name]

    def make() -> Setting:
        step, change = in_a_closure()
        change(first)
        setting = Setting(step)
        setting.change = change  # type: ignore[attr-defined]
        return setting

    def between(setting: Setting, i: int) -> None:
        if i == 2:
            setting.change(second)  # type: ignore[attr-defined]

    agree(make, batches, backend, between)


def test_an_enumeration() -> None:
    """As a condition. As a number it is refused, as NumPy takes it for another kind."""
    scale = Scale.THREE
    agree(lambda: Setting(lambda x: x * 2 if scale is Scale.THREE else x), rows(4, 3), "numpy")
    with pytest.warns(UserWarning, match="can't record a number of the type Scale"):
        agree(lambda: Setting(lambda x: x * scale), rows(4, 3), "numpy", recorded=False)


# Options and schedulers ---------------------------------------------------------------------------


def trained(update: Callable[[Any, Any, Any], None], scheduler: Any) -> Setting:
    w = numbers(1, 3).requires_grad_()
    opt = optim.SGD([w], lr=0.1)
    schedule = scheduler(opt)

    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        update(w, opt, schedule)
        return loss

    return Setting(step, {"w": w}, opt, schedule)


def decay(w: Any, opt: Any, schedule: Any) -> None:
    with minigrad.no_grad():
        w.mul_(1 - opt.param_groups[0]["lr"])
    opt.step()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_learning_rate_that_the_step_reads(backend: str) -> None:
    def halving(opt: Any) -> Any:
        return optim.lr_scheduler.StepLR(opt, 3, 0.5)

    compiled = agree(
        lambda: trained(decay, halving), rows(8, 3), backend, lambda s, i: s.scheduler.step()
    )
    assert len(compiled._programs) == 3


def changes_the_options(w: Any, opt: Any, schedule: Any) -> None:
    opt.step()
    opt.param_groups[0]["lr"] *= 0.5


def takes_a_step(w: Any, opt: Any, schedule: Any) -> None:
    opt.step()
    schedule.step()


SCHEDULERS: dict[str, Any] = {
    "ExponentialLR": lambda opt: optim.lr_scheduler.ExponentialLR(opt, 0.5),
    "StepLR": lambda opt: optim.lr_scheduler.StepLR(opt, 4),
    "SequentialLR": lambda opt: optim.lr_scheduler.SequentialLR(
        opt,
        [optim.lr_scheduler.ConstantLR(opt, 0.5, 2), optim.lr_scheduler.ExponentialLR(opt, 0.9)],
        [2],
    ),
}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("update", [changes_the_options, takes_a_step])
def test_options_that_the_step_changes_are_refused(update: Any, name: str) -> None:
    """Once, as in eager: what the recording did to them is put back."""
    with pytest.warns(UserWarning, match="a step that changes what it uses"):
        agree(lambda: trained(update, SCHEDULERS[name]), rows(6, 3), "numpy", recorded=False)


def test_a_recording_that_is_refused_changes_nothing_of_python() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count, self.seen, self.table = 0, [0], {"a": 1.0}

    counter, total = Counter(), 0

    def step(x: Any) -> Any:
        nonlocal total
        total += 2
        counter.count += 1
        counter.seen.append(counter.count)
        counter.table["a"] += 1
        return x * 2

    compiled = CompiledStep(step)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "minigrad.compile can't record")
        for i in range(4):
            compiled(numbers(i, 3))
    assert (counter.count, counter.seen, counter.table, total) == (4, [0, 1, 2, 3, 4], {"a": 5}, 8)
    assert "a step that changes what it uses" in compiled.refusal


# Arguments ----------------------------------------------------------------------------------------


def pair(i: int, grad: bool = False) -> tuple[Any, ...]:
    return numbers(i, 3).requires_grad_(grad), numbers(i + 9, 3).requires_grad_(grad)


def twice(i: int) -> tuple[Any, ...]:
    x = numbers(i, 3).requires_grad_()
    return x, x


def overlapping(i: int) -> tuple[Any, ...]:
    x = numbers(i, 4)
    return x[:3], x[1:]


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_tensor_as_two_arguments(backend: str) -> None:
    def step(a: Any, b: Any) -> Any:
        a.grad = b.grad = None
        (a * b).sum().backward()
        return [a.grad.clone(), b.grad.clone()]

    batches = [partial(pair, i, True) for i in range(3)] + [partial(twice, 4)] * 3
    agree(lambda: Setting(step), batches, backend)


@pytest.mark.filterwarnings("ignore:minigrad.compile can't record")
@pytest.mark.parametrize("backend", BACKENDS)
def test_arguments_that_overlap(backend: str) -> None:
    def step(a: Any, b: Any) -> Any:
        before = b * 2
        a.add_(1)
        return [before + b * 2, a.clone()]

    make = [partial(pair, i) for i in range(3)]
    eager, compiled = step, CompiledStep(step, backend=backend)
    for batch in [*make, partial(overlapping, 4), *make, partial(overlapping, 5)]:
        assert near(outcome(eager, batch()), outcome(compiled, batch()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_and_dicts_as_arguments(backend: str) -> None:
    def scaled(x: Any, scale: float) -> Any:
        return x * scale

    def in_order(table: dict[str, Any]) -> Any:
        return [value * (i + 1) for i, value in enumerate(table.values())]

    zeros = [partial(lambda z: (numbers(0, 3), z), z) for z in (0.0, 0.0, 0.0, -0.0, -0.0)]
    agree(lambda: Setting(scaled), zeros, backend)
    a, b = numbers(1, 3), numbers(2, 3)
    orders = [{"a": a, "b": b}] * 3 + [{"b": b, "a": a}, {"a": a, "c": b}] * 20
    compiled = agree(
        lambda: Setting(in_order), [partial(lambda d: (d,), d) for d in orders], backend
    )
    assert len(compiled._programs) == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_tensor_of_the_users_as_a_result(backend: str) -> None:
    """An argument is that of the call, and a gradient the one that there is."""
    w = numbers(1, 3).requires_grad_()

    def step(x: Any) -> Any:
        (w * x).sum().backward()
        return [x, w.grad]

    compiled = CompiledStep(step, True, backend)
    for i in range(6):
        x = numbers(i, 3)
        got, grad = compiled(x)
        assert got is x
        assert grad is w.grad
        if i == 3:
            w.grad = minigrad.zeros(3)

    def returns_the_old_one(x: Any) -> Any:
        old, w.grad = w.grad, None
        (w * x).sum().backward()
        return old

    refused = CompiledStep(returns_the_old_one, True, backend)
    refused(numbers(0, 3))
    with pytest.raises(RuntimeError, match="a result that is d_w of before the step"):
        refused(numbers(0, 3))


# Indices ------------------------------------------------------------------------------------------


def indices(*values: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (minigrad.tensor(values),)


# Of the fourth, one index is out of bounds of a dimension of size 5, but not of one of size 10.
CALLS = [
    indices(0, 1, 2), indices(0, 1, 2), indices(1, 2, 3), indices(1, 7, 3), indices(-1, 0, 1),
    indices(3, 2, 11), indices(4, 4, 0),
]  # fmt: skip


def after_another_use(w: Any, x: Any, y: Any, i: Any) -> Any:
    other = x[i]
    w.add_(1)
    return other + y[i]


def of_another_dimension(w: Any, x: Any, y: Any, i: Any) -> Any:
    other = x[i]
    w.add_(1)
    return other.sum() + x[:, i].sum()


def unused(w: Any, x: Any, y: Any, i: Any) -> Any:
    y[i]
    return w * 2


def written_at_once(w: Any, x: Any, y: Any, i: Any) -> Any:
    """In one loop, if numba compiles it."""
    w.add_(y.sum(1)[i])
    return w * 2


def adds_rows(w: Any, x: Any, y: Any, i: Any) -> Any:
    w.add_(1)
    y.index_put_((i,), x[:3], accumulate=True)
    return y * 2


def writes_elements(w: Any, x: Any, y: Any, i: Any) -> Any:
    w.add_(1)
    y[i] = 2.0
    return y * 2


def of_found_indices(w: Any, x: Any, y: Any, i: Any) -> Any:
    found = minigrad.where(i > 0, i, 0).abs()[i.clamp(0, 2)]
    w.add_(1)
    return y[found]


USES = [
    after_another_use, of_another_dimension, unused, written_at_once, adds_rows, writes_elements,
    of_found_indices,
]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("use", USES)
def test_an_index_out_of_bounds_leaves_all_as_in_eager(use: Any, backend: str) -> None:
    def make() -> Setting:
        w, x, y = minigrad.zeros(3), numbers(1, 10, 3), numbers(2, 5, 3)
        return Setting(lambda i: use(w, x, y, i), {"w": w, "y": y})

    agree(make, CALLS, backend)


# Arrays of the step's own -------------------------------------------------------------------------


def writes_between(x: Any) -> Any:
    c = minigrad.zeros(3)
    before = x + c
    c[0] = 1.0
    return [before, x + c]


def writes_a_view(x: Any) -> Any:
    c = minigrad.tensor([1.0, 2.0, 3.0])
    view = c[1:]
    before = x * c
    view.mul_(2)
    return [before, x * c, view * 2]


def writes_indices(x: Any) -> Any:
    k = minigrad.arange(3)
    k[0] = 2
    before = x[k]
    k.add_(1).remainder_(3)
    return [before, x[k]]


def makes_others(x: Any) -> Any:
    c = minigrad.tensor([1.0, 2.0, 3.0])
    d = c[:2] * 2
    c[0] = 5.0
    e = c * 2
    c[1] = 7.0
    return [x[:2] * d, e * x, c * x]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [writes_between, writes_a_view, writes_indices, makes_others])
def test_a_constant_that_is_read_before_it_is_written(step: Any, backend: str) -> None:
    agree(lambda: Setting(step), rows(4, 3), backend)


# Hooks --------------------------------------------------------------------------------------------


def doubles(model: Any) -> None:
    model.weight.grad.mul_(2)


HOOKS: dict[str, Callable[[Any, Any], Any]] = {
    "a parameter": lambda model, opt: model.weight.register_hook(lambda g: g * 2),
    "a parameter, afterwards": lambda model, opt: model.weight.register_post_accumulate_grad_hook(
        lambda p: doubles(model)
    ),
    "a module": lambda model, opt: model.register_forward_hook(lambda m, x, y: y * 2),
    "all modules": lambda model, opt: nn.modules.module.register_module_forward_hook(
        lambda m, x, y: y * 2
    ),
    "an optimiser": lambda model, opt: opt.register_step_pre_hook(lambda *_: doubles(model)),
    "all optimisers": lambda model, opt: optim.optimizer.register_optimizer_step_pre_hook(
        lambda *_: doubles(model)
    ),
}


@pytest.mark.filterwarnings("ignore:minigrad.compile can't record hooks")
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_of_later(name: str) -> None:
    """It is called, also where other hooks were registered before."""

    def make() -> Setting:
        minigrad.manual_seed(0)
        model = nn.Linear(3, 2)
        opt = optim.SGD(model.parameters(), lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = model(x).square().sum()
            loss.backward()
            opt.step()
            return loss

        setting = Setting(step, dict(model.named_parameters()), opt)
        setting.model = model  # type: ignore[attr-defined]
        return setting

    def results(compiled: bool) -> list[Any]:
        setting = make()
        step: Any = CompiledStep(setting.step) if compiled else setting.step
        found = []
        for i in range(6):
            if i == 3:
                handle = HOOKS[name](setting.model, setting.optimizer)  # type: ignore[attr-defined]
            found.append((bits(step(numbers(i, 4, 3))), setting.state()))
        handle.remove()
        return found

    for _ in range(2):
        assert results(compiled=True) == results(compiled=False)


# What isn't put back by itself --------------------------------------------------------------------


def seeded(seed: Callable[[int], Any], draw: Callable[[], Any]) -> Callable[[], Any]:
    seed(0)
    return draw


def torch_like(change: Callable[[], Any]) -> Callable[[], Any]:
    """A change of the engine's own state, which between two calls is undone."""
    return lambda: change() is None or 2.0


# Functions that make a function whose results, or whose effects, aren't the same in each call.
CHANGING: dict[str, Callable[[], Callable[[], Any]]] = {
    "the stream of Python": lambda: seeded(random.seed, random.random),
    "a stream of Python's": lambda: random.Random(0).random,
    "the stream of NumPy": lambda: seeded(np.random.seed, np.random.rand),
    "a stream of NumPy's": lambda: np.random.default_rng(0).random,
    "a seed": lambda: torch_like(lambda: minigrad.manual_seed(3)),
    "a state": lambda: lambda: minigrad.get_rng_state().sum().item(),
    "an iterator": lambda: iter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).__next__,
    "grad mode": lambda: torch_like(lambda: minigrad.set_grad_enabled(False)),
    "the default dtype": lambda: torch_like(lambda: minigrad.set_default_dtype(minigrad.float64)),
    "a version": lambda: partial(lambda x: x.add_(1)._version, minigrad.zeros(1)),
}


@pytest.mark.filterwarnings("ignore:minigrad.compile can't record")
@pytest.mark.parametrize("name", CHANGING)
def test_what_a_program_would_not_repeat_is_refused(name: str) -> None:
    """The recording leaves no trace, so each call goes on where the one before ended."""

    def results(compiled: bool) -> list[Any]:
        draw = CHANGING[name]()

        def step(x: Any) -> Any:
            return x * draw()

        run: Any = CompiledStep(step) if compiled else step
        minigrad.manual_seed(0)
        found = []
        for i in range(5):
            result = run(numbers(i, 3))
            modes = minigrad.is_grad_enabled(), minigrad.get_default_dtype()
            found.append((bits(result), minigrad.rand(1).item(), modes))
            minigrad.set_grad_enabled(True)
            minigrad.set_default_dtype(minigrad.float32)
        if compiled:
            assert run.refusal
        return found

    assert results(compiled=True) == results(compiled=False)
