"""Names of torch.xpu, Intel's GPUs, which answer as a CPU build of PyTorch does: there is none."""

from __future__ import annotations

from collections import OrderedDict as _OrderedDict
from collections.abc import Iterable as _Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from .core.devices import device as _device
from .core.devices import no_xpu as _no_xpu

default_generators: tuple[()] = ()

# Queries ------------------------------------------------------------------------------------------


def is_available() -> bool:
    """Return False: minigrad computes on the CPU.

    >>> minigrad.device("xpu" if minigrad.xpu.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def is_initialized() -> bool:
    """Return False: there is nothing to initialise."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: there is no GPU that could compute in bfloat16."""
    return False


def is_tf32_supported() -> bool:
    """Return False: there is no GPU that could compute in TF32."""
    return False


def device_count() -> int:
    """Return the number of GPUs: 0."""
    return 0


def get_arch_list() -> list[str]:
    """Return the GPU architectures that this build is for: none."""
    return []


def get_gencode_flags() -> str:
    """Return the options of the compiler for GPUs: none."""
    return ""


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


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Return the statistics of a GPU's memory by their names: none."""
    return _OrderedDict()


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Return the statistics of a GPU's memory: none."""
    return {}


def get_rng_state_all() -> list[Any]:
    """Return the states of the generators of all GPUs: an empty list."""
    return []


# What does nothing --------------------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Seed a GPU's generator: nothing to do, but `seed` must be a number."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs: nothing to do, but `seed` must be a number."""
    int(seed)


def seed() -> None:
    """Seed a GPU's generator from randomness: nothing to do."""


def seed_all() -> None:
    """Seed the generators of all GPUs from randomness: nothing to do."""


def set_rng_state(new_state: Any, device: Any = "xpu") -> None:
    """Restore the state of a GPU's generator: nothing to do, but it must be a tensor."""
    new_state.clone()


def set_rng_state_all(new_states: _Iterable[Any]) -> None:
    """Restore the states of the generators of all GPUs: nothing to do."""
    for state in new_states:
        set_rng_state(state)


def empty_cache() -> None:
    """Free the memory that is reserved on a GPU: nothing to do."""


def stream(stream: None) -> AbstractContextManager[None]:
    """Return a context manager that does nothing for None. AssertionError for a stream."""
    if stream is not None:
        raise _no_xpu()
    return nullcontext()


# What needs a GPU ---------------------------------------------------------------------------------


class device:
    """Make a GPU the current one in a block: NotImplementedError in the block's first line.

    ValueError for a device that isn't a GPU of this kind.
    """

    def __init__(self, device: Any) -> None:
        if isinstance(device, str | _device) and _device(device).type != "xpu":
            raise ValueError(f"Expected a xpu device, but got: {_device(device)}")

    def __enter__(self) -> NoReturn:
        raise NotImplementedError("PyTorch was compiled without XPU support: there is no GPU")

    def __exit__(self, *exception: object) -> None:
        pass


class device_of(device):
    """Make the GPU of a tensor the current one in a block: NotImplementedError."""

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


def synchronize(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU to wait for."""
    raise _no_xpu()


def current_device() -> NoReturn:
    """Raise AssertionError: there is no current GPU."""
    raise _no_xpu()


def set_device(device: Any) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_xpu()


def get_device_name(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU that has a name."""
    raise _no_xpu()


def get_device_capability(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_xpu()


def get_device_properties(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_xpu()


def mem_get_info(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_xpu()


def current_stream(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_xpu()


def init() -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_xpu()


def initial_seed() -> NoReturn:
    """Raise AssertionError: there is no GPU whose generator has a seed."""
    raise _no_xpu()


def get_rng_state(device: Any = "xpu") -> NoReturn:
    """Raise AssertionError: there is no GPU whose generator has a state."""
    raise _no_xpu()


class Event:
    """An event on a GPU: RuntimeError, because there is none."""

    def __init__(self, enable_timing: bool = False) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event: there is no GPU")


class Stream:
    """A queue of work for a GPU: RuntimeError, because there is none."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Stream: there is no GPU")
