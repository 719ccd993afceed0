"""anomaly_mode.py: errors of backward that name lines of the forward, as in PyTorch."""

from __future__ import annotations

import gc
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def _switched_off_after() -> Iterator[None]:
    """Switch the mode off in both libraries after each test."""
    yield
    for t in (minigrad, torch):
        t.autograd.set_detect_anomaly(False, check_nan=True)


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(values or (1.0, 2.0), dtype=torch.float64, requires_grad=True)


def state(torch: Any) -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def line_of(text: str) -> int:
    """Return the number of the first line of the caller that contains this text."""
    frame = inspect.currentframe().f_back
    lines, first = inspect.getsourcelines(frame.f_code)
    return first + next(i for i, line in enumerate(lines) if text in line)


def failure(torch: Any, program: Callable[[], Any]) -> tuple[str, list[str]]:
    """Return a program's error message, and the warnings before it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError) as error:
            program()
    return str(error.value), [str(w.message) for w in caught]


def lines_named(text: str) -> list[int]:
    """Return the numbers of the lines of this file that a text names."""
    return [int(n) for n in re.findall(rf'File "{re.escape(__file__)}", line (\d+)', text)]


# On and off -------------------------------------------------------------------------------------


def _set(torch: Any, *args: Any, **options: Any) -> Any:
    torch.autograd.set_detect_anomaly(*args, **options)
    return state(torch)


def _within(torch: Any, manager: Callable[[], Any]) -> Any:
    found = [state(torch)]
    with manager() as entered:
        found.append(state(torch))
    return found, entered, state(torch)


def _nested(torch: Any) -> Any:
    found = []
    with torch.autograd.set_detect_anomaly(True):
        with torch.autograd.detect_anomaly(check_nan=False):
            found.append(state(torch))
            with torch.autograd.set_detect_anomaly(False):
                found.append(state(torch))
            found.append(state(torch))
        found.append(state(torch))
    return found, state(torch)


def _after_an_error(torch: Any) -> Any:
    try:
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            raise ValueError
    except ValueError:
        return state(torch)


SWITCHES: dict[str, Program] = {
    "by default": state,
    "on": lambda torch: _set(torch, True),
    "on, without NaN": lambda torch: _set(torch, True, check_nan=False),
    "on, then on without NaN": lambda torch: (_set(torch, True), _set(torch, True, False)),
    "on, then off": lambda torch: (_set(torch, True, False), _set(torch, False)),
    "of 1": lambda torch: _set(torch, 1),
    "with a string": lambda torch: _set(torch, "on"),
    "with check_nan=1": lambda torch: _set(torch, True, 1),
    "within set": lambda torch: _within(torch, lambda: torch.autograd.set_detect_anomaly(True)),
    "within detect": lambda torch: _within(torch, torch.autograd.detect_anomaly),
    "within detect, without NaN": lambda torch: _within(
        torch, lambda: torch.autograd.detect_anomaly(check_nan=False)
    ),
    "nested": _nested,
    "after an error": _after_an_error,
    "detect, not entered": lambda torch: (torch.autograd.detect_anomaly(), state(torch))[1],
    "set, not entered": lambda torch: (torch.autograd.set_detect_anomaly(True), state(torch))[1],
}


@pytest.mark.parametrize("name", SWITCHES)
def test_switches(name: str) -> None:
    check_same(SWITCHES[name])


# NaN --------------------------------------------------------------------------------------------


def _zero_over_zero(torch: Any, x: Any) -> Any:
    return (x - x).sqrt() * (x - x)


NANS: dict[str, Callable[[Any, Any], Any]] = {
    "in the middle of the graph": _zero_over_zero,
    "from an operand": lambda torch, x: x * torch.tensor(float("nan"), dtype=torch.float64),
    "from a negative root": lambda torch, x: (-x).sqrt(),
    "none": lambda torch, x: x.exp(),
    "infinite only": lambda torch, x: (x * 0).log(),
    "in another operand": lambda torch, x: torch.full_like(x, float("nan")) * x.detach() + x,
    "from a power": lambda torch, x: (-x) ** (x * 0.5),
}


@pytest.mark.parametrize("check_nan", [True, False])
@pytest.mark.parametrize("name", NANS)
def test_nan(name: str, check_nan: bool) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        with torch.autograd.set_detect_anomaly(True, check_nan=check_nan):
            y = NANS[name](torch, x)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    y.sum().backward()
                except RuntimeError as error:
                    return str(error), len(caught), x.grad
        return "no error", len(caught), x.grad.isnan()

    check_same(program)


def test_without_the_mode_nan_is_not_an_error() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        _zero_over_zero(torch, x).sum().backward()
        return x.grad.isnan()

    check_same(program)


def test_the_warning_names_the_line_of_the_forward() -> None:
    for t in (minigrad, torch):
        x = leaf(t)
        with t.autograd.set_detect_anomaly(True):
            y = (-x).sqrt()  # the cause
            message, warned = failure(t, lambda y=y: (y * 2).sum().backward())
        assert message == "Function 'SqrtBackward0' returned nan values in its 0th output."
        (warning,) = warned
        assert warning.startswith("Error detected in SqrtBackward0. Traceback of forward call")
        assert lines_named(warning)[-1] == line_of("# the cause")
        assert "y = (-x).sqrt()  # the cause" in warning


def test_a_forward_outside_the_mode_is_unknown() -> None:
    for t in (minigrad, torch):
        x = leaf(t)
        y = (-x).sqrt()
        with t.autograd.set_detect_anomaly(True):
            _, warned = failure(t, lambda y=y: (y * 2).sum().backward())
        (warning,) = warned
        assert warning.startswith(
            "Error detected in SqrtBackward0. No forward pass information available."
        )


def test_a_node_of_a_gradient_names_the_lines_of_both() -> None:
    for t in (minigrad, torch):
        x = leaf(t, 0.0)
        with t.autograd.set_detect_anomaly(True, check_nan=False):
            y = x.sqrt()  # the forward
            (d,) = t.autograd.grad(y.sum(), x, create_graph=True)  # the gradient
            t.autograd.set_detect_anomaly(True, check_nan=True)
            message, warned = failure(t, lambda d=d: (d * 0).sum().backward())
        assert "returned nan values" in message
        # PyTorch gives two warnings.
        head, induced = "".join(warned).split("Previous calculation was induced by ")
        assert induced.startswith("SqrtBackward0. Traceback of forward call that induced")
        assert lines_named(head)[-1] == line_of("# the gradient")
        assert lines_named(induced)[-1] == line_of("# the forward")


def test_an_error_of_a_custom_function_names_its_call() -> None:
    for t in (minigrad, torch):
        body = {
            "forward": staticmethod(lambda ctx, x: x * 2),
            "backward": staticmethod(lambda ctx, g: 1 / 0),
        }
        mine = type("Mine", (t.autograd.Function,), body)
        x = leaf(t)
        with t.autograd.set_detect_anomaly(True), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = mine.apply(x)  # the call
            with pytest.raises(ZeroDivisionError):
                y.sum().backward()
        (warning,) = (str(w.message) for w in caught)
        assert warning.startswith("Error detected in MineBackward")
        assert lines_named(warning)[-1] == line_of("# the call")


# Writes to saved tensors ------------------------------------------------------------------------

WRITES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda y: y.mul_(2),
    "a view": lambda y: y[:1].mul_(2),
    "detached": lambda y: y.detach().mul_(2),
    "an element": lambda y: y.__setitem__(0, 7.0),
}


@pytest.mark.parametrize("name", WRITES)
def test_the_error_after_a_write_names_both_lines(name: str) -> None:
    x = leaf(minigrad)
    with minigrad.autograd.set_detect_anomaly(True):
        y = x * 1
        z = y * y  # saved here
        with minigrad.no_grad():
            WRITES[name](y)
        WRITES[name](y)
        message, (warning,) = failure(minigrad, lambda: z.sum().backward())
    saved, changed = message.split("and then changed at")
    assert lines_named(saved)[-1] == line_of("# saved here")
    definition = inspect.getsourcelines(WRITES[name])[1]
    assert lines_named(changed)[-1] == definition
    assert warning.startswith("Error detected in MulBackward0. Traceback of forward call")
    assert lines_named(warning)[-1] == line_of("# saved here")


def test_the_error_after_an_optimizer_step_names_both_lines() -> None:
    """The line of the write is in the user's code, not in the optimiser."""
    w = minigrad.nn.Parameter(minigrad.tensor([1.0, 2.0]))
    optimizer = minigrad.optim.SGD([w], lr=0.1)
    with minigrad.autograd.set_detect_anomaly(True):
        loss = (w * w).sum()  # saved here
        loss.backward(retain_graph=True)
        optimizer.step()  # changed here
        message, _ = failure(minigrad, loss.backward)
    saved, changed = message.split("and then changed at")
    assert lines_named(saved)[-1] == line_of("# saved here")
    assert lines_named(changed)[-1] == line_of("# changed here")


