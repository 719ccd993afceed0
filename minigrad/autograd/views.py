"""Views and in-place writes: how a history follows the memory that tensors share.

A view remembers the op that made it. When the shared storage has been written to, the view's
history no longer tells how its elements came to be, so it is recorded anew from its base, the
next time anyone asks. A write *through* a view is a write to a part of its base: the base gets a
new history, a node in which the written part's gradient goes one way and the rest another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rules import REGISTRY, Rule
from ..rules.rule import Array, Pullback
from .graph import Node

if TYPE_CHECKING:
    from ..tensor import Tensor


# What PyTorch calls the node of a view whose history was recorded anew.
_AS_STRIDED = replace(REGISTRY["alias"], backward="AsStridedBackward0")


class View:
    """How a tensor was made as a view: of which parent, by which op, at which version.

    `base` is the tensor at the end of the chain of parents. A view made where nothing was
    recorded (`differentiable` is False) has no history to follow.
    """

    __slots__ = ("arguments", "base", "differentiable", "options", "parent", "rule", "version")

    base: Tensor

    def __init__(
        self,
        parent: Tensor,
        rule: Rule,
        arguments: list[Any],
        options: dict[str, Any],
        differentiable: bool,
    ) -> None:
        self.parent = parent
        self.base = parent if parent._view is None else parent._view.base
        self.rule, self.arguments, self.options = rule, arguments, options
        self.differentiable = differentiable
        self.version = parent._counter[0]

    def apply(self, array: Array) -> tuple[Array, Pullback]:
        """The same view of another array, and its pullback."""
        output, (pullback,) = self.rule.forward(array, *self.arguments, **self.options)
        assert pullback is not None
        return output, pullback

    def refresh(self, tensor: Tensor) -> None:
        """Record the history of `tensor`, whose view this is, anew if its storage has changed."""
        now = tensor._counter[0]
        stale: list[tuple[Tensor, View]] = []
        view: View | None = self
        while view is not None and view.differentiable and view.version != now:
            stale.append((tensor, view))
            tensor = view.parent
            view = tensor._view
        for tensor, view in reversed(stale):  # parents first
            view.version = now
            parent = view.parent
            if parent._requires_grad:
                origin = parent._node or parent
                output, pullback = view.apply(parent._array)
                set_history(tensor, Node(_AS_STRIDED, [origin], [pullback], (), output))


def rebase(tensor: Tensor, written: Node) -> None:
    """Give the base of the view `tensor` its history after a write through the view.

    `written` is the node of what was written. Its gradient is the written part of the base's; the
    rest of the base's goes to what the base was before.
    """
    assert tensor._view is not None
    assert written.pullbacks is not None
    base = tensor._view.base
    positions = _positions(tensor)

    def of_part(pullback: Pullback) -> Pullback:
        return lambda g: pullback(g.reshape(-1)[positions])

    def of_rest(g: Array) -> Array:
        rest = g.flatten()
        rest[positions] = 0
        return rest.reshape(g.shape)

    parents, pullbacks = list(written.parents), [of_part(p) for p in written.pullbacks]
    if base._requires_grad:
        parents.append(base._node or base)
        pullbacks.append(of_rest)
    rule = replace(written.rule, backward="CopySlices", linear=False)
    set_history(base, Node(rule, parents, pullbacks, written.guards, base._array))


def set_history(tensor: Tensor, node: Node) -> None:
    """Let `node` be how a tensor that was written to came to be. What retains moves along."""
    old = tensor._node
    if old is not None and old.retaining is not None:
        node.retaining, old.retaining = old.retaining, None
    tensor._node, tensor._requires_grad = node, True


def _positions(tensor: Tensor) -> Array:
    """Where a view's elements lie in its flattened base: the same views, of positions."""
    steps = []
    while tensor._view is not None:
        steps.append(tensor._view)
        tensor = tensor._view.parent
    positions = np.arange(tensor._array.size).reshape(tensor._array.shape)
    for step in reversed(steps):
        positions, _ = step.apply(positions)
    return positions
