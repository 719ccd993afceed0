"""Names of torch._utils that programs use, though it is private."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from . import cpu, cuda, mps, xpu
from .api.functions import cat
from .api.tensor import Tensor
from .core.devices import device as _device

_MODULES = {"cpu": cpu, "cuda": cuda, "mps": mps, "xpu": xpu}


def get_device_module(device: Any = None) -> ModuleType:
    """Return the module of a kind of device, such as `minigrad.cuda`. By default, that of the CPU.

    RuntimeError for a device without a module.

    >>> minigrad.get_device_module("cuda").is_available()
    False
    """
    kind = "cpu" if device is None else _device(device).type
    return _get_device_module(kind)


def _get_device_module(device_type: str) -> ModuleType:
    if device_type not in _MODULES:
        raise RuntimeError(
            f"Device '{device_type}' does not have a corresponding module registered as "
            f"'torch.{device_type}'."
        )
    return _MODULES[device_type]


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """Return the elements of all tensors as one vector."""
    return cat([tensor.contiguous().view(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return a vector's parts with the shapes of these tensors, in their order.

    They are views, but without elements they are new tensors.
    """
    parts, start = [], 0
    for tensor in tensors:
        part = flat.narrow(0, start, tensor.numel()).view_as(tensor)
        parts.append(part if part.numel() else flat.new_empty(tensor.shape))
        start += tensor.numel()
    return tuple(parts)
