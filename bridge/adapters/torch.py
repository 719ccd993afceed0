"""PyTorch itself, in which nothing may be wrong."""

from __future__ import annotations

import torch as library

from bridge.conformance.adapter import PyTorchNames

name, version, strict = "torch", library.__version__, True
_names = PyTorchNames(library, name)
tensor, backward, grad, to_numpy, ops = (
    _names.tensor,
    _names.backward,
    _names.grad,
    _names.to_numpy,
    _names.ops,
)
