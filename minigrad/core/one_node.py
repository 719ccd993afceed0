"""Compositions that PyTorch computes by one function, and so shows as one node.

Here such a function is composed of ops, and the tape has a node for each. A user who looks at the
`grad_fn` of its result sees one node instead, with PyTorch's name, whose `next_functions` are those
of the operands. The walk takes no notice of it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from .grad_mode import grad_mode
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

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            results = function(*args, **options)
            given: list[Any] = []
            for each, place, is_spread in zip(operands, places, spread, strict=True):
                if is_spread:
                    given += args[place:]
                else:
                    given.append(args[place] if place < len(args) else options.get(each))
            return as_one_node(results, name, *given)

        return call  # type: ignore[return-value]

    return decorate


def as_one_node(results: R, name: str, *operands: Any) -> R:
    """Show what recorded `results`, a tensor or a sequence of some, as one node, and return them.

    A result that is an operand, or a view of one that was made before, keeps its node. One that is
    a view of memory which only the composition knew is no view to users.
    """
    given = list(_listed(operands))
    tensors: Any = (results,) if isinstance(results, TensorBase) else results
    made = [(place, x) for place, x in enumerate(tensors) if isinstance(x, TensorBase)]
    for _, x in made:
        if x._view is not None and not any(
            t is not None and x._counter is t._counter for t in given
        ):
            x._view = None
    if grad_mode.enabled and any(x._node is not None for _, x in made):
        parents = [None if t is None else _parent(t) for t in given]
        one = OneNode(name, parents)
        for place, x in made:
            if x._node is not None and x._node not in parents:
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
