"""The gate, a test of the tests: every mutant of every rule fails a check that its rule passes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import pytest

pytest.importorskip("torch")

from bridge.drawing.operands import Case
from bridge.drawing.samples import SAMPLES, draw_case
from tests.rules import checker
from tests.rules.checks import CHECKS, FIRST, checks_of, for_each_case, together_of
from tests.rules.mutants import CONTROL, MUTATIONS, Mutant, mutants_of, planted

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")

# The mutants that no check can find, for they do what the rule does: each with a proof.
EQUIVALENT: dict[Mutant, str] = {
    Mutant(mutation, name, 0): "The gradient is zeros, because the operand is overwritten or the "
    "result is constant between jumps. Zeros stay zeros when they are scaled, rounded, dropped or "
    "computed from another cotangent, and in any layout."
    for name in ("copy", "fill", "sign", "zero")
    for mutation in (
        "scaled",
        "dropped",
        "cotangent-ignored",
        "in-float32",
        "row-major-cotangents",
        "row-major-operands",
    )
    if (mutation, name) != ("row-major-operands", "sign")
}


PAIRS: dict[tuple[str, str], list[Mutant]] = {}
for name in SAMPLES:
    for mutant in mutants_of(name):
        PAIRS.setdefault((mutant.mutation, name), []).append(mutant)


@cache
def drawn(name: str, check: str) -> list[Case]:
    """The cases of which `test_rules.py` makes a check."""
    found: list[Case] = []
    for_each_case(name, check, found.append)
    return found


@cache
def few(name: str, check: str) -> list[Case]:
    """A few cases of a check: enough to see that a mutant does what the rule does."""
    style = CHECKS[check].style if check in CHECKS else "tame"
    return [draw_case(name, 2**12 + seed, style) for seed in range(2)]


def killer(mutant: Mutant, cases_of: Callable[[str, str], list[Case]] = drawn) -> str | None:
    """The first check that fails of a mutant in such cases, or None if it survives them all."""
    with planted(mutant.op, mutant.forward()):
        for key, check in checks_of(mutant.op).items():
            for case in cases_of(mutant.op, key):
                case = copy.deepcopy(case)  # a mutant may write into an index
                try:
                    check.function(mutant.op, FIRST[mutant.op], case)
                except Exception:
                    return key
        if cases_of is drawn:  # a few do not show all that a rule declares
            for key, declared in together_of(mutant.op).items():
                try:
                    declared(mutant.op, copy.deepcopy(drawn(mutant.op, key)))
                except Exception:
                    return key
    return None


@pytest.mark.parametrize(("mutation", "name"), [pair for pair in PAIRS if pair[0] != CONTROL])
def test_mutants(mutation: str, name: str, record_property: Callable[[str, object], None]) -> None:
    verdicts = {}
    for mutant in PAIRS[mutation, name]:
        equivalent = mutant in EQUIVALENT
        found = killer(mutant, few if equivalent else drawn)
        verdicts[mutant] = "killed" if found else "equivalent" if equivalent else "survived"
    record_property("mutants", [(*mutant, verdict) for mutant, verdict in verdicts.items()])
    for mutant, verdict in verdicts.items():
        expected = "equivalent" if mutant in EQUIVALENT else "killed"
        assert verdict == expected, f"{mutant} {verdict}"


@pytest.mark.parametrize("name", [name for of, name in PAIRS if of == CONTROL])
def test_what_kills_a_mutant_is_the_mutation(name: str) -> None:
    for mutant in PAIRS[CONTROL, name]:
        assert killer(mutant, few) is None


def test_all_that_is_called_equivalent_is_a_mutant() -> None:
    assert EQUIVALENT.keys() <= {mutant for mutants in PAIRS.values() for mutant in mutants}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_has_mutants(mutation: str) -> None:
    assert any(mutation == of for of, _ in PAIRS)
