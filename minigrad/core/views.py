"""Views and in-place writes: the histories of tensors that share memory.

A view stores the op that made it. After a write to the shared storage, the view's history is no
longer that of its elements. When it is next needed, it is recorded again, as the history of a part
of its base. A write *through* a view is a write to a part of its base: the base gets a new node,
which splits its gradient into that of the written part and the rest.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from ..rules import REGISTRY, Rule
from ..rules.indexing import index_put, scatter
from ..rules.memory import geometry, shared_positions
from ..rules.rule import Array, Pullback
from .hooks import attached_to_node
from .node import Node, Parent, next_number

if TYPE_CHECKING:
    from .tensor import TensorBase


_AS_STRIDED = REGISTRY["as_strided"]


class View:
    """The origin of a view: its parent, the op that made it, and the version at that time.

    - `base`: the tensor at the end of the chain of parents.
    - `creation_meta` (PyTorch's term): "" for a view whose history can be recorded again. Otherwise
      the reason why it can't, so that a recorded write to it is an error: the view was made in
      "no_grad", by a custom "function", as one of "several" views, or from such a view.
    - `maker`: the name of the op that made such a view, for errors.
    """

    __slots__ = ("arguments", "base", "creation_meta", "maker", "parent", "rule", "version")

    base: TensorBase

    def __init__(
        self, parent: TensorBase, rule: Rule, arguments: tuple[Any, ...], creation_meta: str = ""
    ) -> None:
        self.parent, self.rule, self.arguments = parent, rule, arguments
        above = parent._view
        if above is None:
            self.base, self.creation_meta = parent, creation_meta
        else:
            self.base, self.creation_meta = above.base, creation_meta or above.creation_meta
        self.maker = ""
        self.version = parent._counter[0]

    def is_stale(self, tensor: TensorBase) -> bool:
        """Whether the history of `tensor`, whose view this is, has to be recorded again."""
        wanted = self.base._requires_grad or tensor._node is not None
        return wanted and (self.version != tensor._counter[0] or not tensor._requires_grad)

    def refresh(self, tensor: TensorBase) -> None:
        """Record the history of `tensor`, whose view this is, again if its storage has changed.

        RuntimeError if `creation_meta` doesn't allow it.
        """
        if self.version == tensor._counter[0]:
            return
        if self.base._requires_grad or tensor._node is not None:
            if self.creation_meta:
                self.refuse("its base or another view of its base has been modified inplace")
            self.record(tensor, positions_in_base(tensor))

    def record(self, tensor: TensorBase, positions: Array) -> None:
        """Record `tensor`, whose view this is, as these elements of its base."""
        base, self.version = self.base, tensor._counter[0]
        parent = (base._node or base) if base._requires_grad else None
        repeats = may_repeat(tensor._array)
        shape = base._array.shape
        set_history(tensor, _part(parent, shape, positions, tensor._array, repeats))

    def refuse(self, event: str) -> NoReturn:
        """Raise the error for a write that a view with a `creation_meta` doesn't allow."""
        maker = self.maker or "Output 0 of " + self.rule.name.title().replace("_", "")
        if self.creation_meta == "no_grad":
            above = self.parent._view
            of_such = above is not None and above.creation_meta == "no_grad"
            which = f"{maker} is a view of a view which" if of_such else "A view"
            raise RuntimeError(
                f"{which} was created in no_grad mode and {event} with grad mode enabled. Given "
                "that this use case is ambiguous and error-prone, it is forbidden: make the view "
                "where grad mode is enabled, or write in no_grad."
            )
        raise RuntimeError(f"{maker} is a view and {event}. {_WHY_REFUSED[self.creation_meta]}")


_WHY_REFUSED = {
    "several": "This view is the output of a function that returns multiple views. Such functions "
    "do not allow the output views to be modified inplace. You should replace the inplace "
    "operation by an out-of-place one.",
    "function": "This view was created inside a custom Function (or because an input was returned "
    "as-is) and the autograd logic to handle view+inplace would override the custom backward "
    "associated with the custom Function, leading to incorrect gradients. This behavior is "
    "forbidden. You can fix this by cloning the output of the custom Function.",
}


class CopySlices(Node):
    """The node of a tensor after a part of it was written through a view.

    `written` is the node of the written values, and `positions` are those of the part in the
    flattened tensor. The gradient of the part goes to the written values and, where those were
    computed from the part's old values, back to the tensor's own history. The rest goes to the
    tensor's history as it is.
    """

    __slots__ = ("written",)

    def __init__(self, written: Node, positions: Array, base: TensorBase) -> None:
        assert written.pullbacks is not None
        of_before, *of_others = written.pullbacks
        key = (positions,)  # a tuple of arrays stays one over Tensors

        def part(g: Array) -> Array:
            return g.reshape(-1)[key]

        def to_base(g: Array) -> Array:
            replaced = of_before(part(g)) if of_before else 0
            return index_put(g.reshape(-1), replaced, key)[0].reshape(g.shape)

        def to_other(pullback: Pullback) -> Pullback:
            return lambda g: pullback(part(g))

        parent: Parent | None = (base._node or base) if base._requires_grad else None
        parents = (parent, *written.parents[1:])
        to_parent = None if parent is None else to_base
        pullbacks = (to_parent, *(p and to_other(p) for p in of_others))
        super().__init__("CopySlices", written.rule, parents, pullbacks, written.saved, base._array)
        self.written = written
        self.writes = written.writes  # the write itself may have changed a saved array: v.mul_(v)

    def origins(self) -> Iterator[tuple[int, list[Any], Parent | None]]:
        """Those of the written values, whose result isn't a part of the tensor, as in PyTorch."""
        return self.written.origins()


def may_repeat(array: Array) -> bool:
    """Whether a view may contain an element repeatedly, as expanded ones and windows do."""
    if 0 in array.strides:
        return True
    reach = 0
    for stride, size in sorted(zip(array.strides, array.shape, strict=True)):
        if size > 1 and stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def _part(
    whole: Parent | None, shape: tuple[int, ...], positions: Array, like: Array, repeats: bool
) -> Node:
    """The node of the elements at these positions of a flattened whole of that shape.

    The gradient of an element at -1, which isn't in the whole, leads nowhere.
    """
    key, kept, flat = (positions,), None, (math.prod(shape),)
    if positions.min(initial=0) < 0:
        kept = (np.flatnonzero(positions >= 0),)
        key = (positions.reshape(-1)[kept],)

    def in_whole(g: Array) -> Array:
        part = g if kept is None else g.reshape(-1)[kept]
        return scatter(part, key, flat, repeats=repeats)[0].reshape(shape)

    pullback = None if whole is None else in_whole
    return Node("AsStridedBackward0", None, (whole,), (pullback,), (), like, keeps=True)


def rebase(tensor: TensorBase, written: Node) -> None:
    """Give the base of the view `tensor` its history after a write, whose node is `written`.

    The view gets the history of a part of the base.
    """
    view = tensor._view
    assert view is not None
    positions = positions_in_base(tensor)
    if positions.min(initial=0) < 0:
        raise RuntimeError(
            "a view is being modified inplace, but the shape of its base was changed, and the base "
            "doesn't contain all of its elements"
        )
    set_history(view.base, CopySlices(written, positions, view.base))
    view.record(tensor, positions)


def set_history(tensor: TensorBase, node: Node) -> None:
    """Make `node` the history of a tensor that was written to. `retain_grad` stays in effect."""
    old = tensor._node
    if old is not None and old.attached is not None and old.attached.retaining is not None:
        attached_to_node(node).retaining, old.attached.retaining = old.attached.retaining, None
    tensor._node, tensor._requires_grad = node, True


class Reshaped(NamedTuple):
    """A tensor whose shape was changed in place, and its former shapes if it is a leaf.

    Each has a number: ops with smaller ones, and no smaller number before, used that shape.
    """

    tensor: weakref.ref[TensorBase]
    former: deque[tuple[float, tuple[int, ...]]]


# These tensors by their ids, because `==` compares elements. The ops that made their views are no
# guide any more.
reshaped: dict[int, Reshaped] = {}
_FORMER_SHAPES = 16  # of a tensor; few programs change a shape between forward and backward


def note_reshaped(tensor: TensorBase, before: tuple[int, ...]) -> None:
    """Note that the shape of a tensor, which was `before`, was changed in place."""
    identity, forget = id(tensor), reshaped.pop  # when Python exits, it deletes the name `reshaped`
    if identity not in reshaped:
        weak = weakref.ref(tensor, lambda _: forget(identity, None))
        reshaped[identity] = Reshaped(weak, deque(maxlen=_FORMER_SHAPES))
    if not tensor._requires_grad or tensor._node is not None:
        return
    number, former = next_number(), reshaped[identity].former
    if former and former[-1][0] == number - 1:  # no op used the shape since
        _, before = former.pop()
    former.append((number, before))


class Used(NamedTuple):
    """The shape and the dtype that an op's gradient for its operand has."""

    shape: tuple[int, ...]
    dtype: np.dtype


def as_used(leaf: TensorBase, node: Node) -> Used:
    """How the op of a node used a leaf, whose shape may have been changed since."""
    known, shape = reshaped.get(id(leaf)), leaf._array.shape
    former = () if known is None else known.former
    return Used(next((s for n, s in former if node.sequence_nr < n), shape), leaf._array.dtype)


def positions_in_base(tensor: TensorBase) -> Array:
    """The positions of a view's elements in its flattened base, by the same ops on positions.

    They are -1 for elements that the base doesn't contain, because its shape was changed.
    """
    steps, first = [], tensor
    by_memory = id(tensor) in reshaped
    while tensor._view is not None:
        steps.append(tensor._view)
        by_memory = by_memory or tensor._view.rule is _AS_STRIDED
        tensor = tensor._view.parent
        by_memory = by_memory or id(tensor) in reshaped
    if by_memory:
        shared, kept, _ = shared_positions(geometry(tensor._array), geometry(first._array))
        found = np.full(first._array.size, -1)
        found[kept] = shared[0]
        return found.reshape(first._array.shape)
    positions = np.arange(tensor._array.size).reshape(tensor._array.shape)
    for step in reversed(steps):
        positions, _ = step.rule.forward(positions, *step.arguments)
    return positions
