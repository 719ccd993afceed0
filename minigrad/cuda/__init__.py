"""Names of torch.cuda, which answer as a CPU build of PyTorch does: there is no GPU.

Queries answer, seeding does nothing, and whatever needs a GPU raises PyTorch's error.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from ..api.old_constructors import CUDA_CLASSES as _CLASSES
from ..core.devices import device as _device
from ..core.devices import no_cuda as _no_cuda
from . import amp

globals().update(_CLASSES)  # FloatTensor, LongTensor, …

# Queries ------------------------------------------------------------------------------------------


def is_available() -> bool:
    """Return False: minigrad computes on the CPU.

    >>> minigrad.device("cuda" if minigrad.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def is_initialized() -> bool:
    """Return False: there is nothing to initialise."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: there is no GPU that could compute in bfloat16."""
    return False


def device_count() -> int:
    """Return the number of GPUs: 0."""
    return 0


def get_arch_list() -> list[str]:
    """Return the GPU architectures that this build is for: none."""
    return []


def memory_allocated(device: Any = None) -> int:
    """Return the number of bytes that tensors take on a GPU: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """Return the largest number of bytes that tensors took on a GPU: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Return the number of bytes that are reserved on a GPU: 0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """Return the largest number of bytes that were reserved on a GPU: 0."""
    return 0


# What does nothing --------------------------------------------------------------------------------


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


def empty_cache() -> None:
    """Free the memory that is reserved on a GPU: nothing to do."""


def get_rng_state_all() -> list[Any]:
    """Return the states of the generators of all GPUs: an empty list."""
    return []


class device:
    """Make a GPU the current one in a block: an error, unless the index is negative.

    ValueError for a device that isn't a GPU; RuntimeError in the block's first line.

    >>> with minigrad.cuda.device(-1):
    ...     pass
    """

    def __init__(self, device: Any) -> None:
        if isinstance(device, str | _device):
            place = _device(device)
            if place.type != "cuda":
                raise ValueError(f"Expected a cuda device, but got: {place}")
            device = 0 if place.index is None else place.index
        self.idx = int(device)

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise RuntimeError("PyTorch was compiled without CUDA support: there is no GPU")

    def __exit__(self, *exception: object) -> None:
        pass


class device_of(device):
    """Make the GPU of a tensor the current one in a block. Tensors are on the CPU: it does nothing.

    >>> with minigrad.cuda.device_of(minigrad.ones(1)):
    ...     pass
    """

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


def stream(stream: None) -> AbstractContextManager[None]:
    """Return a context manager that does nothing for None. AssertionError for a stream."""
    if stream is not None:
        raise _no_cuda()
    return nullcontext()


# What needs a GPU ---------------------------------------------------------------------------------


def synchronize(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU to wait for.

    >>> minigrad.cuda.synchronize()
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled: minigrad computes on the CPU only
    """
    raise _no_cuda()


def current_device() -> NoReturn:
    """Raise AssertionError: there is no current GPU."""
    raise _no_cuda()


def set_device(device: Any) -> None:
    """Raise AssertionError, unless `device` is a negative index, which PyTorch ignores.

    ValueError for a device that isn't a GPU.
    """
    if isinstance(device, str | _device) and _device(device).type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    if not (isinstance(device, int) and device < 0):
        raise _no_cuda()


def get_device_name(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU that has a name."""
    raise _no_cuda()


def get_device_capability(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def get_device_properties(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def mem_get_info(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def reset_peak_memory_stats(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def current_stream(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def init() -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def initial_seed() -> NoReturn:
    """Raise AssertionError: there is no GPU whose generator has a seed."""
    raise _no_cuda()


class Event:
    """An event on a GPU: RuntimeError, because there is none."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event: there is no GPU")


class Stream:
    """A queue of work for a GPU: RuntimeError, because there is none."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support: there is no GPU")


__all__ = [
    "Event",
    "Stream",
    "amp",
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state_all",
    "init",
    "initial_seed",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]
