"""What is asked of every rule, and of how many cases: the one list of the checks.

`test_rules.py` makes them of every rule in the registry, and `test_mutants.py` asks of every
mutant of a rule that one of them fails.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from profiles import examples

from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import SAMPLES, Form, forms
from bridge.strategies import cases
from minigrad.rules import REGISTRY
from tests.rules import checker

DIFFERENTIABLE = [name for name in SAMPLES if REGISTRY[name].differentiable]
# Of each rule, the form that stands for the others.
FIRST = {name: next(iter(forms(name).values())) for name in SAMPLES}


@dataclass(frozen=True)
class Check:
    """A check of one case of a rule; the style of the cases; and how many.

    That is so many in the usual profile, or so many times as many as the profile says.
    """

    function: Callable[[str, Form, Case], None]
    style: str
    examples: int | None = None
    times: int = 1
    of_all: bool = False  # of rules without a derivative too


def _contract(name: str, form: Form, case: Case) -> None:
    checker.check_contract(name, case)


def _linear(name: str, form: Form, case: Case) -> None:
    checker.check_linear(name, case)


def check_writes(name: str, form: Form, case: Case) -> None:
    """`check_write` of each operand and of each result, in half of the cases for some gradients."""
    if case.seed % 2 and name != "pow":  # of which PyTorch saves the result, needed or not
        rng = np.random.default_rng(case.seed)
        case = replace(case, wanted=tuple(rng.random(len(case.operands)) < 0.6))
    for i, operand in enumerate(case.operands):
        if isinstance(operand, Operand):
            checker.check_write(name, form, case, i)
    for i in range(len(checker.Call(name, case).results)):
        checker.check_write(name, form, case, -1 - i)


# In the order in which they find most, so that of a mutant few have to be made.
CHECKS: dict[str, Check] = {
    "outcome": Check(checker.check_outcome, "wild", times=3, of_all=True),
    "contract": Check(_contract, "tame", of_all=True),
    "whole": Check(checker.check_whole, "whole", 20),
    "linear": Check(_linear, "tame"),
    "recorded": Check(checker.check_recorded, "smooth", 10),
    "complex step": Check(checker.check_complex_step, "smooth", 10),
    "differences": Check(checker.check_differences, "smooth"),
    "second order": Check(partial(checker.check_orders, orders=2), "tame", 20),
    "second order, wild": Check(partial(checker.check_orders, orders=2), "wild", 20),
    "third order": Check(partial(checker.check_orders, orders=3), "tame", 5),
    "second backward": Check(checker.check_second_backward, "tame"),
    "writes": Check(check_writes, "tame"),
    "node name": Check(checker.check_node_name, "tame"),
    "second differences": Check(checker.check_second_differences, "smooth"),
}

# As many of all cases together: these find nothing wrong in any one of them.
TOGETHER: dict[str, Callable[[str, list[Case]], None]] = {
    "derivative declared": checker.check_derivative_declared,
    "linear declared": checker.check_linear_declared,
}


def checks_of(name: str) -> dict[str, Check]:
    """The checks that are made of each case of a rule."""
    differentiable = REGISTRY[name].differentiable
    found = {key: check for key, check in CHECKS.items() if differentiable or check.of_all}
    if name in checker.NOT_ANALYTIC:
        del found["complex step"]
    return found


def together_of(name: str) -> dict[str, Callable[[str, list[Case]], None]]:
    """The checks that are made of all cases of a rule together."""
    found = dict(TOGETHER)
    if not REGISTRY[name].differentiable:
        del found["linear declared"]
    return found


def for_each(
    given_cases: st.SearchStrategy[Case], of: str, do: Callable[[Case], None], count: int
) -> None:
    """Do something to each of so many cases, which follow from `of` if the profile repeats itself.

    Left to itself, hypothesis would draw the same for all that is made of this function.
    """

    def examples(case: Case) -> None:
        do(case)

    run = given(case=given_cases)(examples)
    if settings.default.derandomize:
        run = seed(zlib.crc32(of.encode()))(run)
    settings(max_examples=count)(run)()


def for_each_case(name: str, check: str, do: Callable[[Case], None]) -> None:
    """Do something to each of the cases of which a rule is asked the check of that name."""
    asked = CHECKS.get(check, Check(_contract, "tame"))
    count = examples(asked.examples) if asked.examples else asked.times * settings().max_examples
    for_each(cases(name, asked.style), f"{check} of {name}", do, count)
