"""Every rule, compiled by numba with its pullbacks, is within the rule's bounds of PyTorch."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from profiles import examples

pytest.importorskip("numba")
torch = pytest.importorskip("torch")

import minigrad
from bridge.conformance.checker import CallOutcome, called, check_close, cotangent, leaves_of
from bridge.drawing.operands import Case
from bridge.drawing.samples import SAMPLES, draw_case
from minigrad.compiling import CompiledStep
from tests.compiling.every_rule import (
    OF_HIGHER_ORDER,
    SHORTFALLS,
    Step,
    form_of,
    leaves,
    others,
    outcome,
    translated,
)

SEEDS, CASES = range(8), examples(1)  # as many cases as run, of these seeds
# The rules without a form for numba, and what has none.
WITHOUT_FORM = {
    "cholesky": "np.linalg.cholesky", "cofactors": "np.linalg", "det": "np.linalg",
    "eigh": "np.linalg.eigh", "frexp": "np.frexp", "inv": "np.linalg.inv", "qr": "np.linalg.qr",
    "solve": "np.linalg.solve", "svd": "np.linalg.svd",
}  # fmt: skip
WITHOUT_FORM |= {name: "np.broadcast_arrays" for name in SAMPLES if "_polynomial_" in name}
# What some calls of other rules use.
SOMETIMES = ("a mask as an index", "an array of float16")
NAMES = [name for name in SAMPLES if name not in SHORTFALLS]


class NumbaStep(Step):
    """A rule's form as a step, plain and compiled by numba."""

    def __init__(self, form: Any, options: dict[str, Any]) -> None:
        super().__init__(form, options)
        self.compiled = CompiledStep(self.plain, backend="numba")


def expected(name: str, form: Any, case: Case, g: np.ndarray) -> CallOutcome:
    """What PyTorch computes, or minigrad where PyTorch has no such op."""
    t = minigrad if name in OF_HIGHER_ORDER else torch
    operands = leaves_of(t, case)
    results = called(t, form, case, operands)
    if results[0].requires_grad:
        results[0].backward(t.from_numpy(g))
    return found(operands, results)


def found(operands: Any, results: Any) -> CallOutcome:
    gradients = [getattr(x, "grad", None) for x in operands]
    return CallOutcome(
        tuple([y.detach().clone().numpy() for y in results]),
        tuple([None if grad is None else grad.numpy() for grad in gradients]),
    )


def by_numba(step: NumbaStep, case: Case, g: np.ndarray) -> CallOutcome:
    operands = leaves_of(minigrad, case)
    result = step.compiled(*operands, g=minigrad.from_numpy(g.copy()))
    return found(operands, result if isinstance(result, tuple | list) else [result])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_FORM])
def test_a_rule_is_within_its_bounds(name: str) -> None:
    used, form = 0, form_of(name)
    for seed in SEEDS:
        if used == CASES:
            return
        case = draw_case(name, seed)
        options = {key: translated(value) for key, value in case.options.items()}
        try:
            result = form(minigrad, *leaves_of(minigrad, case), **options)
            theirs = expected(name, form, case, cotangent(case, _first(result)).values)
        except Exception:
            continue  # an error of the rule's own, or an op that PyTorch doesn't have
        step = NumbaStep(form, options)
        for k in range(4):
            later = case if k < 2 else replace(case, operands=others(case, k), seed=100 + k)
            g = cotangent(later, _first(result)).values
            theirs = expected(name, form, later, g)
            check_close(name, form, later, by_numba(step, later, g), theirs)
        short = step.compiled.shortfall
        assert short.startswith(SOMETIMES) or not short, (case, short)
        used += not short and bool(step.compiled._programs)
    assert used


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple | list) else result


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WITHOUT_FORM)
def test_a_rule_without_a_form_runs_as_the_numpy_program(name: str) -> None:
    form = form_of(name)
    for seed in range(20):
        case = draw_case(name, seed)
        options = {key: translated(value) for key, value in case.options.items()}
        try:
            result = form(minigrad, *leaves(case.operands), **options)
        except Exception:
            continue
        step, g = NumbaStep(form, options), cotangent(case, _first(result)).values.copy()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                got = outcome(step.compiled, leaves(case.operands), minigrad.from_numpy(g.copy()))
        messages = [str(w.message) for w in caught if "numba" in str(w.message)]
        if messages:
            assert len(messages) == 1
            assert f"has no form for {WITHOUT_FORM[name]}" in messages[0]
            assert got == outcome(step.plain, leaves(case.operands), minigrad.from_numpy(g.copy()))
            return
    pytest.fail("it has a form: delete it from WITHOUT_FORM")
