"""LU factorisations by Gaussian elimination with row exchanges."""

from __future__ import annotations

import numpy as np

from .elimination import eliminated, permutations
from .factorisations import by_columns, solve_triangular, transposed
from .indexing import put
from .presentation import INTERNAL
from .rule import Array, Result, differentiable
from .triangles import tril, triu


@differentiable(
    INTERNAL,
    layout="own",
    extra_outputs=True,
    node="LinalgLuFactorExBackward0",
    saved={"result": "LU"},
)
def lu(input: Array) -> Result:
    """L and U in one matrix, L without its diagonal of ones; and the pivots.

    The rows of the operand, exchanged as the pivots say, are L U. Pivot i, counted from 1, is the
    row that was exchanged with row i.
    """
    factors, pivots = eliminated(input)
    y = by_columns(factors)
    (m, n), k, shape = input.shape[-2:], min(input.shape[-2:]), input.shape
    exchanged, one = permutations(pivots, m).astype(input.dtype), np.eye(k, dtype=input.dtype)
    first, above, below = slice(0, k), slice(k, n), slice(k, m)

    def to_input(g: Array) -> Array:
        # L₁ and U₁ are square. To the right U is L₁⁻¹ A, and below L is A U₁⁻¹.
        lower = tril(y[..., :k, :k], -1)[0] + one
        upper = triu(y[..., :k, :k])[0]
        to_lower, to_upper = g[..., :k, :k], g[..., :k, :k]
        right = solve_triangular(transposed(lower), g[..., :k, k:], True)[0]
        left = transposed(solve_triangular(upper, transposed(g[..., k:, :k]), True)[0])
        if n > k:
            to_lower = to_lower - right @ transposed(y[..., :k, k:])
        if m > k:
            to_upper = to_upper - transposed(y[..., k:, :k]) @ left
        inner = tril(transposed(lower) @ to_lower, -1)[0] + triu(to_upper @ transposed(upper))[0]
        inner = transposed(solve_triangular(transposed(lower), inner, True)[0])
        inner = transposed(solve_triangular(upper, inner, True)[0])
        total = put(inner, (..., first, first), shape)[0]
        total = total + put(right, (..., first, above), shape)[0]
        total = total + put(left, (..., below, first), shape)[0]
        return exchanged @ total

    return (y, pivots), (to_input,)
