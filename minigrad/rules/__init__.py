"""Rules: every op's forward and derivatives, side by side, in plain NumPy. The package imports only
NumPy and doesn't know about Tensor. Read `rule.py` (what a rule is), then `elementwise.py`. The
other families are in modules of their own, such as `trigonometry.py` and `reduction.py`.
`presentation.py` describes how PyTorch presents an op. `dims.py`, `dtypes.py` and `promotion.py`
are PyTorch's conventions. `layout.py` gives a result PyTorch's strides, and `summation.py` gives a
sum PyTorch's digits. `reading.py` checks that every pullback is differentiable itself.
"""

from __future__ import annotations

from . import (
    activations,
    bessel,
    convolution,
    elementwise,
    embedding,
    factorisations,
    indexing,
    interpolation,
    linalg,
    losses,
    lu,
    memory,
    nn,
    normalisation,
    padding,
    polynomials,
    pooling,
    rearranging,
    recurrent,
    reduction,
    rounding,
    scans,
    scatter,
    shape,
    special,
    statistics,
    triangles,
    trigonometry,
)
from .rule import REGISTRY, Rule, differentiable, finish_loading, without_derivative

finish_loading()

__all__ = [
    "REGISTRY",
    "Rule",
    "activations",
    "bessel",
    "convolution",
    "differentiable",
    "elementwise",
    "embedding",
    "factorisations",
    "indexing",
    "interpolation",
    "linalg",
    "losses",
    "lu",
    "memory",
    "nn",
    "normalisation",
    "padding",
    "polynomials",
    "pooling",
    "rearranging",
    "recurrent",
    "reduction",
    "rounding",
    "scans",
    "scatter",
    "shape",
    "special",
    "statistics",
    "triangles",
    "trigonometry",
    "without_derivative",
]
