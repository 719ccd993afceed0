"""The functions of torch.linalg: checks, shapes and named results around `rules/factorisations.py`.

Those with several results unpack them from the one result of a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arguments import require_broadcastable
from ...core.dispatch import OPS, function
from ...core.errstate import quiet
from ...core.grad_mode import no_grad
from ...core.higher_order import without_derivative
from ...core.one_node import as_one_node, one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.warning import warn_once
from ...rules import REGISTRY
from ...rules.dims import axis as dim_from_front
from ...rules.dims import flag, index
from ...rules.dtypes import scalar_name
from ...rules.elimination import eliminated, first, zero_pivots
from ...rules.factorisations import LinAlgError
from ...rules.presentation import BOTH, FUNCTION
from .basic import cat, matmul
from .half import refuse_half
from .products import in_cheapest_order, vdot
from .registry import composed
from .results import named_results
from .shape import movedim

if TYPE_CHECKING:
    from ..tensor import Tensor


_Eigh = named_results("linalg_eigh", "eigenvalues", "eigenvectors")
_Svd = named_results("linalg_svd", "U", "S", "Vh")
_OldSvd = named_results("svd", "U", "S", "V")
_Qr = named_results("linalg_qr", "Q", "R")
_OldQr = named_results("qr", "Q", "R")
_Slogdet = named_results("linalg_slogdet", "sign", "logabsdet")
_OldSlogdet = named_results("slogdet", "sign", "logabsdet")
_InvEx = named_results("linalg_inv_ex", "inverse", "info")
_SolveEx = named_results("linalg_solve_ex", "result", "info")
_CholeskyEx = named_results("linalg_cholesky_ex", "L", "info")
_Lstsq = named_results("linalg_lstsq", "solution", "residuals", "rank", "singular_values")


def _matrices(name: str, x: Any, square: bool = False) -> None:
    """RuntimeError unless an argument is a stack of matrices of floats."""
    require_tensor(x, f"linalg_{name}", "A")
    if x.ndim < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions, but got {x.ndim}"
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )
    _floats(name, x)


def _floats(name: str, x: Any) -> None:
    if x._array.dtype.kind != "f":
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(x._array)}"
        )
    if x._array.dtype == np.float16 and x._array.size:
        if name in ("inv", "slogdet", "logdet"):
            raise RuntimeError(f"linalg.{name}: Low precision dtypes not supported. Got Half")
        if name in ("lstsq", "matrix_rank", "pinv"):
            raise RuntimeError(f"linalg.{name} doesn't handle types other than float and double")
        raise NotImplementedError(f"\"{_KERNELS.get(name, name)}_cpu\" not implemented for 'Half'")


# The kernels that PyTorch's errors name, if these have other names than the functions.
_KERNELS = {
    "cholesky_inverse": "cholesky_inverse_out",
    "det": "lu",
    "eigh": "linalg_eigh",
    "householder_product": "orgqr",
    "qr": "geqrf",
    "solve": "lu",
    "solve_triangular": "triangular_solve",
    "svd": "linalg_svd",
}


def _same_dtype(name: str, a: Any, b: Any) -> None:
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(
            f"linalg.{name}: Expected A and B to have the same dtype, but found A of type "
            f"{scalar_name(a._array)} and B of type {scalar_name(b._array)} instead"
        )


def transposed(x: Any) -> Any:
    return OPS["transpose"](x, -2, -1)


# Parts of packed results --------------------------------------------------------------------------

# A packed result is new memory that nothing else refers to, so its parts aren't views.
_slice = function(replace(REGISTRY["slice"], view=False), node="SliceBackward0")
_reshape = REGISTRY["reshape"].presented(node="ViewBackward0", before=("", "", ""), edges=())
_view = function(replace(_reshape, view=False))
_turned = function(replace(REGISTRY["transpose"].presented(layout="own"), view=False))
_first_rows = function(
    replace(REGISTRY["slice"].presented(layout="own", node="SliceBackward0"), view=False)
)


def _vector(packed: Any, start: int, size: int) -> Any:
    return _slice(packed, packed.ndim - 1, start, start + size, 1)


def _rows(packed: Any, start: int, rows: int, columns: int) -> Any:
    part = _vector(packed, start, rows * columns)
    return _view(part, (*part.shape[:-1], rows, columns))


def _columns(packed: Any, start: int, rows: int, columns: int) -> Any:
    return _turned(_rows(packed, start, columns, rows), -2, -1)


# Inverses and solutions ---------------------------------------------------------------------------


def warn_deprecated(name: str, instead: str) -> None:
    warn_once(
        f"torch.{name} is deprecated in favor of torch.{instead}, and will be removed in a future "
        "release."
    )


@composed(FUNCTION, module="linalg")
def inv(A: Tensor) -> Tensor:
    """Return the inverses of square matrices. LinAlgError for a singular one.

    >>> minigrad.linalg.inv(minigrad.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    inverse, info = inv_ex(A)
    _refuse("linalg.inv", info, _SINGULAR)
    return inverse


_SINGULAR = "The diagonal element {} is 0 after elimination, so the matrix is singular."


@composed(BOTH)
def inverse(input: Tensor) -> Tensor:
    """Return the inverses of square matrices: `linalg.inv` under another name.

    >>> minigrad.inverse(minigrad.tensor([[2.]]))
    tensor([[0.5000]])
    """
    return inv(input)


@composed(FUNCTION, module="linalg")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """Return the inverses of square matrices, and an info for each: a named tuple (inverse, info).

    The info is the place of the first pivot that is 0, counted from 1, or 0 for a regular matrix.
    An inverse with such a pivot has infinite elements or NaN, or with `check_errors` there is a
    LinAlgError.

    >>> minigrad.linalg.inv_ex(minigrad.tensor([[2., 0.], [0., 0.]])).info
    tensor(2, dtype=torch.int32)
    """
    _matrices("inv", A, square=True)
    inverse = OPS["inv"](A)
    info = _singular(A, inverse)
    if flag(check_errors, "check_errors"):
        _refuse("linalg.inv_ex", info, _SINGULAR)
    return _InvEx(inverse, info)


def _singular(A: Any, solution: Any) -> Any:
    """The place of the first pivot of each matrix that is 0, counted from 1, or 0.

    Division by a pivot that is 0 leaves no finite element, so most solutions tell that none is.
    """
    if solution._array.size and np.isfinite(solution._array).all():
        return wrap(np.zeros(A.shape[:-2], np.int32))
    return wrap(zero_pivots(quiet.call(eliminated, A._array)[0]))


def _refuse(name: str, info: Any, why: str) -> None:
    """LinAlgError for the first matrix whose info isn't 0."""
    if info._array.any():
        place = (info._array != 0).argmax()
        which = f"(Batch element {place}): " if info.ndim else ""
        raise LinAlgError(f"{name}: {which}{why.format(info._array.reshape(-1)[place])}")


@composed(FUNCTION, module="linalg")
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Solve A X = B, or X A = B if `left` is False, for square matrices A.

    B is a stack of matrices, or of vectors if its shape is that of A without the last dimension, or
    if it has one dimension. LinAlgError for a singular A, RuntimeError for shapes that don't fit.

    >>> minigrad.linalg.solve(minigrad.tensor([[2., 0.], [0., 4.]]), minigrad.tensor([1., 1.]))
    tensor([0.5000, 0.2500])
    """
    X, info = solve_ex(A, B, left=left)
    _refuse("torch.linalg.solve", info, _UNSOLVED)
    return X


_UNSOLVED = "The solver failed because diagonal element {} is 0 after elimination: A is singular."


@composed(FUNCTION, module="linalg")
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """Solve A X = B like `solve`, and return an info for each A, too: a named tuple (result, info).

    The info is the place of the first pivot that is 0, counted from 1, or 0 for a regular matrix.
    A solution with such a pivot has infinite elements or NaN, or with `check_errors` there is a
    LinAlgError.

    >>> minigrad.linalg.solve_ex(minigrad.tensor([[2.]]), minigrad.tensor([1.])).info
    tensor(0, dtype=torch.int32)
    """
    X = _solve(A, B, left)
    info = _singular(A, X)
    if flag(check_errors, "check_errors"):
        _refuse("torch.linalg.solve_ex", info, _UNSOLVED)
    return _SolveEx(X, info)


@one_node("LinalgSolveExBackward0", "A", "B")
def _solve(A: Any, B: Any, left: bool) -> Any:
    _matrices("solve", A, square=True)
    require_tensor(B, "linalg_solve", "B", 2)
    _same_dtype("solve", A, B)
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and A.shape[:-1] == B.shape)
    if vector and not left:
        raise RuntimeError("linalg.solve: B must be matrices, not vectors, for left=False")
    right = OPS["unsqueeze"](B, -1) if vector else B
    _check_equation("solve", A, right, left)
    if not left:
        return _by_columns(transposed(OPS["solve"](transposed(A), transposed(right))))
    X = OPS["solve"](A, right)
    if not vector:
        return X
    x = OPS["squeeze"](X, -1)
    return _by_columns(x) if x.ndim > 1 else x  # as PyTorch has it, although it is no matrix


def _check_equation(name: str, A: Any, B: Any, left: bool) -> None:
    if B.ndim < 2:
        raise RuntimeError(f"linalg.{name}: B must have at least 2 dimensions")
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"linalg.{name}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x"
            f"{B.shape[-1]})"
        )
    leading(A, B)


def leading(A: Any, B: Any) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[:-2]))
    except ValueError:
        raise RuntimeError(
            f"The batch dimensions of A {list(A.shape[:-2])} and B {list(B.shape[:-2])} don't "
            "broadcast"
        ) from None


@composed(FUNCTION, module="linalg")
@one_node("LinalgSolveTriangularBackward0", "A", "B")
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Solve A X = B, or X A = B, for triangular matrices A, of which one triangle is read.

    With `unitriangular`, the diagonal counts as ones.

    >>> A = minigrad.tensor([[2., 0.], [1., 1.]])
    >>> minigrad.linalg.solve_triangular(A, minigrad.tensor([[2.], [2.]]), upper=False)
    tensor([[1.],
            [1.]])
    """
    upper, unitriangular = flag(upper, "upper"), flag(unitriangular, "unitriangular")
    _matrices("solve_triangular", A, square=True)
    require_tensor(B, "linalg_solve_triangular", "B", 2)
    _same_dtype("solve_triangular", A, B)
    _check_equation("solve_triangular", A, B, left)
    if left:
        return OPS["solve_triangular"](A, B, upper, unitriangular)
    right = OPS["solve_triangular"](transposed(A), transposed(B), not upper, unitriangular)
    return _by_columns(transposed(right))


@composed(BOTH)
@one_node("TriangularSolveBackward0", "input", "A")
def triangular_solve(
    input: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> Any:
    """Solve A X = input for triangular A, or Aᵀ X = input: a pair (solution, cloned_coefficient).

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.triangular_solve(minigrad.tensor([[2.]]), minigrad.tensor([[4.]])).solution
    tensor([[0.5000]])
    """
    warn_deprecated("triangular_solve", "linalg.solve_triangular")
    if input.ndim < 2 or A.ndim < 2:
        raise RuntimeError("torch.triangular_solve: Expected b and A to have at least 2 dimensions")
    _matrices("triangular_solve", A, square=True)
    _check_equation("triangular_solve", A, input, True)
    part, upper = (transposed(A), not upper) if transpose else (A, upper)
    solution = OPS["solve_triangular"](part, input, upper, unitriangular)
    copy = OPS["expand"](A, (*leading(A, input), *A.shape[-2:]))
    return _TriangularSolve(solution, _by_columns(copy))


_TriangularSolve = named_results("triangular_solve", "solution", "cloned_coefficient")


@composed(FUNCTION, module="linalg")
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """Return the inverse for `tensordot` of a tensor whose first `ind` dimensions count as rows.

    >>> minigrad.linalg.tensorinv(minigrad.eye(4).reshape(2, 2, 4), 2).shape
    torch.Size([4, 2, 2])
    """
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows, columns = A.shape[:ind], A.shape[ind:]
    n, m = int(np.prod(rows)), int(np.prod(columns))
    if n != m:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {m} != {n}"
        )
    return OPS["reshape"](inv(OPS["reshape"](A, (n, m))), (*columns, *rows))


@composed(FUNCTION, module="linalg")
def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """Solve tensordot(A, X, X.ndim) = B. The dimensions `dims` of A are moved to its end first.

    >>> minigrad.linalg.tensorsolve(minigrad.eye(4).reshape(2, 2, 4), minigrad.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    if dims is not None:
        ndim = A.ndim
        A = movedim(A, tuple(dims), tuple(range(ndim - len(dims), ndim)))
    rest = tuple(A.shape[B.ndim :])
    size = int(np.prod(rest))
    if size != B.numel() or A.numel() != size * size:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {size} != {B.numel()}"
        )
    X = solve(OPS["reshape"](A, (size, size)), OPS["reshape"](B, (size,)))
    return OPS["reshape"](X, rest)


# Determinants -------------------------------------------------------------------------------------


@composed(FUNCTION, module="linalg")
def det(A: Tensor) -> Tensor:
    """Return the determinants of square matrices.

    >>> minigrad.linalg.det(minigrad.tensor([[2., 0.], [0., 4.]]))
    tensor(8.)
    """
    _matrices("det", A, square=True)
    return OPS["det"](A)


@composed(FUNCTION, module="linalg")
@one_node("LinalgSlogdetBackward0", "A")
def slogdet(A: Tensor) -> Any:
    """Return the signs and logarithms of determinants: a named tuple (sign, logabsdet).

    >>> minigrad.linalg.slogdet(minigrad.tensor([[-1.]]))
    torch.return_types.linalg_slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.))
    """
    _matrices("slogdet", A, square=True)
    log, sign = OPS["slogdet"](A)
    everywhere = wrap(np.ones(sign.shape, bool))
    # The sign has a gradient, which is 0.
    return _Slogdet(OPS["where"](everywhere, sign, OPS["sign"](log)), log)


@composed(BOTH)
def logdet(input: Tensor) -> Tensor:
    """Return the logarithms of determinants; NaN for a negative one.

    >>> minigrad.logdet(minigrad.eye(2))
    tensor(0.)
    """
    _matrices("logdet", input, square=True)
    sign, log = slogdet(input)
    return OPS["where"](sign == -1, float("nan"), log)


# Factorisations -----------------------------------------------------------------------------------


@composed(FUNCTION, module="linalg")
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Return the triangles L for which L Lᵀ = A, or their transposes if `upper`.

    LinAlgError unless the matrices are positive definite.

    >>> minigrad.linalg.cholesky(minigrad.tensor([[4., 2.], [2., 2.]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    L, info = cholesky_ex(A, upper=upper)
    _refuse("linalg.cholesky", info, _INDEFINITE)
    return L


_INDEFINITE = (
    "The factorization could not go on, because the leading minor of order {} is not positive: the "
    "matrix is not positive definite."
)


@composed(FUNCTION, module="linalg")
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """Return the triangles of `cholesky`, and an info for each: a named tuple (L, info).

    The info is the order of the first leading minor that isn't positive, or 0 for a matrix that is
    positive definite. The factorisation stops there, or with `check_errors` there is a LinAlgError.

    >>> minigrad.linalg.cholesky_ex(minigrad.tensor([[4., 0.], [0., -1.]]))
    torch.return_types.linalg_cholesky_ex(
    L=tensor([[ 2.,  0.],
            [ 0., -1.]]),
    info=tensor(2, dtype=torch.int32))
    """
    L = _cholesky(A, flag(upper, "upper"))
    positive = L._array.diagonal(0, -2, -1) > 0
    info = wrap(np.zeros(A.shape[:-2], np.int32) if positive.all() else first(~positive))
    if flag(check_errors, "check_errors"):
        _refuse("linalg.cholesky_ex", info, _INDEFINITE)
    return _CholeskyEx(L, info)


@one_node("LinalgCholeskyExBackward0", "A")
def _cholesky(A: Any, upper: bool) -> Any:
    _matrices("cholesky", A, square=True)
    if upper:
        return _by_columns(transposed(OPS["cholesky"](transposed(A))))
    return OPS["cholesky"](A)


def _with_whole_gradient(L: Any, upper: bool) -> Any:
    """A triangle of matrices. As in PyTorch, the gradient isn't 0 in the other triangle."""
    part = L.clone()
    with no_grad():
        part.copy_(OPS["triu" if upper else "tril"](L))
    return part


