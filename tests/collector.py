"""The cyclic garbage collector, turned off in tests of what reference counting frees."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_cyclic_gc() -> Iterator[None]:
    """Turn the collector off: `gc.collect()` then counts what reference counting did not free."""
    gc.freeze()  # so that each collection skips all older objects
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
