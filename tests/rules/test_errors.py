"""Wrong arguments: every rule in every form raises PyTorch's type of error."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from bridge.conformance.checker import check_outcome
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import SAMPLES, forms, operand_names
from bridge.strategies import cases_for
from minigrad.rules import REGISTRY

FORMS = [(name, form) for name in SAMPLES for form in forms(name)]
NAMED = [(name, form) for name, form in FORMS if not form.endswith("operator")]
OPTIONS = [
    (name, form, option)
    for name, form in NAMED
    for option in inspect.signature(REGISTRY[name].forward).parameters
    if option not in (*operand_names(name), "key", "rounding_mode")  # it has only one valid value
]
# There are only a few wrong arguments, so fewer cases suffice.
few = settings(max_examples=max(settings.default.max_examples // 3, 1))

NOT_OPERANDS = (None, "a", [1.0], (), object())
NOT_OPTIONS = (None, "a", 1.5, 99, -99, True, [0], (0, 0), object())
# Accepted by minigrad but not by PyTorch, or not in every form.
LENIENT = {
    **{
        (name, option, None): "the same as omitting it"
        for name, option in (("squeeze", "dim"), ("prod", "dim"), ("round", "decimals"))
    },
    **{(name, "dim", None): "the functional chooses a dim" for name in ("softmax", "log_softmax")},
    **{("nll_loss", "ignore_index", value): "no class has this index" for value in (1.5, True)},
}


@pytest.mark.parametrize(("name", "form"), FORMS)
@few
@given(data=st.data())
def test_a_wrong_operand(name: str, form: str, data: st.DataObject) -> None:
    case = data.draw(cases_for(name, form, "tame"))
    place = data.draw(st.integers(0, len(case.operands) - 1))
    wrong = data.draw(st.sampled_from(NOT_OPERANDS))
    operands = (*case.operands[:place], wrong, *case.operands[place + 1 :])
    check_outcome(name, forms(name)[form], replace(case, operands=operands))


@pytest.mark.parametrize(("name", "form", "option"), OPTIONS)
@few
@given(data=st.data())
def test_a_wrong_option(name: str, form: str, option: str, data: st.DataObject) -> None:
    case = data.draw(cases_for(name, form, "tame"))
    wrong = data.draw(st.sampled_from(NOT_OPTIONS))
    assume(isinstance(wrong, list) or (name, option, wrong) not in LENIENT)
    # A single size, also by name, may stand for a tuple.
    assume(not (REGISTRY[name].presentation.spread_sizes and isinstance(wrong, int)))
    assume(option != "keepdim" or "dim" in case.options)
    check_outcome(name, forms(name)[form], with_options(case, **{option: wrong}))


@pytest.mark.parametrize(("name", "form"), NAMED)
@few
@given(data=st.data())
def test_an_unknown_option(name: str, form: str, data: st.DataObject) -> None:
    case = data.draw(cases_for(name, form, "tame"))
    check_outcome(name, forms(name)[form], with_options(case, nonsense=1))


@pytest.mark.parametrize(("name", "form"), NAMED)
@few
@given(data=st.data())
def test_too_few_operands(name: str, form: str, data: st.DataObject) -> None:
    case = data.draw(cases_for(name, form, "tame"))
    check_outcome(name, forms(name)[form], replace(case, operands=case.operands[:-1], wanted=None))


def test_class_weights_have_no_derivative() -> None:
    rows, target, weight = np.ones((2, 3)), np.array([0, 2]), np.ones(3)
    case = Case((Operand(rows), Operand(target), Operand(weight)))
    check_outcome("nll_loss", forms("nll_loss")["functional"], case)


def with_options(case: Case, **options: Any) -> Case:
    return replace(case, options={**case.options, **options})
