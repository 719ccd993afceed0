"""Factorisations as LAPACK stores them: L and D of symmetric matrices, and reflections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import both, check_close

import minigrad

torch = pytest.importorskip("torch")

BATCHES = st.sampled_from([(), (2,), (0,), (2, 1)])


def tensor(t: Any, *shape: int, seed: int = 0, ints: bool = False, dtype: Any = None) -> Any:
    rng = np.random.default_rng(seed)
    values = rng.integers(-2, 3, shape) if ints else rng.normal(size=shape)
    return t.from_numpy(values.astype(dtype or np.float64))


# Integers have ties and zeros; small numbers on the diagonal make blocks of size 2.
@given(BATCHES, st.integers(0, 8), st.booleans(), st.sampled_from([1.0, 0.01]), st.integers(0, 99))
def test_the_factors_are_lapacks(
    batch: tuple[int, ...], n: int, ints: bool, diagonal: float, seed: int
) -> None:
    def program(t: Any) -> Any:
        A = tensor(t, *batch, n, n, seed=seed, ints=ints)
        A.diagonal(dim1=-2, dim2=-1).mul_(diagonal)
        LD, pivots, info = t.linalg.ldl_factor_ex(A)
        strides = LD.stride() if LD.numel() else ()
        found = [strides, LD, pivots, info]
        if not info.any():
            B = tensor(t, *batch, n, 2, seed=seed + 1)
            X = t.linalg.ldl_solve(*t.linalg.ldl_factor(A), B)
            symmetric = A.tril() + A.tril(-1).mT
            found += [X.stride() if X.numel() else (), X.shape == B.shape]
            found += [t.allclose(symmetric @ X, B, 1e-4, 1e-5)]
        return found

    check_close(program, 1e-6, 1e-8)


def ldl_solve(t: Any, B: Any, *batch: int) -> Any:
    A = tensor(t, *batch, 3, 3)
    return t.linalg.ldl_solve(*t.linalg.ldl_factor(A), B)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.linalg.ldl_factor(t.zeros(2, 2)),
        lambda t: t.linalg.ldl_factor_ex(t.zeros(2, 2), check_errors=True),
        lambda t: t.linalg.ldl_factor(t.zeros(2, 3)),
        lambda t: t.linalg.ldl_factor(t.zeros(2)),
        lambda t: t.linalg.ldl_factor(t.zeros(2, 2).int()),
        lambda t: t.linalg.ldl_factor(t.eye(2), hermitian=1),
        lambda t: ldl_solve(t, tensor(t, 3)),
        lambda t: ldl_solve(t, tensor(t, 2, 3)),
        lambda t: ldl_solve(t, tensor(t, 3, 2, dtype=np.float32)),
        lambda t: ldl_solve(t, tensor(t, 4, 3, 2), 2),
        lambda t: ldl_solve(t, tensor(t, 2, 3, 1)),
        lambda t: ldl_solve(t, tensor(t, 3, 1), 2),
        lambda t: t.linalg.ldl_solve(t.eye(2), t.tensor([1]), t.ones(2, 1)),
        lambda t: t.linalg.ldl_solve(t.eye(2), t.tensor([1.0, 2.0]), t.ones(2, 1)),
        lambda t: t.linalg.ldl_solve(t.eye(2), t.tensor([1, 2]), t.ones(2, 1), hermitian=True),
        lambda t: list(t.linalg.ldl_factor_ex(t.tensor([[0.0, 1.0], [1.0, 0.0]]))),
        lambda t: list(t.linalg.ldl_factor(t.eye(2), out=(t.empty(0), t.empty(0, dtype=t.int32)))),
        lambda t: type(t.linalg.ldl_factor_ex(t.eye(2))).__name__,
    ],
)
def test_calls(program: Callable[[Any], Any]) -> None:
    check_close(program, 1e-6, 1e-8)


def test_there_is_no_derivative() -> None:
    def program(t: Any) -> Any:
        A, B = tensor(t, 3, 3).requires_grad_(), tensor(t, 3, 1).requires_grad_()
        LD, pivots = t.linalg.ldl_factor(A)
        X = t.linalg.ldl_solve(LD, pivots, B)
        found = [[n.grad_fn.name(), len(n.grad_fn.next_functions)] for n in (LD, X)]
        for y in (LD, X):
            with pytest.raises(RuntimeError, match="derivative for aten::linalg_ldl") as raised:
                y.sum().backward()
            found.append([str(raised.value)])
        return [pivots.requires_grad, *found]

    check_close(program, 0)


# Reflections --------------------------------------------------------------------------------------


@given(BATCHES, st.integers(1, 4), st.integers(0, 4), st.booleans(), st.booleans())
def test_products_with_reflections(
    batch: tuple[int, ...], m: int, k: int, left: bool, transpose: bool
) -> None:
    def program(t: Any) -> Any:
        A = tensor(t, *batch, m, k).requires_grad_()
        tau = (tensor(t, *batch, min(m, k), seed=1) / 2).requires_grad_()
        other = tensor(t, *batch, *((m, 3) if left else (3, m)), seed=2).requires_grad_()
        y = t.ormqr(A, tau, other, left, transpose)
        cotangent = tensor(t, *y.shape, seed=3)
        edges = len(y.grad_fn.next_functions)
        sizes = zip(y.stride(), y.shape, strict=True)
        strides = [step for step, size in sizes if size > 1] if y.numel() else []
        found = [y.grad_fn.name(), edges, strides, y]
        if k <= m and y.numel():  # PyTorch's derivative is for these
            found += t.autograd.grad(y, [A, tau, other], cotangent)
        return found

    check_close(program, 1e-6, 1e-8)


def test_the_product_is_that_of_orgqr() -> None:
    A, tau = minigrad.geqrf(tensor(minigrad, 4, 4))
    q, other = minigrad.orgqr(A, tau), tensor(minigrad, 4, 2, seed=1)
    assert minigrad.allclose(A.ormqr(tau, other), q @ other)
    assert minigrad.allclose(A.ormqr(tau, other.T, False, True), other.T @ q.T)


def product(t: Any, A: Any, tau: Any, other: Any, **options: Any) -> Any:
    return t.ormqr(t.ones(*A), t.ones(*tau), t.ones(*other), **options)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: product(t, (4, 3), (3,), (3, 2)),
        lambda t: product(t, (4, 3), (2,), (4, 2)),
        lambda t: product(t, (4, 3), (2, 3), (4, 2)),
        lambda t: product(t, (2, 4, 3), (2, 3), (4, 2)),
        lambda t: product(t, (2, 4, 3), (1, 3), (2, 4, 2)),
        lambda t: product(t, (4, 3), (3,), (4,)),
        lambda t: product(t, (4,), (3,), (4, 2)),
        lambda t: product(t, (4, 3), (3,), (4, 2), left=False),
        lambda t: t.ormqr(t.ones(4, 3), t.ones(3), t.ones(4, 2).double()),
        lambda t: t.ormqr(t.ones(4, 3).int(), t.ones(3).int(), t.ones(4, 2).int()),
        lambda t: product(t, (4, 3), (3,), (4, 2), out=t.empty(0)),
    ],
)
def test_shapes_that_do_not_fit(program: Callable[[Any], Any]) -> None:
    ours, theirs = both(program)
    if isinstance(theirs, type):
        assert ours is theirs
    else:
        assert minigrad.allclose(ours, minigrad.from_numpy(theirs.numpy()))
