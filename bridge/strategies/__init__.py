"""Strategies for hypothesis: values, layouts and computations at which numerical code goes wrong.

    from hypothesis import given
    from bridge import assert_matches_torch, strategies as st

    @given(st.arrays_that_broadcast(2))
    def test_gate(arrays):
        assert_matches_torch(lambda torch, x, y: torch.sigmoid(x) * y, *arrays)

This package imports `bridge.random_programs`, `bridge.drawing` and hypothesis. Read `arrays.py`
(for NumPy code of any kind), then `computations.py` (trainings, calls of minigrad's ops, programs).
"""

try:
    import hypothesis  # noqa: F401
except ModuleNotFoundError:
    raise ImportError(
        "bridge.strategies needs hypothesis: pip install 'hypothesis>=6.100'", name="hypothesis"
    ) from None

from .arrays import (
    arrays,
    arrays_that_broadcast,
    basic_keys,
    dims,
    dtypes,
    elements,
    keys,
    shapes,
    shapes_that_broadcast,
    some_dims,
)
from .computations import SEEDS, cases, cases_for, programs, trainings

__all__ = [
    "SEEDS",
    "arrays",
    "arrays_that_broadcast",
    "basic_keys",
    "cases",
    "cases_for",
    "dims",
    "dtypes",
    "elements",
    "keys",
    "programs",
    "shapes",
    "shapes_that_broadcast",
    "some_dims",
    "trainings",
]
