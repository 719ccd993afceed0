"""LU factorisations and their use, around `rules/lu.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS
from ...core.one_node import as_one_node, one_node
from ...core.tensor import require_tensor, wrap
from ...rules.dtypes import scalar_name
from ...rules.elimination import permutations, zero_pivots
from ...rules.presentation import BOTH, FUNCTION
from .basic import matmul
from .linalg import leading, solve_triangular, transposed, warn_deprecated
from .registry import composed
from .results import named_results

if TYPE_CHECKING:
    from ..tensor import Tensor

_Lu = named_results("linalg_lu", "P", "L", "U")
_Unpacked = named_results("lu_unpack", "P", "L", "U")
_LuFactor = named_results("linalg_lu_factor", "LU", "pivots")
_LuFactorEx = named_results("linalg_lu_factor_ex", "LU", "pivots", "info")
_LuWithInfo = named_results("_lu_with_info", "LU", "pivots", "info")


def _factors(name: str, A: Any, pivot: bool) -> tuple[Any, Any, Any]:
    """L and U in one matrix, the pivots, and the number of the first 0 on the diagonal of U."""
    require_tensor(A, f"linalg_{name}", "A")
    if A.ndim < 2:
        raise RuntimeError(
            f"linalg.{name}: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} "
            "instead"
        )
    if A._array.dtype.kind != "f":
        raise NotImplementedError(f"\"lu_cpu\" not implemented for '{scalar_name(A._array)}'")
    if not pivot:
        raise RuntimeError(f"linalg.{name}: LU without pivoting is not implemented on the CPU")
    factors, pivots = OPS["lu"](A)
    return factors, pivots, wrap(zero_pivots(factors._array))


@composed(FUNCTION, module="linalg")
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """Factorise matrices for `lu_solve`: a named tuple (LU, pivots).

    LU has U in its upper triangle, and below it L without its diagonal of ones. Row i was exchanged
    with row pivots[i], counted from 1. RuntimeError for a 0 on the diagonal of U.

    >>> minigrad.linalg.lu_factor(minigrad.tensor([[1., 2.], [2., 2.]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    factors, pivots, info = _factors("lu_factor", A, pivot)
    _refuse("torch.linalg.lu_factor", info)
    return _LuFactor(factors, pivots)


def _refuse(name: str, info: Any) -> None:
    """RuntimeError for the first matrix whose info isn't 0."""
    for place in range(info.numel()):
        i = info._array.reshape(-1)[place].item()
        if i:
            which = f"(Batch element {place}): " if info.ndim else ""
            raise RuntimeError(
                f"{name}: {which}U[{i},{i}] is zero and using it on lu_solve would divide by zero. "
                "Use linalg.lu or linalg.lu_factor_ex to factorise it all the same."
            )


@composed(FUNCTION, module="linalg")
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """Factorise matrices as `lu_factor` does: a named tuple (LU, pivots, info).

    `info` is the number of the first 0 on the diagonal of U, counted from 1, or 0. RuntimeError for
    one only with `check_errors`.

    >>> minigrad.linalg.lu_factor_ex(minigrad.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    factors, pivots, info = _factors("lu_factor", A, pivot)
    if check_errors:
        _refuse("torch.linalg.lu_factor_ex", info)
    return _LuFactorEx(factors, pivots, info)


@composed(FUNCTION, module="linalg")
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """Return P, L and U with A = P L U: a permutation, and lower and upper triangles.

    L has ones on its diagonal. The result is a named tuple.

    >>> minigrad.linalg.lu(minigrad.tensor([[1., 2.], [2., 2.]])).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    factors, pivots, _ = _factors("lu", A, pivot)
    triangles = as_one_node(_triangles(factors), "LinalgLuBackward0", A)
    return _Lu(_permutation(pivots, factors), *triangles)


def _permutation(pivots: Any, factors: Any) -> Any:
    found = permutations(pivots._array, factors.shape[-2])
    return wrap(found.astype(factors._array.dtype))


def _triangles(factors: Any) -> tuple[Any, Any]:
    m, n = factors.shape[-2:]
    k = min(m, n)
    factors = factors.contiguous()
    last = factors.ndim - 1
    one = wrap(np.eye(m, k, dtype=factors._array.dtype))
    lower = OPS["tril"](OPS["slice"](factors, last, 0, k, 1), -1)
    return OPS["add"](lower, one), OPS["triu"](OPS["slice"](factors, last - 1, 0, k, 1))


@composed(FUNCTION)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """Return P, L and U, given the results of `linalg.lu_factor`: a named tuple.

    Without `unpack_data` L and U are empty, and without `unpack_pivots` P is.

    >>> x = minigrad.tensor([[1., 2.], [2., 2.]])
    >>> minigrad.lu_unpack(*minigrad.linalg.lu_factor(x)).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    require_tensor(LU_data, "lu_unpack", "LU_data")
    require_tensor(LU_pivots, "lu_unpack", "LU_pivots", 2)
    if LU_data.ndim < 2:
        raise RuntimeError(
            "torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(LU_data.shape)} instead"
        )
    empty = wrap(np.zeros(0, LU_data._array.dtype))
    lower, upper, permutation = empty, empty, empty
    if unpack_pivots:
        _check_pivots("lu_unpack", LU_data, LU_pivots)
        permutation = _permutation(LU_pivots, LU_data)
    if unpack_data:
        lower, upper = as_one_node(_triangles(LU_data), "LuUnpackBackward0", LU_data)
    return _Unpacked(permutation, lower, upper)


def _check_pivots(name: str, LU: Any, pivots: Any) -> None:
    if pivots._array.dtype != np.int32:
        raise RuntimeError(f"{name}: pivots should be a Tensor of scalar type torch.int32")
    if pivots.shape != (*LU.shape[:-2], min(LU.shape[-2:])):
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix, "
            f"but their shapes are {list(pivots.shape)} and {list(LU.shape)}"
        )
    if ((pivots._array < 1) | (pivots._array > LU.shape[-2])).any():
        raise RuntimeError(f"{name}: pivots must be between 1 and LU.size(-2) inclusive")


@composed(FUNCTION, module="linalg")
@one_node("LinalgLuSolveBackward0", "LU", "B")
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """Solve A X = B, or X A = B if `left` is False, given the results of `lu_factor` for A.

    With `adjoint`, Aᵀ takes the place of A. The leading dimensions broadcast.

    >>> factors = minigrad.linalg.lu_factor(minigrad.tensor([[2., 0.], [0., 4.]]))
    >>> minigrad.linalg.lu_solve(*factors, minigrad.tensor([[2.], [2.]]))
    tensor([[1.0000],
            [0.5000]])
    """
    for position, (name, x) in enumerate({"LU": LU, "pivots": pivots, "B": B}.items(), 1):
        require_tensor(x, "linalg_lu_solve", name, position)
    for name, x in (("A", LU), ("B", B)):
        if x.ndim < 2:
            raise RuntimeError(
                f"linalg.lu_solve: The input tensor {name} must have at least 2 dimensions."
            )
    if LU.shape[-1] != LU.shape[-2]:
        raise RuntimeError(
            "linalg.lu_solve: A must be batches of square matrices, but they are "
            f"{LU.shape[-2]} by {LU.shape[-1]} matrices"
        )
    if LU._array.dtype != B._array.dtype:
        ours, theirs = (scalar_name(x._array) for x in (LU, B))
        raise RuntimeError(
            "linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type "
            f"{ours} and B of type {theirs} instead"
        )
    _check_pivots("linalg.lu_solve", LU, pivots)
    if LU.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            "linalg.lu_solve: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({LU.shape[-2]}x{LU.shape[-1]} and {B.shape[-2]}x"
            f"{B.shape[-1]})"
        )
    leading(LU, B)
    if not left:
        return transposed(_solved(LU, pivots, transposed(B), not adjoint)).contiguous()
    return _by_columns(_solved(LU, pivots, B, adjoint))


def _solved(LU: Any, pivots: Any, B: Any, adjoint: bool) -> Any:
    """The solution for A = P L U, or for its transpose."""
    permutation = _permutation(pivots, LU)
    if not adjoint:
        x = matmul(transposed(permutation), B)
        x = solve_triangular(LU, x, upper=False, unitriangular=True)
        return solve_triangular(LU, x, upper=True)
    x = solve_triangular(transposed(LU), B, upper=False)
    x = solve_triangular(transposed(LU), x, upper=True, unitriangular=True)
    return matmul(permutation, x)


def _by_columns(x: Any) -> Any:
    return transposed(transposed(x).contiguous())


@composed(BOTH)
def lu_solve_(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """Solve A X = input, given the results of `linalg.lu_factor` for A: an older `linalg.lu_solve`.

    >>> import warnings
    >>> factors = minigrad.linalg.lu_factor(minigrad.tensor([[2.]]))
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.lu_solve(minigrad.tensor([[3.]]), *factors)
    tensor([[1.5000]])
    """
    warn_deprecated("lu_solve", "linalg.lu_solve")
    return lu_solve(LU_data, LU_pivots, input)


@composed(BOTH)
def lu_(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """Factorise matrices as `linalg.lu_factor_ex` does, without errors: a pair (LU, pivots).

    With `get_infos`, a named tuple (LU, pivots, info).

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.lu(minigrad.tensor([[2.]]))[0]
    tensor([[2.]])
    """
    warn_deprecated("lu", "linalg.lu_factor")
    found = _factors("lu_factor", A, pivot)
    return _LuWithInfo(*found) if get_infos else found[:2]
