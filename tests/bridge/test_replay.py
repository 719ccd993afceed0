"""bridge/comparing/replay.py: every rule agrees with PyTorch, and a mistake in any is found."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import minigrad
from bridge.comparing.replay import Replay
from bridge.comparing.watching import engine_watched
from bridge.conformance import checker
from bridge.conformance.checks import DIFFERENTIABLE
from bridge.drawing.operands import Case
from bridge.drawing.samples import SAMPLES, forms
from bridge.strategies import cases
from minigrad.catalogue.accuracy import EXACT, tolerance
from minigrad.rules import REGISTRY
from tests.bridge.mistakes import mistake_in_rule

few = settings(max_examples=max(settings.default.max_examples // 4, 1))
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}"),
    pytest.mark.filterwarnings("ignore:Using a target size"),
]
FIRST = {name: next(iter(forms(name).values())) for name in SAMPLES}


def replayed(name: str, case: Case, special: bool = False) -> tuple[Replay, list[np.ndarray]]:
    """Replay the call and its backward; return the replay, the value and the gradients."""
    with Replay() as replay:
        leaves = checker.leaves_of(minigrad, case)
        result = checker.called(minigrad, FIRST[name], case, leaves)[0]
        if result.requires_grad and special:
            checker.send_back(minigrad, result, checker.cotangent(case, result))
        elif result.requires_grad:
            g = np.random.default_rng(case.seed).standard_normal(tuple(result.shape))
            result.backward(minigrad.from_numpy(np.asarray(g, result.detach().numpy().dtype)))
    grads = [getattr(leaf, "grad", None) for leaf in leaves]
    return replay, [result.detach().numpy(), *(g.numpy() for g in grads if g is not None)]


def succeeds(name: str, case: Case) -> bool:
    return all(checker.call_outcome(t, FIRST[name], case).error is None for t in (torch, minigrad))


def has_finite_nonzero_elements(arrays: list[np.ndarray]) -> bool:
    return any(np.any(np.isfinite(x) & (x != 0)) for x in arrays)


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
def test_every_rule_agrees_with_pytorch(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    assume(succeeds(name, case))
    replay, _ = replayed(name, case, special=True)
    assert [found for found in replay.findings if not found.note] == []
    # A cast to the same dtype and a zero without a history call no rule.
    assert was_called(name, replay) or name in ("cast", "zero")


# PyTorch calls other ops for some of their cases, and so does minigrad: for a slice of everything,
# and for products of stacks and vectors.
REPLACED = ("linear", "matmul", "put", "slice")


def was_called(name: str, replay: Replay) -> bool:
    """Tell whether the op was called. Discard the case if another op may replace it and did."""
    called = name in {op.name for op in replay.ops}
    assume(called or name not in REPLACED)
    return called


def too_much(x: Any) -> Any:
    """Scale by a little more than any tolerance allows, and replace zeros."""
    x = np.asarray(x)
    return np.where(x == 0, x.dtype.type(5e-4), x * x.dtype.type(1 + 5e-4))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@few
@given(data=st.data())
def test_a_wrong_derivative_is_found(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name, "tame"))
    assume(succeeds(name, case))
    with mistake_in_rule(name, derivative=too_much):
        replay, (_, *gradients) = replayed(name, case)
    was_called(name, replay)
    assume(has_finite_nonzero_elements(gradients))
    assert replay.first is not None
    assert replay.first.op == name
    assert replay.first.what.startswith("gradient of ")


@pytest.mark.parametrize("name", SAMPLES)
@few
@given(data=st.data())
def test_a_wrong_value_is_found(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name, "tame"))
    assume(succeeds(name, case))
    change = {"b": np.logical_not, "f": too_much, "i": lambda x: x + 1}

    def wrong(x: Any) -> np.ndarray:
        return np.asarray(change[np.asarray(x).dtype.kind](x))

    with mistake_in_rule(name, value=wrong):
        replay, (value, *_) = replayed(name, case)
    was_called(name, replay)
    assume(value.size and (value.dtype.kind != "f" or has_finite_nonzero_elements([value])))
    found = [found for found in replay.findings if found.op == name]
    assert found
    assert found[0].what == "value"


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if tolerance(n).value == EXACT])
@few
@given(data=st.data())
def test_an_exact_op_must_not_be_off_by_one_ulp(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name, "tame"))
    options = {key: value for key, value in case.options.items() if key != "alpha"}
    case = replace(case, options=options)  # with an alpha, add and sub are not exact
    assume(succeeds(name, case))
    assume(
        all(np.isfinite(x).all() for x in checker.call_outcome(torch, FIRST[name], case).results)
    )
    with mistake_in_rule(name, value=lambda x: np.asarray(np.nextafter(x, x.dtype.type(np.inf)))):
        replay, (value, *_) = replayed(name, case)
    was_called(name, replay)
    assume(value.dtype.kind == "f" and value.size and np.isfinite(value).all())
    found = next(found for found in replay.findings if found.op == name)
    assert (found.what, found.distance, found.bound) == ("value", 1, 0)


def test_ops_have_their_number_and_their_line() -> None:
    x = minigrad.tensor([1.0, -2.0], requires_grad=True)
    with Replay() as replay:
        y = x.relu()
        (y * x).sum().backward()
    assert [op.name for op in replay.ops] == ["relu", "mul", "sum"]
    assert [op.number for op in replay.ops] == [1, 2, 3]
    assert all(op.where.startswith("test_replay.py:") for op in replay.ops)


def test_the_first_op_in_program_order_is_named() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with mistake_in_rule("relu", derivative=too_much), Replay() as replay:
        x.relu().relu().sum().backward()
    assert [found.number for found in replay.findings] == [2, 1]  # in the order of backward
    assert replay.first is not None
    assert replay.first.number == 1


def test_ops_after_a_wrong_op_are_judged_by_their_own_operands() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with mistake_in_rule("exp", value=lambda x: x * 2), Replay() as replay:
        (x.exp() * 3).sum().backward()
    assert [found.op for found in replay.findings if found.what == "value"] == ["exp"]


def test_an_in_place_write_is_replayed() -> None:
    def wrong(run: Any, function: Any, *args: Any, **options: Any) -> Any:
        result = run(function, *args, **options)
        if function is np.subtract:
            args[0][...] += 1
        return result

    for watch, found in (
        (lambda run, *args, **options: run(*args, **options), []),
        (wrong, ["sub"]),
    ):
        x = minigrad.tensor([1.0, 2.0])
        with engine_watched(watch), Replay() as replay:
            x -= minigrad.tensor([0.5, 3.0])
        assert [op.name for op in replay.ops] == ["sub"]
        assert [finding.op for finding in replay.findings] == found


def test_a_gradient_of_the_wrong_shape_is_a_finding() -> None:
    for change in (lambda d: d.T, lambda d: d[0]):
        x = minigrad.ones(2, 3, dtype=minigrad.float64, requires_grad=True)
        with mistake_in_rule("exp", derivative=change), Replay() as replay:
            y = x.exp()
            with contextlib.suppress(RuntimeError, ValueError, IndexError):
                y.sum().backward()
        assert [found.op for found in replay.findings] == ["exp"]
        assert "shapes differ" in str(replay.first)


def test_a_rule_that_writes_into_its_operand_is_found() -> None:
    relu = REGISTRY["relu"].forward

    def writing(run: Any, function: Any, *args: Any, **options: Any) -> Any:
        result = run(function, *args, **options)
        if function is relu:
            args[0][...] = result[0]
        return result

    x = minigrad.tensor([-1.0, 2.0])
    with engine_watched(writing), Replay() as replay:
        x + x.relu()
    assert replay.first is not None
    assert (replay.first.op, replay.first.what) == ("relu", "operand 1")
    assert "relu writes into it" in str(replay.first)


def test_a_pullback_that_writes_into_its_cotangent_is_found() -> None:
    def writes(d: Any) -> Any:
        d *= 2  # d is the cotangent itself
        return d

    x = minigrad.tensor([-1.0, 2.0], requires_grad=True)
    with mistake_in_rule("add", derivative=writes), Replay() as replay:
        (x + 1.0).backward(minigrad.tensor([3.0, 4.0]))
    assert {found.op for found in replay.findings} == {"add"}
    assert any("the pullback of add writes into it" in str(f) for f in replay.findings)


def test_an_error_in_pytorch_is_a_finding() -> None:
    def lenient(run: Any, function: Any, *args: Any, **options: Any) -> Any:
        try:
            return run(function, *args, **options)
        except RuntimeError:
            return np.zeros(()), ()

    with engine_watched(lenient), Replay() as replay:
        minigrad.mm(minigrad.ones(2, 3), minigrad.ones(2, 3))
    assert replay.first is not None
    assert "PyTorch raises RuntimeError" in str(replay.first)


def test_nothing_is_watched_outside_the_block() -> None:
    replay = Replay()
    minigrad.ones(2).exp()
    with replay:
        pass
    minigrad.ones(2).exp()
    assert replay.ops == []
    with pytest.raises(ZeroDivisionError), replay:
        raise ZeroDivisionError
    minigrad.ones(2).exp()
    assert replay.ops == []


def test_a_replay_doesnt_change_gradients() -> None:
    def gradient() -> bytes:
        x = minigrad.linspace(-1, 1, 12, requires_grad=True)
        y = x.reshape(3, 4)
        z = (y.T @ y).log_softmax(0) * 2
        z[0] = 5.0
        z.relu().sum().backward()
        return x.grad.numpy().tobytes()

    plain = gradient()
    with Replay() as replay:
        assert gradient() == plain
    assert replay.findings == []


def test_a_backward_after_the_block_is_checked() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with mistake_in_rule("exp", derivative=too_much), Replay() as replay:
        y = x.exp().sum()
    y.backward()
    assert [found.op for found in replay.findings] == ["exp"]


def test_a_write_to_a_saved_tensor_still_raises() -> None:
    with Replay():
        y = minigrad.tensor([1.0, 2.0], requires_grad=True).exp()
        y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_operands_are_copied_before_later_writes() -> None:
    x = minigrad.tensor([1.0, 2.0])
    with Replay() as replay:
        x.exp()
        x.zero_()
    assert replay.ops[0].torch_call.operands[0].tolist() == [1.0, 2.0]
