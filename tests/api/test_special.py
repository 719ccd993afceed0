"""The Bessel functions, polynomials and ldexp beyond what the checks of rules draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twins import both

import minigrad
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


INTEGERS = ("int64", "int32", "int16", "int8", "uint8")


@pytest.mark.parametrize("exponents", [*INTEGERS, "bool", "float32", "float64"])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_ldexp(kind: str, exponents: str) -> None:
    rng = np.random.default_rng(0)
    values = np.abs(rng.standard_normal(60) * 10.0 ** rng.integers(-6, 6, 60))
    values[:6] = 0, 1, 2, np.inf if kind.startswith("float") else 3, 1e-3, 1
    least, most = {"int8": (-120, 120), "uint8": (0, 200), "bool": (0, 2)}.get(
        exponents, (-320, 320)
    )
    powers = rng.integers(least, most, 60)

    def outcome(t: Any) -> Any:
        x = t.tensor(values.tolist()).to(getattr(t, kind))
        n = t.tensor(powers.tolist()).to(getattr(t, exponents))
        try:
            result = t.ldexp(x, n)
        except NotImplementedError as error:
            return str(error)
        return str(result.dtype), result.numpy().tobytes()

    assert outcome(minigrad) == outcome(torch)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_ldexp_of_any_exponent(kind: str) -> None:
    values = [0.0, -0.0, 1.0, 1.1, 5e-324, 1e-310, 1.7e308, np.inf, np.nan]
    powers = [1 - 2**31, -5000, -2098, -2090, -1075, -1060, -1000, 0, 1000, 1050, 2097, 2098, 5000]

    def result(t: Any) -> Any:
        x = t.tensor(values, dtype=t.float64).to(getattr(t, kind))
        return t.ldexp(*t.broadcast_tensors(x[:, None], t.tensor(powers))).numpy()

    np.testing.assert_array_equal(result(minigrad), result(torch))


def test_the_gradient_of_ldexp_is_the_power() -> None:
    x = minigrad.tensor([1.5, -2.0, 0.0], requires_grad=True)
    minigrad.ldexp(x, minigrad.tensor([3, -2, 1])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [8.0, 0.25, 2.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_airy_function_far_from_zero_is_zero(dtype: Any) -> None:
    ours, theirs = results("airy_ai", np.array([50.0, 103.5, 104.0, 1e4, 1e10, 1e30], dtype))
    np.testing.assert_allclose(ours, theirs, 1e-5, 1e-37)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_of_erfcx_far_from_zero_does_not_cancel(dtype: str) -> None:
    points = [3.0, 49.0, 51.0, 100.0, 1e3, 1e6, 1e15, 1e30]
    x = minigrad.tensor(points, dtype=getattr(minigrad, dtype), requires_grad=True)
    (d,) = minigrad.autograd.grad(minigrad.special.erfcx(x).sum(), x, create_graph=True)
    (second,) = minigrad.autograd.grad(d.sum(), x)
    exact = torch.tensor(points[:5], dtype=torch.float64, requires_grad=True)
    torch.special.erfcx(exact).sum().backward()
    np.testing.assert_allclose(d.detach().numpy()[2:5], exact.grad[2:].numpy(), 1e-6, 1e-15)
    np.testing.assert_allclose(d.detach().numpy()[5:], 0, atol=1e-12)
    assert (second.numpy() >= 0).all() or dtype == "float32"
    assert np.isfinite(second.numpy()).all()


@pytest.mark.parametrize("name", ["gcd", "lcm"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
@given(st.data())
def test_divisors_and_multiples_near_the_ends_of_a_dtype(
    name: str, dtype: str, data: st.DataObject
) -> None:
    """In C they may overflow, and then are negative."""
    ends = np.iinfo(dtype)
    near = [ends.min, ends.min + 1, ends.max, -1, 0, 1, 6, -55]
    pairs = st.sampled_from(near) | st.integers(int(ends.min), int(ends.max))
    drawn = data.draw(st.lists(st.tuples(pairs, pairs), min_size=1, max_size=9))
    a, b = np.array(drawn, dtype).T.copy()
    ours, theirs = both(lambda t: getattr(t, name)(t.from_numpy(a), t.from_numpy(b)).numpy())
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("p", [1, 3, 5])
@example([2.5, 30.0, 1000.0, 3.0])
@given(st.lists(st.floats(2.5, 60_000, width=16), min_size=1, max_size=9))
def test_mvlgamma_of_float16_rounds_each_term(p: int, x: list[float]) -> None:
    ours, theirs = both(lambda t: t.mvlgamma(t.tensor(x, dtype=t.float16), p).numpy())
    np.testing.assert_array_equal(ours, theirs)


def test_the_second_derivative_of_mish_overflows_as_exp_does() -> None:
    def program(t: Any) -> Any:
        x = t.tensor([-800.0, -1.0, 0.0, 600.0, 712.0], dtype=t.float64, requires_grad=True)
        (g,) = t.autograd.grad(t.nn.functional.mish(x).sum(), x, create_graph=True)
        return t.autograd.grad(g.sum(), x)[0].numpy()

    ours, theirs = both(program)
    np.testing.assert_allclose(ours, theirs, 1e-12)
