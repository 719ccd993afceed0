"""LU factorisations by Gaussian elimination with row exchanges."""

from __future__ import annotations

import numpy as np

from .factorisations import by_columns, solve, transposed
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
    y, pivots = _eliminated(input)
    (m, n), k, shape = input.shape[-2:], min(input.shape[-2:]), input.shape
    exchanged, one = permutations(pivots, m).astype(input.dtype), np.eye(k, dtype=input.dtype)
    first, above, below = slice(0, k), slice(k, n), slice(k, m)

    def to_input(g: Array) -> Array:
        # L₁ and U₁ are square. To the right U is L₁⁻¹ A, and below L is A U₁⁻¹.
        lower = tril(y[..., :k, :k], -1)[0] + one
        upper = triu(y[..., :k, :k])[0]
        to_lower, to_upper = g[..., :k, :k], g[..., :k, :k]
        right = solve(transposed(lower), g[..., :k, k:])[0]
        left = transposed(solve(upper, transposed(g[..., k:, :k]))[0])
        if n > k:
            to_lower = to_lower - right @ transposed(y[..., :k, k:])
        if m > k:
            to_upper = to_upper - transposed(y[..., k:, :k]) @ left
        inner = tril(transposed(lower) @ to_lower, -1)[0] + triu(to_upper @ transposed(upper))[0]
        inner = transposed(solve(upper, transposed(solve(transposed(lower), inner)[0]))[0])
        total = put(inner, (..., first, first), shape)[0]
        total = total + put(right, (..., first, above), shape)[0]
        total = total + put(left, (..., below, first), shape)[0]
        return exchanged @ total

    return (y, pivots), (to_input,)


def _eliminated(x: Array) -> tuple[Array, Array]:
    """The factors and pivots of matrices."""
    y, (m, n) = x.copy(), x.shape[-2:]
    pivots = np.zeros((*x.shape[:-2], min(m, n)), np.int32)
    rows = np.indices(x.shape[:-2], sparse=True)  # of the stack
    for i in range(min(m, n)):
        pivot = i + np.abs(y[..., i:, i]).argmax(-1)
        pivots[..., i] = pivot + 1
        y[(*rows, i)], y[(*rows, pivot)] = y[(*rows, pivot)], y[(*rows, i)].copy()
        corner = y[..., i, None, i]
        y[..., i + 1 :, i] /= np.where(corner == 0, 1, corner)
        y[..., i + 1 :, i + 1 :] -= y[..., i + 1 :, i, None] * y[..., i, None, i + 1 :]
    return by_columns(y), pivots


def permutations(pivots: Array, m: int) -> Array:
    """The matrices P for which P times L U has the rows in their first order."""
    order = np.broadcast_to(np.arange(m), (*pivots.shape[:-1], m)).copy()
    rows = np.indices(pivots.shape[:-1], sparse=True)
    for i in range(pivots.shape[-1]):
        pivot = pivots[..., i] - 1
        order[(*rows, i)], order[(*rows, pivot)] = order[(*rows, pivot)], order[(*rows, i)].copy()
    return np.arange(m)[:, None] == order[..., None, :]
