"""Sizes that no memory can hold, and integers of more than 64 bits: PyTorch's types of errors."""

from __future__ import annotations

from typing import Any

import pytest

import minigrad

torch = pytest.importorskip("torch")

# `x` is a tensor of one element, and `wide` has 2**50 elements in the memory of one.
TOO_LARGE = """
torch.zeros(2**62, 8)
torch.ones(2**62)
torch.empty(2**45, 2**10)
torch.full((2**62, 8), 1)
torch.eye(2**40)
torch.rand(2**62, 8)
torch.randn(2**50)
torch.randint(0, 2, (2**50,))
torch.randperm(2**50)
torch.normal(0.0, 1.0, (2**50,))
torch.multinomial(torch.ones(3), 2**40, replacement=True)
torch.arange(2**62)
torch.arange(2**63)
torch.arange(0.0, 1e18)
torch.arange(0.0, 1e30)
torch.arange(0, 1, 1e-300)
torch.arange(0, 1e300, 1e-300)
torch.linspace(0, 1, 2**62)
torch.linspace(0, 1, 2**50)
torch.Tensor(2**50)
torch.Tensor(-1)
torch.nn.Linear(2**40, 2**40)
torch.zeros_like(wide)
torch.ones_like(wide)
torch.empty_like(wide)
torch.full_like(wide, 2)
torch.rand_like(wide)
x.expand(2**62, 8)
wide.clone()
wide.contiguous()
wide.double()
wide + 1
torch.ones(1, dtype=torch.int32).expand(2**50) + 1.0
wide.exp()
wide > 0
wide.softmax(0)
torch.cat([wide, wide])
torch.stack([wide, wide])
torch.ones(2**20, 1) @ x.expand(1, 2**40)
wide.reshape(2**25, 2**25)[::2].reshape(-1) + 1
x.reshape(2**62, 8)
"""
TOO_LONG = """
torch.ones(2**63)
torch.ones((2**63,))
torch.ones(2, 2**63)
torch.zeros(-(2**63) - 1)
torch.full((2**63,), 1)
torch.eye(2**63)
torch.rand(2**63)
torch.randint(0, 2**63, (2,))
torch.randint(-(2**63) - 1, 2, (2,))
torch.randperm(2**63)
torch.linspace(0, 1, 2**63)
torch.Tensor(2**63)
torch.nn.Linear(2**63, 2)
x.expand(2**63)
x.view(2**63)
x.reshape(2**63, -1)
x.permute(2**63)
x.transpose(2**63, 0)
x.select(0, 2**63)
x.sum(2**63)
x.softmax(2**63)
x.unsqueeze(2**63)
x[2**63]
"""


@pytest.mark.parametrize("expression", [*TOO_LARGE.split("\n")[1:-1], *TOO_LONG.split("\n")[1:-1]])
def test_an_impossible_size(expression: str) -> None:
    errors = [error_of(expression, namespace) for namespace in (minigrad, torch)]
    assert type(errors[0]) is type(errors[1]), errors


def error_of(expression: str, torch: Any) -> Exception:
    x = torch.ones(1)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its type is compared
        eval(expression, {"torch": torch, "x": x, "wide": x.expand(2**50)})
    return caught.value
