"""Every op as a user meets it: its forms, how often it can be differentiated, and how exact it is.

`TABLE` is made from the registry, from the names that minigrad really has, and from the bounds of
`accuracy.py`.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

import minigrad
from minigrad.catalogue.accuracy import FUSED, Bound, Exact, Strength, bound
from minigrad.nn import functional
from minigrad.rules import REGISTRY, Rule


@dataclass(frozen=True)
class Op:
    """One op: the name that a user has for it, its forms, and what is claimed of it."""

    rule: Rule
    name: str
    functions: tuple[str, ...]  # "minigrad.relu", "minigrad.nn.functional.relu"
    methods: tuple[str, ...]  # "Tensor.relu"
    in_place: tuple[str, ...]  # "Tensor.relu_"
    operators: tuple[str, ...]  # "x + y"

    @property
    def forms(self) -> tuple[str, ...]:
        """All the ways to write it."""
        return self.functions + self.methods + self.in_place + self.operators

    @property
    def order(self) -> str:
        """How often: "0"; "every" order; or "linear", every too, and the same at every point."""
        if not self.rule.differentiable:
            return "0"
        return "linear" if self.rule.linear else "every"

    @property
    def bound(self) -> Bound:
        """How far its value and its gradient may be from PyTorch's."""
        return bound(self.rule.name)

    @property
    def signature(self) -> str:
        """How it is called, by the names and defaults of its parameters."""
        told = inspect.signature(self._told)
        parameters = [p.replace(annotation=p.empty) for p in told.parameters.values()]
        bare = told.replace(parameters=parameters, return_annotation=told.empty)
        return f"{self.rule.name}{bare}"

    @property
    def summary(self) -> str:
        """What it does: the first paragraph of its docstring, in one line."""
        first, *_ = (inspect.getdoc(self._told) or "").split("\n\n")
        return " ".join(first.split())

    @property
    def _told(self) -> Callable[..., Any]:
        """What tells of it: the function that is called, or, if that chooses a rule, the rule."""
        if not self.functions:
            return self.rule.forward
        path = self.functions[0].removeprefix("minigrad.")
        function: Callable[..., Any] = attrgetter(path)(minigrad)
        kinds = {p.kind for p in inspect.signature(function).parameters.values()}
        return self.rule.forward if inspect.Parameter.VAR_KEYWORD in kinds else function

    @property
    def grad_fns(self) -> tuple[str, ...]:
        """The names that its node may have; which one may depend on the arguments."""
        backward = self.rule.presentation.node
        if not self.rule.differentiable:
            return ()
        if isinstance(backward, str):
            return (backward,)
        parameters = inspect.signature(self.rule.forward).parameters.values()
        choices = [
            _KINDS.get(p.annotation, (p.default,))
            for p in parameters
            if p.kind is p.POSITIONAL_OR_KEYWORD
        ]
        return tuple(sorted({backward(*each) for each in itertools.product(*choices)}))

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        value, gradient, fused = self.bound.value, self.bound.gradient, FUSED.get(self.rule.name)
        return {
            "name": self.name,
            "rule": self.rule.name,
            "signature": self.signature,
            "summary": self.summary,
            "functions": list(self.functions),
            "methods": list(self.methods),
            "in_place": list(self.in_place),
            "operators": list(self.operators),
            "order": self.order,
            "value": _plain(value),
            "gradient": _plain(gradient) if self.rule.differentiable else None,
            "why": self.bound.why,
            "value_with_alpha": None if fused is None else _plain(fused.value),
            "grad_fn": list(self.grad_fns),
        }


# For each kind of parameter, arguments of every kind that a node's name may depend on.
_ARRAY = np.ones(())
_KINDS: dict[str, tuple[Any, ...]] = {
    "Array": (_ARRAY,),
    "Operand": (_ARRAY, 1.0),
    "Array | None": (_ARRAY, None),
    "Constant": (_ARRAY,),
    "Constant | None": (_ARRAY, None),
    "Operand | None": (_ARRAY, 1.0, None),
    "int | Sequence[int] | None": (None, 0, (0,)),
    "tuple[Any, ...]": ((0,), (slice(None),)),
}


def _plain(strength: Strength) -> dict[str, Any]:
    kind = type(strength).__name__.lower()
    return {"strength": kind, "bound": strength.bound, "unit": strength.unit}


def claim(strength: Strength) -> str:
    """What is claimed of values that are held to a strength, in a few letters.

    >>> from minigrad.catalogue.accuracy import Ulps
    >>> claim(Exact()), claim(Ulps(4))
    ('exact', '4 ULP')
    """
    exact = isinstance(strength, Exact)
    return "exact" if exact else f"{strength.bound:g} {strength.unit}"


def _op(rule: Rule) -> Op:
    public, name = rule.presentation.public or rule.name, rule.presentation.title
    spaces = {"minigrad": minigrad, "minigrad.nn.functional": functional}
    functions = tuple(f"{s}.{public}" for s, names in spaces.items() if public in names.__all__)
    methods = (f"Tensor.{public}",) if hasattr(minigrad.Tensor, public) else ()
    in_place = (f"Tensor.{public}_",) if hasattr(minigrad.Tensor, f"{public}_") else ()
    operators = rule.presentation.operators
    if not name and not functions and not methods:
        name = f"{public}_" if in_place else operators[0] if operators else rule.name
    return Op(rule, name or public, functions, methods, in_place, operators)


TABLE: tuple[Op, ...] = tuple(sorted(map(_op, REGISTRY.values()), key=lambda op: op.name))


def named(name: str) -> list[Op]:
    """The ops that a user may mean by a name: a function, a method, an operator, or a rule.

    >>> [op.name for op in named("torch.max")], [op.name for op in named("+=")]
    (['max', 'max(dim=…)'], ['add'])
    """
    dotted = name.replace(".", "").isidentifier()
    short = name.rpartition(".")[2] if dotted else name
    return [op for op in TABLE if short in names(op)]


def names(op: Op) -> set[str]:
    """All that the op may be called by.

    >>> sorted(names(named("add")[0]))
    ['+', '+=', 'add', 'add_', 'x + y', 'x += y']
    """
    called = {form.rpartition(".")[2] for form in op.functions + op.methods + op.in_place}
    return {op.name, op.rule.name, *called, *op.operators, *map(symbol, op.operators)}


def symbol(operator: str) -> str:
    """An operator without its operands, where that can be read.

    >>> symbol("x += y"), symbol("x[a:b]")
    ('+=', 'x[a:b]')
    """
    return operator.removeprefix("x ").removesuffix(" y") if operator[:2] == "x " else operator
