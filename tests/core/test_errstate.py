"""errstate.py: rules run without NumPy's warnings, and the caller's settings stay as they are."""

from __future__ import annotations

import threading
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
