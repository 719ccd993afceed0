"""Products of vectors, matrices and stacks of matrices.

For Z = A B and a cotangent G of Z, the cotangents are A ↦ G Bᵀ and B ↦ Aᵀ G (Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation", 2008, §2.2.2).
Each case that PyTorch distinguishes is a separate rule, and `minigrad.matmul` chooses among them.
"""

from __future__ import annotations

from .dtypes import scalar_name
from .presentation import INTERNAL
from .reading import reads_as
from .rule import Array, Result, differentiable


def same_dtype(input: Array, other: Array, op: str) -> None:
    """Raise PyTorch's error for `op` if the dtypes differ or are bool."""
    if input.dtype != other.dtype:
        ours, theirs = scalar_name(input), scalar_name(other)
        if op == "dot":
            raise RuntimeError(
                f"dot : expected both vectors to have same dtype, but found {ours} and {theirs}"
            )
        if op == "linear":
            raise RuntimeError(
                f"mat1 and mat2 must have the same dtype, but got {ours} and {theirs}"
            )
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{ours.lower()} != {theirs.lower()}"
        )
    if input.dtype.kind == "b" and input.size and other.size:
        raise NotImplementedError(f"\"{op}\" not implemented for 'Bool'")


@reads_as(lambda a, b: a @ b)
def product(a: Array, b: Array) -> Array:
    """`a @ b` of two matrices, computed by `dot`, whose fixed cost is half that of `@`.

    `dot` treats a 1×1 matrix as a scale factor, and then returns 0 for 0 times NaN. So these use
    `@`.
    """
    return a @ b if a.size == 1 or b.size == 1 else a.dot(b)


@differentiable(operators=("x @ y",))
def mm(input: Array, mat2: Array) -> Result:
    """The product of two matrices: (n, m) (m, p) → (n, p).

    RuntimeError for other shapes and for different dtypes.

    >>> minigrad.mm(minigrad.ones(2, 3), minigrad.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    if input.ndim != 2 or mat2.ndim != 2:
        raise RuntimeError(f"{'self' if input.ndim != 2 else 'mat2'} must be a matrix")
    if input.dtype is not mat2.dtype or input.dtype.kind == "b":
        same_dtype(input, mat2, "mm")
    try:
        y = product(input, mat2)
    except ValueError:
        (n, m), (k, p) = input.shape, mat2.shape
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({n}x{m} and {k}x{p})"
        ) from None
    first, second = by_columns(input), by_columns(mat2)
    return y, (
        lambda g: product_by(first, g, mat2.T),
        lambda g: product_by(second, input.T, g),
    )


def by_columns(matrix: Array) -> bool:
    """Whether a matrix is contiguous by columns. Then the gradient of a factor is so, too."""
    return matrix.strides == (matrix.itemsize, matrix.itemsize * matrix.shape[0])


def product_by(columns: bool, a: Array, b: Array) -> Array:
    """`product(a, b)`, contiguous by columns or by rows."""
    return product(b.T, a.T).T if columns else product(a, b)


@differentiable(operators=("x @ y",))
def mv(input: Array, vec: Array) -> Result:
    """The product of a matrix and a vector: (n, m) (m,) → (n,).

    RuntimeError for other shapes and for different dtypes, IndexError for a 0-d first operand.

    >>> minigrad.mv(minigrad.ones(2, 3), minigrad.ones(3))
    tensor([3., 3.])
    """
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if input.ndim != 2 or vec.ndim != 1:
        dims = f"{vec.ndim}, {input.ndim}, {vec.ndim}"
        raise RuntimeError(f"vector + matrix @ vector expected, got {dims}")
    if input.shape[1] != vec.shape[0]:
        n, m = input.shape
        raise RuntimeError(f"size mismatch, got input ({n}), mat ({n}x{m}), vec ({vec.shape[0]})")
    same_dtype(input, vec, "mv")
    return input @ vec, (lambda g: g[:, None] * vec, lambda g: input.T @ g)


@differentiable(operators=("x @ y",))
def dot(input: Array, tensor: Array) -> Result:
    """The dot product of two vectors: (n,) (n,) → ().

    RuntimeError for other shapes and for different dtypes.

    >>> minigrad.dot(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor(11.)
    """
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    same_dtype(input, tensor, "dot")
    if input.shape != tensor.shape:
        raise RuntimeError(
            "inconsistent tensor size, expected tensor "
            f"{list(input.shape)} and src {list(tensor.shape)} to have the same number of "
            f"elements, but got {input.size} and {tensor.size} elements respectively"
        )
    return input @ tensor, (lambda g: g * tensor, lambda g: g * input)


@differentiable(INTERNAL, operators=("x @ y",), node="BmmBackward0", saved={"other": "mat2"})
def matmul(input: Array, other: Array) -> Result:
    """The products of two stacks of matrices: (*, n, m) (*, m, p) → (*, n, p).

    The leading dimensions broadcast. A vector counts as a row on the left and as a column on the
    right, and the result doesn't have that dimension.
    """
    same_dtype(input, other, "matmul")
    if input.ndim == 0 or other.ndim == 0:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{input.ndim}D and {other.ndim}D"
        )
    if input.shape[-1] != other.shape[max(other.ndim - 2, 0)]:
        a, b = (str(tuple(x.shape)) for x in (input, other))
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a} and {b})")
    if input.ndim == 1:  # (m,) @ (*, m, p): G is (*, p)
        return input @ other, (
            lambda g: (other @ g[..., None])[..., 0],
            lambda g: input[:, None] * g[..., None, :],
        )
    if other.ndim == 1:  # (*, n, m) @ (m,): G is (*, n)
        return input @ other, (
            lambda g: g[..., None] * other,
            lambda g: (g[..., None, :] @ input)[..., 0, :],
        )
    return input @ other, (
        lambda g: g @ other.swapaxes(-1, -2),
        lambda g: input.swapaxes(-1, -2) @ g,
    )
