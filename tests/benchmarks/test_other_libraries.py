"""benchmarks/other_libraries.py: the optional engines agree with the others."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks.agreement import check_engines
from benchmarks.all_engines import all_engines
from benchmarks.networks import ladder


@pytest.mark.parametrize("name", ["jax", "mygrad", "autograd"])
def test_an_optional_engine_agrees(name: str) -> None:
    pytest.importorskip(f"{name}.numpy" if name != "mygrad" else name)
    for network in ladder("float32", quick=True):
        check_engines(network, all_engines(network, (name,)))
