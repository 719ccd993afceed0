"""nn/parameter.py: construction, copies and operations, compared with PyTorch's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from twins import check_same, torch

import minigrad
from minigrad import nn

CASES = {
    "repr": lambda t: repr(t.nn.Parameter(t.tensor([1.0, 2.5]))),
    "repr without gradient": lambda t: repr(t.nn.Parameter(t.zeros(2), requires_grad=False)),
    "repr of float64": lambda t: repr(t.nn.Parameter(t.zeros(2, 2, dtype=t.float64))),
    "without data": lambda t: t.nn.Parameter().tolist(),
    "of integers": lambda t: t.nn.Parameter(t.tensor([1])),
    "of integers, without gradient": lambda t: t.nn.Parameter(t.tensor([1]), False).tolist(),
    "under no_grad": lambda t: t.no_grad()(lambda: t.nn.Parameter(t.ones(1)).requires_grad)(),
    "of a non-leaf": lambda t: t.nn.Parameter(t.ones(1, requires_grad=True) * 2).is_leaf,
    "of a parameter": lambda t: t.nn.Parameter(t.nn.Parameter(t.ones(1)), False).requires_grad,
    "an operation on it": lambda t: type(t.nn.Parameter(t.ones(1)) * 2).__name__,
    "detached": lambda t: type(t.nn.Parameter(t.ones(1)).detach()).__name__,
    "its data": lambda t: type(t.nn.Parameter(t.ones(1)).data).__name__,
    "its clone": lambda t: type(t.nn.Parameter(t.ones(1)).clone()).__name__,
    "changed in place": lambda t: t.nn.Parameter(t.ones(1)).add_(1),
    "is a Tensor": lambda t: isinstance(t.nn.Parameter(t.ones(1)), t.Tensor),
    "is a Parameter": lambda t: isinstance(t.ones(1, requires_grad=True), t.nn.Parameter),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_shares_the_memory_of_its_data() -> None:
    data = minigrad.zeros(2)
    param = nn.Parameter(data)
    data[0] = 5.0
    assert param.tolist() == [5.0, 0.0]
    assert not data.requires_grad


def test_backward_raises_if_its_data_was_changed() -> None:
    def program(t: Any) -> None:
        data = t.ones(2)
        param = t.nn.Parameter(data)
        loss = (param * param).sum()
        data.add_(1)
        loss.backward()

    assert check_same(program).error is not None


def test_deepcopy_is_independent() -> None:
    param = nn.Parameter(minigrad.zeros(2), requires_grad=False)
    param.grad = minigrad.ones(2)
    twin = copy.deepcopy([param, param])
    assert twin[0] is twin[1]
    assert isinstance(twin[0], nn.Parameter)
    twin[0].data[0] = 1.0
    assert param.tolist() == [0.0, 0.0]
    assert not twin[0].requires_grad
    assert twin[0].grad is None


@pytest.mark.parametrize("data", [[1.0], (1.0,), 3, "text"])
def test_other_types_are_refused(data: Any) -> None:
    for t in (minigrad, torch):
        with pytest.raises(AttributeError, match=f"'{type(data).__name__}' object"):
            t.nn.Parameter(data)
