"""bridge/comparing/closeness.py: what each tolerance accepts, and what it rejects."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bridge.comparing.closeness import compare_arrays, difference, normwise
from minigrad.catalogue.accuracy import Exact, Scaled, Tolerance, Ulps

FLOATS = st.sampled_from([np.dtype(np.float32), np.dtype(np.float64)])
ARRAYS = FLOATS.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=2)))
FINITE = FLOATS.flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        st.integers(1, 5),
        elements=hnp.from_dtype(dtype, allow_nan=False, allow_infinity=False),
    )
)
TOLERANCES: list[Tolerance] = [Exact(), Ulps(3), Scaled(3)]
each_tolerance = pytest.mark.parametrize("tolerance", TOLERANCES)
IN_ORDER = [-np.inf, -2.0, -1e-300, -0.0, 0.0, 5e-324, 1.0, 1e308, np.inf, np.nan]


def close(a: object, b: object, tolerance: Tolerance, terms: object = 1.0) -> bool:
    return difference(np.asarray(a), np.asarray(b), tolerance, np.asarray(terms)) is None


@each_tolerance
@given(x=ARRAYS)
def test_an_array_is_close_to_itself(tolerance: Tolerance, x: np.ndarray) -> None:
    assert close(x, x.copy(), tolerance)


@each_tolerance
def test_a_different_dtype_or_shape_is_not_close(tolerance: Tolerance) -> None:
    x = np.ones((2, 3))
    assert not close(x, x.astype(np.float32), tolerance)
    assert not close(x, np.ones((3, 2)), tolerance)
    assert not close(np.ones(1), np.ones(()), tolerance)
    assert difference(x, np.ones((3, 2)), tolerance).index is None
    assert not close(np.ones(2, np.int32), np.ones(2, np.int64), tolerance)


@each_tolerance
@pytest.mark.parametrize("a", IN_ORDER)
@pytest.mark.parametrize("b", IN_ORDER)
def test_special_numbers_are_close_to_themselves_only(
    tolerance: Tolerance, a: float, b: float
) -> None:
    alike = np.array_equal(a, b, equal_nan=True)
    if a == b == 0:  # the signs don't matter
        alike = not isinstance(tolerance, Exact) or np.signbit(a) == np.signbit(b)
    elif {a, b} <= {0.0, 5e-324}:  # neighbours
        alike = alike or not isinstance(tolerance, Exact)
    elif isinstance(tolerance, Scaled) and abs(a) < 1e-299 and abs(b) < 1e-299:
        alike = True  # both are less than a rounding error of terms of 1
    assert close(a, b, tolerance) == alike


@given(ARRAYS)
def test_exact_compares_bits(x: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        up = np.nextafter(x, x.dtype.type(np.inf))
    for i in np.ndindex(x.shape):
        other = x.copy()
        other[i] = up[i]
        changed = np.isfinite(x[i]) or x[i] == -np.inf
        assert (difference(x, other, Exact()) is None) == (not changed)


def test_any_nan_equals_any_nan() -> None:
    bits = np.array([0x7FF8000000000000, 0xFFF8000000000001], np.uint64).view(np.float64)
    assert close(bits[:1], bits[1:], Exact())


@given(FINITE, st.integers(0, 9))
def test_ulps_count_steps(x: np.ndarray, steps: int) -> None:
    y = x
    with np.errstate(over="ignore"):
        for _ in range(steps):
            y = np.nextafter(y, x.dtype.type(np.inf))
    # The steps may cross zero, where -0 and 0 are the same place.
    assert close(x, y, Ulps(steps)) or not np.isfinite(y).all()
    if steps and np.isfinite(y).all():
        far = np.signbit(x) == np.signbit(y)
        found = difference(x[far], y[far], Ulps(steps - 1))
        assert (found is None) == (not far.any())
        assert found is None or found.distance == steps


@given(FLOATS, st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_scaled_accepts_any_order_of_summation(dtype: np.dtype, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = (rng.standard_normal(n) * 10.0 ** rng.uniform(-5, 5, n)).astype(dtype)
    totals = []
    for order in (np.arange(n), rng.permutation(n)):
        total = dtype.type(0)
        for i in order:
            total += terms[i]
        totals.append(np.asarray(total))
    scale = np.abs(terms).astype(np.float64).sum()
    assert difference(*totals, Scaled(n - 1), np.asarray(scale)) is None
    truth = float(sum(map(Fraction, terms.tolist())))
    wrong = np.asarray(truth + n * 2 * np.finfo(dtype).eps * scale, dtype)
    assert difference(np.asarray(truth, dtype), wrong, Scaled(n - 1), np.asarray(scale))


def test_scaled_accepts_anything_if_a_sum_may_overflow() -> None:
    huge = np.finfo(np.float32).max
    assert close(np.float32(np.inf), huge, Scaled(3), 2 * np.float64(huge))
    assert not close(np.float32(np.inf), huge, Scaled(3), np.float64(huge))


def test_scaled_requires_terms() -> None:
    with pytest.raises(TypeError, match="terms"):
        difference(np.ones(2), np.ones(2), Scaled(3))


@each_tolerance
def test_integers_and_bools_must_be_equal(tolerance: Tolerance) -> None:
    big = np.array([2**62, 1])
    assert close(big, big.copy(), tolerance)
    assert not close(big, big + np.array([1, 0]), tolerance)
    assert not close([True, False], [True, True], tolerance)


def test_the_worst_element_is_named() -> None:
    x = np.ones((2, 3))
    y = x.copy()
    y[0, 1] += 4 * np.spacing(1)
    y[1, 2] += 9 * np.spacing(1)
    found = difference(x, y, Ulps(2))
    assert found is not None
    assert found.index == (1, 2)
    assert found.distance == 9
    assert "2 of 6 elements" in str(found)
    assert str(found.index[0]) in str(found)


def test_exact_measures_the_distance_in_ulps() -> None:
    one = np.ones(1)
    assert compare_arrays(one, one, Exact()).distance == 0
    assert compare_arrays(one, np.nextafter(one, 2), Exact()).distance == 1
    assert compare_arrays(np.zeros(1), -np.zeros(1), Exact()).distance == 1
    assert compare_arrays(one, one * np.nan, Exact()).distance == np.inf


@given(ARRAYS)
def test_close_arrays_are_measured_too(x: np.ndarray) -> None:
    found = compare_arrays(x, x.copy(), Ulps(3))
    assert found.ok
    assert (found.distance, found.wrong) == (0, 0)
    assert (found.index is None) == (x.size == 0)
    assert found.to_dict()["ok"] is True


def test_a_difference_converts_to_strict_json() -> None:
    for a, b in ((np.inf, np.nan), (1.0, 2.0), (np.float32(1), 1.0), ([1], 1)):
        found = compare_arrays(np.asarray(a), np.asarray(b), Exact())
        assert not found.ok
        json.dumps(found.to_dict(), allow_nan=False)


def test_normwise_is_relative_to_the_largest_element() -> None:
    theirs = np.array([1e8, 1.0, np.inf, np.nan])
    found = normwise(np.array([1e8, 1.0 + 1e-8, np.inf, np.nan]), theirs)
    assert found.distance == pytest.approx(1e-16 / np.finfo(float).eps, rel=1e-6)
    assert found.unit == "eps of the largest"
    assert not normwise(np.array([1e8, 2.0, np.inf, np.nan]), theirs, 10).ok
    assert not normwise(np.array([1e8, 1.0, 0.0, np.nan]), theirs, 1e30).ok


def test_a_flushed_number_is_reported() -> None:
    tiny = np.array([5e-324])
    found = compare_arrays(tiny, np.zeros(1), Exact())
    assert found.flushed
    assert "flush-to-zero" in str(found)
    assert not compare_arrays(np.ones(1), np.zeros(1), Exact()).flushed
    assert not compare_arrays(tiny, tiny * 2, Exact()).flushed
