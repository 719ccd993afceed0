"""random/seeding.py: the default generator's seed and state, compared with PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import state
from twins import check_same, torch

import minigrad
import minigrad.nn.functional as F

SEEDS = st.integers(-(2**63), 2**64 - 1)

DRAWS: dict[str, Callable[[], Any]] = {
    "rand": lambda: minigrad.rand(5),
    "randn": lambda: minigrad.randn(5),
    "randint": lambda: minigrad.randint(1000, (5,)),
    "randperm": lambda: minigrad.randperm(10),
    "rand_like": lambda: minigrad.rand_like(minigrad.ones(5)),
    "randn_like": lambda: minigrad.randn_like(minigrad.ones(5)),
    "uniform_": lambda: minigrad.zeros(5).uniform_(),
    "normal_": lambda: minigrad.zeros(5).normal_(),
    "normal": lambda: minigrad.normal(0.0, 1.0, (5,)),
    "bernoulli": lambda: minigrad.bernoulli(minigrad.full((50,), 0.5)),
    "multinomial": lambda: minigrad.multinomial(minigrad.ones(20), 10),
    "randint_like": lambda: minigrad.randint_like(minigrad.ones(5), 1000),
    "random_": lambda: minigrad.zeros(5).random_(),
    "exponential_": lambda: minigrad.zeros(5).exponential_(),
    "bernoulli_": lambda: minigrad.zeros(50).bernoulli_(),
    "dropout": lambda: F.dropout(minigrad.arange(20.0) + 1),
    "Linear": lambda: minigrad.nn.Linear(3, 2).weight,
}


@given(st.lists(st.sampled_from(sorted(DRAWS)), min_size=1, max_size=5), SEEDS)
def test_same_seed_gives_same_numbers(names: list[str], seed: int) -> None:
    def draws() -> list[Any]:
        minigrad.manual_seed(seed)
        return [DRAWS[name]().tolist() for name in names]

    assert draws() == draws()


@pytest.mark.parametrize("name", DRAWS)
def test_second_call_and_second_seed_give_other_numbers(name: str) -> None:
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
def test_invalid_seed_is_refused_and_changes_nothing(seed: Any) -> None:
    with pytest.raises((ValueError, TypeError, RuntimeError)) as theirs:
        torch.manual_seed(seed)
    minigrad.manual_seed(5)
    expected = minigrad.rand(3).tolist()
    minigrad.manual_seed(5)
    with pytest.raises(type(theirs.value)):
        minigrad.manual_seed(seed)
    assert minigrad.rand(3).tolist() == expected


def test_numpys_global_stream_is_untouched() -> None:
    np.random.seed(0)  # noqa: NPY002, the legacy stream is what is tested
    expected = np.random.rand(3)  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    minigrad.manual_seed(1)
    minigrad.randn(10)
    np.testing.assert_array_equal(np.random.rand(3), expected)  # noqa: NPY002


def test_seed_sets_a_different_seed_each_time() -> None:
    first, second = minigrad.seed(), minigrad.random.seed()
    assert first != second
    assert minigrad.initial_seed() == second


def test_manual_seed_returns_the_default_generator() -> None:
    assert minigrad.manual_seed(3) is minigrad.default_generator
    assert minigrad.default_generator is minigrad.random.default_generator
    assert minigrad.initial_seed() == 3


@pytest.mark.parametrize("seed", ["7", 1.5, True, np.int64(3)])
def test_manual_seed_converts_its_argument_by_int(seed: Any) -> None:
    check_same(lambda t: [t.manual_seed(seed).initial_seed(), t.rand(2)])


# fork_rng -----------------------------------------------------------------------------------------


@given(SEEDS, st.booleans(), st.integers(0, 20))
def test_fork_rng_restores_the_state(seed: int, enabled: bool, n: int) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(seed)
        t.randn(3)
        with t.random.fork_rng(enabled=enabled):
            inside = t.randn(n)
            t.manual_seed(1)
        return [inside, t.randn(3), t.initial_seed()]

    check_same(program)


def test_fork_rng_restores_the_state_after_an_error() -> None:
    before = state(minigrad.default_generator)
    with pytest.raises(RuntimeError), minigrad.random.fork_rng():
        minigrad.rand(3).view(2)
    assert state(minigrad.default_generator) == before


def test_fork_rng_refuses_other_devices_by_name() -> None:
    with (
        pytest.raises(NotImplementedError, match="devices"),
        minigrad.random.fork_rng(devices=[0]),
    ):
        pass
    with (
        pytest.raises(NotImplementedError, match="device_type"),
        minigrad.random.fork_rng(device_type="cuda"),
    ):
        pass
    with minigrad.random.fork_rng(devices=[], device_type="cpu"):
        pass
