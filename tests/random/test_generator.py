"""random/generator.py: seeds, states and devices of a Generator, compared with PyTorch's."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import state
from twins import check_same, torch

import minigrad

SEEDS = st.integers(-(2**63), 2**64 - 1)


@given(SEEDS, st.integers(0, 3000), st.booleans())
def test_state_is_exchanged_with_pytorch(seed: int, n: int, odd: bool) -> None:
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
def test_corrupt_state_is_refused_or_round_trips(place: int, change: int, waits: bool) -> None:
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


def test_get_state_returns_a_copy() -> None:
    g = minigrad.Generator()
    saved = g.get_state()
    before = saved.tolist()
    minigrad.rand(3, generator=g)
    assert saved.tolist() == before
    saved.zero_()
    theirs = torch.Generator()
    torch.rand(3, generator=theirs)
    assert state(g) == state(theirs)


def test_generators_are_independent() -> None:
    minigrad.manual_seed(0)
    expected = minigrad.rand(4).tolist()
    minigrad.manual_seed(0)
    g = minigrad.Generator().manual_seed(0)
    mixed = [(minigrad.rand(1).item(), minigrad.rand(1, generator=g).item()) for _ in range(4)]
    assert mixed == [(x, x) for x in expected]
    clone = g.clone_state()
    assert minigrad.rand(2, generator=g).tolist() == minigrad.rand(2, generator=clone).tolist()


def test_new_generator_has_pytorchs_seed() -> None:
    check_same(lambda t: t.Generator().initial_seed())
    assert state(minigrad.Generator()) == state(torch.Generator())
    check_same(lambda t: t.rand(3, generator=t.Generator()))


def test_seed_sets_a_different_seed_each_time() -> None:
    g = minigrad.Generator()
    seeds = [g.seed() for _ in range(5)]
    assert len(set(seeds)) == 5
    assert g.initial_seed() == seeds[-1]
    again = minigrad.Generator().manual_seed(seeds[-1])
    assert minigrad.rand(3, generator=g).tolist() == minigrad.rand(3, generator=again).tolist()


DEVICES: dict[str, Callable[[Any], Any]] = {
    "cpu": lambda t: str(t.Generator("cpu").device),
    "device object": lambda t: str(t.Generator(device=t.device("cpu")).device),
    "cpu:0": lambda t: t.Generator("cpu:0").initial_seed(),
    "None": lambda t: t.Generator(None).initial_seed(),
}


@pytest.mark.parametrize("program", DEVICES.values(), ids=DEVICES)
def test_devices(program: Any) -> None:
    check_same(program)


@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_other_devices_are_refused_by_name(device: str) -> None:
    with pytest.raises(RuntimeError, match=device):
        minigrad.Generator(device)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "random_", "bernoulli_", "exponential_"])
@pytest.mark.parametrize("generator", [3, "a", minigrad])
def test_wrong_generator_argument_is_refused(name: str, generator: Any) -> None:
    check_same(lambda t: getattr(t.zeros(3), name)(generator=generator))
    for function in (minigrad.rand, minigrad.randn, minigrad.randperm):
        with pytest.raises(TypeError, match="generator"):
            function(3, generator=generator)


@given(st.lists(st.sampled_from(["rand", "randn", "randint", "copy", "deepcopy", "pickle"])))
def test_a_copy_has_a_stream_of_its_own(steps: list[str]) -> None:
    def program(t: Any) -> Any:
        generators = [t.Generator().manual_seed(3)]
        drawn = []
        for step in steps:
            if step in ("rand", "randn"):
                drawn.append(getattr(t, step)(3, generator=generators[0]))
            elif step == "randint":
                drawn.append(t.randint(9, (2,), generator=generators[-1]))
            else:
                how = {"pickle": lambda g: pickle.loads(pickle.dumps(g))}
                generators.append(how.get(step, getattr(copy, step, None))(generators[-1]))
        return drawn, [g.get_state() for g in generators], [g.initial_seed() for g in generators]

    check_same(program)
