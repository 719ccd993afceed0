"""Triangles and diagonals of matrices, and of stacks of matrices."""

from __future__ import annotations

import numpy as np

from .dims import axis, index
from .presentation import IN_PLACE, INTERNAL
from .rule import Array, Result, differentiable


def _matrices(input: Array, op: str) -> None:
    if input.ndim < 2:
        raise RuntimeError(f"{op}: input tensor must have at least 2 dimensions")


@differentiable(linear=True, forms=IN_PLACE)
def tril(input: Array, diagonal: int = 0) -> Result:
    """The elements on and below a diagonal; the others are 0. RuntimeError for a vector.

    >>> minigrad.tril(minigrad.ones(2, 3))
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    _matrices(input, "tril")
    k = index(diagonal, "diagonal")
    return np.tril(input, k), (lambda g: tril(g, k)[0],)


@differentiable(linear=True, forms=IN_PLACE)
def triu(input: Array, diagonal: int = 0) -> Result:
    """The elements on and above a diagonal; the others are 0. RuntimeError for a vector.

    >>> minigrad.triu(minigrad.ones(2, 3), diagonal=1)
    tensor([[0., 1., 1.],
            [0., 0., 1.]])
    """
    _matrices(input, "triu")
    k = index(diagonal, "diagonal")
    return np.triu(input, k), (lambda g: triu(g, k)[0],)


@differentiable(linear=True, view=True)
def diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Result:
    """A diagonal over two dimensions, as a new last dimension. The result is a view.

    A positive `offset` selects a diagonal above the main one. RuntimeError if the dimensions are
    the same.

    >>> minigrad.diagonal(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    a, b = _two_dims(dim1, dim2, input.ndim)
    k, shape = index(offset, "offset"), input.shape
    y = np.diagonal(input, k, a, b)
    if input.flags.writeable:
        y.flags.writeable = True  # the engine decides which writes are allowed
    return y, (lambda g: put_diagonal(g, shape, k, a, b)[0],)


@differentiable(INTERNAL, linear=True, node="DiagonalBackwardBackward0")
def put_diagonal(input: Array, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Result:
    """Zeros of the given shape, with `input` on a diagonal."""
    y = np.zeros(shape, input.dtype)
    on = np.diagonal(y, offset, dim1, dim2)
    on.flags.writeable = True
    on[...] = input
    return y, (lambda g: diagonal(g, offset, dim1, dim2)[0],)


def _two_dims(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    a, b = axis(dim1, ndim), axis(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return a, b
