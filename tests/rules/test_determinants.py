"""The derivative of a determinant, compared with PyTorch's, for singular matrices too."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from twins import check_same

torch = pytest.importorskip("torch")

import minigrad


@st.composite
def stacks_of_matrices(draw: st.DrawFn) -> Any:
    """Stacks of matrices of whole numbers, some of them singular, and a cotangent for each."""
    size, count = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-3, 4, (count, size, size)).astype(float)
    for i in range(count):
        if draw(st.booleans()):
            x[i, -1] = x[i, 0] * (size > 1)
    return x, rng.integers(-2, 3, count).astype(float)


def gradient(t: Any, x: Any, g: Any, create_graph: bool) -> Any:
    """The gradient of the determinants, and which of them are 0."""
    leaf = t.tensor(x.tolist(), dtype=t.float64, requires_grad=True)
    y = t.linalg.det(leaf)
    cotangent = t.tensor(g.tolist(), dtype=t.float64)
    (d,) = t.autograd.grad(y, leaf, cotangent, create_graph=create_graph)
    return d.detach().numpy(), y.detach().numpy() == 0


@pytest.mark.parametrize("create_graph", [False, True])
@given(stacks_of_matrices())
def test_the_gradient_is_pytorchs_in_a_stack(create_graph: bool, drawn: Any) -> None:
    x, g = drawn
    (ours, zero), (theirs, also) = (gradient(t, x, g, create_graph) for t in (minigrad, torch))
    # Whether rounding leaves exactly 0 depends on LAPACK, and the gradient depends on that.
    assume(np.array_equal(zero, also))
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-12)


def test_a_write_to_the_determinant_is_noticed() -> None:
    def program(torch: Any) -> Any:
        x = torch.eye(2, requires_grad=True)
        y = torch.linalg.det(x)
        z = y.clone()
        y.sub_(1)
        z.backward()

    assert check_same(program).error is not None


def test_the_gradient_is_that_of_the_matrix_at_the_time() -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([[1.0, 1.0], [1.0, 0.0]], requires_grad=True)
        y = torch.linalg.det(x)
        copy.copy(x).detach().zero_()  # another version counter, so it isn't noticed
        y.backward()
        return x.grad

    check_same(program)
