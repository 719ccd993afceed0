"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.creating import number_of
from ...core.dispatch import OPS
from ...core.one_node import as_one_node
from ...core.output import written
from ...core.tensor import require_tensor, wrap
from ...core.warning import warn_once
from ...rules.dims import axes
from ...rules.dims import axis as dim_from_front
from ...rules.dtypes import scalar_name, to_numpy
from ...rules.presentation import FUNCTION
from .linalg import inv_ex, svdvals
from .registry import composed
from .shape import movedim

if TYPE_CHECKING:
    from ...rules.dtypes import dtype as dtype_
    from ..tensor import Tensor


@composed(numpy_names=False)
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    out: Tensor | None = None,
    dtype: dtype_ | None = None,
) -> Tensor:
    """Return the `p`-norm over `dim`: (Σ|x|ᵖ)^(1/p), or its limit for 0, inf and -inf.

    "fro" is the 2-norm, and "nuc" the sum of the singular values of matrices. RuntimeError for
    integers.

    >>> minigrad.norm(minigrad.tensor([3., 4.]))
    tensor(5.)
    """
    require_tensor(input, "norm", "input")
    if out is not None:
        given = {"input": input, "p": p, "dim": dim, "keepdim": keepdim, "dtype": dtype}
        return written("norm", norm, out, "same", given)
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found {p}")
    if p == "nuc":
        dims: Any = tuple(range(input.ndim)) if dim is None else dim
        return matrix_norm(input, "nuc", dims, keepdim, dtype=dtype)
    order: Any = 2.0 if p is None or p == "fro" else p
    return vector_norm(input, order, dim, keepdim, dtype=dtype)


@composed(FUNCTION)
def frobenius_norm(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """Return the square root of the sum of the squares over one or two dims, or over all for ().

    RuntimeError for more dims, and for integers.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.frobenius_norm(minigrad.tensor([[3., 4.]]), (0, 1))
    tensor(5.)
    """
    require_tensor(input, "frobenius_norm", "input")
    warn_once(
        "at::frobenius_norm is deprecated: use linalg.vector_norm, or matrix_norm for two dims"
    )
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) > 2:
        raise RuntimeError(
            f"Expected at most 2 dimensions, but got {len(dims)} dimensions instead."
        )
    return as_one_node(vector_norm(input, 2.0, dims, keepdim), "NormBackward1", input)


@composed(FUNCTION)
def nuclear_norm(input: Tensor, dim: Sequence[int] = (-2, -1), keepdim: bool = False) -> Tensor:
    """Return the sum of the singular values of matrices, which are in two dims.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.nuclear_norm(minigrad.tensor([[3., 0.], [0., 4.]]))
    tensor(7.)
    """
    require_tensor(input, "nuclear_norm", "input")
    warn_once("at::nuclear_norm is deprecated: use linalg.matrix_norm(input, 'nuc', dim, keepdim)")
    return matrix_norm(input, "nuc", dim, keepdim)


def _in_dtype(name: str, input: Any, dtype: dtype_ | None) -> Any:
    """The operand as floats of `dtype`, which must not be narrower than its own."""
    require_tensor(input, f"linalg_{name}", "A" if name == "matrix_norm" else "x")
    if dtype is not None:
        kind = to_numpy(dtype)
        if kind.kind != "f":
            raise RuntimeError(
                f"linalg.{name}: dtype should be floating point or complex, but got "
                f"{np.dtype(kind).name}"
            )
        own = input._array.dtype
        if own.kind == "f" and np.promote_types(own, kind) != kind:
            raise RuntimeError(
                f"linalg.{name}: the dtype of the input ({scalar_name(input._array)}) should be "
                f"convertible without narrowing to the specified dtype ({kind})"
            )
        input = input if own == kind else OPS["cast"](input, kind)
    if input._array.dtype.kind != "f":
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(input._array)}"
        )
    return input


@composed(FUNCTION, module="linalg")
def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: dtype_ | None = None,
) -> Tensor:
    """Return the `ord`-norm of the elements over `dim`, by default over all.

    RuntimeError for integers, and for an empty dimension without a smallest norm.

    >>> minigrad.linalg.vector_norm(minigrad.tensor([[3., 4.]]), dim=1)
    tensor([5.])
    """
    x = _in_dtype("vector_norm", x, dtype)
    ord = number_of(ord, "linalg_vector_norm", "ord")
    if (ord < 0 or math.isinf(ord)) and not x._array.size:
        for d in axes(dim, x.ndim):
            if not x.shape[d]:
                raise RuntimeError(
                    f"linalg.vector_norm cannot compute the {ord} norm on an empty dimension "
                    "because the operation does not have an identity"
                )
    return OPS["vector_norm"](x, ord, dim, keepdim)


