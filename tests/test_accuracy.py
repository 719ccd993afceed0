"""minigrad/catalogue/accuracy.py: tolerances of rules, each with a reason unless it is exact."""

from __future__ import annotations

import inspect

import pytest

from minigrad.catalogue.accuracy import FUSED, ON_CUDA, TOLERANCES, Exact, Scaled, tolerance
from minigrad.rules import REGISTRY


def test_every_entry_is_a_rule() -> None:
    assert TOLERANCES.keys() <= REGISTRY.keys()


@pytest.mark.parametrize("op", TOLERANCES)
def test_an_inexact_op_has_a_reason(op: str) -> None:
    assert tolerance(op).why.endswith(".")
    assert (tolerance(op).value, tolerance(op).gradient) != (Exact(), Exact())


def test_an_op_without_an_entry_is_exact() -> None:
    assert tolerance("add").value == tolerance("add").gradient == Exact()
    assert "add" not in TOLERANCES


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
