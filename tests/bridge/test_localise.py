"""bridge/comparing/localise.py: the first array that minigrad computed and PyTorch didn't."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minigrad
from bridge.comparing.localise import RecordedTensors, first_unmatched
from bridge.comparing.replay import Replay
from tests.bridge.mistakes import mistake_in_rule


def first_unmatched_of(ours: Any, theirs: Any, agree: bool = True) -> Any:
    """Run `ours` in minigrad and `theirs` in PyTorch; return the first unmatched array."""
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]])
    with Replay() as replay:
        ours(minigrad, minigrad.tensor(x, requires_grad=True)).sum().backward()
    assert (replay.findings == []) == agree
    with RecordedTensors() as recorded:
        theirs(torch, torch.tensor(x, requires_grad=True)).sum().backward()
    return first_unmatched(replay.computed, recorded)


def right(torch: Any, x: Any) -> Any:
    return (x.relu() * x).exp().log_softmax(1)


def test_equal_programs_have_no_unmatched_array() -> None:
    assert first_unmatched_of(right, right) is None


@pytest.mark.parametrize(
    ("wrong", "op", "number"),
    [
        (lambda torch, x: (x.relu() * x * 1.01).exp().log_softmax(1), "mul", 3),
        (lambda torch, x: (x.relu() * x).exp().log_softmax(0), "log_softmax", 4),
        (lambda torch, x: (x.tanh() * x).exp().log_softmax(1), "tanh", 1),
    ],
)
def test_the_first_unmatched_value_is_found(wrong: Any, op: str, number: int) -> None:
    found = first_unmatched_of(wrong, right)
    assert (found.op, found.number) == (op, number)
    assert found.what.startswith("value, unlike any in PyTorch")
    assert found.index is not None


def test_the_first_unmatched_gradient_is_found() -> None:
    def function(torch: Any, x: Any) -> Any:
        return (x * 2).relu().exp()

    with mistake_in_rule("relu", derivative=lambda g: g * 1.5):
        found = first_unmatched_of(function, function, agree=False)
    assert found.what.startswith("gradient that arrives at the value, unlike any in PyTorch")
    assert (found.op, found.number) == ("mul", 1)


def test_the_gradient_of_a_leaf_names_no_op() -> None:
    def leaf(torch: Any, x: Any) -> Any:
        return torch.relu(x) + (x if torch is not minigrad else x.detach())

    assert first_unmatched_of(leaf, leaf) is None


def test_arrays_after_the_gradients_are_ignored() -> None:
    x = minigrad.ones(3, requires_grad=True)
    with Replay() as replay:
        (x * 2).sum().backward()
        x.grad * 1234.5
    with RecordedTensors() as recorded:
        y = torch.ones(3, requires_grad=True)
        (y * 2).sum().backward()
    assert first_unmatched(replay.computed, recorded) is None
