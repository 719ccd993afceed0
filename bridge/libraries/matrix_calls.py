"""How PyTorch spells a call of the rules of matrices.

A rule with several results that have derivatives packs them into one, and so do the spellings here.
Eigenvectors and singular vectors are unique up to their signs only; `signs` finds those that make
PyTorch's equal to minigrad's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.rules.rule import Array


def _by_columns(x: Any) -> Any:
    return x.mT.flatten(-2)


def _eigh(torch: Any, input: Any, *, uplo: str) -> Any:
    w, v = torch.linalg.eigh(input, uplo)
    return torch.cat([w, _by_columns(v)], -1)


def _svd(torch: Any, input: Any) -> Any:
    u, s, vh = torch.linalg.svd(input, False)
    return torch.cat([s, _by_columns(u), _by_columns(vh)], -1)


def _qr(torch: Any, input: Any) -> Any:
    return torch.cat([_by_columns(part) for part in torch.linalg.qr(input)], -1)


def _slogdet(torch: Any, input: Any) -> tuple[Any, Any]:
    both = torch.linalg.slogdet(input)
    return both[1], both[0]


def _pinv(torch: Any, input: Any, *, atol: Any, rtol: Any, hermitian: bool) -> Any:
    return torch.linalg.pinv(input, atol=atol, rtol=rtol, hermitian=hermitian)


def _cofactors(torch: Any, input: Any) -> Any:
    """Return the derivatives of the determinants."""
    x = input if input.requires_grad else input.detach().requires_grad_()
    y = torch.linalg.det(x)
    d = torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]
    return d if input.requires_grad else d.detach()


SPELLED: dict[str, Callable[..., Any]] = {
    "cholesky": lambda torch, input: torch.linalg.cholesky(input),
    "cofactors": _cofactors,
    "eigh": _eigh,
    "lu": lambda torch, input: tuple(torch.linalg.lu_factor_ex(input)[:2]),
    "pinv": _pinv,
    "qr": _qr,
    "slogdet": _slogdet,
    "svd": _svd,
}


# Signs --------------------------------------------------------------------------------------------


def _vectors(name: str, rows: int, columns: int) -> Array | None:
    """Return the number of the vector that each element of a packed result belongs to, or -1.

    None for a result without such vectors.
    """
    k = min(rows, columns)
    values, each = np.full(k, -1), np.arange(k)
    if name == "eigh":
        return np.concatenate([values, np.repeat(each, k)])
    if name == "svd":  # a row of Vh is spread over the columns
        return np.concatenate([values, np.repeat(each, rows), np.tile(each, columns)])
    return None


def signs(name: str, shape: tuple[int, ...], ours: Array, theirs: Array) -> Array | None:
    """Return factors 1 and -1 with which the vectors in `theirs` point as those in `ours`.

    They are two results of the rule `name` for matrices of that shape. Returns None if the rule has
    no such vectors.

    >>> signs("eigh", (1, 1), np.array([5.0, 1.0]), np.array([5.0, -1.0]))
    array([ 1., -1.])
    """
    vectors = _vectors(name, *shape[-2:]) if len(shape) > 1 else None
    if vectors is None or ours.shape != theirs.shape:
        return None
    found = np.ones((*ours.shape[:-1], vectors.max(initial=-1) + 2), theirs.dtype)
    for j in range(found.shape[-1] - 1):
        along = (ours * theirs)[..., vectors == j].sum(-1)
        found[..., j] = np.where(along < 0, -1, 1)
    return found[..., vectors]  # the last one, 1, is for those without a vector