@composed(BOTH)
@one_node("CholeskyInverseBackward0", "input")
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """Return the inverses of L Lᵀ, given the triangles L as `input`, or of Lᵀ L if `upper`.

    LinAlgError for a 0 on a diagonal.

    >>> minigrad.cholesky_inverse(minigrad.tensor([[2.]]))
    tensor([[0.2500]])
    """
    _matrices("cholesky_inverse", input, square=True)
    why = "The diagonal element {} is 0."
    _refuse("cholesky_inverse", wrap(zero_pivots(input._array)), why)
    part = _with_whole_gradient(input, upper)
    whole = matmul(transposed(part), part) if upper else matmul(part, transposed(part))
    return OPS["inv"](whole)


@composed(BOTH)
@one_node("CholeskySolveBackward0", "input", "input2")
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """Solve A X = input, given triangles `input2`: L for A = L Lᵀ, or Lᵀ if `upper`.

    >>> minigrad.cholesky_solve(minigrad.tensor([[1.]]), minigrad.tensor([[2.]]))
    tensor([[0.2500]])
    """
    for name, x in (("b", input), ("u", input2)):
        if x.ndim < 2:
            raise RuntimeError(f"{name} should have at least 2 dimensions, but has {x.ndim}")
    _matrices("cholesky_solve", input2, square=True)
    part = _with_whole_gradient(input2, upper)
    first, then = (transposed(part), part) if upper else (part, transposed(part))
    _check_equation("cholesky_solve", input2, input, True)
    return OPS["solve"](then, OPS["solve"](first, input))


