"""errstate.py: rules run without NumPy's warnings, and the caller's settings stay as they are."""

from __future__ import annotations

import contextlib
import copy
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.core.errstate import quiet

CALLER = {"divide": "raise", "over": "warn", "under": "raise", "invalid": "raise"}


@pytest.fixture(autouse=True)
def _callers_settings() -> Iterator[None]:
    """Settings of the caller that no call may change."""
    with np.errstate(**CALLER):
        yield
        assert np.geterr() == CALLER


def settings_in(call: Callable[..., Any]) -> set[str]:
    """Return the settings with which `call(function)` runs a function."""
    found: dict[str, str] = call(np.geterr)
    return set(found.values())


def nonfinite() -> Any:
    """Run an op, its backward and a write in place, which divide by 0, overflow and give NaN."""
    x = minigrad.tensor([0.0, 3e38, -1.0], requires_grad=True)
    y = (1 / x).log() + (x * 10).sqrt()
    y.sum().backward()
    z = x.detach().clone()
    z.mul_(10).div_(0)
    return [t.isfinite().all().item() for t in (y, x.grad, z)]


def test_ops_backward_and_writes_never_warn() -> None:
    assert nonfinite() == [False, False, False]


def test_settings_inside_a_call() -> None:
    assert settings_in(quiet.run) == settings_in(quiet.call) == {"ignore"}
    assert set(np.geterr().values()) == set(CALLER.values())


def test_calls_inside_a_running_rule() -> None:
    """A profiler or debugger may call an op there, where `run` can't enter its context again."""
    assert settings_in(lambda function: quiet.run(quiet.call, function)) == {"ignore"}
    assert settings_in(lambda function: quiet.call(quiet.call, function)) == {"ignore"}

    def with_callers_settings(function: Callable[..., Any]) -> Any:
        with np.errstate(**CALLER):
            return quiet.call(function)

    assert settings_in(lambda function: quiet.run(with_callers_settings, function)) == {"ignore"}
    with pytest.raises(RuntimeError, match="cannot enter context"):
        quiet.run(quiet.run, np.geterr)


def test_run_inside_within() -> None:
    """The walk runs within it, and so do ops of hooks."""
    calls = []

    def walk(function: Callable[..., Any]) -> Any:
        calls.append("walk")
        return quiet.run(function)

    assert settings_in(lambda function: quiet.within(walk, function)) == {"ignore"}
    assert calls == ["walk"]
    assert settings_in(lambda function: quiet.run(quiet.within, function)) == {"ignore"}
    assert settings_in(quiet.run) == {"ignore"}  # `run` enters the context again


