"""A test of the tests: every mutant of every rule fails a check that the rule passes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import pytest
from profiles import examples

pytest.importorskip("torch")

from bridge.conformance import checker
from bridge.conformance.checks import CHECKS, FIRST, checks_of, together_of
from bridge.conformance.mutants import (
    CONTROL,
    EQUIVALENT,
    MUTATIONS,
    Mutant,
    mutants_of,
    planted,
)
from bridge.drawing.operands import Case
from bridge.drawing.samples import SAMPLES, draw_case
from tests.rules.checks import for_each_case

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")

PAIRS: dict[tuple[str, str], list[Mutant]] = {}
for name in SAMPLES:
    for mutant in mutants_of(name):
        PAIRS.setdefault((mutant.mutation, name), []).append(mutant)


@cache
def all_cases(name: str, check: str) -> list[Case]:
    """Return the cases that `test_rules.py` uses for a check."""
    found: list[Case] = []
    for_each_case(name, check, found.append)
    return found


@cache
def few_cases(name: str, check: str) -> list[Case]:
    """Return few cases of a check, enough to run an equivalent mutant."""
    style = CHECKS[check].style if check in CHECKS else "tame"
    return [draw_case(name, 2**12 + seed, style) for seed in range(min(examples(1), 4))]


def killer(mutant: Mutant, cases_of: Callable[[str, str], list[Case]] = all_cases) -> str | None:
    """Return the name of the first check that the mutant fails, or None if it survives."""
    with planted(mutant.op, mutant.forward()):
        for key, check in checks_of(mutant.op).items():
            for case in cases_of(mutant.op, key):
                case = copy.deepcopy(case)  # a mutant may write into an index
                try:
                    check.function(mutant.op, FIRST[mutant.op], case)
                except Exception:
                    return key
        if cases_of is all_cases:  # a few cases don't show a wrong declaration
            for key, declared in together_of(mutant.op).items():
                try:
                    declared(mutant.op, copy.deepcopy(all_cases(mutant.op, key)))
                except Exception:
                    return key
    return None


@pytest.mark.parametrize(("mutation", "name"), [pair for pair in PAIRS if pair[0] != CONTROL])
def test_mutants(mutation: str, name: str, record_property: Callable[[str, object], None]) -> None:
    verdicts = {}
    for mutant in PAIRS[mutation, name]:
        equivalent = mutant in EQUIVALENT
        found = killer(mutant, few_cases if equivalent else all_cases)
        verdicts[mutant] = "killed" if found else "equivalent" if equivalent else "survived"
    record_property("mutants", [(*mutant, verdict) for mutant, verdict in verdicts.items()])
    for mutant, verdict in verdicts.items():
        expected = "equivalent" if mutant in EQUIVALENT else "killed"
        assert verdict == expected, f"{mutant} {verdict}"


@pytest.mark.parametrize("name", [name for of, name in PAIRS if of == CONTROL])
def test_planting_alone_kills_no_mutant(name: str) -> None:
    for mutant in PAIRS[CONTROL, name]:
        assert killer(mutant, few_cases) is None


def test_every_equivalent_mutant_is_a_mutant() -> None:
    assert EQUIVALENT.keys() <= {mutant for mutants in PAIRS.values() for mutant in mutants}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_has_mutants(mutation: str) -> None:
    assert any(mutation == of for of, _ in PAIRS)
