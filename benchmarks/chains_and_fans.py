"""Graphs of n ops: a chain, where each op takes the previous result, and a fan from one tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import minigrad

NAMESPACES: dict[str, Any] = {"minigrad": minigrad, "PyTorch": torch}


@dataclass(frozen=True)
class OpGraph:
    """A graph with one leaf. `backward` takes the result of `forward`; calling it does both."""

    leaf: Any
    forward: Callable[[], Any]
    backward: Callable[[Any], None]

    def __call__(self) -> None:
        self.leaf.grad = None
        self.backward(self.forward())


def chain(torch: Any, n: int) -> OpGraph:
    """n multiplications of three elements, each of the previous result.

    >>> graph = chain(minigrad, 4)
    >>> graph()
    >>> graph.leaf.grad
    tensor([0.0625, 0.0625, 0.0625])
    """
    # The factors multiply to 1/16 for every n, so long chains don't underflow.
    x, factor = _leaf(torch), torch.full((3,), 16 ** (-1 / n))
    one = torch.ones(3)

    def forward() -> Any:
        y = x
        for _ in range(n):
            y = y * factor
        return y

    def backward(y: Any) -> None:
        y.backward(one)

    return OpGraph(x, forward, backward)


def fan(torch: Any, n: int) -> OpGraph:
    """n multiplications of one tensor of three elements.

    >>> graph = fan(minigrad, 4)
    >>> graph()
    >>> graph.leaf.grad
    tensor([2., 2., 2.])
    """
    x, factor = _leaf(torch), torch.full((3,), 0.5)
    ones = [torch.ones(3)] * n

    def forward() -> Any:
        return [x * factor for _ in range(n)]

    def backward(results: Any) -> None:
        torch.autograd.backward(results, ones)

    return OpGraph(x, forward, backward)


def _leaf(torch: Any) -> Any:
    return torch.ones(3, requires_grad=True)


SHAPES: dict[str, Callable[[Any, int], OpGraph]] = {"chain": chain, "fan": fan}
