"""Functions of singular, indefinite, infinite and NaN matrices, compared with PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import minigrad

POWERS = st.sampled_from([0.0, 1.0, -1.0, 4.0, 0.25])


@st.composite
def stacks(draw: st.DrawFn, *special: float) -> np.ndarray:
    """Stacks of matrices of powers of 4 and of 0, some singular, with a few special elements."""
    size, count = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    elements = draw(st.lists(POWERS, min_size=count * size**2, max_size=count * size**2))
    x = np.reshape(elements, (count, size, size))
    for i in range(count):
        if draw(st.booleans()):
            x[i, -1] = x[i, 0] * (size > 1)
        if special and draw(st.booleans()):
            place = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
            x[(i, *place)] = draw(st.sampled_from(special))
    return x[0] if count == 1 and draw(st.booleans()) else x


def right(t: Any, x: Any) -> Any:
    return t.arange(x.shape[-1] * 2, dtype=t.float64).reshape(x.shape[-1], 2) - 1.5


# Functions of which all elements of a result are NaN if one of the operand is.
POISONED: dict[str, Callable[[Any, Any], Any]] = {
    "det": lambda t, x: t.linalg.det(x),
    "slogdet": lambda t, x: t.linalg.slogdet(x),
    "logdet": lambda t, x: t.logdet(x),
    "inv": lambda t, x: t.linalg.inv(x),
    "inv_ex": lambda t, x: t.linalg.inv_ex(x),
    "inv_ex, checked": lambda t, x: t.linalg.inv_ex(x, check_errors=True),
    "solve": lambda t, x: t.linalg.solve(x, right(t, x)),
    "solve_ex": lambda t, x: t.linalg.solve_ex(x, right(t, x)),
    "solve_ex, checked": lambda t, x: t.linalg.solve_ex(x, right(t, x), check_errors=True),
    "lu_factor": lambda t, x: t.linalg.lu_factor(x),
    "lu_factor_ex": lambda t, x: t.linalg.lu_factor_ex(x),
    "matrix_power": lambda t, x: t.linalg.matrix_power(x, -1),
    "tensorinv": lambda t, x: t.linalg.tensorinv(x.reshape(-1, x.shape[-1])[: x.shape[-1]], 1),
    "pinv": lambda t, x: t.linalg.pinv(x + x.mT, hermitian=True),
    "cond": lambda t, x: t.linalg.cond(x, 1),
    "cond, fro": lambda t, x: t.linalg.cond(x, "fro"),
}
TRIANGULAR: dict[str, Callable[[Any, Any], Any]] = {
    "cholesky": lambda t, x: t.linalg.cholesky(x),
    "cholesky, upper": lambda t, x: t.linalg.cholesky(x, upper=True),
    "cholesky_ex": lambda t, x: t.linalg.cholesky_ex(x),
    "cholesky_ex, upper": lambda t, x: t.linalg.cholesky_ex(x, upper=True),
    "cholesky_ex, checked": lambda t, x: t.linalg.cholesky_ex(x, check_errors=True),
    "solve_triangular": lambda t, x: t.linalg.solve_triangular(x, right(t, x), upper=True),
    "solve_triangular, lower": lambda t, x: t.linalg.solve_triangular(x, right(t, x), upper=False),
    "solve_triangular, ones": lambda t, x: t.linalg.solve_triangular(
        x, right(t, x).mT, upper=False, left=False, unitriangular=True
    ),
}


def outcome(t: Any, function: Callable[[Any, Any], Any], x: np.ndarray) -> Any:
    """The results, or the name of the error's type."""
    try:
        found = function(t, t.tensor(x.tolist(), dtype=t.float64))
    except RuntimeError as error:
        return type(error).__name__.strip("_")
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


def agree(function: Callable[[Any, Any], Any], x: np.ndarray) -> None:
    ours, theirs = (outcome(t, function, x) for t in (minigrad, torch))
    assert isinstance(ours, str) == isinstance(theirs, str), (ours, theirs)
    if isinstance(ours, str):
        assert ours == theirs
        return
    for a, b in zip(ours, theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, 1e-9, 1e-9)


def exact(x: np.ndarray) -> bool:
    """Whether both libraries see the same zeros, because no determinant is one but for rounding."""
    known = np.where(np.isfinite(x), x, 1)
    for matrix in known.reshape(-1, *x.shape[-2:]):
        for read in (matrix, np.tril(matrix) + np.tril(matrix, -1).T):
            minors = [np.linalg.det(read[:i, :i]) for i in range(2, len(read) + 1)]
            if np.any(np.abs(minors) < 1e-9) and len(read) > 2:
                return False
    return True


@pytest.mark.parametrize("name", POISONED)
@given(x=stacks(math.nan))
def test_nan_and_singular_matrices(name: str, x: np.ndarray) -> None:
    if exact(x):
        agree(POISONED[name], x)


@pytest.mark.parametrize("name", TRIANGULAR)
@given(x=stacks(math.nan))
def test_nan_in_triangles(name: str, x: np.ndarray) -> None:
    if exact(x):
        agree(TRIANGULAR[name], x)


INFINITE = [
    *([[math.inf, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, math.inf]], [[-math.inf, 1.0], [1.0, 2.0]]),
    *([[2.0, math.inf], [1.0, 1.0]], [[math.inf, math.inf], [math.inf, math.inf]], [[math.inf]]),
]


@pytest.mark.parametrize("name", [*POISONED, *TRIANGULAR])
@pytest.mark.parametrize("x", INFINITE, ids=str)
def test_infinite_matrices(name: str, x: Any) -> None:
    agree((POISONED | TRIANGULAR)[name], np.array(x))


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (2, 3, 2, 2)], ids=str)
@pytest.mark.parametrize("name", [*POISONED, *TRIANGULAR])
def test_empty_matrices_and_stacks_of_several_dimensions(name: str, shape: Any) -> None:
    if (name, shape) == ("cond, fro", (2, 0, 0)):
        return  # PyTorch has an error of its own
    x = np.full(shape, 4.0)
    x[..., 1:, :1] = 2.0
    if x.ndim == 4:
        x[1, 2, 0, 0], x[0, 2] = math.nan, 1.0
    agree((POISONED | TRIANGULAR)[name], x)


def test_a_pivot_that_is_nan_stays_in_its_place() -> None:
    for first in ([math.nan, 2.0], [2.0, math.nan], [1.0, 2.0]):
        x = np.array([[first[0], 1.0], [first[1], 3.0]])
        ours, theirs = (t.linalg.lu_factor(t.from_numpy(x)).pivots for t in (minigrad, torch))
        assert ours.tolist() == theirs.tolist()


def test_cholesky_functions_of_triangles_read_no_other_element() -> None:
    """And they refuse a diagonal with 0 as PyTorch does."""
    for other in (math.nan, math.inf):
        x = np.array([[2.0, other], [1.0, 1.0]])
        agree(lambda t, x: t.cholesky_inverse(x), x)
        agree(lambda t, x: t.cholesky_solve(right(t, x), x), x)
    agree(lambda t, x: t.cholesky_inverse(x), np.zeros((2, 2)))
    agree(lambda t, x: t.cholesky_solve(right(t, x), x), np.zeros((2, 2)))


@pytest.mark.parametrize("name", ["inv", "cholesky"])
def test_the_first_refused_matrix_is_named(name: str) -> None:
    for t in (minigrad, torch):
        x = t.stack([t.eye(2), t.eye(2), t.zeros(2, 2), -t.eye(2)])
        with pytest.raises(t.linalg.LinAlgError, match=r"\(Batch element 2\): .* 1"):
            getattr(t.linalg, name)(x)
