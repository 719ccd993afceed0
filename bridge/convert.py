"""Between the two libraries: tensors, modules and state, exact to the bit, with their names.

`to_torch` and `from_torch` take whatever a program keeps: a tensor, a module made of the layers
that minigrad has, or a state dict (a module's or an optimiser's). All is copied; nothing shares
memory. What the other side has no counterpart of is a TypeError that names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.rules.dtypes import SUPPORTED


def to_torch(obj: Any, device: str | torch.device = "cpu") -> Any:
    """`obj` as PyTorch has it, on `device`.

    A Tensor becomes a leaf (with its `requires_grad` and its `.grad`), a Module the `torch.nn`
    module of the same name, settings, mode, parameters and buffers (those that are shared stay
    shared), a dict, list or tuple the same of its items; numbers, strings and None stay. TypeError
    for anything else, saying where it was found; an optimiser goes as its `state_dict()`.

    >>> to_torch(nn.Linear(2, 3, bias=False))
    Linear(in_features=2, out_features=3, bias=False)
    >>> to_torch({"w": minigrad.tensor([1., 2.])})
    {'w': tensor([1., 2.])}
    """
    return _Conversion(minigrad, torch, device).of(obj, "")


def from_torch(obj: Any) -> Any:
    """The reverse of `to_torch`, from whatever device.

    >>> from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()))
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """
    return _Conversion(torch, minigrad, "cpu").of(obj, "")


def array_of(tensor: Any) -> np.ndarray:
    """A copy of a tensor's elements, of either library, from whatever device."""
    return np.array(tensor.detach().cpu().numpy())


def tensor_of(array: np.ndarray, device: str | torch.device = "cpu") -> torch.Tensor:
    """A copy of an array as a tensor of PyTorch."""
    return torch.from_numpy(np.array(array, order="C")).to(device)


# The modules that both libraries have, and the attributes that say how each is set, besides its
# parameters, buffers and submodules.
_SETTINGS: dict[str, tuple[str, ...]] = {
    "CrossEntropyLoss": ("ignore_index", "reduction", "label_smoothing"),
    "Dropout": ("p", "inplace"),
    "Flatten": ("start_dim", "end_dim"),
    "Identity": (),
    "Linear": ("in_features", "out_features"),
    "LogSoftmax": ("dim",),
    "MSELoss": ("reduction",),
    "ModuleDict": (),
    "ModuleList": (),
    "NLLLoss": ("ignore_index", "reduction"),
    "ReLU": ("inplace",),
    "Sequential": (),
    "Sigmoid": (),
    "Softmax": ("dim",),
    "Tanh": (),
}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class _Conversion:
    """One conversion, from one library to the other. What it has met once it gives again."""

    def __init__(self, source: Any, target: Any, device: str | torch.device) -> None:
        self.source, self.target, self.device = source, target, device
        self.done: dict[int, Any] = {}

    def of(self, obj: Any, path: str) -> Any:
        if isinstance(obj, self.source.nn.Module | self.source.Tensor):
            if id(obj) not in self.done:
                convert = self._tensor if isinstance(obj, self.source.Tensor) else self._module
                self.done[id(obj)] = convert(obj, path)
            return self.done[id(obj)]
        if isinstance(obj, Mapping):
            kind: Any = dict if isinstance(obj, defaultdict) else type(obj)
            return kind({key: self.of(item, f"{path}[{key!r}]") for key, item in obj.items()})
        if isinstance(obj, self.source.Size):
            return self.target.Size(obj)
        if type(obj) in (list, tuple):
            return type(obj)(self.of(item, f"{path}[{i}]") for i, item in enumerate(obj))
        if isinstance(obj, self.source.dtype):
            return self._dtype(obj, path)
        if obj is None or isinstance(obj, bool | int | float | str):
            return obj
        if isinstance(obj, self.source.optim.Optimizer):
            raise TypeError(
                f"{self._at(path)} is an optimiser: convert its state_dict(), and load that into "
                "one made for the other library's parameters"
            )
        raise TypeError(f"{self._at(path)} is a {_named(obj)}, which has no counterpart")

    def _at(self, path: str) -> str:
        return path.lstrip(".") or "the object"

    def _dtype(self, dtype: Any, path: str) -> Any:
        name = str(dtype).removeprefix("torch.")
        if name not in {known.name for known in SUPPORTED}:
            raise TypeError(f"{self._at(path)}: minigrad has no dtype {name}")
        return getattr(self.target, name)

    def _tensor(self, tensor: Any, path: str) -> Any:
        self._dtype(tensor.dtype, path)
        array = array_of(tensor)
        result = self.target.from_numpy(array).to(self.device)
        if isinstance(tensor, self.source.nn.Parameter):
            result = self.target.nn.Parameter(result, requires_grad=tensor.requires_grad)
        else:
            result.requires_grad_(tensor.requires_grad)
        if tensor.is_leaf and tensor.grad is not None:
            result.grad = self._tensor(tensor.grad, f"{path}.grad")
        return result

    def _module(self, module: Any, path: str) -> Any:
        name = type(module).__name__
        if name not in _SETTINGS or type(module) is not getattr(self.source.nn, name, None):
            raise TypeError(
                f"{self._at(path)} is a {_named(module)}, which has no counterpart: a module of "
                "your own is to be written as a function of the namespace (torch or minigrad)"
            )
        for hooks in _HOOKS:
            if getattr(module, hooks, None):
                raise TypeError(f"{self._at(path)} has {hooks[1:]}, which cannot be converted")
        # Not by its constructor, which would draw parameters from the target's random stream.
        kind = getattr(self.target.nn, name)
        result = kind.__new__(kind)
        self.target.nn.Module.__init__(result)
        for setting in _SETTINGS[name]:
            setattr(result, setting, getattr(module, setting))
        for registry in ("_parameters", "_buffers", "_modules"):
            for key, member in getattr(module, registry).items():
                getattr(result, registry)[key] = self.of(member, f"{path}.{key}")
        result.training = module.training
        return result


def _named(obj: Any) -> str:
    kind = type(obj)
    return f"{kind.__module__}.{kind.__qualname__}"
