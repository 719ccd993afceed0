"""bridge/bounds.py: a table of rules, with a reason for each bound that is not exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bridge.bounds import BOUNDS, BY_VERSION, bound, known_otherwise
from bridge.closeness import Exact, Scaled
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


@pytest.mark.parametrize("op", BY_VERSION)
def test_what_changed_with_a_version_is_of_a_rule_and_has_a_reason(op: str) -> None:
    assert op in REGISTRY
    major, minor = BY_VERSION[op].before
    assert f"before PyTorch {major}.{minor}" in BY_VERSION[op].why


def test_a_nan_as_the_only_bound_of_a_clamp_depends_on_the_version() -> None:
    def known(*bounds: Any, version: str = "2.4.0+cpu") -> bool:
        return bool(known_otherwise("clamp", (np.ones(2), *bounds), {}, version))

    nan = float("nan")
    assert known(nan, None)
    assert known(None, nan)
    assert not known(nan, 1.0)
    assert not known(0.0, None)
    assert not known(np.array(nan), None)
    assert not known(nan, None, version="2.13.0")
    assert not known_otherwise("relu", (np.ones(2),), {}, "2.4.0")
