"""Freeze what the tests import: each turn starts with a full garbage collection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.turns import imports_frozen


@pytest.fixture(autouse=True, scope="session")
def _imports_frozen() -> Iterator[None]:
    with imports_frozen():
        yield
