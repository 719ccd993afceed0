"""histograms.py: counts, weights, edges and errors are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_close

import minigrad

torch = pytest.importorskip("torch")

numbers = st.floats(-4, 4, width=16) | st.integers(-3, 3).map(float)
weights = st.lists(st.integers(0, 4).map(float), min_size=12, max_size=12)


def check_same(program: Callable[[Any], Any]) -> None:
    """Check for close counts and edges, or the same type of error."""

    def parts(t: Any) -> list[Any]:
        hist, edges = program(t)
        return [hist, *(edges if isinstance(edges, tuple) else [edges])]

    check_close(parts, 1e-6)


@given(
    st.lists(numbers, max_size=12),
    st.integers(0, 5),
    st.none() | st.tuples(numbers, numbers),
    st.none() | weights,
    st.booleans(),
    st.sampled_from(["float32", "float64", "float16", "int64"]),
)
def test_bins_of_equal_width(
    data: list[float], bins: int, range: Any, weight: Any, density: bool, dtype: str
) -> None:
    def program(t: Any) -> Any:
        kind = getattr(t, dtype)
        w = None if weight is None else t.tensor(weight[: len(data)], dtype=kind)
        x = t.tensor(data).to(kind)
        return t.histogram(x, bins, range=range, weight=w, density=density)

    check_same(program)


@given(
    st.lists(numbers, max_size=12),
    st.lists(numbers, max_size=5).map(sorted),
    st.none() | weights,
    st.booleans(),
)
def test_given_edges(data: list[float], edges: list[float], weight: Any, density: bool) -> None:
    def program(t: Any) -> Any:
        w = None if weight is None else t.tensor(weight[: len(data)])
        return t.tensor(data).histogram(t.tensor(edges), weight=w, density=density)

    check_same(program)


@given(st.integers(1, 3), st.integers(0, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_several_dimensions(dims: int, count: int, seed: int, density: bool) -> None:
    points = np.random.default_rng(seed).integers(-3, 4, (count, dims)).astype(np.float32)

    def program(t: Any) -> Any:
        x = t.from_numpy(points.copy())
        return t.histogramdd(x, [3, 2, 4][:dims], density=density)

    check_same(program)
    edges = [[-3.0, 0.0, 1.0, 3.0]] * dims
    check_same(lambda t: t.histogramdd(t.from_numpy(points.copy()), [t.tensor(e) for e in edges]))


@pytest.mark.parametrize(
    "call",
    [
        "t.histogram(t.tensor([1.0, math.nan]), 3)",
        "t.histogram(t.tensor([1.0, math.nan]), 3, range=(0.0, 2.0))",
        "t.histogram(t.tensor([1.0, math.inf]), 3)",
        "t.histogram(t.ones(2), 3, range=(0.0, math.inf))",
        "t.histogram(t.ones(2), 3, range=(0.0,))",
        "t.histogram(t.ones(2), 2.0)",
        "t.histogram(t.ones(2), t.ones(2, 2))",
        "t.histogram(t.ones(2), t.tensor([0.0, 1.0]), range=(0.0, 1.0))",
        "t.histogram(t.ones(2), t.tensor([0.0, 1.0], dtype=t.float64))",
        "t.histogram(t.ones(2), 3, weight=t.ones(3))",
        "t.histogram(t.ones(2), 3, weight=[1.0, 2.0])",
        "t.histogramdd(t.ones(2, 2), 3, weight=[1.0, 2.0])",
        "t.histogram(t.ones(2), 3, weight=t.ones(2, dtype=t.float64))",
        "t.histogram(t.ones(2), bins=3, out=(t.empty(0), t.empty(0)))",
        "t.histogramdd(t.ones(3), 2)",
        "t.histogramdd(t.ones(3, 2), [2])",
        "t.histogramdd(t.ones(3, 2), 2, range=[0.0, 1.0, 0.0, 2.0])",
        "t.histogramdd(t.ones(3, 2), 2, weight=t.ones(2))",
        "t.histogramdd(t.ones(3, 2), 2, weight=t.tensor([1.0, 0.5, 2.0]))",
    ],
)
def test_calls(call: str) -> None:
    check_same(lambda t: eval(call, {"t": t, "math": math}))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "float32"])
def test_histc_counts_floats(dtype: str) -> None:
    def counts(t: Any) -> Any:
        try:
            return t.histc(t.tensor([1, 0, 3]).to(getattr(t, dtype)), 3).tolist()
        except NotImplementedError:
            return None

    assert counts(minigrad) == counts(torch)
