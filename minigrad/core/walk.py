"""The chain rule, walked backwards over the tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import anomaly_mode as anomaly
from ..autograd.gradient_hooks import on_leaves
from ..rules.rule import Array, Pullback
from .node import FREED, Node, Parent

if TYPE_CHECKING:
    from .tensor import Tensor


def walk(
    seeds: Sequence[tuple[Parent, Any]],
    retain_graph: bool | None,
    wanted: set[Parent] | None = None,
    create_graph: bool = False,
    arrive: Callable[[Tensor, Any], None] | None = None,
) -> dict[Parent, Any]:
    """Carry the cotangents in `seeds` back through the graph; return the gradients that arrive.

    Without `wanted` they are those of all leaves; with it, those of the leaves and nodes in it, and
    nothing that does not lead to them is computed. Gradients are arrays, and those returned are the
    caller's to keep, as `seeds` are the walk's: they share no memory with each other or with
    anything else. With `create_graph` they are Tensors, which share memory as ops do.

    A leaf that has hooks gets its gradient as soon as that is complete; by `arrive`, if there is
    one, and then it is not returned.
    """
    gradients: dict[Parent, Any] = {}  # on their way; a node takes its own when its turn comes
    passed: dict[Parent, Any] = {}  # those of wanted nodes
    todo: list[tuple[int, Node]] = []  # a heap: the youngest first, so children before parents
    useful = None if wanted is None else wanted | _leading_to(wanted, seeds)
    complete = _completing(seeds) if on_leaves.any else None
    unusual = create_graph or anomaly.mode.enabled

    for parent, cotangent in seeds:
        if parent in gradients:
            gradients[parent] = gradients[parent] + cotangent
        else:
            gradients[parent] = cotangent
            if isinstance(parent, Node):
                heappush(todo, (-parent.number, parent))
    while todo:
        node = heappop(todo)[1]
        g = gradients.pop(node)
        special = unusual or node.hooks is not None or g is None
        sent = g
        if special and node.hooks is not None:
            g = node.hooks.arriving(g)
        if wanted is not None and useful is not None:
            leads = not useful.isdisjoint(node.parents)
            if node in wanted and g is not None:
                # As in PyTorch: as it was before the hooks, but only if the walk goes on from here.
                found = sent if leads else g
                passed[node] = found if create_graph else found.copy()
            # Its own hooks are called where `backward` was asked for the gradient of its result.
            if not (leads or (arrive is not None and node.hooks is not None and node in wanted)):
                continue
        pullbacks = node.pullbacks
        if pullbacks is None:
            raise RuntimeError(FREED)
        for _, counter, version in node.guards:
            if counter[0] != version:
                node.check_saved()
        if special:
            g, pullbacks = _dressed(node, pullbacks, g, create_graph, useful)
        for parent, pullback in zip(node.parents, pullbacks):  # type: ignore[assignment]  # noqa: B905, this is the hot loop
            if parent is None or (useful is not None and parent not in useful):
                continue
            d = pullback(g)  # type: ignore[misc]  # there is one where there is a parent
            if d is None:  # a Function's backward may know of none
                if isinstance(parent, Node) and parent not in gradients:
                    gradients[parent] = None
                    heappush(todo, (-parent.number, parent))
                continue
            if not create_graph:
                like: Node | Array = parent if isinstance(parent, Node) else parent._array
                if d.shape != like.shape:
                    d = summed_to(like.shape, d)
                if d.dtype is not like.dtype:
                    d = d.astype(like.dtype)
            if parent in gradients:
                before = gradients[parent]
                gradients[parent] = d if before is None else before + d
            elif isinstance(parent, Node):
                gradients[parent] = d
                heappush(todo, (-parent.number, parent))
            elif not create_graph and (d is g or d.base is not None):
                gradients[parent] = d.copy()  # a leaf keeps its own, which is nobody else's
            else:
                gradients[parent] = d
        if not (retain_graph or node.rule.linear):
            node.pullbacks = None
        if complete:
            _deliver(complete.pop(node, ()), gradients, arrive)
    if complete:
        _deliver(complete.pop(None, ()), gradients, arrive)
    return gradients | passed if passed else gradients


def _dressed(
    node: Node,
    pullbacks: Sequence[Pullback | None],
    g: Any,
    create_graph: bool,
    useful: set[Parent] | None,
) -> tuple[Any, Sequence[Pullback | None]]:
    """A node's gradient and pullbacks, where something is asked of them besides."""
    hooks = node.hooks
    if hooks is not None and hooks.before:
        g = hooks.entering(g)
    if g is None and not node.takes_none:
        pullbacks = [p and _nothing for p in pullbacks]
    elif create_graph:
        pullbacks = node.over_tensors()
    if anomaly.mode.enabled:
        pullbacks = anomaly.watched(node, pullbacks)
    if hooks is not None and hooks.after:
        if useful is not None:
            goes = [parent in useful for parent in node.parents]
            pullbacks = [p if go else None for p, go in zip(pullbacks, goes, strict=True)]
        pullbacks = pullbacks if create_graph else _fitting(node, pullbacks)
        pullbacks = hooks.leaving(pullbacks, g)
    return g, pullbacks


