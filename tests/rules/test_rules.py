"""Every rule in the registry passes the checks of `checks.py`."""

from __future__ import annotations

import pytest
from profiles import examples

pytest.importorskip("torch")

from bridge.conformance import checker
from bridge.conformance.checks import CHECKS, FIRST, checks_of, together_of
from bridge.drawing.operands import Case
from bridge.drawing.samples import SAMPLES, draw_case, forms
from bridge.strategies import cases_for
from minigrad.rules import REGISTRY
from tests.rules.checks import for_each, for_each_case

# PyTorch has no derivative for these in place.
NOT_IN_PLACE = [n for n, rule in REGISTRY.items() if not rule.presentation.in_place_derivative]
OTHERS = [
    (name, form)
    for name in SAMPLES
    for form in [*forms(name)][1:]
    if not (form.startswith("in-place") and name in NOT_IN_PLACE)
]
IN_PLACE = [
    (name, form)
    for name in SAMPLES
    for form in forms(name)
    if form.startswith("in-place") and name not in NOT_IN_PLACE
]

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")


def test_every_rule_has_samples_and_a_form() -> None:
    assert SAMPLES.keys() == REGISTRY.keys()
    assert all(forms(name) for name in SAMPLES)


@pytest.mark.parametrize(
    ("check", "name"), [(check, name) for name in SAMPLES for check in checks_of(name)]
)
def test_rule(check: str, name: str) -> None:
    for_each_case(name, check, lambda case: CHECKS[check].function(name, FIRST[name], case))


@pytest.mark.parametrize(
    ("check", "name"), [(check, name) for name in SAMPLES for check in together_of(name)]
)
def test_a_rules_declarations(check: str, name: str) -> None:
    found: list[Case] = []
    for_each_case(name, check, found.append)
    together_of(name)[check](name, found)


@pytest.mark.parametrize(("name", "form"), OTHERS)
def test_outcome_of_another_form(name: str, form: str) -> None:
    def check(case: Case) -> None:
        checker.check_outcome(name, forms(name)[form], case)

    for_each(cases_for(name, form), f"outcome of {name} as {form}", check, examples(16))


@pytest.mark.parametrize(("name", "form"), IN_PLACE)
def test_in_place_equals_out_of_place(name: str, form: str) -> None:
    def check(case: Case) -> None:
        checker.check_in_place(name, forms(name)[form], FIRST[name], case)

    for_each(cases_for(name, form), f"{form} of {name}", check, examples(12))


@pytest.mark.parametrize("name", checker.NOT_ANALYTIC)
def test_rules_that_are_not_analytic_fail_the_complex_step(name: str) -> None:
    with pytest.raises((AssertionError, TypeError)):
        checker.check_complex_step(name, FIRST[name], draw_case(name, 4097, "smooth"))
