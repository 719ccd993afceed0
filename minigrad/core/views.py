"""Views and in-place writes: how a history follows the memory that tensors share.

A view remembers the op that made it. When the shared storage has been written to, the view's
history no longer tells how its elements came to be, so it is recorded anew, as that of a part of
its base, the next time anyone asks. A write *through* a view is a write to a part of its base: the
base gets a new history, a node in which the written part's gradient goes one way and the rest
another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..rules import REGISTRY, Rule
from ..rules.indexing import index_put, scatter
from ..rules.rule import Array, Pullback
from .node import Node, Parent

if TYPE_CHECKING:
    from .tensor import Tensor


# What PyTorch calls the node of a view whose history was recorded anew.
_AS_STRIDED = replace(REGISTRY["alias"], backward="AsStridedBackward0")


class View:
    """How a tensor was made as a view: of which parent, by which op, at which version.

    `base` is the tensor at the end of the chain of parents. `special` says of a view that it has no
    such history to follow, nor may be written through where that would have to be recorded: it was
    made where nothing was ("no_grad"), by a Function ("function"), or as one of "several" views, or
    from such a view; then `maker` is what to call the op that made it.
    """

    __slots__ = ("arguments", "base", "maker", "options", "parent", "rule", "special", "version")

    base: Tensor
    special: str

    def __init__(
        self,
        parent: Tensor,
        rule: Rule,
        arguments: list[Any],
        options: dict[str, Any],
        special: str = "",
    ) -> None:
        self.parent = parent
        self.base, self.special = parent, special
        if parent._view is not None:
            self.base = parent._view.base
            self.special = special or parent._view.special
        self.rule, self.arguments, self.options = rule, arguments, options
        self.maker = "Output 0 of " + rule.name.title().replace("_", "")
        self.version = parent._counter[0]

    def refuse(self, what: str) -> NoReturn:
        """The error of a special view that was written to, or whose base was, as `what` says."""
        if self.special == "no_grad":
            of_such = self.parent._view is not None and self.parent._view.special == "no_grad"
            which = f"{self.maker} is a view of a view which" if of_such else "A view"
            raise RuntimeError(
                f"{which} was created in no_grad mode and {what} with grad mode enabled. Given "
                "that this use case is ambiguous and error-prone, it is forbidden: make the view "
                "where grad mode is enabled, or write in no_grad."
            )
        why = {
            "several": "is the output of a function that returns multiple views. Such functions do "
            "not allow the output views to be modified inplace. You should replace the inplace "
            "operation by an out-of-place one.",
            "function": "was created inside a custom Function (or because an input was returned "
            "as-is) and the autograd logic to handle view+inplace would override the custom "
            "backward associated with the custom Function, leading to incorrect gradients. This "
            "behavior is forbidden. You can fix this by cloning the output of the custom Function.",
        }
        raise RuntimeError(f"{self.maker} is a view and {what}. This view {why[self.special]}")

    def refresh(self, tensor: Tensor) -> None:
        """Record the history of `tensor`, whose view this is, anew if its storage has changed.

        RuntimeError if it is special, so that nobody can tell.
        """
        base, now = self.base, tensor._counter[0]
        if self.version == now or not (base._requires_grad or tensor._node is not None):
            return
        if self.special:
            self.refuse("its base or another view of its base has been modified inplace")
        self._record(tensor, _positions(tensor))

    def _record(self, tensor: Tensor, positions: Array) -> None:
        """Record that `tensor`, whose view this is, is now these elements of its base."""
        base, self.version = self.base, tensor._counter[0]
        origin = (base._node or base) if base._requires_grad else None
        repeats = 0 in tensor._array.strides  # an expanded view has an element more than once
        shape = base._array.shape
        set_history(tensor, _part(origin, shape, positions, tensor._array.dtype, repeats))


class CopySlices(Node):
    """The history of a tensor of which a part was written through a view.

    `written` is the node of what was written, and `positions` are where that lies in the flattened
    tensor. The written part's gradient goes to what was written, and where that was computed from
    the part as it had been, back into the tensor's own; the rest goes to what the tensor was.
    """

    __slots__ = ("written",)

    def __init__(self, written: Node, positions: Array, base: Tensor) -> None:
        assert written.pullbacks is not None
        of_before, *of_others = written.pullbacks
        key = (positions,)  # a tuple, which stays one of arrays when it is read over tensors

        def part(g: Array) -> Array:
            return g.reshape(-1)[key]

        def to_base(g: Array) -> Array:
            replaced = of_before(part(g)) if of_before else 0
            return index_put(g.reshape(-1), replaced, key)[0].reshape(g.shape)

        def to_other(pullback: Pullback) -> Pullback:
            return lambda g: pullback(part(g))

        origin: Parent | None = (base._node or base) if base._requires_grad else None
        parents = (origin, *written.parents[1:])
        pullbacks = (None if origin is None else to_base, *(p and to_other(p) for p in of_others))
        rule = replace(written.rule, backward="CopySlices", linear=False)
        super().__init__(rule, parents, pullbacks, written.guards, base._array)
        self.written = written

    def histories(self) -> Iterator[tuple[int, list[Any], Parent | None]]:
        """As the written op's, whose result is its own and no part of the tensor, as in PyTorch."""
        return self.written.histories()


def _part(
    whole: Parent | None, shape: tuple[int, ...], positions: Array, dtype: np.dtype, repeats: bool
) -> Node:
    """The history of what lies at these positions in a flattened whole of that shape."""
    key, flat = (positions,), (math.prod(shape),)

    def in_whole(g: Array) -> Array:
        return scatter(g, key, flat, repeats=repeats)[0].reshape(shape)

    pullback = None if whole is None else in_whole
    return Node(_AS_STRIDED, (whole,), (pullback,), (), np.empty(positions.shape, dtype))


def rebase(tensor: Tensor, written: Node) -> None:
    """Give the base of the view `tensor` its history after a write, recorded as `written`.

    And the view the history of a part of that.
    """
    view = tensor._view
    assert view is not None
    positions = _positions(tensor)
    set_history(view.base, CopySlices(written, positions, view.base))
    view._record(tensor, positions)


def set_history(tensor: Tensor, node: Node) -> None:
    """Let `node` be how a tensor that was written to came to be. What retains moves along."""
    old = tensor._node
    if old is not None and old.hooks is not None and old.hooks.retaining is not None:
        node.hooks_to_fill().retaining, old.hooks.retaining = old.hooks.retaining, None
    tensor._node, tensor._requires_grad = node, True


def _positions(tensor: Tensor) -> Array:
    """Where a view's elements lie in its flattened base: the same views, of positions."""
    steps = []
    while tensor._view is not None:
        steps.append(tensor._view)
        tensor = tensor._view.parent
    positions = np.arange(tensor._array.size).reshape(tensor._array.shape)
    for step in reversed(steps):
        positions, _ = step.rule.forward(positions, *step.arguments, **step.options)
    return positions
