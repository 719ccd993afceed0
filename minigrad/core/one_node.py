"""Compositions that PyTorch computes by one function, and so shows as one node.

Here such a function is composed of ops, and the tape has a node for each. A user who looks at the
`grad_fn` of its result sees one node instead, with PyTorch's name, whose `next_functions` are those
of the operands. The walk takes no notice of it, so a hook of that node sees the gradients of the
last op.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from .node import OneNode, Parent
from .tensor import TensorBase, refresh

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")


def one_node(name: str, *operands: str) -> Callable[[F], F]:
    """Show what a function of tensors records as one node of that name.

    `operands` are the parameters that have an edge, in PyTorch's order: each a tensor, None, or a
    list of tensors. A number has no edge.
    """

    def decorate(function: F) -> F:
        parameters = inspect.signature(function).parameters
        places = [list(parameters).index(each) for each in operands]
        spread = [parameters[each].kind is inspect.Parameter.VAR_POSITIONAL for each in operands]
        count = len(places) if places == [*range(len(places))] and not any(spread) else None

        def found(args: tuple[Any, ...], options: dict[str, Any]) -> Iterator[Any]:
            for each, place, is_spread in zip(operands, places, spread, strict=True):
                if is_spread:
                    yield args[place:]
                else:
                    yield args[place] if place < len(args) else options.get(each)

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            results = function(*args, **options)
            if count is not None and len(args) >= count:
                return as_one_node(results, name, *args[:count])
            return as_one_node(results, name, *found(args, options))

        return call  # type: ignore[return-value]

    return decorate


def as_one_node(results: R, name: str, *operands: Any) -> R:
    """Show what recorded `results`, a tensor or a sequence of some, as one node, and return them.

    A result that is an operand, or a view of one that was made before, keeps its node. One that is
    a view of memory which only the composition knew is no view to users.
    """
    tensors: Any = (results,) if isinstance(results, TensorBase) else results
    one: OneNode | None = None
    for place, x in enumerate(tensors):
        if not isinstance(x, TensorBase) or (x._node is None and x._view is None):
            continue
        if one is None:
            given = list(_listed(operands))
            one = OneNode(name, [None if t is None else _parent(t) for t in given])
            # Compared by identity: for tensors `==` is an op.
            nodes = set(map(id, one.parents))
            counters = {id(t._counter) for t in given if t is not None}
        if x._view is not None and id(x._counter) not in counters:
            x._view = None
        if x._node is not None and id(x._node) not in nodes:
            x._node.shown_in = one, place
    return results


def _listed(operands: Iterable[Any]) -> Iterator[TensorBase | None]:
    for x in operands:
        if x is None or isinstance(x, TensorBase):
            yield x
        elif isinstance(x, list | tuple):
            yield from _listed(x)


def _parent(operand: TensorBase) -> Parent | None:
    refresh(operand)
    return (operand._node or operand) if operand._requires_grad else None
