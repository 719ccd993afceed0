"""random/sampling.py: arguments, errors and layouts compared with PyTorch's, and distributions.

test_stream.py tests that the numbers are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import state
from twins import check_same, outcome, torch

import minigrad

# Distributions ------------------------------------------------------------------------------------

N = 20_000
# Bounds below are five or six standard deviations wide. The seed is fixed.


def check_uncorrelated(values: np.ndarray) -> None:
    """Check that each value is uncorrelated with the next."""
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
    check_uncorrelated(values)


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
    check_uncorrelated(values)


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


def test_randperm_draws_every_order_equally_often() -> None:
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


@pytest.mark.parametrize("n", [2**16 - 1, 2**16 + 1, 2**16 + 129, 200_000])
def test_a_large_permutation_is_the_same(n: int) -> None:
    """Its swaps are made in blocks, and those that meet one by one."""

    def program(t: Any) -> Any:
        t.manual_seed(n)
        return t.randperm(n), t.rand(1)

    check_same(program)


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
    "by keyword": lambda t: t.randint(low=2, high=3, size=(2,)),
    "high by keyword": lambda t: t.randint(high=1, size=(2,)),
    "size by keyword": lambda t: t.randint(1, size=[2]),
    "float32": lambda t: t.randint(1, (2,), dtype=t.float32),
    "int32": lambda t: t.randint(1, (2,), dtype=t.int32),
    "bool": lambda t: t.randint(2, (2,), dtype=t.bool),
    "0-d": lambda t: t.randint(5, ()),
    "empty": lambda t: t.randint(5, (0, 2)),
    "a tensor": lambda t: t.randint(t.tensor(3), (2,)),
    "empty range": lambda t: t.randint(3, 3, (2,)),
    "negative range": lambda t: t.randint(3, 1, (2,)),
    "zero": lambda t: t.randint(0, (2,)),
    "no size": lambda t: t.randint(3),
    "a number as size": lambda t: t.randint(0, 3, 3),
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


def test_fills_move_the_version_counter_and_refuse_leaves() -> None:
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


def test_fill_cuts_the_graph() -> None:
    def program(namespace: Any) -> Any:
        leaf = namespace.ones(3, requires_grad=True)
        x = leaf * 2
        x.uniform_()
        x.sum().backward()
        return leaf.grad.tolist()

    assert program(minigrad) == program(torch) == [0, 0, 0]


# Each is compared in value, error, warnings and the state of the generator afterwards.
CALLS: list[Callable[[Any], Any]] = [
    lambda t: t.rand(2, dtype=t.int64),
    lambda t: t.rand(2, dtype=t.bool),
    lambda t: t.randn(2, dtype=t.int32),
    lambda t: t.rand_like(t.zeros(2, dtype=t.int64)),
    lambda t: t.randn_like(t.zeros(2, dtype=t.int64), dtype=t.float64),
    lambda t: t.randint_like(t.zeros(3), 5),
    lambda t: t.randint_like(t.zeros(3), 5, 7, dtype=t.int32),
    lambda t: t.randint_like(t.zeros(3), low=5, high=7),
    lambda t: t.randint_like(t.zeros(3), high=3),
    lambda t: t.randint_like(t.zeros(3), t.tensor(3)),
    lambda t: t.randint_like(t.zeros(3), 0),
    lambda t: t.randint(0, 2**25, (4,), dtype=t.float32),
    lambda t: t.randint(-(2**30) - 1, 2**30 + 1, (4,), dtype=t.float32),
    lambda t: t.randint(-(2**62), 2**62, (4,), dtype=t.float64),
    lambda t: t.randint(-(2**63), 2**63 - 1, (4,)),
    lambda t: t.randperm(-1),
    lambda t: t.randperm(256, dtype=t.uint8),
    lambda t: t.randperm(257, dtype=t.uint8),
    lambda t: t.randperm(2**24 + 2, dtype=t.float32),
    lambda t: t.randperm(3, dtype=t.bool),
    lambda t: t.randperm(3, dtype=t.float32, requires_grad=True).requires_grad,
    lambda t: t.normal(0.0, 1.0, (2, 2)),
    lambda t: t.normal(0, 1, [20]),
    lambda t: t.normal(1.0, 2.0, (2,), dtype=t.float64),
    lambda t: t.normal(1.0, 2.0, (2,), dtype=t.int64),
    lambda t: t.normal(1.0, 2.0, (2,), requires_grad=True).requires_grad,
    lambda t: t.normal(0.0, -1.0, (2,)),
    lambda t: t.normal(0.0, 1.0),
    lambda t: t.normal(0.0, 1.0, 3),
    lambda t: t.normal(t.tensor(1.0), t.tensor(2.0), (2,)),
    lambda t: t.normal(t.zeros(2)),
    lambda t: t.normal(t.zeros(2), -1.0),
    lambda t: t.normal(t.zeros(2), t.tensor([1.0, -1.0])),
    lambda t: t.normal(t.zeros(2), t.ones(3)),
    lambda t: t.normal(t.zeros(2), t.ones(2, 1)),
    lambda t: t.normal(t.zeros(()), t.ones(2)),
    lambda t: t.normal(t.zeros(2), t.ones(2, dtype=t.float64)),
    lambda t: t.normal(t.zeros(2, dtype=t.float64), t.ones(2)),
    lambda t: t.normal(t.zeros(2, dtype=t.int64), 1.0),
    lambda t: t.normal(0.0, t.ones(2, dtype=t.int64)),
    lambda t: t.normal(mean=0.5, std=t.ones(20)),
    lambda t: t.normal(std=t.ones(2)),
    lambda t: t.bernoulli(t.tensor([0.0, 0.5, 1.0])),
    lambda t: t.bernoulli(t.zeros(20, dtype=t.int64), 0.5),
    lambda t: t.bernoulli(t.tensor([1, 0])),
    lambda t: t.bernoulli(t.tensor([1.5])),
    lambda t: t.bernoulli(t.tensor([float("nan")])),
    lambda t: t.bernoulli(t.tensor([0.5]), 2.0),
    lambda t: t.bernoulli([0.5]),
    lambda t: t.zeros(3).bernoulli_(1.5),
    lambda t: t.zeros(3).bernoulli_(float("nan")),
    lambda t: t.zeros(3).bernoulli_(t.tensor([1, 0, 0])),
    lambda t: t.zeros(3).bernoulli_(t.zeros(2)),
    lambda t: t.zeros(3, 2).bernoulli_(t.tensor([0.1, 0.9])),
    lambda t: t.zeros(20).bernoulli_(t.tensor(0.5, dtype=t.float64)),
    lambda t: t.zeros(3).exponential_(0),
    lambda t: t.zeros(3).exponential_(float("nan")),
    lambda t: t.zeros(3).exponential_(float("inf")),
    lambda t: t.zeros(3, dtype=t.int64).exponential_(),
    lambda t: t.zeros(3).random_(5, 5),
    lambda t: t.zeros(3).random_(0),
    lambda t: t.zeros(3).random_(2.5),
    lambda t: t.zeros(3).random_(to=3),
    lambda t: t.zeros(3).random_(3, to=5),
    lambda t: t.zeros(3).random_(2**63),
    lambda t: t.zeros(3).random_(0, 2**62),
    lambda t: t.zeros(3, dtype=t.int32).random_(0, 2**40),
    lambda t: t.zeros(3, dtype=t.int32).random_(2**31),
    lambda t: t.zeros(3, dtype=t.bool).random_(0, 3),
    lambda t: t.zeros(3, dtype=t.uint8).random_(-1, 3),
    lambda t: t.zeros(3, dtype=t.int64).random_(-(2**63), None),
    lambda t: t.zeros(3, dtype=t.float32).random_(-(2**63), None),
    lambda t: t.zeros(3, dtype=t.int32).random_(-(2**31), None),
    lambda t: t.zeros(3).uniform_(2, 1),
    lambda t: t.zeros(3).uniform_(float("nan"), 1),
    lambda t: t.zeros(3).uniform_(0, 1e39),
    lambda t: t.zeros(3).uniform_(-3e38, 3e38),
    lambda t: t.zeros(20, dtype=t.float64).uniform_(-1e300, 1e305),
    lambda t: t.zeros(20, dtype=t.float64).uniform_(1e-300, 3e-300),
    lambda t: t.zeros(3, dtype=t.int64).uniform_(),
    lambda t: t.zeros(3).uniform_(True, 2),
    lambda t: t.zeros(3).normal_(0, -1),
    lambda t: t.zeros(3).normal_(std=float("nan")),
    lambda t: t.zeros(20).normal_(1e30, 1e38),
    lambda t: t.zeros(3, dtype=t.int64).normal_(),
    lambda t: t.zeros(2).normal_(t.tensor(1.0), t.tensor(2.0)),
    lambda t: t.multinomial(t.tensor([0.5, 0.5]), 3),
    lambda t: t.multinomial(t.tensor([0.5, 0.5]), 0),
    lambda t: t.multinomial(t.tensor([0.0, 0.0]), 1),
    lambda t: t.multinomial(t.tensor([0.0, 0.0]), 3, True),
    lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 1),
    lambda t: t.multinomial(t.tensor([-1.0, 3.0]), 3, True),
    lambda t: t.multinomial(t.tensor([float("nan"), 2.0]), 1),
    lambda t: t.multinomial(t.tensor([float("nan"), 2.0]), 3, True),
    lambda t: t.multinomial(t.tensor([float("inf"), 2.0]), 3, True),
    lambda t: t.multinomial(t.tensor([1, 2]), 1),
    lambda t: t.multinomial(t.ones(2, 2, 2), 1),
    lambda t: t.multinomial(t.tensor(1.0), 1),
    lambda t: t.multinomial([1.0], 1),
    lambda t: t.multinomial(t.ones(0, 3), 2),
    lambda t: t.multinomial(t.ones(2, 30).t(), 2, True),
    lambda t: t.multinomial(t.rand(30, 4).t(), 5),
    lambda t: t.multinomial(t.tensor([0.0, 1.0, 0.0, 3.0]), 2),
    lambda t: t.multinomial(t.tensor([0.0, 1.0, 0.0, 3.0]), 20, replacement=True),
    lambda t: t.zeros(3).expand(2, 3).uniform_(),
    lambda t: t.zeros(3).expand(2, 3).normal_(),
    lambda t: t.zeros(3).expand(2, 3).random_(),
    lambda t: t.zeros(3).expand(2, 3).bernoulli_(),
    lambda t: t.zeros(3).expand(2, 3).exponential_(),
    lambda t: t.ones(3, requires_grad=True).uniform_(),
    lambda t: t.ones(3, requires_grad=True).exponential_(),
]


@pytest.mark.parametrize("call", CALLS, ids=[str(i) for i in range(len(CALLS))])
def test_calls(call: Callable[[Any], Any]) -> None:
    for t in (minigrad, torch):
        t.manual_seed(5)
    check_same(call)
    assert state(minigrad.default_generator) == state(torch.default_generator)


NOT_NUMBERS: list[Callable[[Any], Any]] = [
    lambda t: t.randperm(2.5),
    lambda t: t.zeros(3).uniform_("a"),
    lambda t: t.zeros(3).normal_("a"),
    lambda t: t.zeros(3).exponential_("a"),
    lambda t: t.multinomial(t.tensor([0.5, 0.5]), 2.5),
]


@pytest.mark.parametrize("call", NOT_NUMBERS)
def test_argument_that_is_not_a_number_is_named(call: Callable[[Any], Any]) -> None:
    ours, theirs = outcome(call, minigrad).error, outcome(call, torch).error
    assert (ours.kind, ours.words[:3]) == (theirs.kind, theirs.words[:3])  # function, argument


REFUSED: dict[str, Callable[[], Any]] = {
    "num_samples": lambda: minigrad.multinomial(minigrad.tensor([0.0, 1.0]), 2),
    "'n'": lambda: minigrad.randperm(2**28),
}


@pytest.mark.parametrize("word", REFUSED)
def test_unsupported_argument_is_named_and_draws_nothing(word: str) -> None:
    before = state(minigrad.default_generator)
    with pytest.raises(NotImplementedError, match=word):
        REFUSED[word]()
    assert state(minigrad.default_generator) == before


FILLS: list[Callable[[Any], Any]] = [
    lambda x: x.uniform_(),
    lambda x: x.normal_(),
    lambda x: x.exponential_(),
    lambda x: x.bernoulli_(),
    lambda x: x.random_(),
    lambda x: x.random_(5),
    lambda x: x.random_(2, 5),
]


@pytest.mark.parametrize("fill", FILLS)
def test_node_of_a_fill_has_pytorchs_name(fill: Callable[[Any], Any]) -> None:
    names = [fill(t.ones(2, requires_grad=True) * 1).grad_fn.name() for t in (minigrad, torch)]
    assert names[0] == names[1]


def test_bernoulli_of_a_tensor_that_requires_grad() -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        p = t.full((20,), 0.5, requires_grad=True)
        drawn = t.bernoulli(p)
        drawn.sum().backward()
        return [repr(drawn), p.grad]

    check_same(program)
