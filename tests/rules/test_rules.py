"""Every rule in the registry, checked from the registry: `checker.py` says what is asked of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from bridge.operands import Operand
from bridge.samples import SAMPLES, case_of, forms
from bridge.strategies import cases, cases_for
from minigrad.rules import REGISTRY
from tests.rules import checker
from tests.rules.checker import NOT_ANALYTIC

FORMS = [(name, form) for name in SAMPLES for form in forms(name)]
IN_PLACE = [(name, form) for name, form in FORMS if form.startswith("in-place")]
DIFFERENTIABLE = [name for name in SAMPLES if REGISTRY[name].differentiable]
FIRST = {name: next(iter(forms(name).values())) for name in SAMPLES}

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")
each_rule = pytest.mark.parametrize("name", SAMPLES)
each_differentiable = pytest.mark.parametrize("name", DIFFERENTIABLE)


def test_every_rule_has_samples_and_a_form() -> None:
    assert SAMPLES.keys() == REGISTRY.keys()
    assert all(forms(name) for name in SAMPLES)


@pytest.mark.parametrize(("name", "form"), FORMS)
@given(data=st.data())
def test_outcome(name: str, form: str, data: st.DataObject) -> None:
    checker.check_outcome(name, forms(name)[form], data.draw(cases_for(name, form)))


@pytest.mark.parametrize(("name", "form"), IN_PLACE)
@given(data=st.data())
def test_in_place_is_out_of_place(name: str, form: str, data: st.DataObject) -> None:
    case = data.draw(cases_for(name, form))
    checker.check_in_place(name, forms(name)[form], FIRST[name], case)


@each_differentiable
@given(data=st.data())
def test_differences(name: str, data: st.DataObject) -> None:
    checker.check_differences(name, FIRST[name], data.draw(cases(name, "smooth")))


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if name not in NOT_ANALYTIC])
@given(data=st.data())
def test_complex_step(name: str, data: st.DataObject) -> None:
    checker.check_complex_step(name, FIRST[name], data.draw(cases(name, "smooth")))


@pytest.mark.parametrize("name", NOT_ANALYTIC)
def test_what_is_not_analytic_has_no_complex_step(name: str) -> None:
    case = case_of(name, 1, "smooth")
    with pytest.raises(AssertionError):
        checker.check_complex_step(name, FIRST[name], case)


@each_differentiable
@pytest.mark.parametrize("style", ["tame", "wild"])
@settings(max_examples=20)
@given(data=st.data())
def test_second_order(name: str, style: str, data: st.DataObject) -> None:
    checker.check_orders(name, FIRST[name], data.draw(cases(name, style)), 2)


@each_differentiable
@settings(max_examples=5)
@given(data=st.data())
def test_third_order(name: str, data: st.DataObject) -> None:
    checker.check_orders(name, FIRST[name], data.draw(cases(name, "tame")), 3)


@each_differentiable
@settings(max_examples=10)
@given(data=st.data())
def test_recorded(name: str, data: st.DataObject) -> None:
    checker.check_recorded(name, FIRST[name], data.draw(cases(name, "smooth")))


@each_differentiable
@given(data=st.data())
def test_second_differences(name: str, data: st.DataObject) -> None:
    checker.check_second_differences(name, FIRST[name], data.draw(cases(name, "smooth")))


@each_differentiable
@given(data=st.data())
def test_second_backward(name: str, data: st.DataObject) -> None:
    checker.check_second_backward(name, FIRST[name], data.draw(cases(name, "tame")))


@each_differentiable
@given(data=st.data())
def test_writes_between_forward_and_backward(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name, "tame"))
    for i, operand in enumerate(case.operands):
        if isinstance(operand, Operand):
            checker.check_write(name, FIRST[name], case, i)
    checker.check_write(name, FIRST[name], case, -1)


@each_differentiable
@given(data=st.data())
def test_node_name(name: str, data: st.DataObject) -> None:
    checker.check_node_name(name, FIRST[name], data.draw(cases(name, "tame")))


@each_rule
@given(data=st.data())
def test_contract(name: str, data: st.DataObject) -> None:
    checker.check_contract(name, data.draw(cases(name, "tame")))


@each_rule
def test_having_a_derivative_is_declared_exactly(name: str) -> None:
    found = []

    @given(cases(name, "tame"))
    def watch(case: checker.Case) -> None:
        found.extend(checker.Call(name, case).pullbacks)

    watch()
    assert REGISTRY[name].differentiable == any(found)


@each_differentiable
def test_linear_is_declared_exactly(name: str) -> None:
    captured = []

    @given(cases(name, "tame"))
    def watch(case: checker.Case) -> None:
        checker.check_linear(name, case)
        captured.append(checker.captures(name, case))

    watch()
    assert REGISTRY[name].linear != any(captured)