def test_within_is_left_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        quiet.within(lambda: 1 // 0)
    assert settings_in(quiet.run) == {"ignore"}


def test_errors_of_a_function_are_not_hidden() -> None:
    calls = []

    def fails() -> None:
        calls.append("called")
        raise RuntimeError("mine")

    for call in (quiet.run, quiet.call, quiet.within):
        with pytest.raises(RuntimeError, match="mine"):
            call(fails)
    assert len(calls) == 3


def test_each_thread_has_its_own_context() -> None:
    found: list[Any] = []

    def work() -> None:
        with np.errstate(**CALLER):
            # The main thread's context is entered meanwhile.
            found.extend([nonfinite(), settings_in(quiet.run), np.geterr()])

    def in_other_thread() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    quiet.run(in_other_thread)
    assert found == [[False] * 3, {"ignore"}, CALLER]


def test_watched_calls_pass_through_the_watcher() -> None:
    seen: list[str] = []

    def watch(name: str) -> Callable[..., Any]:
        def watching(run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
            seen.append(f"{name} {function.__name__}")
            return run(function, *args, **options)

        return watching

    x = minigrad.ones(2)
    with quiet.watched(watch("outer")):
        with pytest.raises(KeyError), quiet.watched(watch("inner")):
            raise KeyError(x.exp())
        x.exp()
    x.exp()
    assert seen == ["inner exp", "outer exp", "outer exp"]


# Everything that computes with numbers but isn't an op.
_LARGE = np.array([1e39, -1e300, np.nan, np.inf, -np.inf, 5e-324, 2.0**63, -1.0])
_DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")
CALLS: dict[str, Callable[[Any], Any]] = {
    "tensor of an array": lambda dtype: minigrad.tensor(_LARGE, dtype=dtype),
    "tensor of a list of numbers": lambda dtype: minigrad.tensor([1e-300, 1.0], dtype=dtype),
    "tensor of a list of arrays": lambda dtype: minigrad.tensor([_LARGE[5:7]], dtype=dtype),
    "tensor of a tensor": lambda dtype: minigrad.tensor(minigrad.from_numpy(_LARGE), dtype=dtype),
    "Tensor": lambda dtype: minigrad.Tensor(_LARGE),
    "as_tensor": lambda dtype: minigrad.as_tensor(_LARGE, dtype=dtype),
    "full": lambda dtype: minigrad.full((2,), 1e-50, dtype=dtype),
    "full_like": lambda dtype: minigrad.full_like(minigrad.from_numpy(_LARGE), 1e-50),
    "arange": lambda dtype: minigrad.arange(0, 1e-44, 2e-45, dtype=dtype),
    "a large arange": lambda dtype: minigrad.arange(0, 1e39, 2e38),
    "linspace": lambda dtype: minigrad.linspace(-1e-300, 1e-300, 5, dtype=dtype),
    "normal": lambda dtype: minigrad.normal(0.0, 1e39, (20,)),
    "a few normal": lambda dtype: minigrad.normal(0.0, 1e-44, (3,)),
    "normal of tensors": lambda dtype: minigrad.normal(*[minigrad.full((20,), 3e38)] * 2),
    "normal around tensors": lambda dtype: minigrad.normal(minigrad.full((20,), 3e38), 3e38),
    "normal_": lambda dtype: minigrad.zeros(20, dtype=minigrad.float64).normal_(0, 1e308),
    "uniform_": lambda dtype: minigrad.zeros(20).uniform_(0, 1e-44),
    "large uniform_": lambda dtype: minigrad.zeros(20).uniform_(-1e38, 1e38),
    "exponential_": lambda dtype: minigrad.zeros(20).exponential_(1e-300),
    "small exponential_": lambda dtype: minigrad.zeros(20).exponential_(1e300),
    "random_": lambda dtype: minigrad.zeros(20, dtype=dtype).random_(),
    "bernoulli": lambda dtype: minigrad.bernoulli(minigrad.full((3,), 1e-45)),
    "multinomial": lambda dtype: minigrad.multinomial(minigrad.full((3,), 3e38), 2),
    "multinomial, small": lambda dtype: minigrad.multinomial(minigrad.full((3,), 1e-45), 2),
    "multinomial, replaced": lambda dtype: minigrad.multinomial(
        minigrad.tensor([3e38, 3e38, 1e-45]), 2, replacement=True
    ),
    "init": lambda dtype: minigrad.nn.init.kaiming_normal_(minigrad.zeros(5, 5), a=1e100),
    "trunc_normal_": lambda dtype: minigrad.nn.init.trunc_normal_(minigrad.zeros(9), 0, 1e38),
    "repr": lambda dtype: repr(minigrad.tensor([3e38, 1e-45, float("nan")])),
    "deepcopy": lambda dtype: copy.deepcopy(minigrad.from_numpy(_LARGE)),
}


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_other_functions_never_warn(name: str, dtype: str) -> None:
    other_errors = NotImplementedError, RuntimeError, ValueError  # a number that doesn't fit
    with (
        np.errstate(all="raise"),
        warnings.catch_warnings(action="ignore", category=UserWarning),
        contextlib.suppress(*other_errors),
    ):
        CALLS[name](getattr(minigrad, dtype))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("gradient", [3e38, float("nan"), float("inf"), 0.0, 1e-45])
def test_optimisers_never_warn(name: str, gradient: float) -> None:
    options = {"momentum": 0.9} if name == "SGD" else {"amsgrad": True}
    w = minigrad.nn.Parameter(minigrad.tensor([3e38, 1e-45]))
    optimizer = getattr(minigrad.optim, name)([w], lr=1e38, weight_decay=1e30, **options)
    with np.errstate(all="raise"):
        for _ in range(3):
            w.grad = minigrad.full((2,), gradient)
            optimizer.step()
