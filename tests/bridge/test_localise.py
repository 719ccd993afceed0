"""bridge/localise.py: the first thing that only one of two runs has computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minigrad
from bridge.localise import Recorded, first_stranger
from bridge.replay import Replay
from tests.bridge.planting import planted


def runs(ours: Any, theirs: Any, agree: bool = True) -> Any:
    """The first stranger in a run of `ours` beside one of `theirs`."""
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]])
    with Replay() as replay:
        ours(minigrad, minigrad.tensor(x, requires_grad=True)).sum().backward()
    assert (replay.findings == []) == agree
    with Recorded() as recorded:
        theirs(torch, torch.tensor(x, requires_grad=True)).sum().backward()
    return first_stranger(replay.events, recorded)


def right(torch: Any, x: Any) -> Any:
    return (x.relu() * x).exp().log_softmax(1)


def test_two_equal_programs_have_no_strangers() -> None:
    assert runs(right, right) is None


@pytest.mark.parametrize(
    ("wrong", "op", "number"),
    [
        (lambda torch, x: (x.relu() * x * 1.01).exp().log_softmax(1), "mul", 3),
        (lambda torch, x: (x.relu() * x).exp().log_softmax(0), "log_softmax", 4),
        (lambda torch, x: (x.tanh() * x).exp().log_softmax(1), "tanh", 1),
    ],
)
def test_the_first_other_value_is_found(wrong: Any, op: str, number: int) -> None:
    found = runs(wrong, right)
    assert (found.op, found.number) == (op, number)
    assert found.what.startswith("value, unlike any in PyTorch")
    assert found.index is not None


def test_the_first_other_gradient_is_found() -> None:
    def function(torch: Any, x: Any) -> Any:
        return (x * 2).relu().exp()

    with planted("relu", derivative=lambda g: g * 1.5):
        found = runs(function, function, agree=False)
    assert found.what.startswith("gradient that arrives at the value, unlike any in PyTorch")
    assert (found.op, found.number) == ("mul", 1)


def test_the_gradient_of_a_leaf_is_of_no_op() -> None:
    def leaf(torch: Any, x: Any) -> Any:
        return torch.relu(x) + (x if torch is not minigrad else x.detach())

    assert runs(leaf, leaf) is None


def test_what_comes_after_the_gradients_is_not_looked_at() -> None:
    x = minigrad.ones(3, requires_grad=True)
    with Replay() as replay:
        (x * 2).sum().backward()
        x.grad * 1234.5
    with Recorded() as recorded:
        y = torch.ones(3, requires_grad=True)
        (y * 2).sum().backward()
    assert first_stranger(replay.events, recorded) is None
