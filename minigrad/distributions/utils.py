"""Parameters: numbers and tensors of one shape, probabilities and logits, triangles and vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..api.creation import arange, empty, tensor
from ..api.functions import broadcast_tensors, log, log1p, sigmoid
from ..api.limits import finfo
from ..api.tensor import Tensor
from ..core.grad_mode import enable_grad
from ..rules.promotion import get_default_dtype

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape. ValueError for anything else.

    Numbers get the dtype of the first tensor, or the default one.
    """
    for value in values:
        if not isinstance(value, Tensor | int | float):
            raise ValueError(
                "Input arguments must all be instances of Number, torch.Tensor or objects "
                "implementing __torch_function__."
            )
    tensors = [v for v in values if isinstance(v, Tensor)]
    dtype = tensors[0].dtype if tensors else get_default_dtype()
    made = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values]
    shown: tuple[Tensor, ...] = broadcast_tensors(*made)
    return shown


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1, so that their logits are finite.

    >>> minigrad.distributions.utils.clamp_probs(minigrad.tensor([0., 0.5]))
    tensor([1.1921e-07, 5.0000e-01])
    """
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The logarithms of probabilities; with `is_binary`, log p - log(1 - p).

    >>> minigrad.distributions.utils.probs_to_logits(minigrad.tensor(0.5), is_binary=True)
    tensor(0.)
    """
    p = clamp_probs(probs)
    return log(p) - log1p(-p) if is_binary else log(p)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The probabilities of logits along the last dimension; of each one with `is_binary`.

    >>> minigrad.distributions.utils.logits_to_probs(minigrad.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return sigmoid(logits) if is_binary else logits.softmax(-1)


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last `dim` dimensions.

    >>> minigrad.distributions.utils.sum_rightmost(minigrad.ones(2, 3, 4), 2)
    tensor([12., 12.])
    """
    if dim == 0:
        return value
    kept = value.shape[: value.ndim - dim]
    return value.reshape((*kept, -1)).sum(-1)


_sum_rightmost = sum_rightmost  # PyTorch's name, which programs use


def _standard_normal(shape: Sequence[int], dtype: Any, device: Any) -> Tensor:
    """Draw from the standard normal distribution."""
    return empty(shape, dtype=dtype, device=device).normal_()


class lazy_property:
    """A property that is computed once, with its gradients recorded, and then is an attribute."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements of square matrices on and below a diagonal, row by row.

    Raises ValueError for a diagonal outside of the matrix.

    >>> minigrad.distributions.utils.tril_matrix_to_vec(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 3, 4])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    below: Tensor = mat[..., _triangle(n, diag)]
    return below


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Square matrices with these elements on and below a diagonal, and zeros above.

    Raises ValueError for a number of elements that no such matrix has.

    >>> minigrad.distributions.utils.vec_to_tril_matrix(minigrad.tensor([1., 3., 4.]))
    tensor([[1., 0.],
            [3., 4.]])
    """
    count = vec.shape[-1]
    # The positive root of n² + (1 + 2 diag) n - diag² - |diag| = 2 count, up to the corner.
    root = ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5
    exact = (root - (1 + 2 * diag)) / 2
    n = round(exact)
    if n - exact > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    mat[..., _triangle(n, diag)] = vec
    return mat


def _triangle(n: int, diag: int) -> Tensor:
    places = arange(n)
    return places < places.view(-1, 1) + (diag + 1)
