"""Optimisers and learning-rate schedulers, under the names of torch.optim. It imports `core`,
`api`, `autograd` and `nn`. Read `optimizer.py` (everything except the update), `arithmetic.py` and
`sgd.py`; then `per_parameter.py` and `adam.py`, whose form the other optimisers share; `lbfgs.py`,
which is different; `lr_scheduler/`, `swa_utils.py` and `optimizer_hooks.py`.
"""

from __future__ import annotations

from . import lr_scheduler, swa_utils
from .adadelta import Adadelta
from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .asgd import ASGD
from .lbfgs import LBFGS
from .muon import Muon
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]
