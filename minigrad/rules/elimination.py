"""Gaussian elimination with row exchanges, triangular systems, and Cholesky factors, in NumPy.

They have what `np.linalg` lacks: the pivots, systems that are known to be triangular, and results
for matrices that it refuses. Such a result has infinite elements or NaN.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def eliminated(x: Array) -> tuple[Array, Array]:
    """L and U in one matrix, and the pivots, of a stack of matrices."""
    y, (m, n) = x.copy(), x.shape[-2:]
    pivots = np.zeros((*x.shape[:-2], min(m, n)), np.int32)
    rows = np.indices(x.shape[:-2], sparse=True)  # of the stack
    for i in range(min(m, n)):
        pivot = i + _largest(np.abs(y[..., i:, i]))
        pivots[..., i] = pivot + 1
        y[(*rows, i)], y[(*rows, pivot)] = y[(*rows, pivot)], y[(*rows, i)].copy()
        corner = y[..., i, None, i]
        y[..., i + 1 :, i] /= np.where(corner == 0, 1, corner)
        y[..., i + 1 :, i + 1 :] -= y[..., i + 1 :, i, None] * y[..., i, None, i + 1 :]
    return y, pivots


def _largest(x: Array) -> Array:
    """The places of the largest elements in the last dimension, as LAPACK compares them.

    A NaN isn't larger than what comes before it, and nothing is larger than a NaN at the start.
    """
    return np.where(np.isnan(x[..., 0]), 0, np.where(np.isnan(x), -1, x).argmax(-1))


def permutations(pivots: Array, m: int) -> Array:
    """The matrices P for which P times L U has the rows in their first order."""
    return np.arange(m)[:, None] == _order(pivots, m)[..., None, :]


def _order(pivots: Array, m: int) -> Array:
    """The rows of the operand in the order of those of L U."""
    order = np.broadcast_to(np.arange(m), (*pivots.shape[:-1], m)).copy()
    rows = np.indices(pivots.shape[:-1], sparse=True)
    for i in range(pivots.shape[-1]):
        pivot = pivots[..., i] - 1
        order[(*rows, i)], order[(*rows, pivot)] = order[(*rows, pivot)], order[(*rows, i)].copy()
    return order


def first(faults: Array) -> Array:
    """The place of the first fault in the last dimension, counted from 1, or 0."""
    found = faults.argmax(-1) + 1 if faults.shape[-1] else 0
    return np.where(faults.any(-1), found, 0).astype(np.int32)


def zero_pivots(factors: Array) -> Array:
    """The place of the first 0 on each diagonal, counted from 1, or 0."""
    return first(factors.diagonal(0, -2, -1) == 0)


def solved(a: Array, b: Array) -> Array:
    """The X for which A X = B. Elements are infinite or NaN for a singular A."""
    factors, pivots = eliminated(a)
    lead, order = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), _order(pivots, a.shape[-1])
    b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
    b = np.take_along_axis(b, np.broadcast_to(order, (*lead, a.shape[-1]))[..., None], -2)
    return substituted(factors, substituted(factors, b, upper=False, unit=True), upper=True)


def substituted(a: Array, b: Array, upper: bool, unit: bool = False) -> Array:
    """The X for which A X = B, for triangles A, whose diagonals count as ones if `unit`.

    One half of the rows of X comes from one half of A, and changes B for the other half.
    """
    n = a.shape[-1]
    if n < 2:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return np.broadcast_to(b if unit or not n else b / a, (*lead, *b.shape[-2:])).copy()
    top, bottom = slice(0, n // 2), slice(n // 2, n)
    now, then = (bottom, top) if upper else (top, bottom)
    x = substituted(a[..., now, now], b[..., now, :], upper, unit)
    rest = substituted(a[..., then, then], b[..., then, :] - a[..., then, now] @ x, upper, unit)
    return np.concatenate([rest, x] if upper else [x, rest], -2)


def cholesky(x: Array) -> Array:
    """The lower triangles L of matrices, up to the first pivot that isn't positive.

    That pivot stays in place of its root, and the columns from there on are those of the operand.
    """
    y = np.tril(x)
    for place in np.ndindex(y.shape[:-2]):
        _factorise(y[place])
    return y


def _factorise(y: Array) -> None:
    for i in range(len(y)):
        row = y[i, :i]
        y[i, i] -= row @ row
        if not y[i, i] > 0:
            return
        y[i, i] = np.sqrt(y[i, i])
        y[i + 1 :, i] = (y[i + 1 :, i] - y[i + 1 :, :i] @ row) / y[i, i]