@composed(FUNCTION, module="linalg")
@one_node("LinalgQrBackward0", "A")
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Return Q with orthonormal columns and upper triangles R for which Q R = A: a named tuple.

    `mode` is "reduced", "complete" (Q is square), or "r" (without Q).

    >>> minigrad.linalg.qr(minigrad.tensor([[3.], [4.]]), "r").R.abs()
    tensor([[5.]])
    """
    require_tensor(A, "linalg_qr", "A")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    _matrices("qr", A)
    m, n = A.shape[-2:]
    k = min(m, n)
    if mode == "complete" and m > n:
        return _complete_qr(A)
    packed = OPS["qr"](A)
    q = wrap(np.zeros(0, A._array.dtype)) if mode == "r" else _columns(packed, 0, m, k)
    return _Qr(q, _columns(packed, m * k, k, n))


def _complete_qr(A: Any) -> Any:
    if A.requires_grad:
        raise NotImplementedError(
            "linalg.qr: the derivative for mode='complete' and more rows than columns is not "
            "implemented; PyTorch doesn't have it, either. Detach A first."
        )
    q, r = np.linalg.qr(A._array, "complete")
    return _Qr(wrap(np.ascontiguousarray(q)), wrap(np.ascontiguousarray(r)))


_Geqrf = named_results("geqrf", "a", "tau")


@composed(BOTH)
def geqrf(input: Tensor) -> Any:
    """Return the QR decompositions as LAPACK stores them: a named tuple (a, tau).

    The upper triangle of `a` is R. The columns below it and `tau` are the reflections that make Q.
    NotImplementedError in a backward pass.

    >>> minigrad.geqrf(minigrad.tensor([[2.]])).tau
    tensor([0.])
    """
    if input.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    _floats("geqrf", input)
    h, tau = np.linalg.qr(input._array, "raw")
    packed = np.ascontiguousarray(h).swapaxes(-1, -2)
    node = "GeqrfBackward0"
    parts = [without_derivative(each, "geqrf", input, node=node) for each in (packed, tau)]
    return _Geqrf(*as_one_node(parts, node, input))


@composed(FUNCTION, module="linalg")
@one_node("LinalgHouseholderProductBackward0", "A", "tau")
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """Return the first columns of the products of reflections, which `geqrf` returns.

    The i-th reflection is 1 - tau[i] v vᵀ, with the vector v below the diagonal in column i of A.

    >>> minigrad.linalg.householder_product(minigrad.ones(2, 1), minigrad.tensor([1.]))
    tensor([[ 0.],
            [-1.]])
    """
    _check_reflections("householder_product", A, tau)
    m, n = A.shape[-2:]
    kind = A._array.dtype
    start = np.zeros((*A.shape[:-2], m, n), kind)
    start[..., range(n), range(n)] = 1
    return _by_columns(_reflected(A, tau, A.clone().copy_(wrap(start))))


def _check_reflections(name: str, A: Any, tau: Any) -> None:
    _matrices(name, A)
    require_tensor(tau, name, "tau", 2)
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if tau.ndim != A.ndim - 1 or tau.shape[:-1] != A.shape[:-2] or tau.shape[-1:] > A.shape[-1:]:
        raise RuntimeError(
            f"{name}: tau must have one element for each reflection, but has shape "
            f"{list(tau.shape)}, and input {list(A.shape)}"
        )
    _same_dtype(name, A, tau)


def _reflected(A: Any, tau: Any, x: Any, transpose: bool = False) -> Any:
    """The product of the reflections, or of its transpose, and x."""
    below = OPS["tril"](A, -1)
    for i in range(tau.shape[-1])[:: 1 if transpose else -1]:
        unit = np.zeros((A.shape[-2], 1), A._array.dtype)
        unit[i] = 1
        v = OPS["add"](OPS["slice"](below, A.ndim - 1, i, i + 1, 1), wrap(unit))
        factor = OPS["unsqueeze"](OPS["slice"](tau, tau.ndim - 1, i, i + 1, 1), -1)
        x = OPS["sub"](x, OPS["mul"](factor, matmul(v, matmul(transposed(v), x))))
    return x


@composed(BOTH)
def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """Return the products of reflections: `linalg.householder_product` under LAPACK's name.

    >>> minigrad.orgqr(minigrad.ones(1, 1), minigrad.tensor([1.]))
    tensor([[0.]])
    """
    return householder_product(input, input2)


@composed(BOTH)
@one_node("OrmqrBackward0", "input", "input2", "input3")
def ormqr(
    input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """Return Q @ input3, or input3 @ Q if not `left`, for the square matrix Q of reflections.

    `geqrf` returns the reflections, `input` and `input2`. With `transpose`, Qᵀ takes Q's place.
    RuntimeError for shapes that don't fit.

    >>> minigrad.ormqr(minigrad.ones(2, 1), minigrad.tensor([1.]), minigrad.eye(2))
    tensor([[ 0., -1.],
            [-1.,  0.]])
    """
    left, transpose = flag(left, "left"), flag(transpose, "transpose")
    _check_product_with_reflections(input, input2, input3, -2 if left else -1)
    if left:
        return _by_columns(_reflected(input, input2, input3, transpose))
    found = _reflected(input, input2, transposed(input3), not transpose)
    return _by_columns(transposed(found))


def _check_product_with_reflections(input: Any, tau: Any, other: Any, dim: int) -> None:
    given = {"input": input, "tau": tau, "other": other}
    for position, (name, x) in enumerate(given.items(), 1):
        require_tensor(x, "ormqr", name, position)
    for name, x in (("input", input), ("other", other)):
        if x.ndim < 2:
            raise RuntimeError(f"torch.ormqr: {name} must have at least 2 dimensions.")
    m = other.shape[dim]
    if m != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{dim}] must be equal to input.shape[-2]")
    if tau.shape[-1:] != (min(m, input.shape[-1]),):
        raise RuntimeError(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{dim}], input.shape[-1])"
        )
    for name, x, ndim in (("tau", tau, input.ndim - 1), ("other", other, input.ndim)):
        if x.ndim != ndim or x.shape[: input.ndim - 2] != input.shape[:-2]:
            raise RuntimeError(
                f"torch.ormqr: Expected {name} to have the batch dimensions of input, but got "
                f"{list(x.shape)} for {list(input.shape)}"
            )
        if x.dtype != input.dtype:
            ours, theirs = (scalar_name(each._array) for each in (input, x))
            raise RuntimeError(
                f"torch.ormqr: Expected input and {name} to have the same dtype, but input has "
                f"dtype {ours} and {name} has dtype {theirs}"
            )
    if input._array.dtype.kind != "f":
        raise NotImplementedError(
            f"\"ormqr_cpu\" not implemented for '{scalar_name(input._array)}'"
        )


@composed(FUNCTION, module="linalg")
@one_node("LinalgEighBackward0", "A")
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Return the eigenvalues, in ascending order, and the eigenvectors of symmetric matrices.

    The result is a named tuple (eigenvalues, eigenvectors). One triangle of A is read: the lower
    one, or the upper one if `UPLO` is "U". The gradient of the eigenvectors is infinite where two
    eigenvalues are equal.

    >>> minigrad.linalg.eigh(minigrad.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    packed, n = _eigh(A, UPLO), A.shape[-1]
    return _Eigh(_vector(packed, 0, n), _columns(packed, n, n, n))


def _eigh(A: Any, UPLO: str) -> Any:
    _matrices("eigh", A, square=True)
    if not isinstance(UPLO, str):
        raise TypeError(f"argument 'UPLO' must be str, not {type(UPLO).__name__}")
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return OPS["eigh"](A, UPLO.upper())


@composed(FUNCTION, module="linalg")
def eig(A: Tensor) -> Any:
    """Refuse to return eigenvalues of a matrix that isn't symmetric, because they are complex.

    NotImplementedError in any case. `eigh` is for symmetric matrices.

    >>> minigrad.linalg.eig(minigrad.eye(2))
    Traceback (most recent call last):
    NotImplementedError: linalg.eig: the results are complex, and no tensor can be; use linalg.eigh
    """
    raise NotImplementedError(
        "linalg.eig: the results are complex, and no tensor can be; use linalg.eigh"
    )


@composed(FUNCTION, module="linalg")
def eigvals(A: Tensor) -> Tensor:
    """Refuse to return eigenvalues of a matrix that isn't symmetric, because they are complex.

    NotImplementedError in any case. `eigvalsh` is for symmetric matrices.

    >>> minigrad.linalg.eigvals(minigrad.eye(2))
    Traceback (most recent call last):
    NotImplementedError: linalg.eigvals: the results are complex, and no tensor can be; use eigvalsh
    """
    raise NotImplementedError(
        "linalg.eigvals: the results are complex, and no tensor can be; use eigvalsh"
    )


@composed(FUNCTION, module="linalg")
@one_node("LinalgEighBackward0", "A")
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Return the eigenvalues of symmetric matrices, in ascending order.

    >>> minigrad.linalg.eigvalsh(minigrad.tensor([[2., 0.], [0., 1.]]))
    tensor([1., 2.])
    """
    return _vector(_eigh(A, UPLO), 0, A.shape[-1])


