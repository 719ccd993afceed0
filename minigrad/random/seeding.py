"""The seed and the state of the default generator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .generator import Generator, default_generator


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it.

    `seed` is converted by `int()`. It goes from -2**63 to 2**64 - 1 (ValueError outside); 2**64 is
    added to a negative one. From the same seed, PyTorch and minigrad draw the same numbers.

    >>> _ = minigrad.manual_seed(0)
    >>> minigrad.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system's randomness; return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed of the default generator.

    >>> _ = minigrad.manual_seed(-1)
    >>> minigrad.initial_seed() == 2**64 - 1
    True
    """
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """Return the state of the default generator, a uint8 Tensor of 5,056 bytes.

    >>> minigrad.get_rng_state().shape
    torch.Size([5056])
    """
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Set the default generator to a state that `get_rng_state` returned, here or in PyTorch.

    Raises TypeError unless it is a uint8 Tensor, RuntimeError unless it is such a state.

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
    """Restore the state of the default generator at the end of the block, if `enabled`.

    Raises NotImplementedError for any `devices`, and for a `device_type` other than "cpu".

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
