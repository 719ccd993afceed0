"""grad_mode.py: context managers, decorators and calls switch the mode as in PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, outcome

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def _enabled_before_and_after() -> Iterator[None]:
    for namespace in (minigrad, torch):
        namespace.set_grad_enabled(True)
    yield
    for namespace in (minigrad, torch):
        namespace.set_grad_enabled(True)


def tracked(torch: Any) -> bool:
    """Tell whether ops are recorded now."""
    result: bool = (torch.ones(1, requires_grad=True) * 2).requires_grad
    assert result is torch.is_grad_enabled()
    return result


SWITCHES: dict[str, Callable[[Any], Any]] = {
    "no_grad": lambda torch: torch.no_grad(),
    "enable_grad": lambda torch: torch.enable_grad(),
    "set_grad_enabled(False)": lambda torch: torch.set_grad_enabled(False),
    "set_grad_enabled(True)": lambda torch: torch.set_grad_enabled(True),
    "set_grad_enabled(mode=False)": lambda torch: torch.set_grad_enabled(mode=False),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(SWITCHES)), st.booleans()), max_size=5))
def test_nested_switches_and_exceptions(nest: list[tuple[str, bool]]) -> None:
    """Each level checks the mode before and after; some levels end with an exception."""

    def program(torch: Any) -> list[bool]:
        notes: list[bool] = []

        def enter(depth: int) -> None:
            notes.append(tracked(torch))
            if depth == len(nest):
                return
            name, fails = nest[depth]
            with suppress(KeyError), SWITCHES[name](torch):
                enter(depth + 1)
                if fails:
                    raise KeyError
            notes.append(tracked(torch))

        enter(0)
        return notes

    check_same(program)


@given(st.lists(st.sampled_from(sorted(SWITCHES)), max_size=4))
def test_switches_made_before_they_are_entered(names: list[str]) -> None:
    """set_grad_enabled acts when it is called, the others act when they are entered."""

    def program(torch: Any) -> list[bool]:
        notes = []
        made = []
        for name in names:
            made.append(SWITCHES[name](torch))
            notes.append(tracked(torch))
        for switch in made:
            with switch:
                notes.append(tracked(torch))
            notes.append(tracked(torch))
        return notes

    check_same(program)


@pytest.mark.parametrize("name", SWITCHES)
def test_one_switch_used_twice(name: str) -> None:
    def program(torch: Any) -> list[bool]:
        switch = SWITCHES[name](torch)
        notes = []
        for _ in range(2):
            with switch:
                notes.append(tracked(torch))
            notes.append(tracked(torch))
        return notes

    check_same(program)


@pytest.mark.parametrize("name", SWITCHES)
def test_entering_returns_none_and_exceptions_propagate(name: str) -> None:
    def program(torch: Any) -> Any:
        with SWITCHES[name](torch) as what:
            note = what is None
        with SWITCHES[name](torch):
            raise KeyError(str(note))

    check_same(program)


# Decorators ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("name", [*SWITCHES, "no_grad, bare", "enable_grad, bare"])
def test_decorated_functions(name: str, outside: bool) -> None:
    def program(torch: Any) -> Any:
        bare = name.removesuffix(", bare")
        torch.set_grad_enabled(outside)
        decorate = SWITCHES[name](torch) if name in SWITCHES else getattr(torch, bare)
        notes = [tracked(torch)]

        @decorate
        def add(a: int, *rest: int, times: int = 1) -> int:
            """Adds."""
            notes.append(tracked(torch))
            if a > 0:  # a recursive call
                add(a - 1)
                notes.append(tracked(torch))
            return (a + sum(rest)) * times

        notes.append(tracked(torch))
        total = add(2, 3, times=4)
        notes.append(tracked(torch))

        @decorate
        def fails() -> None:
            raise KeyError

        with suppress(KeyError):
            fails()
        notes.append(tracked(torch))
        return notes, total, add.__name__, add.__doc__

    check_same(program)


def test_a_decorated_method() -> None:
    def program(torch: Any) -> Any:
        class Model:
            scale = 3

            @torch.no_grad()
            def predict(self, x: Any) -> Any:
                return x * self.scale

        out = Model().predict(torch.ones(2, requires_grad=True))
        return out, out.requires_grad

    check_same(program)


@pytest.mark.parametrize("name", SWITCHES)
def test_decorated_generators_switch_only_while_they_run(name: str) -> None:
    def program(torch: Any) -> Any:
        notes: list[Any] = []
        decorate = SWITCHES[name](torch)
        torch.set_grad_enabled(True)

        @decorate
        def count(n: int) -> Iterator[Any]:
            notes.append(tracked(torch))
            for i in range(n):
                try:
                    notes.append((yield i))
                except KeyError:
                    notes.append("caught")
                notes.append(tracked(torch))
            return "done"

        generator = count(3)
        notes.append(tracked(torch))
        notes.append(next(generator))
        notes.append(tracked(torch))
        notes.append(generator.send("sent"))
        torch.set_grad_enabled(False)
        notes.append(generator.throw(KeyError))
        notes.append(tracked(torch))
        try:
            next(generator)
        except StopIteration as stop:
            notes.append(stop.value)
        notes.append(tracked(torch))
        notes.append(list(count(2)))
        return notes

    check_same(program)


def test_a_decorated_generator_can_be_closed_and_can_fail() -> None:
    def program(torch: Any) -> Any:
        notes: list[Any] = []

        @torch.no_grad()
        def wait() -> Iterator[int]:
            try:
                yield 1
                yield 2
            finally:
                notes.append(tracked(torch))

        closed = wait()
        next(closed)
        closed.close()
        notes.append(tracked(torch))

        @torch.no_grad()
        def fails() -> Iterator[int]:
            yield 1
            raise KeyError

        failing = fails()
        next(failing)
        try:
            next(failing)
        except KeyError:
            notes.append("raised")
        notes.append(tracked(torch))
        inner = wait()
        next(inner)
        try:
            inner.throw(KeyError)
        except KeyError:
            notes.append("passed through")
        notes.append(tracked(torch))
        return notes

    check_same(program)


def test_a_decorated_generator_delegates() -> None:
    def program(torch: Any) -> Any:
        @torch.no_grad()
        def inner() -> Iterator[Any]:
            got = yield tracked(torch)
            yield got
            return tracked(torch)

        @torch.enable_grad()
        def outer() -> Iterator[Any]:
            yield tracked(torch)
            result = yield from inner()
            yield result

        generator = outer()
        return [next(generator), next(generator), generator.send(7), next(generator)]

    check_same(program)


# Effects of the mode ------------------------------------------------------------------------------


def test_results_in_no_grad_are_leaves() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        with torch.no_grad():
            y = x * 2
            z = torch.ones(2, requires_grad=True)
            clone = x.clone()
        return [(t.requires_grad, t.is_leaf, t.grad_fn is None) for t in (y, z, clone, x)]

    check_same(program)


def test_backward_works_in_no_grad() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        y = (x * x).sum()
        with torch.no_grad():
            y.backward()
        return x.grad, x.grad.requires_grad

    check_same(program)


def test_leaves_can_be_written_to_in_no_grad() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        with torch.no_grad():
            x -= 0.5
            x[0] = 7
            x.mul_(2)
        return x, x.requires_grad, x.is_leaf

    check_same(program)


def test_a_non_leaf_written_to_in_no_grad_keeps_its_history() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        y = x * 3
        with torch.no_grad():
            y.add_(1)
        y.sum().backward()
        return y, x.grad

    check_same(program)


@pytest.mark.parametrize("what", [1, 0, "yes", None, 1.5])
def test_set_grad_enabled_requires_a_bool(what: Any) -> None:
    def program(torch: Any) -> Any:
        torch.set_grad_enabled(what)
        return torch.is_grad_enabled()

    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    assert ours.value == theirs.value
    assert (ours.error and ours.error.kind) == (theirs.error and theirs.error.kind)


def test_a_failed_set_grad_enabled_changes_nothing() -> None:
    with pytest.raises(TypeError):
        minigrad.set_grad_enabled("yes")
    assert minigrad.is_grad_enabled()


# Threads ------------------------------------------------------------------------------------------


def test_each_thread_has_its_own_mode() -> None:
    def program(torch: Any) -> list[bool]:
        notes = []

        def work() -> None:
            notes.append(tracked(torch))
            torch.set_grad_enabled(False)
            notes.append(tracked(torch))

        for outside in (True, False):
            with torch.set_grad_enabled(outside):
                thread = threading.Thread(target=work)
                thread.start()
                thread.join()
                notes.append(tracked(torch))
        return notes

    check_same(program)


# Classes, and printing ----------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("name", ["no_grad", "enable_grad", "set_grad_enabled"])
def test_decorating_a_class_makes_a_function_and_warns(name: str, bare: bool) -> None:
    def program(t: Any) -> Any:
        mode = getattr(t, name)
        if name == "set_grad_enabled":
            mode = mode(bare)
        elif not bare:
            mode = mode()

        @mode
        class Net:
            size = 3

            def __init__(self, n: int, *, m: int) -> None:
                self.found = [t.is_grad_enabled(), n, m]

            def inside(self) -> bool:
                return bool(t.is_grad_enabled())

        with t.set_grad_enabled(name == "no_grad"):
            net = Net(1, m=2)
            inside = net.inside()
        return [net.found, inside, type(Net).__name__, hasattr(Net, "size"), t.is_grad_enabled()]

    assert len(check_same(program).warned) == 1


@pytest.mark.parametrize("mode", [False, True])
def test_set_grad_enabled_is_printed_with_its_mode(mode: bool) -> None:
    def program(t: Any) -> Any:
        with t.set_grad_enabled(True):
            switch = t.set_grad_enabled(mode)
            return str(switch), repr(switch)

    check_same(program)


# Inference mode -----------------------------------------------------------------------------------


def modes(torch: Any, x: Any) -> list[bool]:
    return [(x * 2).requires_grad, torch.is_grad_enabled(), torch.is_inference_mode_enabled()]


def test_inference_mode_is_pytorchs() -> None:
    def program(torch: Any) -> Any:
        x, seen = torch.ones(2, requires_grad=True), []
        with torch.inference_mode():
            seen.append(modes(torch, x))
            seen.append([torch.ones(2, requires_grad=True).requires_grad])
            with torch.enable_grad():
                seen.append(modes(torch, x))
                with torch.no_grad():
                    seen.append(modes(torch, x))
                seen.append(modes(torch, x))
            with torch.inference_mode(False):
                seen.append(modes(torch, x))
                with torch.no_grad():
                    seen.append(modes(torch, x))
            seen.append(modes(torch, x))
            with torch.set_grad_enabled(True):
                seen.append(modes(torch, x))
        seen.append(modes(torch, x))
        with torch.no_grad(), torch.inference_mode(False):
            seen.append(modes(torch, x))
        for decorate in (torch.inference_mode, torch.inference_mode(), torch.inference_mode(False)):
            seen.append(decorate(lambda: modes(torch, x))())
        return [*seen, modes(torch, x)]

    check_same(program)
