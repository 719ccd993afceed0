"""LDLᵀ factorisations of symmetric matrices that may be indefinite, as LAPACK's sytrf has them.

Bunch and Kaufman, "Some stable methods for calculating inertia and solving symmetric linear
systems" (1977). PyTorch has no derivatives of these functions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errstate import quietly
from ...core.higher_order import without_derivative
from ...core.tensor import require_tensor, wrap
from ...rules.dims import flag
from ...rules.dtypes import of_numpy, scalar_name
from ...rules.presentation import FUNCTION
from .linalg import leading
from .registry import composed
from .results import named_results

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = np.ndarray

_LdlFactor = named_results("linalg_ldl_factor", "LD", "pivots")
_LdlFactorEx = named_results("linalg_ldl_factor_ex", "LD", "pivots", "info")
_GROWTH = (1 + math.sqrt(17)) / 8  # a pivot this small a part of its column isn't used alone


@composed(FUNCTION, module="linalg")
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """Factorise symmetric matrices for `ldl_solve`: a named tuple (LD, pivots).

    Only the lower triangle of A is read. D has blocks of size 1 and 2 on its diagonal, and L has
    ones there; LD has both. For a block of size 1, row i was exchanged with row pivots[i], counted
    from 1. The pivots of a block of size 2 are negative: its second row was exchanged. RuntimeError
    for a block of zero.

    >>> minigrad.linalg.ldl_factor(minigrad.tensor([[4., 2.], [2., 2.]])).LD
    tensor([[4.0000, 0.0000],
            [0.5000, 1.0000]])
    """
    LD, pivots, info = _factors(A, hermitian)
    _refuse("torch.linalg.ldl_factor", info)
    return _LdlFactor(LD, pivots)


@composed(FUNCTION, module="linalg")
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """Factorise symmetric matrices as `ldl_factor` does: a named tuple (LD, pivots, info).

    `info` is the number of the last block of zero, counted from 1, or 0. RuntimeError for one only
    with `check_errors`.

    >>> minigrad.linalg.ldl_factor_ex(minigrad.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    LD, pivots, info = _factors(A, hermitian)
    if flag(check_errors, "check_errors"):
        _refuse("torch.linalg.ldl_factor_ex", info)
    return _LdlFactorEx(LD, pivots, info)


def _refuse(name: str, info: Any) -> None:
    if info._array.any():
        i = info._array[info._array != 0][0]
        raise RuntimeError(f"{name}: block {i} of D is zero. Use ldl_factor_ex to factorise it.")


def _factors(A: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    flag(hermitian, "hermitian")  # the same for real matrices
    require_tensor(A, "linalg_ldl_factor", "A")
    _check_square("ldl_factor_ex", "A", A)
    if A._array.dtype.kind != "f":
        raise RuntimeError(
            "torch.linalg.ldl_factor_ex: Expected a floating point or complex tensor as input. "
            f"Got {scalar_name(A._array)}"
        )
    packed = np.tril(A._array).swapaxes(-1, -2).copy().swapaxes(-1, -2)
    pivots = np.empty(A.shape[:-1], np.int32)
    info = np.empty(A.shape[:-2], np.int32)
    for place in np.ndindex(info.shape):
        info[place] = _factorise(packed[place], pivots[place])
    LD = without_derivative(packed, "linalg_ldl_factor_ex", A)
    return LD, wrap(pivots), wrap(info)


def _check_square(name: str, argument: str, x: Any) -> None:
    if x.ndim < 2:
        raise RuntimeError(
            f"torch.linalg.{name}: The input tensor {argument} must have at least 2 dimensions."
        )
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"torch.linalg.{name}: {argument} must be batches of square matrices, but they are "
            f"{x.shape[-2]} by {x.shape[-1]} matrices"
        )


@quietly
def _factorise(A: Array, pivots: Array) -> int:
    """Write L and D over the lower triangle of a matrix, and the pivots. Return `info`."""
    n, k, info = len(A), 0, 0
    while k < n:
        size, row = _pivot(A, k)
        if size == 0:
            info, pivots[k], k = k + 1, k + 1, k + 1
            continue
        at = k + size - 1  # the row that is exchanged
        if row != at:
            _exchange(A, at, row)
            if size == 2:
                A[[at, row], k] = A[[row, at], k]
        block = slice(k, k + size)
        below = A[k + size :, block]
        columns = below.copy()
        below[...] = _divided(A, k, columns.T).T
        A[k + size :, k + size :] -= np.tril(below @ columns.T)
        pivots[block] = row + 1 if size == 1 else -(row + 1)
        k += size
    return info


def _pivot(A: Array, k: int) -> tuple[int, int]:
    """The size of the next block of D, and the row of its last row. 0 for a column of zeros."""
    column = np.abs(A[k + 1 :, k])
    own, largest = abs(A[k, k]), column.max(initial=0)
    if not (own > 0 or largest > 0):
        return 0, k
    if own >= _GROWTH * largest:
        return 1, k
    row = k + 1 + int(column.argmax())
    others = np.abs(np.concatenate((A[row, k:row], A[row + 1 :, row]))).max()
    if own >= _GROWTH * largest * (largest / others):
        return 1, k
    return (1, row) if abs(A[row, row]) >= _GROWTH * others else (2, row)


def _exchange(A: Array, i: int, j: int) -> None:
    """Exchange rows and columns i < j of a symmetric matrix in a lower triangle, from column i."""
    A[j + 1 :, [i, j]] = A[j + 1 :, [j, i]]
    between = A[i + 1 : j, i].copy()
    A[i + 1 : j, i] = A[j, i + 1 : j]
    A[j, i + 1 : j] = between
    A[i, i], A[j, j] = A[j, j], A[i, i]


def _divided(LD: Array, k: int, rows: Array) -> Array:
    """The one or two rows, divided by the block of D at k."""
    if len(rows) == 1:
        return rows / LD[k, k]
    side = LD[k + 1, k]
    first, second = LD[k, k] / side, LD[k + 1, k + 1] / side
    upper, lower = rows / side
    found = np.stack([second * upper - lower, first * lower - upper])
    return found / (first * second - 1)


@composed(FUNCTION, module="linalg")
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """Solve A X = B, given the results of `ldl_factor` for A. The leading dimensions broadcast.

    RuntimeError for operands that don't fit.

    >>> factors = minigrad.linalg.ldl_factor(minigrad.tensor([[2., 0.], [0., 4.]]))
    >>> minigrad.linalg.ldl_solve(*factors, minigrad.tensor([[2.], [2.]]))
    tensor([[1.0000],
            [0.5000]])
    """
    flag(hermitian, "hermitian")
    for position, (name, x) in enumerate({"LD": LD, "pivots": pivots, "B": B}.items(), 1):
        require_tensor(x, "linalg_ldl_solve", name, position)
    _check_square("ldl_solve", "LD", LD)
    if B.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
    if B.shape[-2] != LD.shape[-1]:
        raise RuntimeError(
            "Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is "
            f"{LD.shape[-1]} by {LD.shape[-1]} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    if pivots.shape != LD.shape[:-1]:
        raise RuntimeError(
            "torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but "
            f"got pivots with shape {list(pivots.shape)} instead"
        )
    if pivots._array.dtype.kind not in "iu":
        raise RuntimeError(
            "torch.linalg.ldl_solve: Expected pivots to be integers. Got "
            f"{of_numpy(pivots._array.dtype)}"
        )
    if LD._array.dtype != B._array.dtype:
        theirs, ours = (scalar_name(x._array) for x in (LD, B))
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {ours} and A of type "
            f"{theirs} instead."
        )
    row = np.abs(pivots._array)
    if ((row < 1) | (row > LD.shape[-1])).any():
        raise RuntimeError("torch.linalg.ldl_solve: pivots must be the numbers of rows")
    batch, n = leading(LD, B), LD.shape[-1]
    factors = np.broadcast_to(LD._array, (*batch, n, n))
    rows = np.broadcast_to(pivots._array, (*batch, n))
    by_columns = np.broadcast_to(B._array, (*batch, *B.shape[-2:])).swapaxes(-1, -2).copy()
    solution = by_columns.swapaxes(-1, -2)
    for place in np.ndindex(batch):
        _solve(factors[place], rows[place], solution[place])
    found: Any = without_derivative(solution, "linalg_ldl_solve", LD, B)
    return found


@quietly
def _solve(LD: Array, pivots: Array, B: Array) -> None:
    """Write over B the solution for each of its columns."""
    n = len(LD)
    starts = []
    k = 0
    while k < n:
        starts.append(k)
        k += 1 if pivots[k] > 0 else 2
    ends = [*starts, n][1:]
    for k, end in zip(starts, ends, strict=True):
        at, row = end - 1, abs(pivots[k]) - 1
        B[[at, row]] = B[[row, at]]
        B[end:] -= LD[end:, k:end] @ B[k:end]
        B[k:end] = _divided(LD, k, B[k:end])
    for k, end in zip(reversed(starts), reversed(ends), strict=True):
        at, row = end - 1, abs(pivots[k]) - 1
        B[k:end] -= LD[end:, k:end].T @ B[end:]
        B[[at, row]] = B[[row, at]]
