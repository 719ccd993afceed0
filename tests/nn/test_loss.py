"""nn/loss.py: buffers, deprecated flags and errors.

tests/bridge/test_class_samples.py compares every loss with PyTorch's.
"""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_same, torch, translate

import minigrad
from minigrad import nn


def test_weight_is_a_buffer() -> None:
    def program(t: Any) -> Any:
        loss = t.nn.CrossEntropyLoss(weight=t.ones(3)).double()
        return dict(loss.state_dict()), dict(t.nn.NLLLoss().state_dict()), repr(loss)

    check_same(program)
    theirs = torch.nn.NLLLoss(torch.tensor([1.0, 2.0])).state_dict()
    ours = nn.NLLLoss(minigrad.zeros(2))
    ours.load_state_dict(translate(theirs, minigrad))
    assert ours.weight.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
@pytest.mark.parametrize("flags", [{"reduce": False}, {"size_average": False}, {"reduce": True}])
def test_deprecated_flags(name: str, flags: dict[str, bool]) -> None:
    check_same(lambda t: getattr(t.nn, name)(**flags).reduction)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
def test_unknown_reduction_is_refused_when_called(name: str) -> None:
    def program(t: Any) -> Any:
        target = t.zeros(1, 2) if name == "MSELoss" else t.tensor([0])
        return getattr(t.nn, name)(reduction="average")(t.zeros(1, 2), target)

    check_same(program)
