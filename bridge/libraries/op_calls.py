"""How PyTorch spells a call of each rule, for either namespace.

Most rules are one function or method in PyTorch and take its arguments; the table of ops gives its
name. `SPELLED` has the others, such as a slice, which PyTorch writes as `x[...]`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from minigrad.catalogue.op_table import TABLE
from minigrad.rules import REGISTRY

from . import matrix_calls, nn_calls

# Called as `spelling(torch, *operands, **options)`, with the rule's names for the options.
Spelling = Callable[..., Any]


def function(name: str) -> Spelling:
    """Call the namespace's function of that name."""
    return lambda torch, *operands, **options: getattr(torch, name)(*operands, **options)


def functional(name: str) -> Spelling:
    """Call the function of that name in `torch.nn.functional`."""
    return lambda torch, *operands, **options: getattr(torch.nn.functional, name)(
        *operands, **options
    )


def of_linalg(name: str) -> Spelling:
    """Call the function of that name in `torch.linalg`."""
    return lambda torch, *operands, **options: getattr(torch.linalg, name)(*operands, **options)


def method(name: str) -> Spelling:
    """Call the method of that name on the first operand."""
    return lambda torch, input, *rest, **options: getattr(input, name)(*rest, **options)


def joining(name: str) -> Spelling:
    """Call the function of that name with the operands in one tuple."""
    return lambda torch, *operands, **options: getattr(torch, name)(operands, **options)


def in_place_method(name: str) -> Spelling:
    """Call the in-place method of that name on a copy of the first operand."""
    return lambda torch, input, *rest, **options: getattr(input.clone(), name)(*rest, **options)


def _slice(torch: Any, input: Any, *, dim: int, start: Any, end: Any, step: int) -> Any:
    return input[(*(slice(None),) * dim, slice(start, end, step))]


def _index(torch: Any, input: Any, *, key: tuple[Any, ...]) -> Any:
    return input[key]


def _index_put(
    torch: Any, input: Any, value: Any, *, key: tuple[Any, ...], accumulate: bool = False
) -> Any:
    result = input.clone()
    if not accumulate:
        result[key] = value
        return result
    # PyTorch adds at tensors only, so the key is applied to the numbers of the elements.
    places = torch.arange(result.numel(), device=result.device).reshape(result.shape)[key]
    values = torch.as_tensor(value, dtype=result.dtype, device=result.device)
    flat = result.reshape(-1).index_put(
        (places.reshape(-1),), values.expand(places.shape).reshape(-1), accumulate=True
    )
    return flat.reshape(result.shape)


def _gradient_of_indexing(
    torch: Any, input: Any, *, key: Any, shape: tuple[int, ...], repeats: bool = True
) -> Any:
    """Return the gradient of an x of that shape for the cotangent `input` of x[key]."""
    x = torch.zeros(shape, dtype=input.dtype, device=input.device, requires_grad=True)
    return torch.autograd.grad(x[key], x, input, create_graph=True)[0]


def _gather(torch: Any, input: Any, index: Any, *, dim: int, drop: bool = False) -> Any:
    """Return `gather`; with `drop`, for an index without the dimension `dim`."""
    if drop:
        d = dim % input.ndim
        return torch.gather(input, d, index.unsqueeze(d)).squeeze(d)
    return torch.gather(input, dim, index)


def _scatter_reduce(
    torch: Any,
    input: Any,
    src: Any,
    index: Any,
    *,
    dim: int,
    include_self: bool,
    largest: bool | None = None,
) -> Any:
    reduce = "prod" if largest is None else "amax" if largest else "amin"
    return torch.scatter_reduce(input, dim, index, src, reduce, include_self=include_self)


def _gradient_of(torch: Any, view: Callable[..., Any], cotangent: Any, shape: Any) -> Any:
    """Return the gradient of an x of that shape for a cotangent of view(x)."""
    x = torch.zeros(shape, dtype=cotangent.dtype, device=cotangent.device, requires_grad=True)
    return torch.autograd.grad(view(x), x, cotangent, create_graph=True)[0]


def _put_diagonal(
    torch: Any, input: Any, *, shape: tuple[int, ...], offset: int, dim1: int, dim2: int
) -> Any:
    return _gradient_of(torch, lambda x: x.diagonal(offset, dim1, dim2), input, shape)


def _put_windows(
    torch: Any, input: Any, *, dimension: int, step: int, shape: tuple[int, ...]
) -> Any:
    size = input.shape[-1]
    return _gradient_of(torch, lambda x: x.unfold(dimension, size, step), input, shape)


# Rules that are not one function or method of PyTorch with the rule's own arguments.
_OTHERS: dict[str, Spelling] = {
    "alias": lambda torch, input: input[...],
    "cat": joining("cat"),
    "deviation": lambda torch, input, **options: torch.std(input, **options),
    "frexp": function("frexp"),
    "gather_along": _gather,
    "index": _index,
    "index_put": _index_put,
    "polygamma": lambda torch, input, *, n: torch.polygamma(n, input),
    "put": _gradient_of_indexing,
    "put_diagonal": _put_diagonal,
    "put_windows": _put_windows,
    "scatter": _gradient_of_indexing,
    "scatter_amax": _scatter_reduce,
    "scatter_product": _scatter_reduce,
    "scatter_sum": lambda torch, input, src, index, *, dim: torch.scatter_add(
        input, dim, index, src
    ),
    "scatter_values": lambda torch, input, src, index, *, dim: torch.scatter(
        input, dim, index, src
    ),
    "slice": _slice,
    "stack": joining("stack"),
    "variance": lambda torch, input, **options: torch.var(input, **options),
    "vector_norm": lambda torch, input, *, ord, **options: torch.norm(input, ord, **options),
}
SPELLED = _OTHERS | matrix_calls.SPELLED | nn_calls.SPELLED

# Rules with further results, such as a mean, that PyTorch's functions don't return.
ONE_RESULT = {"normalise"}
_OPS = {op.rule.name: op for op in TABLE}


def spelling(name: str) -> Spelling:
    """Return the function that calls the rule `name` in a namespace.

    Raises KeyError if PyTorch has no such call.

    >>> import minigrad
    >>> spelling("slice")(minigrad, minigrad.arange(6), dim=0, start=1, end=None, step=2)
    tensor([1, 3, 5])
    """
    if name in SPELLED:
        return SPELLED[name]
    op = _OPS[name]
    if op.functions:
        module, _, public = op.functions[0].rpartition(".")
        if module == "minigrad.special":
            return lambda torch, *args, **options: getattr(torch.special, public)(*args, **options)
        if module == "minigrad.linalg":
            return of_linalg(public)
        return function(public) if module == "minigrad" else functional(public)
    if op.methods:
        return method(op.methods[0].removeprefix("Tensor."))
    if op.in_place:
        return in_place_method(op.in_place[0].removeprefix("Tensor."))
    raise KeyError(name)


def split_arguments(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    """Split the arguments of the rule `name` into a tuple of operands and a dict of options.

    The last options are left out if they have their defaults: PyTorch's function may not have
    them, as `squeeze` has no `dim=None`.

    >>> split_arguments("sum", ("x", 0), {"keepdim": True, "dtype": None})
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
    for option, value in reversed(list(named.items())):
        default = bound.signature.parameters[option].default
        if not (value is default or (type(value) is type(default) and value == default)):
            break
        del named[option]
    return tuple(operands), named


@functools.cache
def _signature(name: str) -> inspect.Signature:
    return inspect.signature(REGISTRY[name].forward)
