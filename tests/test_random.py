"""random.py and generator.py: seeds, states and generators, beside PyTorch's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import FUSED, same_numbers, state
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


# Generators ---------------------------------------------------------------------------------------


@given(SEEDS, st.integers(0, 3000), st.booleans())
def test_states_are_pytorchs_bytes_and_travel_both_ways(seed: int, n: int, odd: bool) -> None:
    ours, theirs = (t.Generator().manual_seed(seed) for t in (minigrad, torch))
    for t, g in ((minigrad, ours), (torch, theirs)):
        t.rand(n, generator=g)
        if odd:  # leaves one normal number waiting
            t.randn(3, generator=g)
    assert state(ours) == state(theirs)
    assert ours.initial_seed() == theirs.initial_seed()
    other = minigrad.Generator()
    assert other.set_state(minigrad.from_numpy(theirs.get_state().numpy())) is other
    their_other = torch.Generator()
    their_other.set_state(torch.from_numpy(ours.get_state().numpy()))
    for t, one, two in ((minigrad, ours, other), (torch, theirs, their_other)):
        assert t.randn(5, generator=one).tolist() == t.randn(5, generator=two).tolist()
    assert state(ours) == state(other) == state(theirs) == state(their_other)
    assert other.initial_seed() == theirs.initial_seed()


@given(st.integers(0, 5055), st.integers(1, 255), st.booleans())
def test_a_state_is_taken_whole_or_refused(place: int, change: int, waits: bool) -> None:
    """After any change of a byte: what is taken can be given back, and is drawn from as there."""
    g = minigrad.Generator().manual_seed(1)
    minigrad.randn(3 if waits else 4, generator=g)
    bytes_ = g.get_state().numpy().copy()
    bytes_[place] ^= change
    other = minigrad.Generator()
    before = state(other)
    try:
        other.set_state(minigrad.from_numpy(bytes_))
    except RuntimeError:
        assert state(other) == before
        return
    assert state(other) == bytes_.tobytes()
    theirs = torch.Generator()
    theirs.set_state(torch.from_numpy(bytes_))
    assert minigrad.randn(4, generator=other).tolist() == torch.randn(4, generator=theirs).tolist()


def test_a_state_is_a_copy() -> None:
    g = minigrad.Generator()
    saved = g.get_state()
    before = saved.tolist()
    minigrad.rand(3, generator=g)
    assert saved.tolist() == before
    saved.zero_()
    assert state(g) == state(copy_of(torch.Generator(), 3))


def copy_of(generator: Any, draws: int) -> Any:
    torch.rand(draws, generator=generator)
    return generator


def test_generators_are_independent() -> None:
    minigrad.manual_seed(0)
    expected = minigrad.rand(4).tolist()
    minigrad.manual_seed(0)
    g = minigrad.Generator().manual_seed(0)
    mixed = [(minigrad.rand(1).item(), minigrad.rand(1, generator=g).item()) for _ in range(4)]
    assert mixed == [(x, x) for x in expected]
    clone = g.clone_state()
    assert minigrad.rand(2, generator=g).tolist() == minigrad.rand(2, generator=clone).tolist()


def test_a_new_generator_starts_where_pytorchs_does() -> None:
    check_same(lambda t: t.Generator().initial_seed())
    assert state(minigrad.Generator()) == state(torch.Generator())
    check_same(lambda t: t.rand(3, generator=t.Generator()))


def test_a_seed_from_the_operating_system_is_another_each_time() -> None:
    g = minigrad.Generator()
    seeds = [g.seed() for _ in range(5)]
    assert len(set(seeds)) == 5
    assert g.initial_seed() == seeds[-1]
    again = minigrad.Generator().manual_seed(seeds[-1])
    assert minigrad.rand(3, generator=g).tolist() == minigrad.rand(3, generator=again).tolist()
    first, second = minigrad.seed(), minigrad.random.seed()
    assert first != second
    assert minigrad.initial_seed() == second


def test_manual_seed_gives_the_default_generator() -> None:
    assert minigrad.manual_seed(3) is minigrad.default_generator
    assert minigrad.default_generator is minigrad.random.default_generator
    assert minigrad.initial_seed() == 3


@pytest.mark.parametrize("seed", ["7", 1.5, True, np.int64(3)])
def test_the_function_takes_what_int_takes(seed: Any) -> None:
    check_same(lambda t: [t.manual_seed(seed).initial_seed(), t.rand(2)])


DEVICES: dict[str, Callable[[Any], Any]] = {
    "cpu": lambda t: str(t.Generator("cpu").device),
    "a device": lambda t: str(t.Generator(device=t.device("cpu")).device),
    "cpu:0": lambda t: t.Generator("cpu:0").initial_seed(),
    "none": lambda t: t.Generator(None).initial_seed(),
}


@pytest.mark.parametrize("program", DEVICES.values(), ids=DEVICES)
def test_devices(program: Any) -> None:
    check_same(program)


@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_other_devices_are_refused_by_name(device: str) -> None:
    with pytest.raises(RuntimeError, match=device):
        minigrad.Generator(device)


# fork_rng -----------------------------------------------------------------------------------------


@given(SEEDS, st.booleans(), st.integers(0, 20))
def test_a_fork_leaves_no_trace(seed: int, enabled: bool, n: int) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(seed)
        t.randn(3)
        with t.random.fork_rng(enabled=enabled):
            inside = t.randn(n)
            t.manual_seed(1)
        return [inside, t.randn(3), t.initial_seed()]

    check_same(program)


def test_a_fork_that_fails_leaves_no_trace_either() -> None:
    before = state(minigrad.default_generator)
    with pytest.raises(RuntimeError), minigrad.random.fork_rng():
        minigrad.rand(3).view(2)
    assert state(minigrad.default_generator) == before


def test_forks_of_other_devices_are_refused_by_name() -> None:
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


def test_a_difference_of_one_bit_is_found() -> None:
    """The comparison that the tests of the stream rest on."""
    a = minigrad.rand(20)
    b = torch.from_numpy(copy.deepcopy(a.numpy()))
    assert same_numbers(a, b)
    b[3] = torch.nextafter(b[3], torch.tensor(2.0)) if FUSED else b[3] + 1e-5
    assert not same_numbers(a, b)
    assert not same_numbers(a, torch.from_numpy(a.numpy()).double())
    assert not same_numbers(
        a.view(4, 5).t(), torch.from_numpy(a.numpy()).view(4, 5).t().contiguous()
    )
