"""Inverses, solutions of linear systems, determinants, and the factorisations of matrices.

Each takes a matrix or a stack of matrices. The derivatives are those of Giles ("Collected matrix
derivative results for forward and reverse mode algorithmic differentiation", 2008), and for the
factorisations those of Walter and Lehmann (2010) and Seeger et al. (2017). Results that have more
than one part with a derivative are *packed*: their elements are joined in the last dimension.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import elimination
from .indexing import put
from .presentation import INTERNAL
from .reading import reads_as
from .rule import Array, Result, differentiable
from .triangles import diagonal, put_diagonal, tril, triu


class LinAlgError(RuntimeError):
    """The error for a matrix that is singular, or that an algorithm can't factorise."""


def transposed(x: Array) -> Array:
    return x.swapaxes(-1, -2)


def by_columns(x: Array) -> Array:
    """A copy of matrices with the columns together in memory, as LAPACK returns them."""
    return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def _lapack(function: Any, *args: Any, **options: Any) -> Any:
    """Call a function of np.linalg, with PyTorch's type of error."""
    try:
        return function(*args, **options)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{function.__name__}: {error}") from None


# Inverses and solutions ---------------------------------------------------------------------------


@differentiable(
    INTERNAL,
    layout="own",
    public="inverse",
    node="LinalgInvExBackward0",
    saved={"result": "inverse"},
)
def inv(input: Array) -> Result:
    """The inverses of square matrices, with infinite elements or NaN for a singular one."""
    y = by_columns(_solved(np.linalg.inv, input))
    return y, (lambda g: -(transposed(y) @ g @ transposed(y)),)


@differentiable(INTERNAL, layout="own", node="LinalgSolveExBackward0")
def solve(input: Array, other: Array) -> Result:
    """The X for which A X = B, with infinite elements or NaN for a singular A."""
    y = by_columns(_solved(np.linalg.solve, input, other))
    return y, (
        lambda g: -(solve(transposed(input), g)[0] @ transposed(y)),
        lambda g: solve(transposed(input), g)[0],
    )


def _solved(function: Callable[..., Array], a: Array, *b: Array) -> Array:
    """`solve` or `inv` of np.linalg, or the same by elimination.

    NumPy refuses a whole stack for a singular matrix, and leaves out some products of NaN and 0.
    """
    if np.isfinite(a).all():
        with contextlib.suppress(np.linalg.LinAlgError):
            return function(a, *b)
    return elimination.solved(a, *b or (np.eye(a.shape[-1], dtype=a.dtype),))


@differentiable(INTERNAL, layout="own", node="LinalgSolveTriangularBackward0")
def solve_triangular(
    input: Array, other: Array, upper: bool, unitriangular: bool = False
) -> Result:
    """The X for which A X = B, with triangles A, of which only that triangle is read.

    With `unitriangular` the diagonal counts as ones.
    """
    y = by_columns(elimination.substituted(input, other, upper, unitriangular))
    step = 1 if unitriangular else 0

    def to_input(g: Array) -> Array:
        d = -(solve_triangular(transposed(input), g, not upper, unitriangular)[0] @ transposed(y))
        return triu(d, step)[0] if upper else tril(d, -step)[0]

    return y, (
        to_input,
        lambda g: solve_triangular(transposed(input), g, not upper, unitriangular)[0],
    )


@differentiable(INTERNAL, layout="own", node="LinalgPinvBackward0")
def pinv(input: Array, atol: Any, rtol: Any, hermitian: bool) -> Result:
    """The pseudo-inverses, in which singular values up to a tolerance count as 0.

    It is the larger of `atol` and `rtol` times the largest singular value; both may have an element
    for each matrix. With `hermitian`, the lower triangle alone is read.
    """
    if hermitian:
        s, u = _lapack(np.linalg.eigh, input)  # the eigenvalues are singular values with a sign
        vh = transposed(u)
    else:
        u, s, vh = _lapack(np.linalg.svd, input, full_matrices=False)
    kept = np.abs(s) > np.maximum(atol, rtol * np.abs(s).max(-1, initial=0))[..., None]
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0)
    y = np.ascontiguousarray((transposed(vh) * inverse[..., None, :]) @ transposed(u))
    y = y.astype(input.dtype, copy=False)

    def to_input(g: Array) -> Array:
        # Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
        # problems whose variables separate", 1973. The products are taken in the cheaper order.
        a, p, h, back = input, y, transposed(g), transposed(y)
        if a.shape[-2] <= a.shape[-1]:
            k = h @ p
            d = k @ back
            return d - transposed(p @ k) - (a @ p) @ d + (back @ p) @ (h - k @ a)
        k = p @ h
        d = back @ k
        return d - transposed(k @ p) - (d @ p) @ a + (h - a @ k) @ p @ back

    return y, (to_input,)


