"""Modules, layers and losses, under the names of torch.nn. It imports `rules`, `core`, `api` and
`autograd`. Read `parameter.py`, `module.py` (the tree), `functional.py`, `layers.py`,
`activation.py`, `loss.py`, `containers.py` and `init.py`; then `module_hooks.py`. `modules/` has
aliases.
"""

from __future__ import annotations

from . import functional, init, modules, utils
from .activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .containers import ModuleDict, ModuleList, Sequential
from .layers import Dropout, Flatten, Identity, Linear
from .loss import CrossEntropyLoss, MSELoss, NLLLoss
from .module import Module
from .parameter import Parameter

__all__ = [
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "functional",
    "init",
    "modules",
    "utils",
]
