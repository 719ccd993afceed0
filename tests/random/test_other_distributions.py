"""Distributions beside the uniform and the normal one: PyTorch's digits from the same seed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_close, check_same

import minigrad
from minigrad.random import variates
from minigrad.rules.random_gradients import dirichlet_slope, gamma_slope

torch = pytest.importorskip("torch")

seeds = st.integers(0, 2**32)


@given(
    seeds,
    st.integers(0, 40),
    st.sampled_from(["float32", "float64"]),
    st.floats(-3, 3),
    st.floats(0.01, 3),
)
def test_filling_gives_pytorchs_digits(
    seed: int, n: int, kind: str, place: float, scale: float
) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(seed)
        empty = torch.empty(n, dtype=getattr(torch, kind))
        values = [empty.clone().cauchy_(place, scale), empty.clone().geometric_(scale / 4)]
        values.append(empty.clone().log_normal_(place, scale))
        return [*values, torch.rand(1), torch.randn(1)]

    check_same(program)


@given(
    seeds,
    st.lists(st.one_of(st.floats(0, 15), st.floats(0, 1e4), st.just(0.0)), max_size=8),
    st.sampled_from(["float32", "float64"]),
)
def test_numbers_of_events_are_pytorchs(seed: int, rates: list[float], kind: str) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(seed)
        rates_ = torch.tensor(rates, dtype=getattr(torch, kind))
        return [torch.poisson(rates_), torch.rand(1)]

    check_same(program)


counts = st.one_of(st.integers(0, 30), st.integers(0, 10**5), st.floats(-2, 200))
chances = st.one_of(st.floats(0, 1), st.sampled_from([-0.5, 0.0, 0.5, 1.0, 1.5, float("nan")]))


@given(seeds, st.lists(st.tuples(counts, chances), max_size=8))
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_numbers_of_successes_are_pytorchs(
    kind: str, seed: int, pairs: list[tuple[float, float]]
) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(seed)
        table = torch.tensor(pairs, dtype=getattr(torch, kind)).reshape(-1, 2)
        return [torch.binomial(*table.unbind(1)), torch.rand(1)]

    check_same(program)


@given(seeds, st.lists(st.floats(0.01, 50), min_size=1, max_size=8))
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_gammas_are_pytorchs(kind: str, seed: int, shapes: list[float]) -> None:
    torch.manual_seed(seed)
    theirs = torch._standard_gamma(torch.tensor(shapes, dtype=getattr(torch, kind)))
    g = minigrad.Generator().manual_seed(seed)
    ours = variates.gammas(g, np.array(shapes, kind))
    np.testing.assert_array_max_ulp(ours, theirs.numpy(), 1)
    assert minigrad.rand(1, generator=g).item() == torch.rand(1).item()


SHAPES = (-3.0, -0.5, -0.001, 0.0, 0.5, 2.0, float("inf"), float("nan"))


@given(seeds, st.lists(st.sampled_from(SHAPES), min_size=1))
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_gammas_of_any_shapes_are_pytorchs(kind: str, seed: int, shapes: list[float]) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(seed)
        concentration = torch.tensor(shapes, dtype=getattr(torch, kind))
        drawn = torch.distributions.Gamma(concentration, 1.0, validate_args=False).sample()
        return [drawn, torch.distributions.Dirichlet(concentration, False).sample(), torch.rand(1)]

    check_close(program, 1e-6 if kind == "float32" else 1e-13)


@pytest.mark.parametrize("kind", ["float16", "int64", "bool"])
@pytest.mark.parametrize("name", ["Gamma", "Beta"])
def test_gammas_of_other_dtypes_are_refused(name: str, kind: str) -> None:
    def program(torch: Any) -> Any:
        shapes = torch.ones(2, dtype=getattr(torch, kind))
        return getattr(torch.distributions, name)(shapes, shapes, validate_args=False).sample()

    check_same(program)


# How often the rounding of one number, and digits that cancel, may move a slope.
SLOPES = {"float32": 2e-7, "float64": 1e-8}


@given(st.integers(0, 2**32))
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_slopes_of_gammas_are_pytorchs(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = (10 ** rng.uniform(-6, 6, 300)).astype(kind)
    near = shapes * (1 + rng.normal(size=300) / np.sqrt(shapes))
    x = np.where(rng.random(300) < 0.5, near, 10 ** rng.uniform(-10, 6, 300)).astype(kind)
    x = np.maximum(x, np.finfo(kind).tiny)
    theirs = torch._standard_gamma_grad(torch.from_numpy(shapes), torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(gamma_slope(shapes, x), theirs, SLOPES[kind])


@given(st.integers(0, 2**32))
@pytest.mark.parametrize(("kind", "size", "accuracy"), [("float32", 2, 5e-3), ("float64", 4, 1e-7)])
def test_slopes_of_dirichlets_are_pytorchs(
    kind: str, size: float, accuracy: float, seed: int
) -> None:
    """The slopes are differences of digamma of the concentrations, which cancel."""
    rng = np.random.default_rng(seed)
    a, b = (10 ** rng.uniform(-size, size, (2, 300))).astype(kind)
    limits = np.finfo(kind)
    x = rng.beta(a, b).astype(kind).clip(limits.tiny, 1 - limits.epsneg)
    theirs = torch._dirichlet_grad(*map(torch.from_numpy, (x, a, a + b))).numpy()
    ours = dirichlet_slope(x, a, a + b)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, accuracy, limits.tiny)
    # Most of them hardly cancel.
    error = np.abs(ours - theirs) / np.abs(theirs + limits.tiny)
    assert np.quantile(error, 0.9) < 64 * limits.eps


SAME = """
torch.binomial(x, x / 2).grad_fn.name()
torch.binomial(x, x / 2).sum().backward()
torch.binomial(torch.ones(2), torch.ones(3))
torch.binomial(torch.tensor([1, 2]), torch.ones(2))
torch.binomial(torch.ones(2), torch.tensor([1, 2]))
torch.binomial(torch.ones(2), torch.ones(2).double())
torch.binomial(torch.ones(2).half(), torch.ones(2).half())
torch.binomial(torch.ones(2), 0.5)
torch.empty(3).cauchy_(0, -1)
torch.empty(3).cauchy_(0, 0)
torch.empty(3).long().cauchy_()
torch.empty(3).log_normal_(0, -1)
torch.empty(3).log_normal_(0, 0)
torch.empty(3).long().log_normal_()
torch.empty(3).geometric_(0)
torch.empty(3).geometric_(1)
torch.zeros(3).long().geometric_(.5)
torch.zeros(3).bool().geometric_(.5)
torch.poisson(torch.tensor([-1.]))
torch.poisson(torch.tensor([float('nan')]))
torch.poisson(torch.tensor([1]))
torch.poisson(torch.arange(6.).reshape(2, 3).t()).stride()
torch.poisson(torch.arange(6.).reshape(2, 3).t())
torch.empty(3, 2).t().cauchy_()
torch.empty(3, 2).t().geometric_(0.3)
(x * 1).cauchy_().grad_fn.name()
(x * 1).geometric_(.5).grad_fn.name()
(x * 1).log_normal_().grad_fn.name()
torch.poisson(x).grad_fn.name()
torch.autograd.grad(torch.poisson(x).sum(), x)
torch.normal(x, 1.)
torch.normal(x * 1, torch.ones(2, 3))
torch.normal(0., x).grad_fn.name()
torch.normal(x, x).grad_fn.name()
torch.autograd.grad(torch.normal(x, x.exp()).sum(), x, create_graph=True)
torch.autograd.grad(torch.zeros(2, 3).bernoulli_(x / 2).sum(), x)
torch.zeros(3).bernoulli_(x / 2).grad_fn.name()
torch.distributions.Normal(x, 1.).sample((2,))
torch.distributions.Normal(0., x).sample()
torch.rand_like(torch.ones(5, 4).t(), memory_format=torch.contiguous_format)
torch.randn_like(torch.ones(5, 4).t(), memory_format=torch.contiguous_format)
torch.randint_like(torch.ones(5, 4).t(), 9, memory_format=torch.contiguous_format)
torch.randn_like(torch.ones(2, 3, 4, 5), memory_format=torch.channels_last)
torch.zeros(3).half().random_(0, 2**40)
torch.zeros(3).half().random_(-(2**40), 3)
torch.zeros(3).half().random_(65506)
torch.ones(3).multinomial(2)
torch.tensor([0.5, 1.0]).bernoulli()
torch.tensor([0.5, 1.0]).bernoulli(0.3)
"""


@pytest.mark.parametrize("shape", [(), (3,), (3, 4), (2, 3, 4), (2, 3, 4, 2), (2, 3, 2, 2, 2)])
@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d"])
def test_channels_are_dropped_as_pytorch_drops_them(name: str, shape: tuple[int, ...]) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(0)
        with warnings.catch_warnings(action="ignore"):
            y = getattr(torch.nn.functional, name)(torch.ones(shape))
        return y, torch.rand(1)

    check_same(program)


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_arguments_and_errors_are_pytorchs(line: str) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(3)
        return eval(line, {"torch": torch, "x": torch.ones(3, requires_grad=True)})

    check_same(program)
