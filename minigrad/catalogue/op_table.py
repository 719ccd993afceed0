"""The table of all ops: how to write each, how often it can be differentiated, how exact it is.

`TABLE` is built from the registry of rules, minigrad's public names and the tolerances in
`accuracy.py`, so a new rule needs no entry here.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..api import compositions
from ..api.functions import PUBLIC
from ..api.indexing import index_put
from ..api.tensor import Tensor
from ..nn import functional, plain
from ..rules import REGISTRY, Rule
from .accuracy import FUSED, Exact, OpTolerance, Tolerance, tolerance

# The namespaces with functions for ops, and the names of those functions.
NAMESPACES: dict[str, dict[str, Any]] = {
    "minigrad": PUBLIC
    | {"index_put": index_put}
    | {name: getattr(plain, name) for name in plain.__all__},
    "minigrad.linalg": compositions.public("linalg"),
    "minigrad.nn.functional": {name: getattr(functional, name) for name in functional.__all__},
    "minigrad.special": compositions.public("special"),
}
# These are described by the functions that they call.
_PLAIN = {f"minigrad.{name}" for name in plain.__all__}


@dataclass(frozen=True)
class Op:
    """One op: its name, its forms, and its accuracy."""

    rule: Rule
    name: str
    functions: tuple[str, ...]  # "minigrad.relu", "minigrad.nn.functional.relu"
    methods: tuple[str, ...]  # "Tensor.relu"
    in_place: tuple[str, ...]  # "Tensor.relu_"
    operators: tuple[str, ...]  # "x + y"

    @property
    def forms(self) -> tuple[str, ...]:
        """Every way to write the op."""
        return self.functions + self.methods + self.in_place + self.operators

    @property
    def order(self) -> str:
        """The order of differentiation: "0", "every", or "linear" for a constant derivative."""
        if not self.rule.differentiable:
            return "0"
        return "linear" if self.rule.linear else "every"

    @property
    def tolerance(self) -> OpTolerance:
        """How far its value and its gradient may be from PyTorch's."""
        return tolerance(self.rule.name)

    @property
    def signature(self) -> str:
        """How it is called: parameter names and defaults."""
        signature = inspect.signature(self._documented)
        parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        bare = signature.replace(parameters=parameters, return_annotation=signature.empty)
        return f"{self.rule.name}{bare}"

    @property
    def summary(self) -> str:
        """The first paragraph of its docstring, on one line."""
        first, *_ = (inspect.getdoc(self._documented) or "").split("\n\n")
        return " ".join(first.split())

    @property
    def _documented(self) -> Callable[..., Any]:
        """The public function, or the rule if the function chooses among several rules."""
        if not self.functions:
            return self.rule.forward
        space, _, name = min(self.functions, key=_PLAIN.__contains__).rpartition(".")
        function: Callable[..., Any] = NAMESPACES[space][name]
        kinds = {p.kind for p in inspect.signature(function).parameters.values()}
        return self.rule.forward if inspect.Parameter.VAR_KEYWORD in kinds else function

    @property
    def grad_fns(self) -> tuple[str, ...]:
        """The names that its node can have, depending on the arguments."""
        node = self.rule.presentation.node
        if not self.rule.differentiable:
            return ()
        if isinstance(node, str):
            return (node,)
        parameters = list(self.rule.signature.parameters.values())
        choices = [
            _EXAMPLE_ARGUMENTS.get(p.annotation, (p.default,))
            for p in parameters
            if p.kind is p.POSITIONAL_OR_KEYWORD
        ]
        named = [
            [(p.name, value) for value in _EXAMPLE_OPTIONS.get(p.annotation, (p.default,))]
            for p in parameters
            if p.kind is p.KEYWORD_ONLY
        ]
        calls = itertools.product(itertools.product(*choices), itertools.product(*named))
        return tuple(sorted({node(*each, **dict(options)) for each, options in calls}))

    def to_dict(self) -> dict[str, Any]:
        """Return the op as plain data, for JSON."""
        fused = FUSED.get(self.rule.name)
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
            "value": _tolerance_data(self.tolerance.value),
            "gradient": (
                _tolerance_data(self.tolerance.gradient) if self.rule.differentiable else None
            ),
            "why": self.tolerance.why,
            "value_with_alpha": None if fused is None else _tolerance_data(fused.value),
            "grad_fn": list(self.grad_fns),
        }


