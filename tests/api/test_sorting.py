"""compositions/sorting.py: the first elements in order, without sorting all of them, and NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.api.compositions.sorting import first_in_order, order

torch = pytest.importorskip("torch")

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


WITH_NAN = st.lists(st.sampled_from([np.nan, 0.0, 1.0, 2.0, np.inf, -np.inf]), min_size=1)
OF_A_LINE: dict[str, Callable[[Any, Any], Any]] = {
    "sort": lambda t, x: t.sort(x, stable=True),
    "descending sort": lambda t, x: t.sort(x, descending=True, stable=True),
    "argsort": lambda t, x: t.argsort(x, stable=True),
    "msort": lambda t, x: t.msort(x),
    "topk": lambda t, x: t.topk(x, len(x) // 2).values,
    "least topk": lambda t, x: t.topk(x, len(x) // 2, largest=False).values,
    "kthvalue": lambda t, x: t.kthvalue(x, (len(x) + 1) // 2).values,
    "median": lambda t, x: t.median(x),
    "median over dim": lambda t, x: t.median(x, 0).values,
    "nanmedian": lambda t, x: t.nanmedian(x),
    "nanmedian over dim": lambda t, x: t.nanmedian(x, 0).values,
    "mode": lambda t, x: t.mode(x),
    "unique": lambda t, x: t.unique(x, return_inverse=True, return_counts=True),
    "unique_consecutive": lambda t, x: t.unique_consecutive(x, return_counts=True),
    "cummax": lambda t, x: t.cummax(x, 0),
    "cummin": lambda t, x: t.cummin(x, 0),
    "max": lambda t, x: t.max(x, 0),
    "min": lambda t, x: t.min(x, 0),
    "argmax": lambda t, x: t.argmax(x),
    "argmin": lambda t, x: t.argmin(x),
    "aminmax": lambda t, x: t.aminmax(x),
    "quantile": lambda t, x: t.quantile(x, t.tensor([0.0, 0.25, 1.0])),
    "nanquantile": lambda t, x: t.nanquantile(x, t.tensor([0.0, 0.25, 1.0])),
    "isin": lambda t, x: t.isin(x, t.tensor([np.nan, 1.0])),
}


def check_line(function: Callable[[Any], Any]) -> None:
    ours, theirs = function(minigrad), function(torch)
    pairs = zip(ours, theirs, strict=True) if isinstance(theirs, tuple) else [(ours, theirs)]
    for a, b in pairs:
        np.testing.assert_array_equal(a.numpy(), b.numpy(), strict=True)


@pytest.mark.parametrize("name", OF_A_LINE)
@given(x=WITH_NAN)
def test_orders_with_nan_are_pytorchs(name: str, x: list[float]) -> None:
    if name != "mode" or len(x) <= 16 or not np.isnan(x).any():
        check_line(lambda t: OF_A_LINE[name](t, t.tensor(x)))


@given(x=WITH_NAN, at=WITH_NAN, right=st.booleans(), ordered=st.booleans())
def test_searches_with_nan_are_pytorchs(
    x: list[float], at: list[float], right: bool, ordered: bool
) -> None:
    line = sorted(at, key=lambda element: (np.isnan(element), element)) if ordered else at
    if ordered or np.isnan([*x, *at]).any():
        check_line(lambda t: t.searchsorted(t.tensor(line), t.tensor(x), right=right))
        check_line(lambda t: t.bucketize(t.tensor(x), t.tensor(line), right=right))
