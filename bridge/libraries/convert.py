"""Convert tensors, modules and state dicts between the libraries, bit for bit.

`to_torch` and `from_torch` take a tensor, a module built from minigrad's layers, or the state dict
of a module or an optimiser. They copy everything; nothing shares memory. An object without a
counterpart raises a TypeError that names it.
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
    """Return PyTorch's counterpart of `obj`, on `device`.

    - A Tensor becomes a leaf with the same `requires_grad` and `.grad`.
    - A Module becomes the `torch.nn` module of that name, with the same settings, training flag,
      parameters and buffers. Shared parameters stay shared.
    - The items of a dict, list or tuple are converted; numbers, strings and None stay.

    Raises TypeError for anything else, saying where it was found. Pass an optimiser's
    `state_dict()`, not the optimiser.

    >>> to_torch(nn.Linear(2, 3, bias=False))
    Linear(in_features=2, out_features=3, bias=False)
    >>> to_torch({"w": minigrad.tensor([1., 2.])})
    {'w': tensor([1., 2.])}
    """
    return _Conversion(minigrad, torch, device).convert(obj, "")


def from_torch(obj: Any) -> Any:
    """Return minigrad's counterpart of `obj`, the reverse of `to_torch`, from any device.

    >>> from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()))
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """
    return _Conversion(torch, minigrad, "cpu").convert(obj, "")


def array_of(tensor: Any) -> np.ndarray:
    """Copy the elements of a tensor of either library, from any device."""
    return np.array(tensor.detach().cpu().numpy())


def copy_with_strides(array: np.ndarray) -> np.ndarray:
    """Copy an array with its strides, so that gaps and shared elements stay.

    Negative strides, which no tensor has, are not kept.

    >>> x = np.zeros((4, 6), np.float32)[:, ::2].T
    >>> copy_with_strides(x).strides == x.strides
    True
    """
    if not array.size or any(stride < 0 for stride in array.strides):
        return array.copy()
    lengths = zip(array.shape, array.strides, strict=True)
    reach = sum((size - 1) * stride for size, stride in lengths)
    buffer = np.zeros(reach + array.itemsize, np.uint8)[: array.itemsize].view(array.dtype)
    copy = np.lib.stride_tricks.as_strided(buffer, array.shape, array.strides)
    copy[...] = array
    return copy


def tensor_of(array: np.ndarray, device: str | torch.device = "cpu") -> torch.Tensor:
    """Copy an array into a tensor of PyTorch, with its strides."""
    return torch.from_numpy(copy_with_strides(array)).to(device)


# Attributes of modules that are neither settings nor private.
_NOT_SETTINGS = ("training", "all_weights", "call_super_init", "dump_patches")
# Private attributes that both libraries have.
_PRIVATE_SETTINGS = ("_qkv_same_embed_dim", "_size", "_keys")


def _settings(module: Any) -> list[str]:
    """The names of a module's attributes other than parameters, buffers and submodules."""
    return [
        name
        for name in vars(module)
        if name in _PRIVATE_SETTINGS or not (name.startswith("_") or name in _NOT_SETTINGS)
    ]


def _complete(module: Any) -> None:
    """Set the private attributes that PyTorch's constructors derive from the others."""
    if isinstance(module, torch.nn.modules.conv._ConvNd):
        sides = module.padding
        if isinstance(sides, str):
            totals = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
            pairs = [(t // 2, t - t // 2) if sides == "same" else (0, 0) for t in totals]
        else:
            pairs = [(side, side) for side in sides]
        module._reversed_padding_repeated_twice = [x for pair in reversed(pairs) for x in pair]
    elif isinstance(module, torch.nn.RNNBase):
        names = list(module._parameters)
        cells = module.num_layers * (2 if module.bidirectional else 1)
        per_cell = len(names) // cells
        module._flat_weights_names = names
        module._all_weights = [names[i * per_cell : (i + 1) * per_cell] for i in range(cells)]
        module._init_flat_weights()
    elif isinstance(module, torch.nn.TransformerEncoderLayer):
        activations = {torch.nn.functional.relu: 1, torch.nn.functional.gelu: 2}
        module.activation_relu_or_gelu = activations.get(module.activation, 0)


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class _Conversion:
    """One conversion. It converts each object once, so that shared objects stay shared."""

    def __init__(self, source: Any, target: Any, device: str | torch.device) -> None:
        self.source, self.target, self.device = source, target, device
        self.converted: dict[int, Any] = {}

    def convert(self, obj: Any, path: str) -> Any:
        if isinstance(obj, self.source.nn.Module | self.source.Tensor):
            if id(obj) not in self.converted:
                is_tensor = isinstance(obj, self.source.Tensor)
                self.converted[id(obj)] = (self._tensor if is_tensor else self._module)(obj, path)
            return self.converted[id(obj)]
        if isinstance(obj, Mapping):
            kind: Any = dict if isinstance(obj, defaultdict) else type(obj)
            return kind({key: self.convert(item, f"{path}[{key!r}]") for key, item in obj.items()})
        if isinstance(obj, self.source.Size):
            return self.target.Size(obj)
        if type(obj) in (list, tuple):
            return type(obj)(self.convert(item, f"{path}[{i}]") for i, item in enumerate(obj))
        if isinstance(obj, self.source.dtype):
            return self._dtype(obj, path)
        if obj is None or isinstance(obj, bool | int | float | str):
            return obj
        if isinstance(obj, self.source.optim.Optimizer):
            raise TypeError(
                f"{self._at(path)} is an optimiser: convert its state_dict() and load that into "
                "an optimiser for the other library's parameters"
            )
        raise TypeError(f"{self._at(path)} is a {_qualified_name(obj)}, which has no counterpart")

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
        known = getattr(self.source.nn.modules.linear, name, getattr(self.source.nn, name, None))
        if type(module) is not known or not self._has(name):
            raise TypeError(
                f"{self._at(path)} is a {_qualified_name(module)}, which has no counterpart: write "
                "a module of your own as a function of the namespace (torch or minigrad)"
            )
        for hooks in _HOOKS:
            if getattr(module, hooks, None):
                raise TypeError(f"{self._at(path)} has {hooks[1:]}, which cannot be converted")
        # The constructor would draw parameters from the target's random stream.
        kind: Any = getattr(
            self.target.nn.modules.linear, name, getattr(self.target.nn, name, None)
        )
        result = kind.__new__(kind)
        self.target.nn.Module.__init__(result)
        for setting in _settings(module):
            self._set(result, setting, getattr(module, setting), f"{path}.{setting}")
        for registry in ("_parameters", "_buffers", "_modules"):
            for key, member in getattr(module, registry).items():
                getattr(result, registry)[key] = self.convert(member, f"{path}.{key}")
        result.training = module.training
        if self.target is torch:
            _complete(result)
        return result

    def _has(self, name: str) -> bool:
        """Tell whether the target has a class of that name."""
        return hasattr(self.target.nn, name) or hasattr(self.target.nn.modules.linear, name)

    def _set(self, module: Any, name: str, value: Any, path: str) -> None:
        """Set an attribute: a plain value, or a function that both libraries have."""
        if callable(value):
            function = getattr(value, "__name__", "")
            if getattr(self.source.nn.functional, function, None) is not value:
                raise TypeError(f"{self._at(path)} is a function, which cannot be converted")
            value = getattr(self.target.nn.functional, function)
        vars(module)[name] = value


def _qualified_name(obj: Any) -> str:
    kind = type(obj)
    return f"{kind.__module__}.{kind.__qualname__}"
