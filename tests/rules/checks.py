"""Call a check with the cases of a rule, as many as the hypothesis profile says."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from hypothesis import given, seed, settings
from hypothesis import strategies as st
from profiles import examples

from bridge.conformance.checks import CHECKS
from bridge.drawing.operands import Case
from bridge.strategies import cases


def for_each(
    given_cases: st.SearchStrategy[Case], of: str, do: Callable[[Case], None], count: int
) -> None:
    """Call `do` with `count` cases, which depend on `of` if the profile is repeatable.

    Without a seed, hypothesis would draw the same cases for every use of this function.
    """

    def examples(case: Case) -> None:
        do(case)

    run = given(case=given_cases)(examples)
    if settings.default.derandomize:
        run = seed(zlib.crc32(of.encode()))(run)
    settings(max_examples=count)(run)()


def for_each_case(name: str, check: str, do: Callable[[Case], None]) -> None:
    """Call `do` with each case of the named check of a rule."""
    asked = CHECKS.get(check, CHECKS["contract"])
    count = examples(asked.examples) if asked.examples else asked.times * settings().max_examples
    for_each(cases(name, asked.style), f"{check} of {name}", do, count)
