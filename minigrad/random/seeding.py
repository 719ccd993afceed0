"""The stream of random numbers itself, as torch.random: its seeds and its state.

What is drawn from it is in `sampling.py`, what it is made of in `generator.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..api.tensor import Tensor
from .generator import Generator, default_generator

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


def manual_seed(seed: int) -> Generator:
    """Start the default generator at `seed`, an int or what `int()` makes one of; return it.

    From -2**63 to 2**64 - 1, negative seeds standing for 2**64 more; ValueError outside. From one
    seed, PyTorch and minigrad draw the same numbers.

    >>> _ = minigrad.manual_seed(0)
    >>> minigrad.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Start the default generator at a seed that nobody can foretell, and return that seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed at which the default generator was started.

    >>> _ = minigrad.manual_seed(-1)
    >>> minigrad.initial_seed() == 2**64 - 1
    True
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator: PyTorch's 5,056 bytes, as a uint8 Tensor.

    >>> minigrad.get_rng_state().shape
    torch.Size([5056])
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Have the default generator go on from a state that `get_rng_state` gave, here or in PyTorch.

    TypeError unless it is a uint8 Tensor, RuntimeError unless it is such a state.

    >>> state = minigrad.get_rng_state()
    >>> first = minigrad.randn(3)
    >>> minigrad.set_rng_state(state)
    >>> bool((minigrad.randn(3) == first).all())
    True
    """
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Any = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """In the block, draw as you like: after it the default generator is where it was before.

    Not so if not `enabled`. NotImplementedError for any `devices` and any `device_type` but "cpu":
    there is only the CPU.

    >>> _ = minigrad.manual_seed(0)
    >>> with minigrad.random.fork_rng():
    ...     forked = minigrad.rand(2)
    >>> bool((minigrad.rand(2) == forked).all())
    True
    """
    if not enabled:
        yield
        return
    if devices is not None and len(list(devices)):
        raise NotImplementedError(f"{_caller}(): argument '{_devices_kw}': there is only the CPU")
    if device_type not in (None, "cpu"):
        raise NotImplementedError(f"{_caller}(): argument 'device_type': there is only the CPU")
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
