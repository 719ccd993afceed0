"""minigrad/accuracy.py: a table of rules, with a reason for each bound that is not exact."""

from __future__ import annotations

import inspect

import pytest

from minigrad.catalogue.accuracy import BOUNDS, FUSED, ON_CUDA, Exact, Scaled, bound
from minigrad.rules import REGISTRY


def test_the_table_is_of_rules() -> None:
    assert BOUNDS.keys() <= REGISTRY.keys()


@pytest.mark.parametrize("op", BOUNDS)
def test_what_is_not_exact_has_a_reason(op: str) -> None:
    assert bound(op).why.endswith(".")
    assert (bound(op).value, bound(op).gradient) != (Exact(), Exact())


def test_what_is_not_in_the_table_is_exact() -> None:
    assert bound("add").value == bound("add").gradient == Exact()
    assert "add" not in BOUNDS


@pytest.mark.parametrize("op", FUSED)
def test_an_alpha_may_be_fused(op: str) -> None:
    assert "alpha" in inspect.signature(REGISTRY[op].forward).parameters
    assert bound(op, alpha=1) == bound(op)
    assert isinstance(bound(op, alpha=0.1).value, Scaled)


@pytest.mark.parametrize("op", ON_CUDA)
def test_more_is_allowed_on_a_gpu(op: str) -> None:
    assert bound(op, device="cuda:0") == ON_CUDA[op] != bound(op, device="cpu")
    assert ON_CUDA[op].why.endswith(".")


def test_an_alpha_of_another_kind_changes_no_bound() -> None:
    assert bound("exp", alpha=0.1) == bound("exp")
