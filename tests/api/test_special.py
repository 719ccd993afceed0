"""The Bessel functions and polynomials beyond what the checks of rules draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import both

from minigrad.rules import bessel, polynomials
from minigrad.rules.rule import names_in

torch = pytest.importorskip("torch")
BESSEL, POLYNOMIALS = (
    [name.removeprefix("special_") for name in names_in(module)] for module in (bessel, polynomials)
)
SPECIAL = [0.0, -0.0, 1e-3, 1.0, -1.0, 4.9, 9.0, 30.0, -3.0, np.inf, -np.inf, np.nan]


def results(name: str, *arrays: Any) -> list[np.ndarray]:
    """The results of a function of torch.special in both libraries."""

    def call(t: Any) -> Any:
        given = (t.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in arrays)
        return getattr(t.special, name)(*given).numpy()

    return both(call)


@pytest.mark.parametrize("name", BESSEL)
def test_bessel_functions_at_special_values(name: str) -> None:
    for dtype in (np.float32, np.float64):
        ours, theirs = results(name, np.array(SPECIAL, dtype))
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, 2e-6, 2e-6)


@pytest.mark.parametrize("name", BESSEL)
@given(st.lists(st.floats(0.125, 20, width=32), min_size=1, max_size=8))
def test_bessel_functions_in_float32(name: str, x: list[float]) -> None:
    ours, theirs = results(name, np.array(x, np.float32))
    np.testing.assert_allclose(ours, theirs, 2e-6, 2e-6)


@pytest.mark.parametrize("name", POLYNOMIALS)
@given(
    st.lists(st.floats(-1.5, 1.5, width=16), min_size=1, max_size=6),
    st.lists(st.integers(-2, 20) | st.sampled_from([2.9, 40]), min_size=1, max_size=6),
)
def test_polynomials_of_large_degree(name: str, x: list[float], n: list[float]) -> None:
    ours, theirs = results(name, np.array(x)[:, None], np.array(n, np.float64))
    np.testing.assert_allclose(ours, theirs, 1e-9, 1e-9 * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_at_special_values(name: str) -> None:
    """At NaN, PyTorch returns what was in memory; here it is NaN."""
    x = np.array([0.0, 1.0, -1.0, 0.5, -3.0, 2.0, np.inf, -np.inf])[:, None]
    n = np.array([-1, 0, 1, 2, 3, 7, 1000, np.nan])
    ours, theirs = results(name, x, n)
    finite = np.abs(np.nan_to_num(theirs)).max(initial=1, where=np.abs(theirs) < 1e9)
    np.testing.assert_allclose(ours, theirs, 1e-9, 1e-12 * finite)
    ours, _ = results(name, np.array([np.nan]), 3)
    assert np.isnan(ours).all()


@pytest.mark.parametrize(
    "call",
    [
        "t.special.chebyshev_polynomial_t(2, t.arange(3.0))",
        "t.special.chebyshev_polynomial_t(t.arange(3), 2)",
        "t.special.chebyshev_polynomial_t(t.arange(3.0), n=2)",
        "t.special.chebyshev_polynomial_t(2, 3)",
        "t.special.legendre_polynomial_p(t.ones(2).half(), 2)",
        "t.special.bessel_j0(t.arange(3))",
        "t.special.bessel_j0(1.0)",
        "t.special.bessel_j0(t.ones(2).half())",
        "t.special.bessel_j0(t.ones(2, requires_grad=True)).requires_grad",
        "t.special.airy_ai(x=t.ones(2))",
        "t.special.laguerre_polynomial_l(t.ones(2), 2, out=t.empty(0, dtype=t.float64))",
        "t.special.modified_bessel_k0(t.ones(2), out=t.empty(0, dtype=t.float64))",
    ],
)
def test_calls(call: str) -> None:
    def plain(t: Any) -> Any:
        result = eval(call, {"t": t})
        return result if isinstance(result, bool) else (str(result.dtype), str(result))

    ours, theirs = both(plain)
    assert ours == theirs
