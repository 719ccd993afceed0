"""Optimisers and learning-rate schedulers, under the names of torch.optim. It imports `core`, `api`
and `autograd`. Read `optimizer.py` (everything except the update), `sgd.py`, `adam.py`, then
`lr_scheduler.py`.
"""

from __future__ import annotations

from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