@composed(FUNCTION, module="linalg")
@one_node("LinalgSvdBackward0", "A")
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """Return the singular value decompositions A = U diag(S) Vh: a named tuple (U, S, Vh).

    With `full_matrices`, U and Vh are square. The gradients of U and Vh are infinite where two
    singular values are equal. RuntimeError for a `driver`, which only CUDA has.

    >>> minigrad.linalg.svd(minigrad.tensor([[2., 0.], [0., 1.]])).S
    tensor([2., 1.])
    """
    _matrices("svd", A)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend."
        )
    (m, n), packed = A.shape[-2:], OPS["svd"](A)
    k = min(m, n)
    u, s = _columns(packed, k, m, k), _vector(packed, 0, k)
    vh = _columns(packed, k + m * k, k, n)
    if full_matrices and m != n:
        full_u, _, full_vh = np.linalg.svd(A._array)
        with no_grad():
            u_part = wrap(full_u[..., :, k:]) if m > k else None
            vh_part = wrap(full_vh[..., k:, :]) if n > k else None
        u = u if u_part is None else _by_columns(cat([u, u_part], -1))
        vh = vh if vh_part is None else _by_columns(cat([vh, vh_part], -2))
    return _Svd(u, s, vh)


def _by_columns(x: Any) -> Any:
    return _turned(transposed(x).contiguous(), -2, -1)


