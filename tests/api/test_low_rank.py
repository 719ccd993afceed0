"""low_rank.py: singular values in a random subspace, drawn as PyTorch draws it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from twins import check_close, check_same

torch = pytest.importorskip("torch")


def matrix(torch: Any, *shape: int, rank: int = 2) -> Any:
    """A matrix of low rank, or a batch of some."""
    rng = np.random.default_rng(0)
    *batch, m, n = shape
    return torch.from_numpy(rng.normal(size=(*batch, m, rank)) @ rng.normal(size=(*batch, rank, n)))


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "svd": lambda t, A: t.svd_lowrank(A, 2),
    "one iteration": lambda t, A: t.svd_lowrank(A, 2, niter=1),
    "no iteration": lambda t, A: t.svd_lowrank(A, 2, 0),
    "with a matrix to subtract": lambda t, A: t.svd_lowrank(A, 2, M=A / 2),
    "with a row to subtract": lambda t, A: t.svd_lowrank(A, 1, M=A[..., :1, :]),
    "pca": lambda t, A: t.pca_lowrank(A, 1),
    "pca of centred data": lambda t, A: t.pca_lowrank(A, 2, center=False, niter=3),
}


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 5, 3), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_the_factors_are_pytorchs(name: str, shape: tuple[int, ...]) -> None:
    """Up to the signs of singular vectors, which LAPACK chooses."""

    def program(t: Any) -> Any:
        t.manual_seed(0)
        U, S, V = CALLS[name](t, matrix(t, *shape))
        return [U.abs(), S, V.abs(), (U * S.unsqueeze(-2)) @ V.mT]

    check_close(program, 1e-6, 1e-8)


@pytest.mark.parametrize("name", ["svd", "pca"])
def test_gradients_of_the_singular_values(name: str) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        A = matrix(t, 5, 3, rank=3).requires_grad_()
        _, S, _ = CALLS[name](t, A)
        (S * t.arange(1.0, len(S) + 1)).sum().backward()
        return A.grad

    check_close(program, 1e-6, 1e-8)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.pca_lowrank(t.ones(2, 3), q=3),
        lambda t: t.pca_lowrank(t.ones(2, 3), q=-1),
        lambda t: t.pca_lowrank(t.ones(2, 3), niter=-1),
        lambda t: [x.shape[-1] for x in t.pca_lowrank(t.ones(20, 9))],
        lambda t: [x.shape[-1] for x in t.svd_lowrank(t.ones(20, 9), None, None)],
        lambda t: [x.shape[-1] for x in t.svd_lowrank(t.ones(3, 4))],
        lambda t: type(t.svd_lowrank(t.ones(3, 4))) is tuple,
        lambda t: t.svd_lowrank(t.ones(3)),
    ],
)
def test_calls(program: Callable[[Any], Any]) -> None:
    check_same(program)
