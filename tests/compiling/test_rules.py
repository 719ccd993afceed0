"""Every rule, recorded with its pullbacks, gives the rule's bits on other operands."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import minigrad
from bridge.drawing.samples import SAMPLES, draw_case
from tests.compiling.every_rule import (
    SHORTFALLS,
    Step,
    form_of,
    leaves,
    others,
    outcome,
    translated,
)
from tests.compiling.twin_steps import small_blocks

SEEDS = range(8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in SHORTFALLS])
def test_a_rule_runs_on_other_operands(name: str) -> None:
    used = 0
    for seed in SEEDS:
        case = draw_case(name, seed)
        options = {key: translated(value) for key, value in case.options.items()}
        form = form_of(name)
        try:
            result = form(minigrad, *leaves(case.operands), **options)
        except Exception:
            continue  # an error of the rule's own
        first = result[0] if isinstance(result, tuple | list) else result
        kind = first._array.dtype if first.dtype.is_floating_point else np.dtype("float32")
        step = Step(form, options)
        for k in range(4):
            rng = np.random.default_rng(k)
            g = minigrad.from_numpy(np.asarray(rng.standard_normal(first._array.shape), kind))
            operands = case.operands if k < 2 else others(case, k)
            expected = outcome(step.plain, leaves(operands), g)
            misses = step.misses
            with small_blocks(seed):
                assert outcome(step.compiled, leaves(operands), g) == expected, (case, k)
            used += k > 1 and step.misses == misses
        assert step.compiled.refusal == "" or step.may_refuse(case), (case, step.compiled.refusal)
    assert used


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SHORTFALLS)
def test_a_rule_that_falls_short_is_refused_by_name(name: str) -> None:
    for seed in range(20):
        case = draw_case(name, seed)
        options = {key: translated(value) for key, value in case.options.items()}
        step = Step(form_of(name), options)
        g = None
        try:
            for _ in range(2):
                outcome(step.compiled, leaves(case.operands), g)
        except Exception:
            continue
        if step.compiled.refusal:
            assert SHORTFALLS[name] in step.compiled.refusal
            return
    pytest.fail("it isn't refused any more: delete it from SHORTFALLS")


def test_a_shortfall_is_a_rule() -> None:
    assert SHORTFALLS.keys() <= SAMPLES.keys()
