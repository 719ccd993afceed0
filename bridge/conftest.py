"""For pytest only: the names that doctests use, and the files that need PyTorch."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn

_HAS_TORCH = importlib.util.find_spec("torch") is not None
_PEERS = {"autograd", "jax", "micrograd", "mygrad", "tinygrad"}
_WITHOUT_TORCH = {
    "comparing/closeness.py",
    "comparing/findings.py",
    "drawing/cases.py",
    "drawing/draws.py",
    "drawing/expressions.py",
    "drawing/operands.py",
    "drawing/samples.py",
    "libraries/op_calls.py",
    "libraries/versions.py",
    "reporting/rows.py",
}


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)  # a folder of tests may have the name of a module
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


_HAS_DASK = _is_installed("distributed")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore files that can't be imported without PyTorch, dask or another engine."""
    if collection_path.is_dir():
        return None
    if collection_path.name == "running.py" and collection_path.parent.name == "campaign":
        return None if _HAS_TORCH and _HAS_DASK else True
    name = collection_path.relative_to(Path(__file__).parent).as_posix()
    folder, _, module = name.removesuffix(".py").rpartition("/")
    if folder == "adapters" and module in _PEERS and not _is_installed(module):
        return True
    if _HAS_TORCH:
        return None
    return None if name in _WITHOUT_TORCH else True


@pytest.fixture(autouse=True, scope="session")
def _names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace |= {"minigrad": minigrad, "nn": nn, "np": np}
    if _HAS_TORCH:
        import torch

        doctest_namespace["torch"] = torch
