"""Schedulers: they change the learning rate of every parameter group, epoch by epoch.

As in PyTorch, most compute the next learning rate from the current one, so that schedulers can be
chained and the rate changed by hand in between. The order of operations is PyTorch's, so that the
rates are equal bit for bit. Read `base.py`, `curves.py`, `cycles.py` (which rise and fall),
`plateau.py` (which watches the loss) and `combined.py` (which runs others).
"""

from __future__ import annotations

from .base import LRScheduler
from .combined import ChainedScheduler, SequentialLR
from .curves import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from .cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from .plateau import ReduceLROnPlateau

# The name before PyTorch 2.0, from which older programs derive their schedulers.
_LRScheduler = LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