# Determinants -------------------------------------------------------------------------------------


@differentiable(INTERNAL, node="LinalgDetBackward0", saved={"input": "A"})
def det(input: Array) -> Result:
    """The determinants of square matrices."""
    # PyTorch saves the factors, which stay as they are if the matrices change unnoticed.
    factored = _as_factored(input).copy()
    y = np.linalg.det(factored)
    y = np.where(np.isnan(factored).any((-2, -1)), np.asarray(np.nan, y.dtype), y)
    return y, (lambda g: _by_factors(g, input, factored, y),)


def _as_factored(x: Array) -> Array:
    """The matrices that PyTorch factorises: those of `x`, or their transposes."""
    return transposed(x) if x.flags.c_contiguous else x


def _by_cofactors(g: Array, x: Array, factored: Array, y: Array) -> Array:
    return g[..., None, None] * cofactors(x)[0]


@reads_as(_by_cofactors)
def _by_factors(g: Array, x: Array, factored: Array, y: Array) -> Array:
    """g det(x) x⁻ᵀ, which is 0 for a singular matrix, as in PyTorch unless it is recorded."""
    if x.shape[-1] == 1:
        return g[..., None, None]
    one = np.eye(x.shape[-1], dtype=x.dtype)
    regular = np.where(((y == 0) | np.isnan(y))[..., None, None], one, factored)
    d = solve(regular, (g * y)[..., None, None] * one)[0]
    return by_columns(d) if x.flags.c_contiguous else transposed(d)


@differentiable(INTERNAL, layout="own")
def cofactors(input: Array) -> Result:
    """The derivatives of the determinants, which exist for singular matrices, too.

    Their own derivatives are those for regular matrices.
    """
    u, s, vh = _lapack(np.linalg.svd, input)
    size = s.shape[-1]
    others = np.where(np.eye(size, dtype=bool), 1, s[..., None, :])
    sign = np.linalg.det(u) * np.linalg.det(vh)
    y = by_columns((sign[..., None, None] * u * others.prod(-1)[..., None, :]) @ vh)

    def to_input(g: Array) -> Array:
        b = transposed(inv(input)[0])
        inner = diagonal(transposed(b) @ g, 0, -2, -1)[0].sum(-1)
        return _scaled(y, inner) - b @ transposed(g) @ y

    return y.astype(input.dtype, copy=False), (to_input,)


def _scaled(x: Array, by: Array) -> Array:
    return x * by[..., None, None]


@differentiable(INTERNAL, extra_outputs=True, node="LinalgSlogdetBackward0")
def slogdet(input: Array) -> Result:
    """The logarithms of the absolute determinants, and the signs of the determinants.

    For a determinant that is NaN they are NaN and 0.
    """
    sign, log = np.linalg.slogdet(input)
    log = np.where(np.isnan(input).any((-2, -1)), np.asarray(np.nan, log.dtype), log)
    return (log, np.where(np.isnan(log), np.zeros_like(sign), sign)), (
        lambda g: g[..., None, None] * transposed(inv(input)[0]),
    )


# Factorisations -----------------------------------------------------------------------------------


