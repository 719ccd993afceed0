"""What programs write beside calls of ops: indexing, assignments, loops over elements, and so on.

Each expression is a function of a namespace and of its tensors, and is measured on small tensors:
all that it costs is overhead. Those with a derivative are also measured with backward, and those
in `SCALED` also on long vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Expression = Callable[[Any, "Tensors"], Any]


class Tensors:
    """The tensors of a namespace that expressions use. Their names tell their shapes."""

    def __init__(self, torch: Any, requires_grad: bool, size: int) -> None:
        def tensor(*shape: int) -> Any:
            values = np.random.default_rng(0).uniform(0.1, 1, shape).astype(np.float32)
            return torch.from_numpy(values).requires_grad_(requires_grad)

        self.scalar, self.one, self.long = tensor(), tensor(1), tensor(size)
        self.vector, self.other, self.matrix = tensor(10), tensor(10), tensor(10, 6)
        self.images, self.kernels = tensor(1, 1, 4, 4), tensor(1, 1, 3, 3)
        self.index, self.indices = torch.tensor([0]), torch.arange(10) % 6
        self.integer, self.truth = torch.tensor([3]), torch.tensor([True])
        self.mask = torch.arange(10) < 3


def _add_to_element(torch: Any, t: Tensors) -> None:
    t.matrix[3, 4] += 1


def _store_row(torch: Any, t: Tensors) -> None:
    t.matrix[5] = t.matrix[3]


def _store_element(torch: Any, t: Tensors) -> None:
    t.matrix[1, 2] = 2.0


def _store_slice(torch: Any, t: Tensors) -> None:
    t.vector[2:5] = 1.0


def _store_masked(torch: Any, t: Tensors) -> None:
    t.vector[t.mask] = 1.0


def _store_at_indices(torch: Any, t: Tensors) -> None:
    t.vector[t.index] = 1.0


def _rows(torch: Any, t: Tensors) -> None:
    for _ in t.matrix:
        pass


def _elements(torch: Any, t: Tensors) -> Any:
    """A dot product as a textbook writes it."""
    total = 0.0
    for i in range(len(t.vector)):
        total = total + t.vector[i] * t.vector[i]
    return total


def _elements_stored(torch: Any, t: Tensors) -> None:
    """The product of a matrix and a vector as a textbook writes it."""
    product = torch.zeros(3)
    for i in range(3):
        for j in range(3):
            product[i] += t.matrix[i, j] * t.vector[j]


# Those whose result has a derivative.
DIFFERENTIABLE: dict[str, Expression] = {
    "m[5]": lambda torch, t: t.matrix[5],
    "m[2, 3]": lambda torch, t: t.matrix[2, 3],
    "m[1:3]": lambda torch, t: t.matrix[1:3],
    "m[:, 1]": lambda torch, t: t.matrix[:, 1],
    "m[None]": lambda torch, t: t.matrix[None],
    "m[..., 0]": lambda torch, t: t.matrix[..., 0],
    "v[indices]": lambda torch, t: t.vector[t.index],
    "v[mask]": lambda torch, t: t.vector[t.mask],
    "v[[0, 1]]": lambda torch, t: t.vector[[0, 1]],
    "m.view(-1)": lambda torch, t: t.matrix.view(-1),
    "m.reshape(6, 10)": lambda torch, t: t.matrix.reshape(6, 10),
    "m.T": lambda torch, t: t.matrix.T,
    "m.flatten()": lambda torch, t: t.matrix.flatten(),
    "x.expand(3)": lambda torch, t: t.one.expand(3),
    "cat([x, x])": lambda torch, t: torch.cat([t.one, t.one]),
    "stack([x, x])": lambda torch, t: torch.stack([t.one, t.one]),
    "where(c, x, x)": lambda torch, t: torch.where(t.truth, t.one, t.one),
    "where(c, x, 0.0)": lambda torch, t: torch.where(t.truth, t.one, 0.0),
    "x.clamp(min=0.3)": lambda torch, t: t.one.clamp(min=0.3),
    "sort(x)": lambda torch, t: torch.sort(t.long)[0],
    "loop over elements": _elements,
    "gelu(x)": lambda torch, t: torch.nn.functional.gelu(t.one),
    "layer_norm(m)": lambda torch, t: torch.nn.functional.layer_norm(t.matrix, (6,)),
    "softmax(v, 0)": lambda torch, t: torch.nn.functional.softmax(t.vector, 0),
    "cross_entropy(m)": lambda torch, t: torch.nn.functional.cross_entropy(t.matrix, t.indices),
    "embedding(m)": lambda torch, t: torch.nn.functional.embedding(t.index, t.matrix),
    "conv2d(images)": lambda torch, t: torch.nn.functional.conv2d(t.images, t.kernels),
    "max_pool2d(images)": lambda torch, t: torch.nn.functional.max_pool2d(t.images, 2),
    "avg_pool2d(images)": lambda torch, t: torch.nn.functional.avg_pool2d(t.images, 2),
}
_OTHERS: dict[str, Expression] = {
    "m[3, 4] += 1": _add_to_element,
    "m[5] = m[3]": _store_row,
    "m[1, 2] = 2.0": _store_element,
    "v[2:5] = 1.0": _store_slice,
    "v[mask] = 1.0": _store_masked,
    "v[indices] = 1.0": _store_at_indices,
    "for row in m": _rows,
    "loop, storing": _elements_stored,
    "x.item()": lambda torch, t: t.scalar.item(),
    "x.tolist()": lambda torch, t: t.vector.tolist(),
    "x.detach()": lambda torch, t: t.vector.detach(),
    "x.fill_(1.0)": lambda torch, t: t.one.fill_(1.0),
    "x.copy_(y)": lambda torch, t: t.vector.copy_(t.other),
    "x.add_(x, alpha=0.1)": lambda torch, t: t.one.add_(t.one, alpha=0.1),
    "x.clamp_(0.3, 0.7)": lambda torch, t: t.one.clamp_(0.3, 0.7),
    "i + i": lambda torch, t: t.integer + t.integer,
    "i + 1": lambda torch, t: t.integer + 1,
    "i // 2": lambda torch, t: t.integer // 2,
    "i % 2": lambda torch, t: t.integer % 2,
    "i / 2": lambda torch, t: t.integer / 2,
    "i * 2.0": lambda torch, t: t.integer * 2.0,
    "i.float()": lambda torch, t: t.integer.float(),
    "i == 3": lambda torch, t: t.integer == 3,
    "c & c": lambda torch, t: t.truth & t.truth,
    "~c": lambda torch, t: ~t.truth,
    "c.any()": lambda torch, t: t.truth.any(),
    "x > 0": lambda torch, t: t.one > 0,
    "zeros(1)": lambda torch, t: torch.zeros(1),
    "tensor([1.0, 2.0])": lambda torch, t: torch.tensor([1.0, 2.0]),
    "arange(5)": lambda torch, t: torch.arange(5),
    "rand(1)": lambda torch, t: torch.rand(1),
    "randn(1)": lambda torch, t: torch.randn(1),
    "randint(0, 10, (1,))": lambda torch, t: torch.randint(0, 10, (1,)),
}
SCALED = ("sort(x)",)
EXPRESSIONS = DIFFERENTIABLE | _OTHERS


def calls(
    name: str, torch: Any, size: int = 1
) -> tuple[Callable[[], Any], Callable[[], Any] | None]:
    """Return the expression in a namespace: a call forward, and one with backward, or None.

    >>> import minigrad
    >>> forward, _ = calls("i + i", minigrad)
    >>> forward()
    tensor([6])
    """
    expression, tensors = EXPRESSIONS[name], Tensors(torch, requires_grad=False, size=size)
    if name not in DIFFERENTIABLE:
        return lambda: expression(torch, tensors), None
    leaves = Tensors(torch, requires_grad=True, size=size)
    cotangent = torch.ones_like(expression(torch, tensors))

    def both() -> None:
        expression(torch, leaves).backward(cotangent)
        for leaf in vars(leaves).values():
            leaf.grad = None

    return lambda: expression(torch, tensors), both
