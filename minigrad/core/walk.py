"""The chain rule, walked backwards over the tape."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from typing import Any, TypeAlias

import numpy as np

from ..rules.reading import reads_as
from ..rules.rule import Array, Pullback
from ..rules.summation import over_contiguous, summed
from .dispatch import OPS
from .higher_order import over_tensors, read_over_tensors
from .hooks import attached_to_node, leaf_hooks
from .node import FREED, Node, Parent
from .observer import observation
from .tensor import TensorBase, refresh
from .versions import writes
from .views import as_used, reshaped

Seeds: TypeAlias = Sequence[tuple[Parent, Any]]


def walk(
    seeds: Seeds,
    retain_graph: bool | None,
    wanted: set[Parent] | None = None,
    create_graph: bool = False,
    deliver: Callable[[TensorBase, Any], None] | None = None,
) -> dict[Parent, Any]:
    """Carry the cotangents in `seeds` back through the graph, and return the gradients that arrive.

    By default these are the gradients of all leaves. With `wanted` they are those of the leaves and
    nodes in it, and only pullbacks that lead there are called. Gradients are arrays, and each has
    its own memory. With `create_graph` they are Tensors, which may share memory as ops do.

    The hooks of a leaf run as soon as its gradient is complete. With `deliver`, that gradient goes
    there and isn't returned.
    """
    special, outer = _PLAIN, _current.walk
    if wanted is not None or create_graph or leaf_hooks.exist or observation.observer is not None:
        special = _Special(seeds, wanted, create_graph, deliver)
        seeds = special.wanted_of(seeds)
    _current.walk = None if special is _PLAIN else special
    try:
        return _carried_back(seeds, retain_graph, create_graph, special)
    finally:
        _current.walk = outer


def _carried_back(
    seeds: Seeds, retain_graph: bool | None, create_graph: bool, special: _Special
) -> dict[Parent, Any]:
    """The gradients that a walk with these features carries to leaves and nodes."""
    gradients: dict[Parent, Any] = {}  # the cotangents in flight
    totals: dict[Parent, Array] = {}  # those among them that are changed in place
    todo: list[tuple[float, Node]] = []  # a heap, the youngest node first: children before parents
    always_special = special.always

    for parent, cotangent in seeds:
        if parent in gradients:
            gradients[parent] = gradients[parent] + cotangent
        else:
            gradients[parent] = cotangent
            if isinstance(parent, Node):
                heappush(todo, (-parent.sequence_nr, parent))
    while todo:
        node = heappop(todo)[1]
        g: Any = gradients.pop(node)
        pullbacks: Any = node.pullbacks
        if always_special or node.attached is not None or g is None:
            g, pullbacks = special.at(node, g)
        elif pullbacks is None or node.writes != writes.count:
            _check_usable(node)
            pullbacks = node.pullbacks  # others, if its operands were given other data
        edges: Any = zip(node.parents, pullbacks)  # noqa: B905, checking the lengths takes time
        for parent, pullback in edges:
            if pullback is None:
                continue
            adds = parent in gradients
            place = getattr(pullback, "place", None) if adds else None
            if place is not None and _add_in_place(gradients, totals, parent, place, g):
                continue
            d = pullback(g)
            like = parent if isinstance(parent, Node) else parent._array
            if d is not None and (d.shape != like.shape or d.dtype is not like.dtype):
                d = fitted(d, like if like is parent or not reshaped else as_used(parent, node))
            if adds:
                gradients[parent] = _sum(gradients[parent], d)
            elif like is parent:
                gradients[parent] = d
                heappush(todo, (-parent.sequence_nr, parent))
            elif d is not None:
                # A leaf keeps its gradient, so that must have its own memory.
                shared = not create_graph and (d is g or d.base is not None)
                gradients[parent] = _copied(d) if shared else d
        if pullbacks and not (retain_graph or node.keeps):
            node.pullbacks = None
        if special.complete:
            special.deliver_complete(node, gradients)
    if special.complete:
        special.deliver_complete(None, gradients)
    return gradients | special.passed if special.passed else gradients


def _copied(d: Array) -> Array:
    """A copy with the same layout, or a contiguous one if elements share memory."""
    return d.copy("C" if 0 in d.strides else "K")


def _sum(a: Any, b: Any) -> Any:
    """The sum of two cotangents. The backward of a Function may return None for one."""
    return b if a is None else a if b is None else a + b


def _add_in_place(
    gradients: dict[Parent, Any], totals: dict[Parent, Array], parent: Parent, place: Any, g: Any
) -> bool:
    """Add the cotangent of a part of a tensor to the gradient of the tensor, if both are arrays.

    The bits are those of a sum with zeros around the part, which has no -0.
    """
    total = gradients[parent]
    if total is None or getattr(g, "dtype", None) is not total.dtype:
        return False
    if totals.get(parent) is not total:
        total = gradients[parent] = totals[parent] = total + 0
    total[place] += g
    return True


def fitted(d: Any, like: Any) -> Any:
    """A gradient (an array or a Tensor) in the shape and dtype of its operand, or of its node."""
    if isinstance(d, TensorBase):
        if d._array.shape != like.shape:
            d = _summed_over_tensors(like.shape, d)
        return d if d._array.dtype is like.dtype else OPS["cast"](d, like.dtype)
    if d.shape != like.shape:
        d = summed_to(like.shape, d)
    return d if d.dtype is like.dtype else d.astype(like.dtype)


def _summed_to(shape: tuple[int, ...], gradient: Array) -> Array:
    return summed(gradient, _stretched(shape, gradient.shape)).reshape(shape)


@reads_as(_summed_to)
def summed_to(shape: tuple[int, ...], gradient: Array) -> Array:
    """A gradient summed over the dimensions along which its operand was broadcast."""
    if gradient.flags.c_contiguous:
        return _way_to(shape, gradient.shape, gradient.dtype)(gradient)
    return _summed_to(shape, gradient)


@lru_cache(1024)
def _way_to(shape: tuple[int, ...], wide: tuple[int, ...], dtype: np.dtype) -> Pullback:
    """The way to sum a contiguous gradient of shape `wide` to another shape."""
    dims = _stretched(shape, wide)
    way = over_contiguous(wide, dims, dtype)
    left = tuple(size for d, size in enumerate(wide) if d not in dims)
    return way if left == shape else lambda gradient: way(gradient).reshape(shape)


def _stretched(shape: tuple[int, ...], wide: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of `wide` along which an operand of a shape was broadcast to it.

    RuntimeError if it can't have been, because the shape of a leaf was changed since.
    """
    lead = len(wide) - len(shape)
    for d in range(-1, -1 - min(len(shape), len(wide)), -1):
        if shape[d] not in (1, wide[d]):
            raise RuntimeError(
                f"The size of tensor a ({shape[d]}) must match the size of tensor b ({wide[d]}) at "
                f"non-singleton dimension {len(shape) + d}"
            )
    return tuple(d for d, size in enumerate(wide) if d < lead or shape[d - lead] != size)