@differentiable(INTERNAL, layout="own", node="LinalgCholeskyExBackward0")
def cholesky(input: Array) -> Result:
    """The lower triangles L for which L Lᵀ is the operand, whose lower triangle alone is read.

    The gradient is symmetric. For a matrix that isn't positive definite, an element on the diagonal
    isn't positive.
    """
    try:
        y = np.linalg.cholesky(input)
        # NumPy lets NaN pass, and factorises some infinite matrices that LAPACK refuses.
        refused = not np.isfinite(y.diagonal(0, -2, -1)).all()
    except np.linalg.LinAlgError:
        refused = True
    y = by_columns(elimination.cholesky(input) if refused else y)

    def to_input(g: Array) -> Array:
        lower = tril(transposed(y) @ g)[0]
        both = (lower + transposed(tril(lower, -1)[0])) * 0.5
        right = transposed(y)
        half = solve_triangular(right, both, True)[0]
        return transposed(solve_triangular(right, transposed(half), True)[0])

    return y, (to_input,)


@differentiable(INTERNAL, node="LinalgEighBackward0")
def eigh(input: Array, uplo: str) -> Result:
    """The eigenvalues w and eigenvectors V of symmetric matrices, packed: w, then V by columns.

    Only one triangle is read. The derivative of V is infinite where two eigenvalues are equal.
    """
    w, v = _lapack(np.linalg.eigh, input, uplo)
    size = w.shape[-1]
    y, one = _packed(w, transposed(v)), np.eye(size, dtype=w.dtype)

    def to_input(g: Array) -> Array:
        w, v = y[..., :size], _columns(y, size, size, size)
        inner = transposed(v) @ _columns(g, size, size, size)
        inner = (inner - transposed(inner)) * 0.5  # V stays orthogonal
        inner = _apart(inner, w[..., None, :] - w[..., :, None] + one)
        return v @ _with_diagonal(inner, g[..., :size]) @ transposed(v)

    return y, (to_input,)


@differentiable(INTERNAL, node="LinalgSvdBackward0")
def svd(input: Array) -> Result:
    """The singular value decompositions, packed: S, then U and Vh by columns.

    U and Vh have as many columns and rows as there are singular values. Their derivative is
    infinite where two singular values are equal, or one is 0 in a matrix that isn't square.
    """
    u, s, vh = _lapack(np.linalg.svd, input, full_matrices=False)
    (m, n), k = input.shape[-2:], s.shape[-1]
    y, one = _packed(s, transposed(u), transposed(vh)), np.eye(k, dtype=s.dtype)

    def to_input(g: Array) -> Array:
        s, u, vh = y[..., :k], _columns(y, k, m, k), _columns(y, k + m * k, k, n)
        gs, gu, gvh = g[..., :k], _columns(g, k, m, k), _columns(g, k + m * k, k, n)
        row, column = s[..., None, :], s[..., :, None]
        gap = row * row - column * column + one
        utgu, vtgv = transposed(u) @ gu, vh @ transposed(gvh)
        inner = _apart(utgu - transposed(utgu), gap) * row
        inner = inner + column * _apart(vtgv - transposed(vtgv), gap)
        d = u @ (inner + put_diagonal(gs, inner.shape, 0, -2, -1)[0])
        if m > k:
            d = d + _apart(gu - u @ utgu, row)
        d = d @ vh
        if n > k:
            d = d + u @ _apart(gvh - transposed(vtgv) @ vh, column)
        return d

    return y, (to_input,)


@differentiable(INTERNAL, node="LinalgQrBackward0")
def qr(input: Array) -> Result:
    """The reduced QR decompositions, packed: Q by columns, then R by columns."""
    q, r = np.linalg.qr(input)
    (m, n), k = input.shape[-2:], q.shape[-1]
    y = _packed(transposed(q), transposed(r))

    def to_input(g: Array) -> Array:
        q, r = _columns(y, 0, m, k), _columns(y, m * k, k, n)
        gq, gr = _columns(g, 0, m, k), _columns(g, m * k, k, n)
        if n <= k:
            return _tall_qr(q, r, gq, gr)
        # The first columns are a square matrix X; the others are Q times those of R.
        first, rest = (..., slice(0, k)), (..., slice(k, n))
        gq = gq + input[rest] @ transposed(gr[rest])
        to_x, shape = _tall_qr(q, r[first], gq, gr[first]), input.shape
        return put(to_x, first, shape)[0] + put(q @ gr[rest], rest, shape)[0]

    return y, (to_input,)


