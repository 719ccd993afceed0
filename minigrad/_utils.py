"""Names of torch._utils that programs use, though it is private."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import cpu, cuda, mps, xpu
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
