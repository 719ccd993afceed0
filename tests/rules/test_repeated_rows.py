"""The sums of repeated rows have the bits of additions one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.rules import indexing
from minigrad.rules.indexing import scatter

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 3e38, -3e38])


@given(
    places=st.integers(1, 60),
    shape=st.sampled_from([(256,), (19, 18), (600,)]),
    width=st.sampled_from([(32,), (33,), (4, 9)]),
    skew=st.sampled_from([0.1, 1.0, 8.0]),
    dtype=st.sampled_from(["float32", "float64"]),
    special=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_rows_are_added_up_in_their_order(
    places: int,
    shape: tuple[int, ...],
    width: tuple[int, ...],
    skew: float,
    dtype: str,
    special: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    index = np.minimum(places * rng.random(shape) ** skew, places - 1).astype(np.int64)
    index -= places * rng.integers(0, 2, shape)  # some are counted from the end
    values = rng.standard_normal((*shape, *width)) * 10.0 ** rng.integers(-3, 4, (*shape, *width))
    if special:
        values = np.where(rng.random(values.shape) < 0.1, rng.choice(SPECIAL, values.shape), values)
    with np.errstate(all="ignore"):
        values = values.astype(dtype)
        assert indexing._selects_long_rows((index,), values)
        expected = np.zeros((places, *width), dtype)
        np.add.at(expected, (index,), values)
        found = scatter(values, (index,), (places, *width), True)[0]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    # The sign of NaN isn't defined.
    np.testing.assert_array_equal(*(np.signbit(np.nan_to_num(y, nan=0)) for y in (found, expected)))


@pytest.mark.parametrize("key", [(slice(None),), (np.ones(255, bool),), (np.zeros(255, int),)])
def test_other_keys_are_left_to_numpy(key: tuple[slice | np.ndarray, ...]) -> None:
    assert not indexing._selects_long_rows(key, np.ones((255, 32)))