_summed_over_tensors = read_over_tensors(summed_to, {})


def _check_usable(node: Node) -> None:
    """RuntimeError if a node was freed, or if a tensor that it saved was written to since."""
    if node.pullbacks is None:
        raise RuntimeError(FREED)
    node.check_saved()


class _Current(threading.local):
    walk: _Special | None = None  # the innermost walk of this thread, if it has special features


_current = _Current()


def current_walk() -> _Special | None:
    """The innermost walk of this thread; None if there is none, or if it has no special features.

    Every walk has some as soon as a leaf has a hook.
    """
    return _current.walk


class _Special:
    """The features that most walks don't use: pruning, hooks, create_graph and the observer."""

    def __init__(
        self,
        seeds: Seeds,
        wanted: set[Parent] | None,
        create_graph: bool,
        deliver: Callable[[TensorBase, Any], None] | None,
    ) -> None:
        self.seeds, self.wanted = seeds, wanted
        self.create_graph, self.deliver = create_graph, deliver
        self.useful = None if wanted is None else wanted | _leading_to(wanted, seeds)
        self.passed: dict[Parent, Any] = {}  # the gradients of the nodes in `wanted`
        self.complete, self.left_out = _completing(seeds) if leaf_hooks.exist else ({}, {})
        self.always = wanted is not None or create_graph or observation.observer is not None
        self.without = [node for pair in self.left_out.values() for part in pair for node in part]
        self.always |= bool(self.left_out)

    def wanted_of(self, seeds: Seeds) -> Seeds:
        """The seeds without leaves that aren't wanted."""
        wanted = self.wanted
        if wanted is None:
            return seeds
        return [(p, g) for p, g in seeds if isinstance(p, Node) or p in wanted]

    def at(self, node: Node, g: Any) -> tuple[Any, Sequence[Pullback | None]]:
        """The cotangent and the pullbacks to use at a node; no pullbacks if the walk ends there."""
        attached = node.attached
        before, after = self.left_out.pop(node, ((), ()))
        for other in before:
            attached_to_node(other).replaced(None)
        arrived, g = g, g if attached is None else attached.replaced(g)
        for other in after:
            attached_to_node(other).replaced(None)
        if self.wanted is not None and not self._goes_on(node, arrived, g):
            return g, ()
        _check_usable(node)
        if attached is not None:
            g = attached.entering(g)
        pullbacks = self._pullbacks(node, g)
        if attached is not None and attached.after:
            pullbacks = attached.leaving(_all_fitted(node, pullbacks), g)
        return g, pullbacks

    def _goes_on(self, node: Node, arrived: Any, g: Any) -> bool:
        """Whether the walk goes on from a node. Stores the node's gradient if it is wanted."""
        wanted, useful = self.wanted or set(), self.useful or set()
        leads = not useful.isdisjoint(node.parents)
        if node not in wanted:
            return leads
        if g is not None:
            # As in PyTorch, this is the gradient before the hooks, but only if the walk goes on.
            found = arrived if leads else g
            self.passed[node] = found if self.create_graph else found.copy("K")
        # The hooks of a node run if `backward` was asked for the gradient of its result.
        attached = node.attached
        has_hooks = attached is not None and (attached.before or attached.after)
        return leads or bool(self.deliver is not None and has_hooks)

    def _pullbacks(self, node: Node, g: Any) -> Sequence[Pullback | None]:
        pullbacks: Sequence[Pullback | None] = node.pullbacks or ()
        if g is None and not node.takes_none:
            pullbacks = [p and _nothing for p in pullbacks]
        elif self.create_graph:
            pullbacks = over_tensors(node)
        if observation.observer is not None:
            pullbacks = observation.observer.pullbacks(node, pullbacks)
        if (useful := self.useful) is not None:
            edges = zip(node.parents, pullbacks, strict=True)
            pullbacks = [p if parent in useful else None for parent, p in edges]
        return pullbacks

    def arrives_at(self, parents: Iterable[Parent]) -> int:
        """How many of some nodes and leaves the walk carries a gradient to."""
        found: set[Parent] = {parent for parent, _ in self.seeds}
        for node in (*reachable(self.seeds), *self.without):
            found |= {node, *[parent for parent in node.parents if parent is not None]}
        if self.useful is not None:
            found &= self.useful
        return sum(parent in found for parent in parents)

    def deliver_complete(self, node: Node | None, gradients: dict[Parent, Any]) -> None:
        """Deliver the gradients that are complete after `node`, those of leaves with hooks."""
        for leaf in self.complete.pop(node, ()):
            if leaf not in gradients:
                if leaf._attached is not None and (self.wanted is None or leaf in self.wanted):
                    leaf._attached.replaced(None)
            else:
                assert leaf._attached is not None
                g = gradients[leaf] = leaf._attached.replaced(gradients[leaf])
                if self.deliver is not None:
                    del gradients[leaf]
                    if (g := leaf._attached.entering(g)) is not None:
                        self.deliver(leaf, g)


