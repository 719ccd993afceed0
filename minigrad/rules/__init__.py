"""The rules: every op's forward and derivative, side by side, in plain NumPy.

Read `rule.py` for the contract, then `elementwise.py` for what a rule looks like. The rest are
`reduction`, `linalg`, `shape`, `indexing` and `nn`. Nothing here knows of Tensor.
"""

from . import elementwise, indexing, linalg, nn, reduction, shape
from .rule import REGISTRY, Rule, differentiable, without_derivative

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
