"""Graphs whose saved arrays are computed again when they are needed.

After the call of a function, the nodes that it recorded keep their places in the graph, but forget
their pullbacks and so the arrays that these saved. The first of them that the walk reaches calls
the function again. That records the same nodes, whose pullbacks all of them then use.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from ..api.tensor import Tensor
from ..core.grad_mode import enable_grad
from ..core.higher_order import over_tensors
from ..core.node import Node, next_number
from ..rules.rule import Pullback
from .structures import flattened


class CheckpointError(RuntimeError):
    """The second call of a function did other things than the first."""


class _ForgetfulNode(Node):
    """A node whose pullbacks are recomputed. Its class is changed after it was recorded."""

    __slots__ = ()

    def over_tensors(self) -> Sequence[Pullback | None] | None:
        deferred = next(p for p in self.pullbacks or () if p is not None)
        assert isinstance(deferred, _Deferred)
        return over_tensors(deferred.call.node(deferred.number))


class _Deferred:
    """The pullback with an index of the node with a number, in a function's second call."""

    def __init__(self, call: _Call, number: int, index: int) -> None:
        self.call, self.number, self.index = call, number, index

    def __call__(self, g: Any) -> Any:
        pullback = (self.call.node(self.number).pullbacks or ())[self.index]
        assert pullback is not None
        return pullback(g)


class _Call:
    """The first call of a function, and the nodes of the second."""

    def __init__(self, again: Callable[[], Any], names: list[Any]) -> None:
        self.again = again
        self.names = names  # what the nodes of the first call were
        self.nodes: list[Node] | None = None

    def node(self, number: int) -> Node:
        """A node of the second call."""
        if self.nodes is None:
            start = next_number()
            with enable_grad():
                nodes = _recorded(self.again(), start)
            if [_described(node) for node in nodes] != self.names:
                raise CheckpointError(
                    "torch.utils.checkpoint: the function recorded other ops when it was called "
                    f"again. First: {self.names}. Again: {[_described(node) for node in nodes]}. "
                    "It must do the same in both calls."
                )
            self.nodes = nodes
        return self.nodes[number]


def forgetting(function: Callable[[], Any], again: Callable[[], Any], context: Any = None) -> Any:
    """Call a function, and let the nodes that it records forget what they saved.

    `again` is called for a second call, which must record the same nodes.
    """
    start = next_number()
    with context or contextlib.nullcontext():
        outputs = function()
    nodes = _recorded(outputs, start)
    call = _Call(again, [_described(node) for node in nodes])
    for number, node in enumerate(nodes):
        # Nodes of another class keep what they have, and linear ones have nothing.
        if type(node) is Node and node.pullbacks and not node.keeps:
            node.pullbacks = [
                None if pullback is None else _Deferred(call, number, index)
                for index, pullback in enumerate(node.pullbacks)
            ]
            node.saved = ()
            node.__class__ = _ForgetfulNode
    return outputs


def _recorded(outputs: Any, start: float) -> list[Node]:
    """The nodes that were recorded since `start` and that the outputs depend on, oldest first."""
    leaves, _ = flattened(outputs)
    todo: list[Any] = [
        x._node for x in leaves if isinstance(x, Tensor) and not x.is_leaf and x._node is not None
    ]
    found: set[Node] = set()
    while todo:
        node = todo.pop()
        if isinstance(node, Node) and node not in found and node.sequence_nr > start:
            found.add(node)
            todo += node.parents
    return sorted(found, key=lambda node: node.sequence_nr)


def _described(node: Node) -> tuple[str, Any]:
    return node.name, node.shape
