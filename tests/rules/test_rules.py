"""Every rule in the registry, checked from the registry: see `checker.py` for what is asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from minigrad.rules import REGISTRY
from tests.rules import checker
from tests.rules.samples import SAMPLES, cases, cases_for, forms

FORMS = [(name, form) for name in SAMPLES for form in forms(name)]
each_rule = pytest.mark.parametrize("name", REGISTRY)
each_form = pytest.mark.parametrize(("name", "form"), FORMS)


def test_every_rule_has_samples_and_a_form() -> None:
    assert SAMPLES.keys() == REGISTRY.keys()
    assert all(forms(name) for name in SAMPLES)


@each_form
@given(data=st.data())
def test_the_outcome_is_pytorchs(name: str, form: str, data: st.DataObject) -> None:
    case = data.draw(cases_for(name, form))
    wanted = data.draw(st.none() | st.tuples(*(st.booleans() for _ in case.operands)))
    checker.check_outcome(name, forms(name)[form], case, wanted)
