"""Names of torch.mps, Apple's GPUs, which answer as a CPU build of PyTorch does: there is none."""

from __future__ import annotations

from typing import Any, NoReturn


def is_available() -> bool:
    """Return False: minigrad computes on the CPU.

    >>> minigrad.device("mps" if minigrad.mps.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """Return the number of GPUs: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed a GPU's generator: nothing to do."""


def _no_mps(function: str) -> RuntimeError:
    return RuntimeError(f"Cannot execute {function}() without MPS backend: there is no GPU")


def seed() -> NoReturn:
    """Raise RuntimeError: there is no GPU whose generator could be seeded."""
    raise _no_mps("seed")


def get_rng_state(device: Any = "mps") -> NoReturn:
    """Raise RuntimeError: there is no GPU whose generator has a state."""
    raise _no_mps("get_rng_state")


def set_rng_state(new_state: Any, device: Any = "mps") -> NoReturn:
    """Raise RuntimeError: there is no GPU whose generator has a state."""
    raise _no_mps("set_rng_state")


def synchronize() -> NoReturn:
    """Raise RuntimeError: there is no GPU to wait for."""
    raise _no_mps("synchronize")


def empty_cache() -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    raise _no_mps("empty_cache")


def set_per_process_memory_fraction(fraction: float) -> NoReturn:
    """Raise RuntimeError: there is no GPU.

    TypeError for what isn't a float, ValueError for one that isn't between 0 and 2.
    """
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if fraction < 0 or fraction > 2:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~2")
    raise _no_mps("set_per_process_memory_fraction")


def current_allocated_memory() -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    raise _no_mps("current_allocated_memory")


def driver_allocated_memory() -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    raise _no_mps("driver_allocated_memory")


def recommended_max_memory() -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    raise _no_mps("recommended_max_memory")


class Event:
    """An event on a GPU: RuntimeError, because there is none."""

    def __init__(self, enable_timing: bool = False) -> None:
        raise _no_mps("Event")
