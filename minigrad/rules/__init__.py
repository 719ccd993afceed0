"""Rules: every op's forward and derivatives, side by side, in plain NumPy. The package imports only
NumPy and doesn't know about Tensor. Read `rule.py` (what a rule is), then `elementwise.py`. The
other families are `reduction.py`, `linalg.py`, `shape.py`, `indexing.py` and `nn.py`; for neural
networks also `activations.py`, `losses.py`, `convolution.py`, `pooling.py`, `padding.py` and
`normalisation.py`. `presentation.py` describes how PyTorch presents an op. `dims.py`, `dtypes.py`
and `promotion.py` are PyTorch's conventions. `reading.py` checks that every pullback is
differentiable itself.
"""

from __future__ import annotations

from . import (
    activations,
    convolution,
    elementwise,
    indexing,
    linalg,
    losses,
    nn,
    normalisation,
    padding,
    pooling,
    reduction,
    shape,
)
from .rule import REGISTRY, Rule, differentiable, finish_loading, without_derivative

finish_loading()

__all__ = [
    "REGISTRY",
    "Rule",
    "activations",
    "convolution",
    "differentiable",
    "elementwise",
    "indexing",
    "linalg",
    "losses",
    "nn",
    "normalisation",
    "padding",
    "pooling",
    "reduction",
    "shape",
    "without_derivative",
]