def _nothing(g: Any) -> None:
    """The pullback of no gradient."""


def _fitting(node: Node, pullbacks: Sequence[Pullback | None]) -> list[Pullback | None]:
    """A node's pullbacks, with what they give in the shape and dtype of the parents."""

    def fit(pullback: Pullback, parent: Parent) -> Pullback:
        like = parent if isinstance(parent, Node) else parent._array

        def fitting(g: Array) -> Array | None:
            d = pullback(g)
            if d is None:
                return None
            if d.shape != like.shape:  # a sum over nothing would make 0 of -0
                d = summed_to(like.shape, d)
            return d.astype(like.dtype, copy=False)

        return fitting

    return [p and fit(p, parent) for p, parent in zip(pullbacks, node.parents, strict=True)]  # type: ignore[arg-type]


def summed_to(shape: tuple[int, ...], gradient: Array) -> Array:
    """A gradient summed over the dimensions along which its operand was broadcast."""
    lead = gradient.ndim - len(shape)
    if gradient.shape[lead:] == shape:
        return np.add.reduce(gradient, 0 if lead == 1 else tuple(range(lead)))
    stretched = tuple(
        d for d in range(gradient.ndim) if d < lead or shape[d - lead] != gradient.shape[d]
    )
    return np.add.reduce(gradient, stretched, keepdims=True).reshape(shape)


def _reachable(seeds: Sequence[tuple[Parent, Any]]) -> list[Node]:
    """The nodes that the walk may come to, the oldest first: parents before children."""
    found = {parent for parent, _ in seeds if isinstance(parent, Node)}
    todo = list(found)
    while todo:
        for origin in todo.pop().parents:
            if isinstance(origin, Node) and origin not in found:
                found.add(origin)
                todo.append(origin)
    return sorted(found, key=lambda node: node.number)


def _leading_to(wanted: set[Parent], seeds: Sequence[tuple[Parent, Any]]) -> set[Parent]:
    """The nodes with a parent in `wanted`, or with one that leads there in its turn."""
    leading: set[Parent] = set()
    for node in _reachable(seeds):
        if any(parent in wanted or parent in leading for parent in node.parents):
            leading.add(node)
    return leading


def _completing(seeds: Sequence[tuple[Parent, Any]]) -> dict[Node | None, list[Tensor]]:
    """The leaves that have hooks, by the last node to send them a gradient: the oldest.

    By None, those to which no node does: they are among the seeds themselves.
    """
    last: dict[Tensor, Node | None] = {
        parent: None for parent, _ in seeds if not isinstance(parent, Node)
    }
    for node in reversed(_reachable(seeds)):
        for parent in node.parents:
            if not (parent is None or isinstance(parent, Node)):
                last.pop(parent, None)  # so that of one node's leaves the first comes first
                last[parent] = node
    leaves: dict[Node | None, list[Tensor]] = {}
    for leaf, giver in last.items():
        if leaf._hooks is not None:
            leaves.setdefault(giver, []).append(leaf)
    return leaves


def _deliver(
    leaves: Sequence[Tensor],
    gradients: dict[Parent, Any],
    arrive: Callable[[Tensor, Any], None] | None,
) -> None:
    """Give each of these leaves, through its hooks, the gradient that is now complete."""
    for leaf in leaves:
        if leaf in gradients:
            assert leaf._hooks is not None
            g = gradients[leaf] = leaf._hooks.arriving(gradients[leaf])
            if arrive is not None:
                del gradients[leaf]
                if (g := leaf._hooks.entering(g)) is not None:
                    arrive(leaf, g)