_PLAIN = _Special((), None, False, None)


def _nothing(g: Any) -> None:
    """The pullback of a missing cotangent."""


def _all_fitted(node: Node, pullbacks: Sequence[Pullback | None]) -> list[Pullback | None]:
    """Pullbacks whose results have the shapes and dtypes of the parents already."""

    def fit(pullback: Pullback, parent: Parent) -> Pullback:
        like = parent if isinstance(parent, Node) else as_used(parent, node)

        def fitting(g: Any) -> Any:
            d = pullback(g)
            return None if d is None else fitted(d, like)

        return fitting

    edges = zip(pullbacks, node.parents, strict=True)
    return [p and fit(p, parent) for p, parent in edges]  # type: ignore[arg-type]


def gradients_of_parents(node: Node, g: Any) -> tuple[Any, ...]:
    """The Tensors that a node's pullbacks return for a Tensor, or None; they are recorded."""
    _check_usable(node)
    pullbacks = _all_fitted(node, over_tensors(node))
    return tuple([None if p is None or g is None else p(g) for p in pullbacks])


def reachable(seeds: Seeds) -> list[Node]:
    """The nodes that the walk may reach, the oldest first: parents before children."""
    found = {parent for parent, _ in seeds if isinstance(parent, Node)}
    todo = list(found)
    while todo:
        for parent in todo.pop().parents:
            if isinstance(parent, Node) and parent not in found:
                found.add(parent)
                todo.append(parent)
    return sorted(found, key=lambda node: node.sequence_nr)


