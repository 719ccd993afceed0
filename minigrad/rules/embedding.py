"""Rows of a table, and the sums of the gradients of repeated rows."""

from __future__ import annotations

import numpy as np

from .dims import flag
from .dtypes import scalar_name
from .indexing import scatter
from .presentation import INTERNAL
from .rule import Array, Constant, Result, differentiable


@differentiable(INTERNAL, saved={"input": "indices"})
def embedding(
    weight: Array, input: Constant, padding_idx: int = -1, scale_grad_by_freq: bool = False
) -> Result:
    """The rows of `weight` at the indices in `input`; the row `padding_idx` gets no gradient."""
    scale_grad_by_freq = flag(scale_grad_by_freq, "scale_grad_by_freq")
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if input.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {scalar_name(input)} instead (while checking arguments for "
            "embedding)"
        )
    rows = len(weight)
    if ((input < 0) | (input >= rows)).any():
        raise IndexError("index out of range in self")
    shape = weight.shape

    def pullback(g: Array) -> Array:
        places = input.reshape((*input.shape, 1))
        g = np.where(places == padding_idx, 0, g)
        if scale_grad_by_freq:
            g = g / counts
        return scatter(g, (input,), shape, True)[0]

    counts = np.bincount(input.reshape(-1), minlength=rows)[input][..., None].astype(weight.dtype)
    return weight[input], (pullback, None)
