"""Rules: every op's forward and derivatives, side by side, in plain NumPy. The package imports only
NumPy and doesn't know about Tensor. Read `rule.py` (what a rule is), then `elementwise.py`. The
other families are in modules of their own, such as `trigonometry.py` and `reduction.py`.
`presentation.py` describes how PyTorch presents an op. `dims.py`, `dtypes.py` and `promotion.py`
are PyTorch's conventions. `reading.py` checks that every pullback is differentiable itself.
"""

from __future__ import annotations

from . import (
    elementwise,
    indexing,
    interpolation,
    linalg,
    nn,
    reduction,
    rounding,
    shape,
    special,
    trigonometry,
)
from .rule import REGISTRY, Rule, differentiable, finish_loading, without_derivative

finish_loading()

__all__ = [
    "REGISTRY",
    "Rule",
    "differentiable",
    "elementwise",
    "indexing",
    "interpolation",
    "linalg",
    "nn",
    "reduction",
    "rounding",
    "shape",
    "special",
    "trigonometry",
    "without_derivative",
]
