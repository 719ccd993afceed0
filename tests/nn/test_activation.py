"""nn/activation.py: each module calls the function of its name with its options."""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_same, same

import minigrad
from minigrad import nn
from minigrad.nn import functional as F

CASES = {
    "relu": (nn.ReLU(), F.relu),
    "tanh": (nn.Tanh(), F.tanh),
    "sigmoid": (nn.Sigmoid(), F.sigmoid),
    "softmax": (nn.Softmax(0), lambda x: F.softmax(x, 0)),
    "softmax by keyword": (nn.Softmax(dim=-1), lambda x: F.softmax(x, -1)),
    "log_softmax": (nn.LogSoftmax(1), lambda x: F.log_softmax(x, 1)),
}


@pytest.mark.parametrize(("module", "function"), CASES.values(), ids=CASES)
def test_module_equals_the_function(module: Any, function: Any) -> None:
    x = minigrad.randn(3, 4)
    assert same(module(x), function(x))


def test_relu_in_place_changes_its_input() -> None:
    x = minigrad.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]


PROGRAMS = {
    "relu": lambda t: repr(t.nn.ReLU(inplace=True)),
    "softmax": lambda t: repr(t.nn.Softmax()),
    "log_softmax": lambda t: repr(t.nn.LogSoftmax(-1)),
    "softmax without dim": lambda t: t.nn.Softmax()(t.zeros(1, 2)),
    "log_softmax without dim": lambda t: t.nn.LogSoftmax()(t.zeros(2)).tolist()[0] < 0,
    "softmax with dim out of range": lambda t: t.nn.Softmax(3)(t.zeros(1, 2)),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)
