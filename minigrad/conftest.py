"""Configuration of pytest: the names that every doctest in the package can use."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad
import minigrad.nn.functional
from minigrad import distributed, nn, optim


@pytest.fixture(autouse=True, scope="session")
def _doctest_names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace |= {
        "minigrad": minigrad,
        "nn": nn,
        "dist": distributed,
        "F": minigrad.nn.functional,
        "optim": optim,
        "np": np,
        "warnings": warnings,
    }
