"""DLPack, a protocol by which libraries share the memory of arrays: how a tensor gives its own."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from ..core.tensor import TensorBase


class DLDeviceType(IntEnum):
    """The protocol's numbers of the devices."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


CPU = (DLDeviceType.kDLCPU, 0)


def dlpack(
    self: TensorBase,
    *,
    stream: Any = -1,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[IntEnum, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """Return a capsule with the memory of this tensor, for another library.

    BufferError for a tensor that requires grad, NotImplementedError for a device that isn't the
    CPU, AssertionError for a `stream`.

    >>> np.from_dlpack(minigrad.ones(2))
    array([1., 1.], dtype=float32)
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream not in (None, -1):
        raise AssertionError("stream should be None on cpu.")
    if dl_device is not None and tuple(dl_device) != CPU:
        raise NotImplementedError(f"can't copy to {dl_device}: there is only the CPU")
    array = self.numpy()  # type: ignore[attr-defined]
    return array.__dlpack__(max_version=max_version, copy=copy)


def dlpack_device(self: TensorBase) -> tuple[DLDeviceType, int]:
    """Return the device of this tensor as numbers: the CPU."""
    return CPU


def to_dlpack(tensor: TensorBase, /) -> Any:
    """Return a capsule with the memory of a tensor, which `from_dlpack` can read once.

    >>> minigrad.from_dlpack(minigrad.to_dlpack(minigrad.ones(2)))
    tensor([1., 1.])
    """
    if not isinstance(tensor, TensorBase):
        kind = type(tensor).__name__
        raise TypeError(f"to_dlpack(): argument 'data' must be Tensor, not {kind}")
    # NumPy would read an older capsule as memory that is not to be written.
    return dlpack(tensor.detach(), max_version=(1, 0))
