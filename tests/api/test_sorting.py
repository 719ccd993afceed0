"""compositions/sorting.py: the first elements in order, without sorting all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.api.compositions.sorting import first_in_order, order

KINDS = {
    "distinct": lambda rng, shape: rng.standard_normal(shape),
    "tied": lambda rng, shape: rng.integers(0, 40, shape).astype(float),
    "mostly equal": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "with NaN": lambda rng, shape: rng.choice([0.5, 1.5, np.nan, np.inf], shape),
    "a few NaN": lambda rng, shape: np.where(
        rng.random(shape) < 0.01, np.nan, rng.standard_normal(shape)
    ),
    "integers": lambda rng, shape: rng.integers(-300, 300, shape),
    "signed zeros": lambda rng, shape: rng.choice([0.0, -0.0, 1.0], shape),
}


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([511, 512, 900]),
    k=st.sampled_from([0, 1, 2, 7, 64, 100]),
    dim=st.integers(0, 1),
    descending=st.booleans(),
)
def test_the_first_are_those_of_the_whole_order(
    kind: str, seed: int, size: int, k: int, dim: int, descending: bool
) -> None:
    shape = (size, 3) if dim == 0 else (3, size)
    x = KINDS[kind](np.random.default_rng(seed), shape)
    whole = order(x, dim, descending)
    first = whole[:k] if dim == 0 else whole[:, :k]
    np.testing.assert_array_equal(first_in_order(x, dim, k, descending), first)
