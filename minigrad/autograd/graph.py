"""The tape: a node for each op that was recorded, and the chain rule walked backwards over them.

A node holds its op's pullbacks and, for each, the parent to which its gradient goes: the node that
made the operand, or the operand itself if it is a leaf. Tensors point to nodes and nodes to nodes
and leaves, never back, so a graph dies by reference counting alone.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..rules.rule import Array, Pullback

if TYPE_CHECKING:
    from ..tensor import Tensor

Parent: TypeAlias = "Node | Tensor"

_next_number = itertools.count().__next__


class Node:
    """One recorded op.

    - `parents`: for each operand that requires grad, where its gradient goes, and the shape and
      dtype that it must have.
    - `pullbacks`: one for each parent; None once they have been freed.
    - `guards`: for each tensor that the op saw, the array's id, its storage's version counter, and
      the version then.
    - `number`: counts up as nodes are made, so a parent's is always smaller.
    """

    __slots__ = ("__weakref__", "_name", "guards", "linear", "number", "parents", "pullbacks", "retaining")

    def __init__(
        self,
        name: str,
        parents: list[tuple[Parent, tuple[int, ...], np.dtype]],
        pullbacks: list[Pullback],
        guards: list[tuple[int, list[int], int]],
        linear: bool,
    ) -> None:
        self._name = name
        self.parents = parents
        self.pullbacks: list[Pullback] | None = pullbacks
        self.guards = guards
        self.linear = linear
        self.number = _next_number()
        # The tensor whose `.grad` is to be filled on the way, if one asked for that.
        self.retaining: weakref.ref[Tensor] | None = None

    def name(self) -> str:
        """PyTorch's name for this kind of node.

        >>> (minigrad.ones(2, requires_grad=True) + 1).grad_fn.name()
        'AddBackward0'
        """
        return self._name

    def __repr__(self) -> str:
        return f"<{self._name} object at {id(self):#x}>"

    def check_saved(self) -> None:
        """RuntimeError if an array that a pullback captured was written to since."""
        captured = None
        for identity, counter, version in self.guards:
            if counter[0] != version:
                # What was saved is looked for only now, when it matters. An id is enough: a
                # captured array is alive, so nothing else can have come to have its id.
                captured = captured or {id(a) for p in self.pullbacks or () for a in _captured(p)}
                if identity in captured:
                    raise RuntimeError(
                        "one of the variables needed for gradient computation has been modified "
                        f"by an inplace operation: it was saved for {self._name} at version "
                        f"{version} and is at version {counter[0]} now. Make a new tensor instead "
                        "of changing this one (x = x + y, not x += y), or change it after backward."
                    )


def _captured(thing: Any) -> Iterator[Array]:
    """The arrays that a pullback holds on to: in its closure, and in what that holds."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, tuple | list):
        for item in thing:
            yield from _captured(item)
    else:
        for cell in getattr(thing, "__closure__", None) or ():
            yield from _captured(cell.cell_contents)


def walk(
    seeds: Sequence[tuple[Parent, Array]],
    retain_graph: bool,
    wanted: set[Parent] | None = None,
) -> dict[Parent, Array]:
    """Carry the cotangents in `seeds` back through the graph; return the gradients that arrive.

    Without `wanted` they are those of all leaves; with it, those of the leaves and nodes in it, and
    nothing that does not lead to them is computed. The arrays returned for leaves are the
    caller's to keep: they share no memory with each other or with anything else.
    """
    arrived: dict[Parent, Array] = {}
    gradients: dict[Node, Array] = {}  # on their way; each leaves when its node's turn comes
    leading = None if wanted is None else _leading_to(wanted, [parent for parent, _ in seeds])
    todo: list[tuple[int, Node]] = []  # a heap: the youngest first, so children before parents

    def deposit(parent: Parent, gradient: Array, borrowed: bool) -> None:
        if isinstance(parent, Node):
            if parent in gradients:
                gradients[parent] = gradients[parent] + gradient
            else:
                gradients[parent] = gradient
                heappush(todo, (-parent.number, parent))
        elif parent in arrived:
            arrived[parent] = arrived[parent] + gradient
        else:
            arrived[parent] = gradient.copy() if borrowed else gradient

    for parent, gradient in seeds:
        deposit(parent, gradient, True)
    while todo:
        _, node = heappop(todo)
        g = gradients.pop(node)
        if node.retaining is not None and (tensor := node.retaining()) is not None:
            tensor._accumulate(g.copy())
        if wanted is not None and leading is not None:
            if node in wanted:
                arrived[node] = g.copy()
            if node not in leading:
                continue
        if node.pullbacks is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad(). Specify "
                "retain_graph=True if you need to backward through the graph a second time."
            )
        node.check_saved()
        for (parent, shape, dtype), pullback in zip(node.parents, node.pullbacks, strict=True):
            if wanted is None or leading is None or parent in wanted or parent in leading:
                d = pullback(g)
                if d.shape != shape:
                    d = _summed_to(d, shape)
                if d.dtype is not dtype:
                    d = d.astype(dtype)
                deposit(parent, d, d is g or d.base is not None)
        if not (retain_graph or node.linear):
            node.pullbacks = None
    return arrived


def _summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """A gradient summed over the dimensions along which its operand was broadcast."""
    lead = gradient.ndim - len(shape)
    stretched = tuple(
        d for d in range(gradient.ndim) if d < lead or shape[d - lead] == 1 != gradient.shape[d]
    )
    total = np.add.reduce(gradient, stretched, keepdims=len(stretched) > lead)
    return total.reshape(shape)


def _leading_to(wanted: set[Parent], seeds: list[Parent]) -> set[Parent]:
    """The nodes with a parent in `wanted`, or with one that leads there in its turn."""
    found = {seed for seed in seeds if isinstance(seed, Node)}
    todo = list(found)
    while todo:
        for parent, _, _ in todo.pop().parents:
            if isinstance(parent, Node) and parent not in found:
                found.add(parent)
                todo.append(parent)
    leading: set[Parent] = set()
    for node in sorted(found, key=lambda node: node.number):  # parents before children
        if any(parent in wanted or parent in leading for parent, _, _ in node.parents):
            leading.add(node)
    return leading
