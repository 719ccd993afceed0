"""minigrad/catalogue/accuracy.py: tolerances of rules, each with a reason unless it is exact."""

from __future__ import annotations

import inspect

import pytest

from minigrad.catalogue.accuracy import (
    ELEMENTWISE,
    FUSED,
    ON_CUDA,
    TOLERANCES,
    OpTolerance,
    Scaled,
    tolerance,
)
from minigrad.rules import REGISTRY


def test_every_entry_is_a_rule() -> None:
    assert TOLERANCES.keys() <= REGISTRY.keys()


@pytest.mark.parametrize("op", TOLERANCES)
def test_an_entry_has_a_reason_and_makes_a_difference(
    op: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tolerance(op).why.endswith(".")
    entry = TOLERANCES[op]
    monkeypatch.delitem(TOLERANCES, op)
    assert entry != tolerance(op)


def test_an_op_without_an_entry_is_exact_unless_it_is_a_ufunc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "add" not in TOLERANCES
    assert tolerance("add") == OpTolerance()
    monkeypatch.delitem(TOLERANCES, "tanh")
    assert tolerance("tanh") == ELEMENTWISE


@pytest.mark.parametrize("op", FUSED)
def test_a_fused_alpha_has_a_scaled_tolerance(op: str) -> None:
    assert "alpha" in inspect.signature(REGISTRY[op].forward).parameters
    assert tolerance(op, alpha=1) == tolerance(op)
    assert isinstance(tolerance(op, alpha=0.1).value, Scaled)


@pytest.mark.parametrize("op", ON_CUDA)
def test_a_gpu_has_other_tolerances(op: str) -> None:
    assert tolerance(op, device="cuda:0") == ON_CUDA[op] != tolerance(op, device="cpu")
    assert ON_CUDA[op].why.endswith(".")


def test_alpha_does_not_change_the_tolerance_of_other_ops() -> None:
    assert tolerance("exp", alpha=0.1) == tolerance("exp")
