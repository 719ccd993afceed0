"""minigrad, which claims to be PyTorch in every detail."""

from __future__ import annotations

import minigrad as library
from bridge.conformance.adapter import PyTorchNames

name, version, strict = "minigrad", "0.1.0", True
_names = PyTorchNames(library, name)
tensor, backward, grad, to_numpy, ops = (
    _names.tensor,
    _names.backward,
    _names.grad,
    _names.to_numpy,
    _names.ops,
)
