"""For pytest alone: the names that the doctests of the bridge find, and none without PyTorch."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn

_HAS_TORCH = importlib.util.find_spec("torch") is not None
# These know nothing of PyTorch.
_WITHOUT = {
    *("__init__.py", "closeness.py", "findings.py", "operands.py", "rows.py", "samples.py"),
    *("source.py", "spelling.py", "text.py", "versions.py"),
}


def pytest_ignore_collect(collection_path: Any) -> bool | None:
    """Leave out what cannot be imported."""
    return True if not _HAS_TORCH and collection_path.name not in _WITHOUT else None


@pytest.fixture(autouse=True, scope="session")
def _names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace |= {"minigrad": minigrad, "nn": nn, "np": np}
    if _HAS_TORCH:
        import torch

        doctest_namespace["torch"] = torch
