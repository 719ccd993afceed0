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

from ..rules.rule import Array, Pullback, Rule

if TYPE_CHECKING:
    from ..tensor import Tensor

Parent: TypeAlias = "Node | Tensor"
# For each tensor that an op saw: its array's id, its storage's version counter, the version then.
Guards: TypeAlias = Sequence[tuple[int, list[int], int]]

_next_number = itertools.count().__next__


class Node:
    """One recorded op.

    - `rule`: the op's.
    - `parents`: for each operand that requires grad, where its gradient goes.
    - `pullbacks`: one for each parent; None once they have been freed.
    - `guards`: what must not have been written to before the pullbacks are called.
    - `shape` and `dtype`: those of the op's result, and so of the gradient that arrives here.
    - `number`: counts up as nodes are made, so a parent's is always smaller.
    - `retaining`: the tensor whose `.grad` is to be filled on the way, if one asked for that.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "guards",
        "number",
        "parents",
        "pullbacks",
        "retaining",
        "rule",
        "shape",
    )

    def __init__(
        self,
        rule: Rule,
        parents: Sequence[Parent],
        pullbacks: Sequence[Pullback],
        guards: Guards,
        result: Array,
    ) -> None:
        self.rule = rule
        self.parents = parents
        self.pullbacks: Sequence[Pullback] | None = pullbacks
        self.guards = guards
        self.shape = result.shape
        self.dtype = result.dtype
        self.number = _next_number()
        self.retaining: weakref.ref[Tensor] | None = None

    def name(self) -> str:
        """PyTorch's name for this kind of node.

        >>> (minigrad.ones(2, requires_grad=True) + 1).grad_fn.name()
        'AddBackward0'
        """
        assert isinstance(self.rule.backward, str)  # a node is made under one name
        return self.rule.backward

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def check_saved(self) -> None:
        """RuntimeError if an array that a pullback captured was written to since."""
        # What was saved is looked for only when something was written to. An id is enough: a
        # captured array is alive, so nothing else can have come to have its id.
        captured = {id(a) for p in self.pullbacks or () for a in _captured(p)}
        for identity, counter, version in self.guards:
            if counter[0] != version and identity in captured:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: it was saved for {self.name()} at version {version} and "
                    f"is at version {counter[0]} now. Make a new tensor instead of changing this "
                    "one (x = x + y, not x += y), or change it after backward."
                )


def _captured(thing: Any) -> Iterator[Array]:
    """The arrays that a pullback holds on to: in its closure, and in what that holds.

    Of a 0-d result, it holds the NumPy scalar that the rule computed.
    """
    if isinstance(thing, np.ndarray | np.generic):
        yield thing
    elif isinstance(thing, tuple | list):
        for item in thing:
            yield from _captured(item)
    else:
        for cell in getattr(thing, "__closure__", None) or ():
            yield from _captured(cell.cell_contents)


def walk(
    seeds: Sequence[tuple[Parent, Array]],
    retain_graph: bool | None,
    wanted: set[Parent] | None = None,
) -> dict[Parent, Array]:
    """Carry the cotangents in `seeds` back through the graph; return the gradients that arrive.

    Without `wanted` they are those of all leaves; with it, those of the leaves and nodes in it, and
    nothing that does not lead to them is computed. The arrays returned are the caller's to keep:
    they share no memory with each other or with anything else.
    """
    gradients: dict[Parent, Array] = {}  # on their way; a node takes its own when its turn comes
    passed: dict[Parent, Array] = {}  # those of wanted nodes
    todo: list[tuple[int, Node]] = []  # a heap: the youngest first, so children before parents
    useful = None if wanted is None else wanted | _leading_to(wanted, seeds)

    for parent, cotangent in seeds:
        if parent in gradients:
            gradients[parent] = gradients[parent] + cotangent
        else:
            gradients[parent] = cotangent.copy()
            if isinstance(parent, Node):
                heappush(todo, (-parent.number, parent))
    while todo:
        node = heappop(todo)[1]
        g = gradients.pop(node)
        if node.retaining is not None and (tensor := node.retaining()) is not None:
            tensor._accumulate(g.copy())
        pullbacks = node.pullbacks
        if wanted is not None and useful is not None:
            if node in wanted:
                passed[node] = g.copy()
            if useful.isdisjoint(node.parents):
                continue
        if pullbacks is None:
            raise RuntimeError(_FREED)
        for _, counter, version in node.guards:
            if counter[0] != version:
                node.check_saved()
        for parent, pullback in zip(node.parents, pullbacks):  # noqa: B905, this is the hot loop
            if useful is not None and parent not in useful:
                continue
            d = pullback(g)
            like: Node | Array = parent if isinstance(parent, Node) else parent._array
            if d.shape != like.shape:
                d = _summed_to(like.shape, d)
            if d.dtype is not like.dtype:
                d = d.astype(like.dtype)
            if parent in gradients:
                gradients[parent] = gradients[parent] + d
            elif isinstance(parent, Node):
                gradients[parent] = d
                heappush(todo, (-parent.number, parent))
            else:  # a leaf keeps its gradient, so that must be nobody else's
                gradients[parent] = d.copy() if d is g or d.base is not None else d
        if not (retain_graph or node.rule.linear):
            node.pullbacks = None
    if passed:
        gradients |= passed
    return gradients


_FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time."
)


def _summed_to(shape: tuple[int, ...], gradient: Array) -> Array:
    """A gradient summed over the dimensions along which its operand was broadcast."""
    lead = gradient.ndim - len(shape)
    if gradient.shape[lead:] == shape:
        return np.add.reduce(gradient, tuple(range(lead)))
    stretched = tuple(
        d for d in range(gradient.ndim) if d < lead or shape[d - lead] != gradient.shape[d]
    )
    return np.add.reduce(gradient, stretched, keepdims=True).reshape(shape)


def _leading_to(wanted: set[Parent], seeds: Sequence[tuple[Parent, Array]]) -> set[Parent]:
    """The nodes with a parent in `wanted`, or with one that leads there in its turn."""
    found = {parent for parent, _ in seeds if isinstance(parent, Node)}
    todo = list(found)
    while todo:
        for parent in todo.pop().parents:
            if isinstance(parent, Node) and parent not in found:
                found.add(parent)
                todo.append(parent)
    leading: set[Parent] = set()
    for node in sorted(found, key=lambda node: node.number):  # parents before children
        if any(parent in wanted or parent in leading for parent in node.parents):
            leading.add(node)
    return leading
