"""Names of torch.cuda, which answer as a CPU build of PyTorch does: there is no GPU.

Queries answer, seeding does nothing, and whatever needs a GPU raises PyTorch's error.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from ..api.old_constructors import CUDA_CLASSES as _CLASSES
from ..core.devices import AcceleratorError as AcceleratorError
from ..core.devices import OutOfMemoryError as OutOfMemoryError
from ..core.devices import device as _device
from ..core.devices import no_cuda as _no_cuda
from . import amp, memory, nvtx, random
from .memory import *  # noqa: F403, memory_allocated, empty_cache, …
from .random import *  # noqa: F403, manual_seed, get_rng_state, …

default_generators: tuple[()] = ()
has_half = True
has_magma = False

globals().update(_CLASSES)  # FloatTensor, LongTensor, …

# Queries ------------------------------------------------------------------------------------------


def is_available() -> bool:
    """Return False: minigrad computes on the CPU.

    >>> minigrad.device("cuda" if minigrad.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


_initialized = False  # what `is_initialized` returns; programs read it too


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


# What does nothing --------------------------------------------------------------------------------


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


def current_stream(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def init() -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def ipc_collect() -> NoReturn:
    """Raise AssertionError: there is no GPU whose memory processes could share."""
    raise _no_cuda()


def default_stream(device: Any = None) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def can_device_access_peer(device: Any, peer_device: Any) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def current_blas_handle() -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def get_sync_debug_mode() -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


def set_sync_debug_mode(debug_mode: int | str) -> NoReturn:
    """Raise AssertionError: there is no GPU."""
    raise _no_cuda()


class Event:
    """An event on a GPU: RuntimeError, because there is none."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event: there is no GPU")


class Stream:
    """A queue of work for a GPU: RuntimeError, because there is none."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support: there is no GPU")


class CUDAGraph:
    """Recorded work for a GPU: RuntimeError, because there is none."""

    def __init__(self, keep_graph: bool = False) -> None:
        raise RuntimeError("Tried to instantiate dummy base class CUDAGraph: there is no GPU")


__all__ = [
    "CUDAGraph",
    "Event",
    "Stream",
    "amp",
    "can_device_access_peer",
    "current_blas_handle",
    "current_device",
    "current_stream",
    "default_generators",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_gencode_flags",
    "get_sync_debug_mode",
    "has_half",
    "has_magma",
    "init",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "is_tf32_supported",
    "memory",
    "nvtx",
    "random",
    "set_device",
    "set_sync_debug_mode",
    "stream",
    "synchronize",
]
__all__ += memory.__all__
__all__ += random.__all__