def test_without_the_mode_the_error_has_a_hint() -> None:
    x = leaf(minigrad)
    y = x * 1
    z = y * y
    y.mul_(2)
    message, warned = failure(minigrad, lambda: z.sum().backward())
    assert "Hint: enable anomaly detection" in message
    assert warned == []


# After the mode ---------------------------------------------------------------------------------


def test_no_traceback_is_stored_when_it_is_off() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        with torch.autograd.set_detect_anomaly(True):
            inside = x * 2
        outside = x * 2
        return sorted(inside.grad_fn.metadata), sorted(outside.grad_fn.metadata)

    ours, theirs = program(minigrad), program(torch)
    assert ours[1] == theirs[1] == []
    assert "traceback_" in ours[0]
    assert "traceback_" in theirs[0]


def test_writes_are_not_stored_when_it_is_off() -> None:
    y = minigrad.zeros(2)
    for _ in range(3):
        y.add_(1)
    assert y._counter == [3]


def test_a_bounded_number_of_writes_is_stored_and_none_after_the_mode() -> None:
    w = minigrad.zeros(1)

    def notes() -> int:
        """Return the number of notes about writes to `w`: what refers to its counter."""
        return sum(isinstance(each, tuple) for each in gc.get_referrers(w._counter))

    with minigrad.autograd.set_detect_anomaly(True):
        for _ in range(3_000):
            w.add_(1)
        assert 0 < notes() <= 1_000
    assert notes() == 0
    assert w._counter == [3_000]


def test_gradients_are_the_same_with_and_without_it() -> None:
    def program(torch: Any, on: bool) -> Any:
        x = leaf(torch, 1.0, 2.0, 3.0)
        with torch.autograd.set_detect_anomaly(on):
            y = (x * x).clamp(max=5.0) + x[:1] * 2
            (d,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            (d * d).sum().backward()
        return d.detach(), x.grad

    for on in (True, False):
        check_same(lambda torch, on=on: program(torch, on))
