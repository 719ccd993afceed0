"""bridge/strategies: values have the promised properties, and special cases are frequent enough."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as hs

torch = pytest.importorskip("torch")

import minigrad
from bridge import strategies as st
from bridge.drawing.expressions import Expression, as_code
from bridge.libraries.convert import copy_with_strides
from tests.bridge.mistakes import mistake_in_rule


def many(strategy: hs.SearchStrategy[Any], count: int = 400) -> list[Any]:
    found: list[Any] = []

    @settings(max_examples=count, phases=[Phase.generate], database=None, derandomize=True)
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def test_shapes_have_sizes_0_and_1_and_no_dimensions() -> None:
    found = many(st.shapes())
    assert {len(shape) for shape in found} == {0, 1, 2, 3}
    assert {size for shape in found for size in shape} == {0, 1, 2, 3, 4}
    assert max(len(shape) for shape in many(st.shapes(max_dims=1))) == 1


def test_shapes_that_broadcast_do_so_and_differ() -> None:
    found = many(st.shapes_that_broadcast(3))
    for shapes in found:
        np.broadcast_shapes(*shapes)
    assert sum(len(set(shapes)) > 1 for shapes in found) > 200


def test_both_libraries_accept_all_dims() -> None:
    for ndim in range(4):
        x = np.zeros((2,) * ndim)
        for t in (minigrad, torch):
            for dim in many(st.dims(ndim), 20):
                t.sum(t.from_numpy(x), dim)
            for dims in many(st.some_dims(ndim), 20):
                t.sum(t.from_numpy(x), dims)


def test_arrays_have_special_values_layouts_and_dtypes_at_a_useful_rate() -> None:
    found = [x for x in many(st.arrays(), 1000) if x.size > 1]
    kinds = {
        "NaN": lambda x: np.isnan(x).any(),
        "an infinity": lambda x: np.isinf(x).any(),
        "-0": lambda x: (np.signbit(x) & (x == 0)).any(),
        "a subnormal": lambda x: ((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)).any(),
        "huge": lambda x: (np.abs(x) > 1e30).any(),
        "a tie": lambda x: len(np.unique(x)) < x.size,
        "nothing special": lambda x: np.isfinite(x).all() and (np.abs(x) < 10).all(),
        "gaps or another order": lambda x: not x.flags.c_contiguous,
        "shared places": lambda x: 0 in x.strides,
        "float32": lambda x: x.dtype == np.float32,
    }
    for kind, has in kinds.items():
        assert sum(map(has, found)) > len(found) / 50, kind
    assert all(np.isfinite(x).all() for x in many(st.arrays(special=False)))


def test_arrays_of_a_shape_and_a_dtype() -> None:
    for dtype in ("float32", "int64", "bool"):
        assert {(x.shape, x.dtype.name) for x in many(st.arrays((2, 1), dtype), 50)} == {
            ((2, 1), dtype)
        }
    for x, y in many(st.arrays_that_broadcast(2, "float64"), 100):
        assert (x + y).dtype == np.float64


@settings(max_examples=300)
@given(st.shapes().flatmap(lambda shape: hs.tuples(hs.just(shape), st.keys(shape))))
def test_keys_mean_the_same_in_both_libraries_and_numpy(drawn: Any) -> None:
    shape, key = drawn
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    expected = x[key]
    for t in (minigrad, torch):
        parts = key if isinstance(key, tuple) else (key,)
        tensors = tuple(t.from_numpy(k) if isinstance(k, np.ndarray) else k for k in parts)
        np.testing.assert_array_equal(t.from_numpy(x)[tensors].numpy(), expected)


def test_keys_are_of_every_kind() -> None:
    parts = [p for key in many(st.keys((3, 2))) for p in (key if type(key) is tuple else (key,))]
    assert {type(p).__name__ for p in parts} == {"int", "slice", "ellipsis", "NoneType", "ndarray"}
    assert {p.dtype.kind for p in parts if isinstance(p, np.ndarray)} == {"i", "b"}


@given(st.arrays())
def test_a_copy_has_the_strides_of_the_array(x: np.ndarray) -> None:
    y = copy_with_strides(x)
    np.testing.assert_array_equal(x, y)
    assert not np.shares_memory(x, y)
    if x.size:
        assert y.strides == x.strides


@given(st.arrays(hs.sampled_from([(), (2,), (2, 3), (0, 2)]), "float32"))
def test_the_code_of_an_array_makes_the_array(x: np.ndarray) -> None:
    names = {"torch": torch, "nan": np.nan, "inf": np.inf}
    made = eval(as_code(np.array(x)), names)
    assert (made.dtype, tuple(made.shape)) == (torch.float32, x.shape)
    np.testing.assert_array_equal(made.numpy(), x)


def test_expressions_get_the_parentheses_they_need() -> None:
    a, b = Expression("a"), Expression("b")
    assert str((a + b) * -a) == "(a + b) * (-a)"
    assert str((-1.5) ** a[0]) == "(-1.5) ** a[0]"
    assert str((a @ b).sum((0, 1), keepdim=True)) == "(a @ b).sum((0, 1), keepdim=True)"
    assert str(2 - abs(a)) == "2 - abs(a)"


def test_a_users_property_test_finds_a_mistake() -> None:
    from bridge import assert_matches_torch

    @settings(max_examples=50, phases=[Phase.generate], database=None, derandomize=True)
    @given(st.arrays_that_broadcast(2))
    def gate(arrays: Any) -> None:
        assert_matches_torch(lambda torch, x, y: torch.sigmoid(x) * y, *arrays)

    gate()
    with (
        mistake_in_rule("sigmoid", derivative=lambda d: d * (1 + 5e-4)),
        warnings.catch_warnings(),
        pytest.raises(AssertionError, match="sigmoid"),
    ):
        gate()