@composed(FUNCTION, module="linalg")
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """Return the singular values of matrices, in descending order.

    >>> minigrad.linalg.svdvals(minigrad.tensor([[2., 0.], [0., 1.]]))
    tensor([2., 1.])
    """
    return svd(A, False, driver=driver).S


# Pseudo-inverses and ranks ------------------------------------------------------------------------


def _tolerances(A: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """The absolute and relative tolerance as arrays; by default eps times the larger size."""
    absolute, relative = (_tolerance(x) for x in (atol, rtol))
    if relative is None:
        default = np.finfo(A._array.dtype).eps * max(A.shape[-2:], default=0)
        relative = default if absolute is None else np.where(absolute > 0, 0, default)
    return np.asarray(0.0 if absolute is None else absolute), np.asarray(relative)


def _tolerance(x: Any) -> Any:
    if isinstance(x, TensorBase):
        return x._array
    if x is not None and not isinstance(x, int | float | np.number):
        raise TypeError(f"a tolerance must be a Tensor or a float, not {type(x).__name__}")
    return None if x is None else np.asarray(float(x))


def _cutoff(A: Any, atol: Any, rtol: Any, hermitian: bool) -> np.ndarray:
    absolute, relative = _tolerances(A, atol, rtol)
    largest = _singular_values(A._array, hermitian).max(-1, initial=0)
    return np.maximum(absolute, relative * largest)


def _singular_values(array: np.ndarray, hermitian: bool) -> np.ndarray:
    if hermitian:
        return np.abs(np.linalg.eigvalsh(array))
    return np.linalg.svd(array, compute_uv=False)


@composed(FUNCTION, module="linalg")
def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """Return the pseudo-inverses of matrices.

    Singular values up to `atol`, or `rtol` times the largest one, count as 0. `rcond` is an older
    name of `rtol`. With `hermitian`, the matrices are taken as symmetric.

    >>> minigrad.linalg.pinv(minigrad.tensor([[2.], [0.]]))
    tensor([[0.5000, 0.0000]])
    """
    flag(hermitian, "hermitian")
    _matrices("pinv", A, square=hermitian)
    rtol = rcond if rtol is None else rtol
    return OPS["pinv"](A, *_tolerances(A, atol, rtol), hermitian)


@composed(BOTH)
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Return the pseudo-inverses of matrices: `linalg.pinv` under its older name.

    >>> minigrad.pinverse(minigrad.tensor([[2.], [0.]]))
    tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rcond)


