"""The rules: every op's forward and derivatives, side by side, in plain NumPy.

This package imports NumPy only, and knows no Tensor. Read `rule.py` first, which says what a rule
is, then `elementwise.py`. `reduction`, `linalg`, `shape`, `indexing` and `nn` are the other
families. `presentation.py` is how PyTorch presents an op, `dims.py`, `dtypes.py` and `promotion.py`
are its conventions, and `reading.py` checks that every pullback has a derivative itself.
"""

from __future__ import annotations

from . import elementwise, indexing, linalg, nn, reduction, shape
from .rule import REGISTRY, Rule, differentiable, finish_loading, without_derivative

finish_loading()

__all__ = [
    "REGISTRY",
    "Rule",
    "differentiable",
    "elementwise",
    "indexing",
    "linalg",
    "nn",
    "reduction",
    "shape",
    "without_derivative",
]
