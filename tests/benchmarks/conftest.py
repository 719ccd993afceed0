"""The collector runs before each turn, and leaves alone here what all tests have imported."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.turns import imports_frozen


@pytest.fixture(autouse=True, scope="session")
def _frozen() -> Iterator[None]:
    with imports_frozen():
        yield
