"""The check that the code of a pullback can run on Tensors as well as on arrays.

A second derivative is the derivative of a pullback. The engine computes it by running the
pullback's code on Tensors (`core/higher_order.py`). So the code may use only names that mean the
same there: other rules, NumPy functions that some rule computes, and attributes that a Tensor has.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from .rule import Rule

F = TypeVar("F", bound=Callable[..., Any])

# NumPy functions that make constants, and attributes of arrays. They need no rule.
_KNOWN = ("zeros", "zeros_like", "T", "dtype", "ndim", "shape")


def reads_as(plain: Callable[..., Any]) -> Callable[[F], F]:
    """Mark a function as a faster way to compute `plain`, which replaces it over Tensors."""

    def mark(function: F) -> F:
        vars(function)["reads_as"] = plain
        return function

    return mark


def numpy_names(registry: dict[str, Rule]) -> dict[str, str]:
    """The rule that each NumPy function ("exp", "add.reduce", …) means in a pullback."""
    return {rule.numpy: name for name, rule in registry.items() if rule.numpy}


def check_pullbacks(rule: Rule, registry: dict[str, Rule]) -> None:
    """Raise TypeError if a pullback of the rule uses a name that has no meaning over Tensors."""
    known = {*_KNOWN, *(part for name in numpy_names(registry) for part in name.split("."))}
    known.update(name for name, other in registry.items() if "method" in other.presentation.forms)
    for name in _unresolved(rule.forward, {other.forward for other in registry.values()}):
        if name not in known:
            raise TypeError(
                f"rule {rule.name!r}: a pullback uses {name!r}, which no rule computes, so the "
                "pullback has no derivative; register a rule for it or write the pullback without"
            )


def _unresolved(forward: Any, rules: set[Any]) -> Iterator[str]:
    """The attributes, and the ufuncs, that the code of a rule's pullbacks uses."""
    # Pullbacks are the functions defined inside the forward, or inside a helper that it calls.
    outer = [forward, *_helpers(forward.__code__, forward.__globals__, rules)]
    todo = [
        (code, f.__globals__)
        for f in outer
        for code in _inner(f.__code__)
        if code.co_name == "<lambda>" or not code.co_name.startswith("<")  # no comprehensions
    ]
    done: set[CodeType] = set()
    while todo:
        code, names = todo.pop()
        if code not in done:
            done.add(code)
            todo += [(inner, names) for inner in _inner(code)]
            todo += [(f.__code__, f.__globals__) for f in _helpers(code, names, rules)]
            for name in code.co_names:
                if isinstance(names.get(name), np.ufunc):
                    yield names[name].__name__
                elif name not in names and not hasattr(builtins, name):
                    yield name


def _helpers(code: CodeType, names: dict[str, Any], rules: set[Any]) -> Iterator[FunctionType]:
    """The functions of minigrad, other than rules, that some code calls, as Tensors use them."""
    for name in code.co_names:
        value = names.get(name)
        if isinstance(value, FunctionType) and value not in rules:
            yield vars(value).get("reads_as", value)


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))
