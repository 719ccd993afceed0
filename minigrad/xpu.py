"""Names of torch.xpu, Intel's GPUs, which answer as a CPU build of PyTorch does: there is none.

Queries and what does nothing are those of `cuda`; what needs a GPU has errors of its own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from .core.devices import device as _device
from .core.devices import no_xpu as _no_xpu
from .cuda import (
    device_count as device_count,
)
from .cuda import (
    get_arch_list as get_arch_list,
)
from .cuda import (
    get_gencode_flags as get_gencode_flags,
)
from .cuda import (
    is_available as is_available,
)
from .cuda import (
    is_bf16_supported as is_bf16_supported,
)
from .cuda import (
    is_initialized as is_initialized,
)
from .cuda import (
    is_tf32_supported as is_tf32_supported,
)
from .cuda.memory import (
    empty_cache as empty_cache,
)
from .cuda.memory import (
    max_memory_allocated as max_memory_allocated,
)
from .cuda.memory import (
    max_memory_reserved as max_memory_reserved,
)
from .cuda.memory import (
    memory_allocated as memory_allocated,
)
from .cuda.memory import (
    memory_reserved as memory_reserved,
)
from .cuda.memory import (
    memory_stats as memory_stats,
)
from .cuda.memory import (
    memory_stats_as_nested_dict as memory_stats_as_nested_dict,
)
from .cuda.random import (
    get_rng_state_all as get_rng_state_all,
)
from .cuda.random import (
    manual_seed as manual_seed,
)
from .cuda.random import (
    manual_seed_all as manual_seed_all,
)
from .cuda.random import (
    seed as seed,
)
from .cuda.random import (
    seed_all as seed_all,
)
from .cuda.random import (
    set_rng_state_all as set_rng_state_all,
)

default_generators: tuple[()] = ()


def set_rng_state(new_state: Any, device: Any = "xpu") -> None:
    """Restore the state of a GPU's generator: nothing to do, but it must be a tensor."""
    new_state.clone()


def stream(stream: Any) -> AbstractContextManager[None]:
    """Return a context manager that does nothing, as there is no stream."""
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
