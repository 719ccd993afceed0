"""Singular values of large matrices of low rank, found in a random subspace.

Halko, Martinsson and Tropp, "Finding structure with randomness" (2009), Algorithms 4.4 and 5.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...random.sampling import randn
from ...rules.presentation import FUNCTION
from .linalg import qr, svd
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor


@composed(FUNCTION)
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return U (*, m, q), S (*, q) and V (*, n, q), so that U diag(S) Vᵀ is nearly A − M (*, m, n).

    `q` should be a little more than the rank. The subspace is random, and more exact after more of
    the `niter` iterations. `M` is expanded to the shape of `A`.

    >>> A = minigrad.ones(4, 3)
    >>> U, S, V = minigrad.svd_lowrank(A, q=1)
    >>> minigrad.allclose(U @ minigrad.diag(S) @ V.T, A)
    True
    """
    m, n = A.shape[-2:]
    M = None if M is None else M.broadcast_to(A.shape)
    if m < n:
        A, M = A.mT, None if M is None else M.mT

    def product(x: Any) -> Any:
        return A @ x if M is None else A @ x - M @ x

    def transposed_product(x: Any) -> Any:
        return A.mT @ x if M is None else A.mT @ x - M.mT @ x

    dtype = A.dtype if A.is_floating_point() else None
    basis = qr(product(randn(A.shape[-1], 6 if q is None else q, dtype=dtype)))[0]
    for _ in range(2 if niter is None else niter):
        basis = qr(product(qr(transposed_product(basis))[0]))[0]
    inside = basis.mT @ A if M is None else basis.mT @ A - basis.mT @ M
    U, S, Vh = svd(inside, full_matrices=False)
    U, V = basis.matmul(U), Vh.mT
    return (V, S, U) if m < n else (U, S, V)


@composed(FUNCTION)
def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `svd_lowrank` of `A` without its mean over the rows, unless `center` is False.

    The columns of V are the principal directions. `q` is by default 6, or the smaller size of `A`.
    ValueError for a `q` that is negative or larger than that, and for a negative `niter`.

    >>> A = minigrad.tensor([[0., 0.], [1., 2.], [2., 4.]])
    >>> _, S, _ = minigrad.pca_lowrank(A, q=1)
    >>> S
    tensor([3.1623])
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(dim=(-2,), keepdim=True) if center else A, q, niter)