def leaves_below(tensors: Iterable[TensorBase]) -> set[TensorBase]:
    """The leaves that the gradients of some tensors may reach."""
    seeds: list[tuple[Parent, Any]] = []
    for tensor in tensors:
        if tensor.requires_grad:
            refresh(tensor)
            seeds.append((tensor._node or tensor, None))
    leaves = {parent for parent, _ in seeds if isinstance(parent, TensorBase)}
    for node in reachable(seeds):
        leaves |= {parent for parent in node.parents if isinstance(parent, TensorBase)}
    return leaves


def _leading_to(wanted: set[Parent], seeds: Seeds) -> set[Parent]:
    """The nodes from which the walk gets to a parent in `wanted`."""
    leading: set[Parent] = set()
    for node in reachable(seeds):
        if any(parent in wanted or parent in leading for parent in node.parents):
            leading.add(node)
    return leading


def _completing(
    seeds: Seeds,
) -> tuple[dict[Node | None, list[TensorBase]], dict[Node, tuple[Sequence[Node], Sequence[Node]]]]:
    """The leaves that have hooks, by the last node that sends them a gradient: the oldest.

    None stands for no node: the leaf is a seed itself. The second result has nodes with hooks that
    the walk leaves out, by the first node of the same composition that it reaches: those of results
    before it, and those after it. PyTorch has one node for all results, and calls all hooks on
    them, with None for a result without a gradient.
    """
    last: dict[TensorBase, Node | None] = {
        parent: None for parent, _ in seeds if not isinstance(parent, Node)
    }
    reached = reachable(seeds)
    left_out: dict[Node, tuple[Sequence[Node], Sequence[Node]]] = {}
    seen: set[int] = set()
    for node in reversed(reached):
        if node.shown_in is not None and (hooked := node.shown_in[0].hooked):
            if id(hooked) not in seen and (others := hooked.difference(reached)):
                in_order = sorted({node, *others}, key=Node.shown_output_nr)
                place = in_order.index(node)
                left_out[node] = in_order[:place], in_order[place + 1 :]
            seen.add(id(hooked))
        for parent in node.parents:
            if not (parent is None or isinstance(parent, Node)):
                last.pop(parent, None)  # so that a node's leaves come in its own order
                last[parent] = node
    leaves: dict[Node | None, list[TensorBase]] = {}
    for leaf, giver in last.items():
        if leaf._attached is not None:
            leaves.setdefault(giver, []).append(leaf)
    return leaves, left_out