@composed(FUNCTION, module="linalg")
def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """Return the number of singular values above a tolerance, in int64.

    The tolerance is the larger of `atol` and `rtol` times the largest one; `tol` is an older name
    of `atol`, without a relative one.

    >>> minigrad.linalg.matrix_rank(minigrad.eye(3))
    tensor(3)
    """
    flag(hermitian, "hermitian")
    _matrices("matrix_rank", A, square=hermitian)
    if tol is not None:
        atol, rtol = tol, 0.0
    values = _singular_values(A._array, hermitian)
    cutoff = _cutoff(A, atol, rtol, hermitian)
    return wrap(np.asarray((values > cutoff[..., None]).sum(-1, dtype=np.int64)))


@composed(FUNCTION, module="linalg")
@one_node("LinalgLstsqBackward0", "A", "B")
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Any:
    """Solve min ‖A X - B‖: a named tuple (solution, residuals, rank, singular_values).

    The `driver` is "gels", "gelsy" (the default), "gelsd" or "gelss". Only the last two give the
    singular values. All but "gelsy" give the residuals, for more rows than columns and full rank.

    >>> A, B = minigrad.tensor([[1.], [1.]]), minigrad.tensor([[1.], [3.]])
    >>> minigrad.linalg.lstsq(A, B).solution
    tensor([[2.0000]])
    """
    _check_lstsq(A, B, driver)
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and A.shape[:-1] == B.shape)
    right = OPS["unsqueeze"](B, -1) if vector else B
    leading(A, right)
    (m, n), kind = A.shape[-2:], A._array.dtype
    X = matmul(OPS["pinv"](A, *_tolerances(A, None, rcond), False), right)
    values = _singular_values(A._array, False)
    rank = (values > _cutoff(A, None, rcond, False)[..., None]).sum(-1, dtype=np.int64)
    residuals = OPS["slice"](OPS["reshape"](X, (-1,)), 0, 0, 0, 1)
    if m > n and (driver == "gels" or (driver in ("gelsd", "gelss") and (rank == n).all())):
        gap = OPS["sub"](matmul(A, X), right)
        residuals = OPS["sum"](OPS["mul"](gap, gap), -2)
    if m > n:  # LAPACK writes the solution into the first rows of B
        rest = wrap(np.zeros((*X.shape[:-2], m - n, X.shape[-1]), kind))
        X = _first_rows(_by_columns(cat([X, rest], -2)), X.ndim - 2, 0, n, 1)
    else:
        X = _by_columns(X)
    return _Lstsq(
        OPS["squeeze"](X, -1) if vector else X,
        residuals,
        wrap(np.zeros(0, np.int64) if driver == "gels" else np.asarray(rank)),
        wrap(values if driver in ("gelsd", "gelss") else np.zeros(0, kind)),
    )


