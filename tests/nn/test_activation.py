"""nn/activation.py: reprs, in-place writes and the default dimension.

tests/bridge/test_class_samples.py compares every activation with PyTorch's.
"""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_same

import minigrad
from minigrad import nn


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
