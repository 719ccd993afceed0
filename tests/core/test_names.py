"""Every overload of an op has PyTorch's name for its node."""

from __future__ import annotations

import pytest

import minigrad

torch = pytest.importorskip("torch")

EXPRESSIONS = """
x + x, x + 1, x - x, 1 - x, torch.rsub(x, x)
torch.rsub(x, 1, alpha=2), x * x, x * 2, x / x, x / 2, 2 / x
-x, x ** 2, x ** x, 2 ** x, x.exp(), x.log(), x.sqrt(), x.abs(), x.relu(), x.sigmoid(), x.tanh()
x.sum(), x.sum(1), x.sum((0, 1)), x.sum(dim=0, keepdim=True)
x.mean(), x.mean(0), x.mean(1, keepdim=True)
x.max(), x.max(0)[0], x.min(), x.min(dim=1).values, torch.maximum(x, x), torch.minimum(x, x)
x.clamp(0), x.clamp(max=2), x.clamp(min=x), torch.where(x > 0, x, x)
x.softmax(0), x.log_softmax(1)
x @ x, x @ x[0], x[0] @ x[0]
torch.nn.functional.linear(x, x), torch.nn.functional.linear(x, x, x[0])
x.reshape(4), x.view(4), x.flatten(), x.t(), x.T, x.transpose(0, 1), x.permute(1, 0)
x.expand(2, 2, 2)
x[None].squeeze(), x[None].squeeze(0), x[None].squeeze((0,)), x.unsqueeze(0), x[0], x[1:]
x[...], x[[0]]
torch.cat([x, x]), torch.stack([x, x]), x.clone(), x.double(), x.t().contiguous()
(x * 1).add_(1), (x * 1).fill_(2), (x * 1).fill_(x[0, 0]), (x * 1).zero_(), (x * 1).copy_(x)
torch.nn.functional.cross_entropy(x, torch.tensor([0, 1])), torch.nn.functional.mse_loss(x, x * 2)
"""


@pytest.mark.parametrize("line", EXPRESSIONS.strip().splitlines())
def test_nodes_have_pytorchs_names(line: str) -> None:
    def names(namespace: object) -> list[str]:
        x = namespace.ones(2, 2, requires_grad=True)  # type: ignore[attr-defined]
        return [
            y.grad_fn.name().split("::")[-1]
            for y in eval(f"[{line}]", {"torch": namespace, "x": x})
        ]

    assert names(minigrad) == names(torch)