def _check_lstsq(A: Any, B: Any, driver: str | None) -> None:
    _matrices("lstsq", A)
    require_tensor(B, "linalg_lstsq", "B", 2)
    if B.ndim == 0:
        raise RuntimeError("linalg.lstsq: other must have at least 1 dimension.")
    if A._array.dtype != B._array.dtype:
        raise RuntimeError("linalg.lstsq: Expected input and other to have the same dtype")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and A.shape[:-1] == B.shape)
    if (B.ndim < 2 and not vector) or A.shape[-2] != B.shape[-1 if vector else -2]:
        raise RuntimeError(
            "linalg.lstsq: input.size(-2) should match other.size(-2), but got "
            f"{list(A.shape)} and {list(B.shape)}"
        )


# Products and others ------------------------------------------------------------------------------


@composed(FUNCTION, module="linalg")
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Return the product of matrices in the cheapest order; the first and last may be vectors.

    >>> minigrad.linalg.multi_dot([minigrad.ones(2), minigrad.ones(2, 3), minigrad.ones(3)])
    tensor(6.)
    """
    if not isinstance(tensors, list | tuple):
        raise TypeError(
            "linalg_multi_dot(): argument 'tensors' (position 1) must be tuple of Tensors"
        )
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
    parts = list(tensors)
    row, column = parts[0].ndim == 1, parts[-1].ndim == 1
    if row:
        parts[0] = OPS["unsqueeze"](parts[0], 0)
    if column:
        parts[-1] = OPS["unsqueeze"](parts[-1], -1)
    for i, x in enumerate(parts):
        if x.ndim != 2:
            raise RuntimeError(
                f"multi_dot(): tensor {i} must be 2D (or 1D at either end) but got {x.ndim}D"
            )
        if x._array.dtype != parts[0]._array.dtype:
            raise RuntimeError("multi_dot(): all tensors must have be the same dtype")
        if i and parts[i - 1].shape[1] != x.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i - 1} and {i} with shapes {list(parts[i - 1].shape)} and "
                f"{list(x.shape)} cannot be multiplied"
            )
    sizes = [parts[0].shape[0]] * (not row) + [parts[-1].shape[1]] * (not column)
    return OPS["view"](in_cheapest_order(parts), sizes)


@composed(FUNCTION, module="linalg")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Return the dot products along a dimension; the others broadcast.

    >>> minigrad.linalg.vecdot(minigrad.ones(2, 3), minigrad.ones(3))
    tensor([3., 3.])
    """
    for each in (x, y):
        if each._array.dtype.kind != "f":
            raise RuntimeError(
                "linalg.vecdot: Expected a floating point or complex tensor as input. Got "
                f"{scalar_name(each._array)}"
            )
    if x.ndim == y.ndim == 1:
        return vdot(x, y)
    return OPS["sum"](OPS["mul"](x, y), dim)


@composed(FUNCTION, module="linalg")
@one_node("LinalgCrossBackward0", "input", "other")
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Return the cross products of vectors of size 3 along a dimension.

    >>> minigrad.linalg.cross(minigrad.tensor([1., 0., 0.]), minigrad.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    require_tensor(input, "cross", "input")
    require_tensor(other, "cross", "other", 2)
    if input.ndim != other.ndim:
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions, but got "
            f"{input.ndim} and {other.ndim}"
        )
    d = dim_from_front(dim, input.ndim)
    if input.ndim == 0 or input.shape[d] != 3 or other.shape[d] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3")
    if input._array.dtype == bool:
        raise NotImplementedError("linalg.cross is not implemented for torch.bool")
    if input._array.dtype != other._array.dtype:
        raise RuntimeError(f"expected {input.dtype}, but the other input is {other.dtype}")
    a = [OPS["roll"](input, (-i,), (d,)) for i in (1, 2)]
    b = [OPS["roll"](other, (-i,), (d,)) for i in (1, 2)]
    return OPS["sub"](OPS["mul"](a[0], b[1]), OPS["mul"](a[1], b[0]))


