"""How PyTorch spells each rule: a call of the rule's operands and options, in either namespace.

A rule has PyTorch's arguments wherever it is one function or method there; the table of ops says
under which name. What is written out here is the rest, such as a slice, which PyTorch knows as
`x[...]`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from minigrad.catalogue.op_table import TABLE
from minigrad.rules import REGISTRY

# `spelled(torch, *operands, **options)`, with the rule's own names for the options.
Spelling = Callable[..., Any]


def function(name: str) -> Spelling:
    """The namespace's function of that name."""
    return lambda torch, *operands, **options: getattr(torch, name)(*operands, **options)


def functional(name: str) -> Spelling:
    """The function of that name in `torch.nn.functional`."""
    return lambda torch, *operands, **options: getattr(torch.nn.functional, name)(
        *operands, **options
    )


def method(name: str) -> Spelling:
    """The method of that name, of the first operand."""
    return lambda torch, input, *rest, **options: getattr(input, name)(*rest, **options)


def joining(name: str) -> Spelling:
    """The function of that name, which takes its operands in a list."""
    return lambda torch, *operands, **options: getattr(torch, name)(operands, **options)


def written(name: str) -> Spelling:
    """The method of that name that writes into its first operand: here, into a copy of it."""
    return lambda torch, input, *rest, **options: getattr(input.clone(), name)(*rest, **options)


def _slice(torch: Any, input: Any, *, dim: int, start: Any, end: Any, step: int) -> Any:
    return input[(*(slice(None),) * dim, slice(start, end, step))]


def _index(torch: Any, input: Any, *, key: tuple[Any, ...]) -> Any:
    return input[key]


def _index_put(torch: Any, input: Any, value: Any, *, key: tuple[Any, ...]) -> Any:
    result = input.clone()
    result[key] = value
    return result


def _of_indexing(
    torch: Any, input: Any, *, key: Any, shape: tuple[int, ...], repeats: bool = True
) -> Any:
    """What becomes of the gradient `input` of x[key], for an x of that shape."""
    x = torch.zeros(shape, dtype=input.dtype, device=input.device, requires_grad=True)
    return torch.autograd.grad(x[key], x, input, create_graph=True)[0]


# Those rules that PyTorch's table of functions and methods does not tell how to call.
SPELLED: dict[str, Spelling] = {
    "alias": lambda torch, input: input[...],
    "cat": joining("cat"),
    "index": _index,
    "index_put": _index_put,
    "put": _of_indexing,
    "scatter": _of_indexing,
    "slice": _slice,
    "stack": joining("stack"),
}
_OPS = {op.rule.name: op for op in TABLE}


def spelling(name: str) -> Spelling:
    """How either namespace calls the rule of that name. KeyError if PyTorch has no such call.

    >>> import minigrad
    >>> spelling("slice")(minigrad, minigrad.arange(6), dim=0, start=1, end=None, step=2)
    tensor([1, 3, 5])
    """
    if name in SPELLED:
        return SPELLED[name]
    op = _OPS[name]
    if op.functions:
        place, _, public = op.functions[0].rpartition(".")
        return function(public) if place == "minigrad" else functional(public)
    if op.methods:
        return method(op.methods[0].removeprefix("Tensor."))
    if op.in_place:
        return written(op.in_place[0].removeprefix("Tensor."))
    raise KeyError(name)


def arguments(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    """A call of the rule `name` as its operands, in a tuple, and its options, all by name.

    >>> arguments("sum", ("x", 0), {"keepdim": True})
    (('x',), {'dim': 0, 'keepdim': True})
    """
    rule = REGISTRY[name]
    bound = _signature(name).bind(*args, **options)
    operands: list[Any] = []
    named: dict[str, Any] = {}
    for parameter, value in bound.arguments.items():
        kind = bound.signature.parameters[parameter].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            operands += value
        elif parameter in rule.parameters[: len(rule.operands)]:
            operands.append(value)
        else:
            named[parameter] = value
    return tuple(operands), named


@functools.cache
def _signature(name: str) -> inspect.Signature:
    return inspect.signature(REGISTRY[name].forward)