@composed(FUNCTION, module="linalg")
def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: dtype_ | None = None,
) -> Tensor:
    """Return the norms of matrices over the two dimensions `dim`.

    `ord` is "fro", the root of the sum of squares; "nuc", the sum of the singular values; 2 or -2,
    the largest or smallest one; inf or -inf, the largest or smallest sum of a row of absolute
    values; 1 or -1, that of a column. RuntimeError for another order, and for integers.

    >>> minigrad.linalg.matrix_norm(minigrad.tensor([[1., -2.], [3., 4.]]), 1)
    tensor(6.)
    """
    A = _in_dtype("matrix_norm", A, dtype)
    if A.ndim < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
        )
    dims = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    if len(dims) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dims}")
    row, column = (dim_from_front(d, A.ndim) for d in dims)
    if row == column:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got {dims}")
    if ord == "fro":
        return OPS["vector_norm"](A, 2.0, (row, column), keepdim)
    if ord == "nuc":
        y = OPS["sum"](svdvals(movedim(A, (row, column), (-2, -1))), -1, keepdim)
        return _with_kept(y, row, column) if keepdim else y
    if isinstance(ord, str) or abs(ord) not in (1, 2, math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if abs(ord) == 2:
        y = _extreme(svdvals(movedim(A, (row, column), (-2, -1))), ord > 0, -1, keepdim)
        return _with_kept(y, row, column) if keepdim else y
    summed, over = (row, column) if abs(ord) == 1 else (column, row)
    sums = OPS["vector_norm"](A, 1.0, summed, keepdim)
    over -= not keepdim and summed < over  # in `sums`
    return _extreme(sums, ord > 0, over, keepdim)


def _extreme(x: Any, largest: bool, dim: int, keepdim: bool) -> Any:
    if largest and x.shape[dim] == 0:
        return OPS["sum"](x, dim, keepdim)  # the norm of an empty matrix is 0
    return OPS["amax" if largest else "amin"](x, dim, keepdim)


def _with_kept(x: Any, row: int, column: int) -> Any:
    return movedim(OPS["unsqueeze"](x, -1), (-2, -1), (row, column))


@composed(FUNCTION, module="linalg")
def norm_(
    A: Tensor,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: dtype_ | None = None,
) -> Tensor:
    """Return a norm of vectors, for one dimension, or of matrices, for two.

    Without `ord` it is the 2-norm of all elements over `dim`. Without `dim`, the operand must then
    be a vector or a matrix. The orders are those of `vector_norm` and `matrix_norm`. RuntimeError
    for others and for integers.

    >>> minigrad.linalg.norm(minigrad.tensor([[3., 0.], [0., 4.]]), "nuc")
    tensor(7.)
    """
    require_tensor(A, "linalg_norm", "A")
    if dim is not None:
        dims = tuple(dim) if isinstance(dim, Sequence) else (dim,)
        if len(dims) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
            )
    elif ord is not None:
        if A.ndim not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                f"{A.ndim}D."
            )
        dims = tuple(range(A.ndim))
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if len(dims) == 1 and not isinstance(ord, str):
        return vector_norm(A, ord, dims, keepdim, dtype=dtype)
    return matrix_norm(A, ord, dims, keepdim, dtype=dtype)


@composed(FUNCTION, module="linalg")
def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """Return the condition numbers of matrices: the norm times the norm of the inverse.

    `p` is an order of `matrix_norm`; 2, which is the default, and -2 are for any matrices, others
    for square ones. It is infinite for a singular matrix. RuntimeError for another order.

    >>> minigrad.linalg.cond(minigrad.tensor([[4., 0.], [0., 2.]]))
    tensor(2.)
    """
    require_tensor(A, "linalg_cond", "A")
    if A.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p not in (None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if not A._array.size:
        lead = tuple(A.shape[:-2])
        return OPS["expand"](wrap(np.zeros((), _in_dtype("cond", A, None)._array.dtype)), lead)
    if p in (None, 2, -2):
        values = svdvals(A)
        size = values.shape[-1]
        ends = [OPS["slice"](values, values.ndim - 1, i, i + 1, 1) for i in (0, size - 1)]
        return OPS["squeeze"](OPS["div"](*(ends if p != -2 else ends[::-1])), -1)
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.cond(ord={p}): A must be batches of square matrices, but they are "
            f"{A.shape[-2]} by {A.shape[-1]} matrices"
        )
    _in_dtype("cond", A, None)
    if p == "nuc":
        values = svdvals(A)
        return OPS["mul"](OPS["sum"](values, -1), OPS["sum"](OPS["reciprocal"](values), -1))
    inverse, info = inv_ex(A)
    inverse = OPS["masked_fill"](inverse, wrap((info._array != 0)[..., None, None]), math.inf)
    y = OPS["mul"](matrix_norm(A, p), matrix_norm(inverse, p))
    return OPS["nan_to_num"](y, math.inf, math.inf, -math.inf)