def _tall_qr(q: Array, r: Array, gq: Array, gr: Array) -> Array:
    upper = triu(gr @ transposed(r) - transposed(q) @ gq)[0]
    both = upper + transposed(triu(upper, 1)[0])
    return transposed(solve_triangular(r, transposed(q @ both + gq), True)[0])


def _packed(*parts: Array) -> Array:
    """Vectors, and matrices by rows, joined in the last dimension."""
    lead = parts[0].shape[:-1] if parts[0].ndim < parts[-1].ndim else parts[0].shape[:-2]
    flat = [x.reshape((*lead, math.prod(x.shape[len(lead) :]))) for x in parts]
    return np.concatenate(flat, -1)


def _rows(packed: Array, start: int, rows: int, columns: int) -> Array:
    """The matrix that was packed at `start` by rows."""
    part = packed[..., start : start + rows * columns]
    return part.reshape((*part.shape[:-1], rows, columns))


def _columns(packed: Array, start: int, rows: int, columns: int) -> Array:
    """The matrix that was packed at `start` by columns."""
    return transposed(_rows(packed, start, columns, rows))


def _with_diagonal(x: Array, on: Array) -> Array:
    """Square matrices with other elements on the diagonal."""
    old = diagonal(x, 0, -2, -1)[0]
    return x + put_diagonal(on - old, x.shape, 0, -2, -1)[0]


def _apart(x: Array, gap: Array) -> Array:
    """`x / gap`, but 0 for 0 / 0, so that equal values spoil only derivatives that use them."""
    return x / np.where((x == 0) & (gap == 0), 1, gap)


# The exponential ----------------------------------------------------------------------------------


@differentiable(node="LinalgMatrixExpBackward0")
def matrix_exp(input: Array) -> Result:
    """The exponentials of square matrices.

    >>> minigrad.matrix_exp(minigrad.tensor([[0., 1.], [0., 0.]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2] or input.dtype.kind != "f":
        raise RuntimeError(
            "linalg.matrix_exp: A must be batches of square matrices of floats, but has shape "
            f"{list(input.shape)} and dtype {input.dtype}"
        )
    n, shape = input.shape[-1], (*input.shape[:-2], 2 * input.shape[-1], 2 * input.shape[-1])

    def to_input(g: Array) -> Array:
        # The derivative along g is a part of the exponential of [[Aᵀ, g], [0, Aᵀ]] (Mathias, "A
        # chain rule for matrix functions and applications", 1996).
        first, last = slice(0, n), slice(n, 2 * n)
        a = transposed(input)
        whole = put(a, (..., first, first), shape)[0] + put(a, (..., last, last), shape)[0]
        return matrix_exp(whole + put(g, (..., first, last), shape)[0])[0][..., :n, n:]

    return _exponential(input), (to_input,)


def _exponential(x: Array) -> Array:
    """The exponentials by scaling and squaring (Higham, "The scaling and squaring method for the
    matrix exponential revisited", 2005), in float64.
    """
    a = x.astype(np.float64)
    one = np.eye(a.shape[-1])
    if a.shape[-1] <= 1 or not a.size:
        return np.exp(x)
    norm = np.abs(a).sum(-2).max(-1)
    ratio = np.where(np.isfinite(norm) & (norm > 0), norm, 1) / _LARGEST_NORM
    halvings = np.maximum(np.ceil(np.log2(ratio)), 0).astype(int)
    a = a / (2.0**halvings)[..., None, None]
    power, even, odd = one, np.zeros_like(a), np.zeros_like(a)
    for i in range(0, len(_PADE), 2):
        even = even + _PADE[i] * power
        if i + 1 < len(_PADE):
            odd = odd + _PADE[i + 1] * power
        power = power @ (a @ a)
    odd = a @ odd
    y = np.linalg.solve(even - odd, even + odd)
    for i in range(int(halvings.max())):
        y = np.where((halvings > i)[..., None, None], y @ y, y)
    return np.asarray(y.astype(x.dtype))


# The approximant of degree 13. It is exact in float64 up to a norm of 5.3, but the quotient of a
# smaller matrix loses fewer digits.
_LARGEST_NORM = 2.0
_PADE = [1.0]
for _i in range(13):
    _PADE.append(_PADE[-1] * (13 - _i) / ((26 - _i) * (_i + 1)))