@composed(BOTH)
def cross_(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the cross products of vectors of size 3 along a dimension, by default the first such.

    >>> minigrad.cross(minigrad.tensor([1., 0., 0.]), minigrad.tensor([0., 1., 0.]), dim=0)
    tensor([0., 0., 1.])
    """
    require_tensor(input, "cross", "input")
    require_tensor(other, "cross", "other", 2)
    if dim is None:
        warn_once(
            "Using torch.cross without specifying the dim arg is deprecated: give the dim, or use "
            "linalg.cross, which takes the last one."
        )
        require_broadcastable(input.shape, other.shape, "cross")
        common = np.broadcast_shapes(tuple(input.shape), tuple(other.shape))
        if 3 not in common:
            raise RuntimeError("no dimension of size 3 in input")
        dim = common.index(3)
    return cross(input, other, dim=dim)


@composed(FUNCTION, module="linalg")
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return a view of the diagonals of matrices.

    >>> minigrad.linalg.diagonal(minigrad.ones(2, 3, 3)).shape
    torch.Size([2, 3])
    """
    return OPS["diagonal"](A, offset, dim1, dim2)


@composed(FUNCTION, module="linalg")
def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Return the first N powers of each element, from 0 on, in a new last dimension.

    >>> minigrad.linalg.vander(minigrad.tensor([2., 3.]), 3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]])
    """
    refuse_half(x, "vander", RuntimeError, "linalg.vander supports no float16, but got Half")
    if x._array.dtype.kind == "b":
        raise RuntimeError("linalg.vander: Expected numbers, but got a tensor of bools")
    x = OPS["unsqueeze"](x, 0) if x.ndim == 0 else x
    count = x.shape[-1] if N is None else N
    if count <= 1:
        raise RuntimeError(f"N must be greater than 1, but got {count}")
    kind = np.dtype(np.int64) if x._array.dtype.kind in "iu" else x._array.dtype
    base = OPS["cast"](x, kind) if x._array.dtype != kind else x
    powers = OPS["unsqueeze"](base, -1)
    powers = OPS["cumprod"](OPS["expand"](powers, (*x.shape, count - 1)), -1)
    return OPS["cat"](wrap(np.ones((*x.shape, 1), kind)), powers, dim=-1)


@composed(FUNCTION, module="linalg")
def matrix_exp(A: Tensor) -> Tensor:
    """Return the exponentials of square matrices.

    >>> minigrad.linalg.matrix_exp(minigrad.zeros(1, 1))
    tensor([[1.]])
    """
    return OPS["matrix_exp"](A)


@composed(FUNCTION, module="linalg")
def matrix_power(A: Tensor, n: int) -> Tensor:
    """Return the n-th power of square matrices; the inverse is raised to a negative power.

    >>> minigrad.linalg.matrix_power(minigrad.tensor([[2.]]), 3)
    tensor([[8.]])
    """
    return matrix_power_(A, n)


@composed(FUNCTION, module="linalg")
def matmul_(input: Tensor, other: Tensor) -> Tensor:
    """Multiply vectors, matrices or stacks: `minigrad.matmul` in this namespace.

    >>> minigrad.linalg.matmul(minigrad.ones(2), minigrad.ones(2))
    tensor(2.)
    """
    return matmul(input, other)


# Names at the top level ---------------------------------------------------------------------------


@composed()
def matrix_power_(input: Tensor, n: int) -> Tensor:
    """Return the n-th power of square matrices; the inverse is raised to a negative power.

    >>> minigrad.matrix_power(minigrad.tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(
            "linalg.matrix_power: A must be batches of square matrices, but they are "
            f"{list(input.shape)}"
        )
    power = index(n, "n")
    if power < 0:
        if input._array.dtype.kind != "f":
            raise RuntimeError(
                "linalg.inv: Expected a floating point tensor as input. Got "
                f"{scalar_name(input._array)}"
            )
        input, power = inv(input), -power
        if power == 1:
            return input
    if power == 0:
        # The identity has a gradient, which is 0.
        return input.clone().copy_(wrap(np.eye(input.shape[-1], dtype=input._array.dtype)))
    if power == 1:
        return input.clone()
    if power == 3:
        return matmul(matmul(input, input), input)
    square: Any = input  # input ** (2 ** i)
    result: Any = None  # the product of those in `power`
    while True:
        if power % 2:
            result = square if result is None else matmul(result, square)
        power //= 2
        if not power:
            return result
        square = matmul(square, square)


@composed(BOTH)
def det_(input: Tensor) -> Tensor:
    """Return the determinants of square matrices.

    >>> minigrad.det(minigrad.eye(2))
    tensor(1.)
    """
    return det(input)


@composed(BOTH)
def slogdet_(input: Tensor) -> Any:
    """Return the signs and logarithms of determinants: a named tuple (sign, logabsdet).

    >>> minigrad.slogdet(minigrad.eye(2)).sign
    tensor(1.)
    """
    return _OldSlogdet(*slogdet(input))


@composed(BOTH)
@one_node("CholeskyBackward0", "input")
def cholesky_(input: Tensor, upper: bool = False) -> Tensor:
    """Return the triangles L for which L Lᵀ = A, or their transposes if `upper`.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.cholesky(minigrad.tensor([[4.]]))
    tensor([[2.]])
    """
    warn_deprecated("cholesky", "linalg.cholesky")
    return cholesky(input, upper=upper)


@composed(BOTH)
def qr_(input: Tensor, some: bool = True) -> Any:
    """Return Q and R of the QR decompositions; without `some`, Q is square.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.qr(minigrad.tensor([[3.], [4.]])).R.abs()
    tensor([[5.]])
    """
    warn_deprecated("qr", "linalg.qr")
    return _OldQr(*qr(input, "reduced" if some else "complete"))


@composed(BOTH)
def svd_(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """Return U, S and V of the singular value decompositions A = U diag(S) Vᵀ.

    Without `some`, U and V are square. Without `compute_uv`, they are zeros.

    >>> minigrad.svd(minigrad.tensor([[2.]])).S
    tensor([2.])
    """
    u, s, vh = svd(input, not some)
    if not compute_uv:
        (m, n), lead, kind = input.shape[-2:], tuple(input.shape[:-2]), input._array.dtype
        return _OldSvd(wrap(np.zeros((*lead, m, m), kind)), s, wrap(np.zeros((*lead, n, n), kind)))
    return _OldSvd(u, s, transposed(vh))
