"""The generators of random numbers on GPUs: there are none."""

from __future__ import annotations

from collections.abc import Iterable as _Iterable
from typing import Any, NoReturn

from ..core.devices import no_cuda as _no_cuda

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def manual_seed(seed: int) -> None:
    """Seed a GPU's generator: nothing to do, but `seed` must be a number.

    >>> minigrad.cuda.manual_seed(0)
    """
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs: nothing to do, but `seed` must be a number."""
    int(seed)


def seed() -> None:
    """Seed a GPU's generator from randomness: nothing to do."""


def seed_all() -> None:
    """Seed the generators of all GPUs from randomness: nothing to do."""


def get_rng_state_all() -> list[Any]:
    """Return the states of the generators of all GPUs: an empty list."""
    return []


def get_rng_state(device: Any = "cuda") -> NoReturn:
    """Raise AssertionError: there is no GPU whose generator has a state."""
    raise _no_cuda()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Restore the state of a GPU's generator: nothing to do, but it must be a tensor."""
    new_state.clone()


def set_rng_state_all(new_states: _Iterable[Any]) -> None:
    """Restore the states of the generators of all GPUs: nothing to do.

    >>> minigrad.cuda.set_rng_state_all(minigrad.cuda.get_rng_state_all())
    """
    for state in new_states:
        set_rng_state(state)


def initial_seed() -> NoReturn:
    """Raise AssertionError: there is no GPU whose generator has a seed."""
    raise _no_cuda()
