"""minigrad/accuracy.py: a table of rules, with a reason for each bound that is not exact."""

from __future__ import annotations

import pytest

from minigrad.accuracy import BOUNDS, Exact, Scaled, bound
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


def test_an_alpha_may_be_fused() -> None:
    assert bound("add", alpha=1) == bound("add")
    assert isinstance(bound("add", alpha=0.1).value, Scaled)
