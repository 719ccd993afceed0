"""The checks of every rule, and their numbers of cases.

minigrad's own tests apply them to every rule in the registry, and require that each mutant of a
rule fails one of them. `conform` applies those that are `of_calls` to a candidate that claims to
be PyTorch in every detail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

import minigrad
from bridge.drawing.cases_factorisations import FACTORISED
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import SAMPLES, Form, form_takes, forms
from bridge.libraries.op_calls import ONE_RESULT
from minigrad.rules import REGISTRY

from . import checker

DIFFERENTIABLE = [name for name in SAMPLES if REGISTRY[name].differentiable]
# One form of each rule stands for the others.
FIRST = {name: next(iter(forms(name).values())) for name in SAMPLES}


@dataclass(frozen=True)
class Check:
    """A check of one case of a rule, the style of the cases, and their number.

    It is called with the rule's name, a form, a case and perhaps a candidate. The number is
    `examples` in the usual profile, or `times` the profile's number of examples.
    """

    function: Callable[..., None]
    style: str
    examples: int | None = None
    times: int = 1
    of_all: bool = False  # also for rules without a derivative
    of_calls: bool = False  # takes a candidate as well, and not only minigrad's rules


def _contract(name: str, form: Form, case: Case) -> None:
    checker.check_contract(name, case)


def _linear(name: str, form: Form, case: Case) -> None:
    checker.check_linear(name, case)


def _graph_of_valid(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Check the graph of a call in all its forms, unless it is an error."""
    for key, each in forms(name).items():
        if form_takes(name, key, case) and not checker.call_outcome(torch, each, case).error:
            checker.check_graph(name, each, case, candidate)


def check_writes(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Call `check_write` for every operand and result, in half of the cases with some gradients."""
    if case.seed % 2 and name != "pow":  # PyTorch always saves the result of pow
        rng = np.random.default_rng(case.seed)
        case = replace(case, wanted=tuple(rng.random(len(case.operands)) < 0.6))
    for place in _places(name, case):
        checker.check_write(name, form, case, place, candidate)


def check_assigned_data(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Call `check_assigned_data` for every operand and result."""
    for place in _places(name, case):
        checker.check_assigned_data(name, form, case, place, candidate)


def _places(name: str, case: Case) -> Iterator[int]:
    """Yield the places of the operands, and of the indices and masks of a key, then -1 - i for the
    results.
    """
    key = [each for each in case.options.get("key", ()) if isinstance(each, np.ndarray)]
    for i, operand in enumerate([*case.operands, *key]):
        if isinstance(operand, Operand | np.ndarray):
            yield i
    results = 1 if name in ONE_RESULT else len(checker.RuleCall(name, case).results)
    for i in range(results):
        yield -1 - i


# Those that find most come first, so that few are needed for a mutant.
CHECKS: dict[str, Check] = {
    "outcome": Check(checker.check_outcome, "wild", times=5, of_all=True, of_calls=True),
    "contract": Check(_contract, "tame", times=2, of_all=True),
    "whole": Check(checker.check_whole, "whole", 20, of_calls=True),
    "linear": Check(_linear, "tame"),
    "recorded": Check(checker.check_recorded, "smooth", 10),
    "complex step": Check(checker.check_complex_step, "smooth", 10),
    "differences": Check(checker.check_differences, "smooth", of_calls=True),
    "second order": Check(partial(checker.check_orders, orders=2), "tame", 20, of_calls=True),
    "second order, wild": Check(partial(checker.check_orders, orders=2), "wild", 20, of_calls=True),
    "third order": Check(partial(checker.check_orders, orders=3), "tame", 5, of_calls=True),
    "second backward": Check(checker.check_second_backward, "tame", of_calls=True),
    "writes": Check(check_writes, "tame", of_calls=True),
    "assigned data": Check(check_assigned_data, "tame", of_calls=True),
    "graph": Check(checker.check_graph, "tame", of_calls=True),
    "graph, wild": Check(_graph_of_valid, "wild", of_calls=True),
    "second differences": Check(checker.check_second_differences, "smooth", 10),
}

# PyTorch has no second derivative of these.
ONCE_IN_PYTORCH = ("hardsigmoid",)
ORDERS = ("second order", "second order, wild", "third order")

# The checks that rules aren't held to, with the reason.
NOT_HELD_TO: list[tuple[Collection[str], Collection[str], str]] = [
    *(((name,), ("complex step",), reason) for name, reason in checker.NOT_ANALYTIC.items()),
    (
        FACTORISED,
        ("whole", "complex step", "graph", "graph, wild", "writes", "assigned data", *ORDERS),
        "PyTorch saves the factors of a matrix where a rule saves the matrix, and returns several "
        "results where a rule packs them into one. So its graphs and saved tensors are others. "
        "LAPACK rounds whole numbers, too, and takes conjugates of complex ones. The database of "
        "operators compares the second derivatives, with a tolerance that knows the condition of a "
        "matrix.",
    ),
    (
        ("lstm",),
        ("whole", "graph", "graph, wild", "writes", "assigned data"),
        "PyTorch's library has no function for the rule's operands, so the ops of its formulas are "
        "beside it. Their graph is another one, and their exp rounds.",
    ),
    (("logcumsumexp",), ("third order",), "PyTorch's own third derivative is an error"),
    (
        ("normalise",),
        ("third order",),
        "PyTorch's own third derivatives of layer_norm and batch_norm are wrong: they take the "
        "statistics as constants",
    ),
    (
        ("normalise", "normalise_by"),
        ("whole",),
        "a quotient by a root rounds, so no result is whole",
    ),
    (
        ("convolution",),
        ("recorded",),
        "the graph of its gradient computes the same product of matrices in other blocks",
    ),
    (
        ("det",),
        ("recorded",),
        "a gradient that is recorded has derivatives for singular matrices, too; in PyTorch, it is "
        "also another one",
    ),
    (ONCE_IN_PYTORCH, ORDERS, "PyTorch has no second derivative"),
]

# Checks of all cases of a rule together.
TOGETHER: dict[str, Callable[[str, list[Case]], None]] = {
    "derivative declared": checker.check_derivative_declared,
    "linear declared": checker.check_linear_declared,
}


def checks_of(name: str) -> dict[str, Check]:
    """Return the checks of single cases that apply to a rule."""
    differentiable = REGISTRY[name].differentiable
    found = {key: check for key, check in CHECKS.items() if differentiable or check.of_all}
    exempt = {check for rules, checks, _ in NOT_HELD_TO if name in rules for check in checks}
    return {key: check for key, check in found.items() if key not in exempt}


def together_of(name: str) -> dict[str, Callable[[str, list[Case]], None]]:
    """Return the checks of all cases together that apply to a rule."""
    found = dict(TOGETHER)
    if not REGISTRY[name].differentiable:
        del found["linear declared"]
    return found
