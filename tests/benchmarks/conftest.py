"""Freeze what exists before a test: each turn starts with a full garbage collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _all_frozen() -> Iterator[None]:
    gc.freeze()
    yield
    gc.unfreeze()
