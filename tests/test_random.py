"""random.py: the distributions, by statistics; and the one stream that a seed starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
import minigrad.nn.functional as F

torch = pytest.importorskip("torch")

N = 20_000
# Bounds below are five or six standard deviations wide: with a fixed seed, never by accident.

DRAWS: dict[str, Callable[[], Any]] = {
    "rand": lambda: minigrad.rand(5),
    "randn": lambda: minigrad.randn(5),
    "randint": lambda: minigrad.randint(1000, (5,)),
    "randperm": lambda: minigrad.randperm(10),
    "rand_like": lambda: minigrad.rand_like(minigrad.ones(5)),
    "randn_like": lambda: minigrad.randn_like(minigrad.ones(5)),
    "uniform_": lambda: minigrad.zeros(5).uniform_(),
    "normal_": lambda: minigrad.zeros(5).normal_(),
    "dropout": lambda: F.dropout(minigrad.arange(20.0) + 1),
    "Linear": lambda: minigrad.nn.Linear(3, 2).weight,
}


@given(
    st.lists(st.sampled_from(sorted(DRAWS)), min_size=1, max_size=5),
    st.integers(-(2**63), 2**64 - 1),
)
def test_a_seed_fixes_all_that_follows(names: list[str], seed: int) -> None:
    def draws() -> list[Any]:
        minigrad.manual_seed(seed)
        return [DRAWS[name]().tolist() for name in names]

    assert draws() == draws()


@pytest.mark.parametrize("name", DRAWS)
def test_the_stream_goes_on_and_seeds_differ(name: str) -> None:
    minigrad.manual_seed(0)
    first, second = DRAWS[name]().tolist(), DRAWS[name]().tolist()
    minigrad.manual_seed(1)
    assert len({str(first), str(second), str(DRAWS[name]().tolist())}) == 3


def test_seeds_are_taken_modulo_2_to_the_64() -> None:
    for seed in (-1, -(2**63), -7):
        minigrad.manual_seed(seed)
        one = minigrad.rand(3).tolist()
        minigrad.manual_seed(seed + 2**64)
        assert minigrad.rand(3).tolist() == one


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, "a", None, [1]])
def test_what_is_no_seed_is_refused_and_changes_nothing(seed: Any) -> None:
    with pytest.raises((ValueError, TypeError, RuntimeError)) as theirs:
        torch.manual_seed(seed)
    minigrad.manual_seed(5)
    expected = minigrad.rand(3).tolist()
    minigrad.manual_seed(5)
    with pytest.raises(type(theirs.value)):
        minigrad.manual_seed(seed)
    assert minigrad.rand(3).tolist() == expected


def test_numpys_own_stream_is_left_alone() -> None:
    np.random.seed(0)  # noqa: NPY002, the legacy stream is the one at stake
    expected = np.random.rand(3)  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    minigrad.manual_seed(1)
    minigrad.randn(10)
    np.testing.assert_array_equal(np.random.rand(3), expected)  # noqa: NPY002


# Distributions ------------------------------------------------------------------------------------


def uncorrelated(values: np.ndarray) -> None:
    """No value says anything about the next."""
    correlation = np.corrcoef(values[:-1], values[1:])[0, 1]
    assert abs(correlation) < 6 / np.sqrt(len(values))


@pytest.mark.parametrize("dtype", [minigrad.float32, minigrad.float64])
def test_rand_is_uniform(dtype: Any) -> None:
    minigrad.manual_seed(0)
    values = minigrad.rand(N, dtype=dtype).numpy()
    assert values.dtype == dtype.numpy
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, 20, (0, 1))[0]
    expected = N / 20
    # Chi squared with 19 degrees of freedom: mean 19, standard deviation 6.2.
    assert ((counts - expected) ** 2 / expected).sum() < 19 + 6 * 6.2
    uncorrelated(values)


@pytest.mark.parametrize("dtype", [minigrad.float32, minigrad.float64])
def test_randn_is_normal(dtype: Any) -> None:
    minigrad.manual_seed(0)
    values = minigrad.randn(N, dtype=dtype).numpy().astype(np.float64)
    bound = 6 / np.sqrt(N)
    assert abs(values.mean()) < bound
    assert abs(values.std() - 1) < bound
    assert abs((values**3).mean()) < bound * np.sqrt(15)
    assert abs((values**4).mean() - 3) < bound * np.sqrt(96)
    for quantile, at in ((0.5, 0), (0.8413447, 1), (0.9772499, 2), (0.0013499, -3)):
        assert (
            abs((values < at).mean() - quantile) < bound * np.sqrt(quantile * (1 - quantile)) + 1e-9
        )
    uncorrelated(values)


@given(st.integers(-5, 5), st.integers(1, 6))
def test_randint_is_uniform(low: int, width: int) -> None:
    minigrad.manual_seed(0)
    n = 3000
    values = minigrad.randint(low, low + width, (n,)).numpy()
    found, counts = np.unique(values, return_counts=True)
    assert found.tolist() == list(range(low, low + width))
    p = 1 / width
    assert (abs(counts - n * p) <= 6 * np.sqrt(n * p * (1 - p))).all()


def test_randint_covers_all_64_bits() -> None:
    minigrad.manual_seed(0)
    values = minigrad.randint(-(2**63), 2**63 - 1, (1000,)).numpy()
    assert values.min() < -(2**62)
    assert values.max() > 2**62
    assert len(np.unique(values)) == 1000


def test_randperm_is_fair() -> None:
    minigrad.manual_seed(0)
    n = 6000
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(n):
        order = tuple(minigrad.randperm(3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    for count in counts.values():
        assert abs(count - n / 6) < 6 * np.sqrt(n * 5 / 36)


@given(st.integers(0, 50))
def test_randperm_is_a_permutation(n: int) -> None:
    order = minigrad.randperm(n)
    assert sorted(order.tolist()) == list(range(n))
    assert order.dtype is minigrad.int64


@given(st.floats(-5, 5), st.floats(0, 5))
def test_uniform_(start: float, width: float) -> None:
    minigrad.manual_seed(0)
    x = minigrad.zeros(500, dtype=minigrad.float64)
    assert x.uniform_(start, start + width) is x
    values = x.numpy()
    assert values.min() >= start
    assert values.max() <= start + width
    assert abs(values.mean() - (start + width / 2)) <= 6 * width / np.sqrt(12 * 500) + 1e-9


@given(st.floats(-5, 5), st.floats(0, 5))
def test_normal_(mean: float, std: float) -> None:
    minigrad.manual_seed(0)
    x = minigrad.zeros(500, dtype=minigrad.float64)
    assert x.normal_(mean, std) is x
    values = x.numpy()
    assert abs(values.mean() - mean) <= 6 * std / np.sqrt(500) + 1e-9
    assert abs(values.std() - std) <= 6 * std / np.sqrt(500) + 1e-9


# Arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
@pytest.mark.parametrize("name", ["rand", "randn"])
def test_shapes_and_dtypes(name: str, dtype: str | None, shape: tuple[int, ...]) -> None:
    results = []
    for namespace in (minigrad, torch):
        kind = None if dtype is None else getattr(namespace, dtype)
        x = getattr(namespace, name)(shape, dtype=kind, requires_grad=True)
        like = getattr(namespace, f"{name}_like")(x)
        results.append(
            (tuple(x.shape), str(x.dtype), x.requires_grad, like.requires_grad, str(like.dtype))
        )
    assert results[0] == results[1]


INTEGERS: dict[str, Callable[[Any], Any]] = {
    "high": lambda t: t.randint(3, (2, 3)),
    "low and high": lambda t: t.randint(2, 3, (2,)),
    "by name": lambda t: t.randint(low=2, high=3, size=(2,)),
    "high by name": lambda t: t.randint(high=1, size=(2,)),
    "size by name": lambda t: t.randint(1, size=[2]),
    "float32": lambda t: t.randint(1, (2,), dtype=t.float32),
    "int32": lambda t: t.randint(1, (2,), dtype=t.int32),
    "bool": lambda t: t.randint(2, (2,), dtype=t.bool),
    "0-d": lambda t: t.randint(5, ()),
    "empty": lambda t: t.randint(5, (0, 2)),
    "a tensor": lambda t: t.randint(t.tensor(3), (2,)),
    "no range": lambda t: t.randint(3, 3, (2,)),
    "a range backwards": lambda t: t.randint(3, 1, (2,)),
    "zero": lambda t: t.randint(0, (2,)),
    "no size": lambda t: t.randint(3),
    "a number for a size": lambda t: t.randint(0, 3, 3),
    "a float": lambda t: t.randint(2.5, (2,)),
    "a negative size": lambda t: t.randint(3, (-1,)),
    "too wide for int32": lambda t: t.randint(0, 2**40, (2,), dtype=t.int32),
    "too wide for bool": lambda t: t.randint(0, 5, (2,), dtype=t.bool),
    "requires grad": lambda t: t.randint(3, (2,), requires_grad=True),
    "requires grad as float": lambda t: t.randint(3, (2,), dtype=t.float32, requires_grad=True),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_arguments_of_randint(name: str) -> None:
    results = []
    for namespace in (minigrad, torch):
        try:
            x = INTEGERS[name](namespace)
            results.append((tuple(x.shape), str(x.dtype), x.requires_grad))
        except Exception as error:
            results.append((type(error).__name__,))
    assert results[0] == results[1]


def test_random_writes_count_as_writes_and_spare_leaves() -> None:
    for namespace in (minigrad, torch):
        for fill in ("uniform_", "normal_"):
            leaf = namespace.ones(3, requires_grad=True)
            with pytest.raises(RuntimeError, match="a leaf Variable"):
                getattr(leaf, fill)()
            with namespace.no_grad():
                getattr(leaf, fill)()
            x = leaf * 1
            y = x * x
            getattr(x.detach(), fill)()
            with pytest.raises(RuntimeError, match="modified by an inplace"):
                y.sum().backward()


def test_a_random_write_cuts_the_history() -> None:
    def program(namespace: Any) -> Any:
        leaf = namespace.ones(3, requires_grad=True)
        x = leaf * 2
        x.uniform_()
        x.sum().backward()
        return leaf.grad.tolist()

    assert program(minigrad) == program(torch) == [0, 0, 0]