# For each annotation of a parameter, one argument of each kind that can decide a node's name.
_ARRAY = np.ones(())
_EXAMPLE_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Array": (_ARRAY, np.ones((1, 1, 1))),
    "Operand": (_ARRAY, 1.0),
    "Constant": (_ARRAY,),
    "Array | None": (_ARRAY, None),
    "Constant | None": (_ARRAY, None),
    "Operand | None": (_ARRAY, 1.0, None),
    "int | None": (None, 0),
    "int | Sequence[int] | None": (None, 0, (0,)),
    "tuple[Any, ...]": ((0,), (slice(None),)),
    "Sizes": ((1, 1), (1, 1, 1)),
    "np.ndarray": (np.ones((1, 1, 1), int), np.ones((1, 1, 1, 1), int)),
    "Kind": ("Batch", "Group", "Layer"),
}
# The same for parameters that are given by name.
_EXAMPLE_OPTIONS: dict[str, tuple[Any, ...]] = {"int": (0, 1), "int | None": (None, 0)}


def _tolerance_data(tolerance: Tolerance) -> dict[str, Any]:
    kind = type(tolerance).__name__.lower()
    return {"tolerance": kind, "bound": tolerance.bound, "unit": tolerance.unit}


def claim(tolerance: Tolerance) -> str:
    """Return the short form of a tolerance, as the table shows it.

    >>> from minigrad.catalogue.accuracy import Scaled, Ulps
    >>> claim(Exact()), claim(Ulps(4)), claim(Scaled(8))
    ('exact', '4 ULP', '8 eps Σ')
    """
    exact = isinstance(tolerance, Exact)
    return "exact" if exact else f"{tolerance.bound:g} {tolerance.unit.removesuffix('|terms|')}"


def _op(rule: Rule) -> Op:
    presentation = rule.presentation
    only, _, public = (presentation.public or rule.name).rpartition(".")
    name = presentation.title
    functions = tuple(
        f"{space}.{public}"
        for space, names in NAMESPACES.items()
        if public in names and only in ("", space)
    )
    of_tensor = only in ("", "Tensor")
    methods = (f"Tensor.{public}",) if of_tensor and hasattr(Tensor, public) else ()
    in_place = (f"Tensor.{public}_",) if of_tensor and hasattr(Tensor, f"{public}_") else ()
    operators = presentation.operators
    if not name and not functions and not methods:
        name = f"{public}_" if in_place else operators[0] if operators else rule.name
    return Op(rule, name or public, functions, methods, in_place, operators)


TABLE: tuple[Op, ...] = tuple(sorted(map(_op, REGISTRY.values()), key=lambda op: op.name))


def named(name: str) -> list[Op]:
    """Return the ops with this name: that of a function, a method, an operator, or a rule.

    >>> [op.name for op in named("torch.max")], [op.name for op in named("+=")]
    (['max', 'max(dim=…)'], ['add'])
    """
    dotted = name.replace(".", "").isidentifier()
    short = name.rpartition(".")[2] if dotted else name
    return [op for op in TABLE if short in names(op)]


def names(op: Op) -> set[str]:
    """Return every name of the op.

    >>> sorted(names(named("add")[0]))
    ['+', '+=', 'add', 'add_', 'x + y', 'x += y']
    """
    called = {form.rpartition(".")[2] for form in op.functions + op.methods + op.in_place}
    return {op.name, op.rule.name, *called, *op.operators, *map(symbol, op.operators)}


def symbol(operator: str) -> str:
    """Return an operator without its operands, where that is readable.

    >>> symbol("x += y"), symbol("x[a:b]")
    ('+=', 'x[a:b]')
    """
    return operator.removeprefix("x ").removesuffix(" y") if operator[:2] == "x " else operator
