"""The parametrization of orthogonal matrices."""

from __future__ import annotations

from typing import Any

from ...api.compositions.linalg import householder_product, solve
from ...api.creation import eye, zeros_like
from ...api.functions import allclose, cat, geqrf, matrix_exp
from ...api.tensor import Tensor
from ...core.grad_mode import no_grad
from ...random.sampling import randn
from ..module import Module
from .parametrize import register_parametrization, require_tensor

_MAPS = ("matrix_exp", "cayley", "householder")


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Make a matrix, or each of several, have orthonormal columns (or rows, if it has fewer).

    `orthogonal_map` is the function from any matrix to an orthogonal one: "matrix_exp", "cayley" or
    "householder". By default it is the first for square matrices and the last for others. With
    `use_trivialization`, its result is multiplied with a buffer `base`, an orthogonal matrix that
    an assignment sets. Returns the module.

    Raises ValueError if there is no such tensor, and for a vector or an unknown map.

    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(2, 3))
    >>> minigrad.allclose(layer.weight.T @ layer.weight, minigrad.eye(2), atol=1e-6)
    True
    """
    weight = require_tensor(module, name)
    if weight.dim() < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions."
        )
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in _MAPS:
        allowed = ", ".join(f'"{each}"' for each in _MAPS)
        raise ValueError(f"orthogonal_map has to be one of {allowed}. Got: {orthogonal_map}")
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


class _Orthogonal(Module):
    base: Any

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = weight.shape
        self.map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        is_wide = x.shape[-2] < x.shape[-1]
        if is_wide:
            x = x.mT
        q = _of_reflections(x) if self.map == "householder" else _of_skew(x, self.map)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if is_wide else q

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        """Return what `forward` maps to `q`, or to an orthogonal matrix made from it."""
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {q.shape}."
            )
        tall = q.mT if q.shape[-2] < q.shape[-1] else q
        if hasattr(self, "base"):
            self.base = _as_base(tall)
            start = zeros_like(q)  # mapped to the first columns of the identity
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start
        if self.map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        reflections, tau = geqrf(tall)
        diagonal = reflections.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal.mul_(1 - 2 * (tau == 0).to(tau.dtype))
        return reflections.mT if tall is not q else reflections


def _of_skew(x: Tensor, orthogonal_map: str) -> Tensor:
    """Map the skew matrix with the lower triangle of `x`."""
    n, k = x.shape[-2:]
    x = x.tril()
    if n != k:
        x = cat([x, x.new_zeros(*x.shape[:-1], n - k)], dim=-1)
    skew = x - x.mT
    if orthogonal_map == "matrix_exp":
        q = matrix_exp(skew)
    else:
        identity = eye(n, dtype=x.dtype)
        q = solve(identity - 0.5 * skew, identity + 0.5 * skew)
    return q[..., :k]


def _of_reflections(x: Tensor) -> Tensor:
    """Multiply the reflections at the columns below the diagonal of `x`, whose signs it has."""
    below = x.tril(diagonal=-1)
    tau = 2.0 / (1.0 + (below * below).sum(dim=-2))
    signs = x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
    return householder_product(below, tau) * signs


def _as_base(tall: Tensor) -> Tensor:
    """Return a square orthogonal matrix that begins with the columns of a tall one."""
    n, k = tall.shape[-2:]
    if n == k:
        return tall.clone() if _is_orthogonal(tall) else _made_orthogonal(tall)
    others = randn(*tall.shape[:-2], n, n - k, dtype=tall.dtype)
    return _made_orthogonal(cat([tall, others], dim=-1))


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    epsilon = 2.0 ** (1 - q.dtype.digits)
    return allclose(q.mT @ q, eye(k, dtype=q.dtype), atol=10.0 * n * epsilon)


def _made_orthogonal(a: Tensor) -> Tensor:
    reflections, tau = geqrf(a)
    q = householder_product(reflections, tau)
    return q * reflections.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
