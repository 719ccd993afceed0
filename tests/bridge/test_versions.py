"""bridge/libraries/versions.py: what older versions of PyTorch answer differently, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bridge.libraries.versions import BY_VERSION, version_note
from minigrad.rules import REGISTRY


@pytest.mark.parametrize("op", BY_VERSION)
def test_every_difference_is_of_a_rule_and_has_a_reason(op: str) -> None:
    assert op in REGISTRY
    major, minor = BY_VERSION[op].before
    assert f"before PyTorch {major}.{minor}" in BY_VERSION[op].why


def test_a_nan_as_the_only_bound_of_a_clamp_depends_on_the_version() -> None:
    def known(*bounds: Any, version: str = "2.4.0+cpu") -> bool:
        return bool(version_note("clamp", (np.ones(2), *bounds), {}, version))

    nan = float("nan")
    assert known(nan, None)
    assert known(None, nan)
    assert not known(nan, 1.0)
    assert not known(0.0, None)
    assert not known(np.array(nan), None)
    assert not known(nan, None, version="2.13.0")
    assert not version_note("relu", (np.ones(2),), {}, "2.4.0")
