"""Reductions and scans over the elements that a mask selects, under the names of torch.masked.

`mask` is a tensor of bools that broadcasts to the operand, or None, which selects all. The others
don't count: they are replaced by a value that leaves the result as it is. Where nothing is selected
the result is that value, or NaN for means and medians.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .api import functions
from .api.compositions.norms import vector_norm
from .api.creation import ones, tensor
from .api.tensor import Tensor
from .nn import functional as F
from .rules import dtypes
from .rules.dtypes import dtype as dtype_

Dims = int | Sequence[int] | None
inf = float("inf")


def _selected(input: Tensor, mask: Tensor | None, value: float) -> Tensor:
    """`input` with a value in place of the elements that aren't selected."""
    if mask is None:
        return input
    if not isinstance(mask, Tensor):
        raise TypeError(f"mask must be a Tensor or None, not {type(mask).__name__}")
    if mask.ndim > input.ndim:
        raise IndexError(
            f"masked: mask has {mask.ndim} dimensions, but may have at most those of input, "
            f"{input.ndim}"
        )
    return functions.where(_mask_of(input, mask), input, tensor(value, dtype=input.dtype))


def _mask_of(input: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return ones(input.shape, dtype=dtypes.bool)
    return mask.to(dtypes.bool).broadcast_to(input.shape)


def _dims(dim: Dims, input: Tensor) -> tuple[int, ...]:
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return tuple(range(input.ndim))
    found = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    ndim = max(input.ndim, 1)
    for d in found:
        if not -ndim <= d < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but "
                f"got {d})"
            )
    fronts = tuple(d % ndim for d in found)
    if len({*fronts}) < len(fronts):
        raise RuntimeError(f"dim {fronts[0]} appears multiple times in the list of dims")
    return fronts


def _wide(input: Tensor, dtype: dtype_ | None) -> dtype_:
    """The dtype of a sum: int64 for integers."""
    if dtype is not None:
        return dtype
    return input.dtype if input.is_floating_point() else dtypes.int64


def _lowest(input: Tensor) -> float:
    if input.is_floating_point():
        return -inf
    return 0 if input.dtype is dtypes.uint8 else -(2 ** (8 * input.element_size() - 1))


def _highest(input: Tensor) -> float:
    if input.is_floating_point():
        return inf
    return 255 if input.dtype is dtypes.uint8 else 2 ** (8 * input.element_size() - 1) - 1


# Reductions ---------------------------------------------------------------------------------------


def sum(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the sum of the selected elements over `dim`.

    >>> minigrad.masked.sum(minigrad.tensor([1., 2.]), mask=minigrad.tensor([True, False]))
    tensor(1.)
    """
    x, dims = _selected(input, mask, 0), _dims(dim, input)
    kind = _wide(input, dtype)
    return x.sum(dims, keepdim=keepdim, dtype=kind)


def prod(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the product of the selected elements over `dim`.

    >>> minigrad.masked.prod(minigrad.tensor([3., 2.]), mask=minigrad.tensor([True, False]))
    tensor(3.)
    """
    x, kind = _selected(input, mask, 1).to(_wide(input, dtype)), _wide(input, dtype)
    for d in sorted(_dims(dim, input), reverse=True):
        x = x.prod(d, keepdim=keepdim)
    return x.to(kind)


def _extreme(name: str, lowest: Callable[[Tensor], float], description: str) -> Any:
    def function(
        input: Tensor,
        dim: Dims = None,
        *,
        keepdim: bool = False,
        dtype: dtype_ | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        x = _selected(input, mask, lowest(input))
        y = getattr(functions, name)(x, _dims(dim, input), keepdim)
        return y.to(input.dtype if dtype is None else dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return the {description} of the selected elements over `dim`."
    return function


amax = _extreme("amax", _lowest, "largest")
amin = _extreme("amin", _highest, "smallest")


def _place(name: str, lowest: Callable[[Tensor], float], description: str) -> Any:
    def function(
        input: Tensor,
        dim: int | None = None,
        *,
        keepdim: bool = False,
        dtype: dtype_ | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        x = _selected(input, mask, lowest(input))
        y = getattr(functions, name)(x, dim, bool(keepdim))
        return y.to(input.dtype if dtype is None else dtype)  # as PyTorch has it

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return the index of the {description} selected element along `dim`."
    return function


argmax = _place("argmax", _lowest, "largest")
argmin = _place("argmin", _highest, "smallest")


def mean(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the mean of the selected elements over `dim`. ValueError for integers.

    >>> minigrad.masked.mean(minigrad.tensor([1., 2.]), mask=minigrad.tensor([True, False]))
    tensor(1.)
    """
    kind = input.dtype if dtype is None else dtype
    if not kind.is_floating_point:
        raise ValueError(
            f"mean(): Could not infer output dtype: it must be a floating point dtype. Got: {kind}"
        )
    count = sum(_mask_of(input, mask), dim, keepdim=keepdim, dtype=dtypes.int64)
    return sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask) / count


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the median of the selected elements along `dim`, the lower one of two.

    ValueError for integers where nothing is selected.

    >>> minigrad.masked.median(minigrad.tensor([1., 2.]), mask=minigrad.tensor([False, True]))
    tensor(2.)
    """
    is_float = input.is_floating_point()
    x = input if is_float else input.to(dtypes.float32)
    y = functions.nanmedian(_selected(x, mask, float("nan")), dim, keepdim).values
    if is_float:
        return y
    if y.isnan().any():
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return y.to(input.dtype if dtype is None else dtype)


def norm(
    input: Tensor,
    ord: float = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the `ord`-norm of the selected elements over `dim`.

    >>> minigrad.masked.norm(minigrad.tensor([3., 4.]), mask=minigrad.tensor([True, False]))
    tensor(3.)
    """
    x = _selected(input, mask, inf if ord == -inf else 0)
    kind = input.dtype if dtype is None else dtype
    return vector_norm(x, ord, _dims(dim, input), keepdim, dtype=kind)


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the variance of the selected elements over `dim`.

    The count is reduced by `correction`, 1 by default; `unbiased` False is 0.

    >>> mask = minigrad.tensor([True, True, False])
    >>> minigrad.masked.var(minigrad.tensor([1., 3., 9.]), mask=mask)
    tensor(2.)
    """
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, False)


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the standard deviation of the selected elements over `dim`; see `var`.

    >>> mask = minigrad.tensor([True, True, False])
    >>> minigrad.masked.std(minigrad.tensor([1., 3., 9.]), mask=mask)
    tensor(1.4142)
    """
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, True)


def _spread(
    input: Tensor,
    dim: Dims,
    unbiased: bool | None,
    correction: float | None,
    keepdim: bool,
    dtype: dtype_ | None,
    mask: Tensor | None,
    root: bool,
) -> Tensor:
    if unbiased is not None and correction is not None:
        raise RuntimeError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 0.0 if unbiased is False else 1.0
    kind = input.dtype if dtype is None else dtype
    if dtype is None and not kind.is_floating_point:
        kind = dtypes.float32
    computed = kind if kind.is_floating_point else dtypes.float32
    count = sum(_mask_of(input, mask), dim, keepdim=True, dtype=dtypes.int64)
    centred = input - sum(input, dim, keepdim=True, dtype=kind, mask=mask) / count
    total = sum(centred * centred, dim, keepdim=keepdim, mask=mask, dtype=computed)
    count = count.reshape(total.shape)
    if correction:
        count = functions.clamp(count.to(computed) - correction, min=0)
    y = (total / count).to(kind)
    return y.sqrt() if root else y


def logsumexp(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the logarithm of the sum of exponentials of the selected elements over `dim`.

    >>> minigrad.masked.logsumexp(minigrad.tensor([1., 2.]), mask=minigrad.tensor([True, False]))
    tensor(1.)
    """
    x = _selected(input, mask, _lowest(input))
    y = functions.logsumexp(x, _dims(dim, input), keepdim=keepdim)
    return y.to(input.dtype if dtype is None else dtype)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: dtype_ | None = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """Return log(exp(input) + exp(other)), where elements that aren't selected count as -inf.

    >>> minigrad.masked.logaddexp(minigrad.tensor([1.]), minigrad.tensor([-minigrad.inf]))
    tensor([1.])
    """
    x, y = (
        _selected(each, mask, _lowest(each))
        for each, mask in ((input, input_mask), (other, other_mask))
    )
    return functions.logaddexp(x, y).to(input.dtype if dtype is None else dtype)


# Scans and normalisations -------------------------------------------------------------------------


def cumsum(
    input: Tensor, dim: int, *, dtype: dtype_ | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the running sums of the selected elements along `dim`.

    >>> minigrad.masked.cumsum(minigrad.tensor([1., 2.]), 0, mask=minigrad.tensor([True, False]))
    tensor([1., 1.])
    """
    return _selected(input, mask, 0).cumsum(dim, dtype=input.dtype if dtype is None else dtype)


def cumprod(
    input: Tensor, dim: int, *, dtype: dtype_ | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the running products of the selected elements along `dim`.

    >>> minigrad.masked.cumprod(minigrad.tensor([3., 2.]), 0, mask=minigrad.tensor([True, False]))
    tensor([3., 3.])
    """
    return _selected(input, mask, 1).cumprod(dim, dtype=input.dtype if dtype is None else dtype)


def softmax(
    input: Tensor, dim: int, *, dtype: dtype_ | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the softmax of the selected elements along `dim`, and 0 for the others.

    >>> minigrad.masked.softmax(minigrad.tensor([1., 2.]), 0, mask=minigrad.tensor([True, False]))
    tensor([1., 0.])
    """
    x = _selected(input, mask, _lowest(input))
    return F.softmax(x, dim, dtype=input.dtype if dtype is None else dtype)


def log_softmax(
    input: Tensor, dim: int, *, dtype: dtype_ | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the logarithm of `softmax`.

    >>> mask = minigrad.tensor([True, False])
    >>> minigrad.masked.log_softmax(minigrad.tensor([1., 2.]), 0, mask=mask)
    tensor([0., -inf])
    """
    x = _selected(input, mask, _lowest(input))
    return F.log_softmax(x, dim, dtype=input.dtype if dtype is None else dtype)


def softmin(
    input: Tensor, dim: int, *, dtype: dtype_ | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the softmax of minus the selected elements along `dim`, and 0 for the others.

    >>> minigrad.masked.softmin(minigrad.tensor([1., 2.]), 0, mask=minigrad.tensor([True, False]))
    tensor([1., 0.])
    """
    x = _selected(input, mask, _highest(input))
    return F.softmin(x, dim, dtype=input.dtype if dtype is None else dtype)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: dtype_ | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the selected elements divided by their `ord`-norm along `dim`, at least `eps`.

    >>> mask = minigrad.tensor([True, False])
    >>> minigrad.masked.normalize(minigrad.tensor([3., 4.]), 2, 0, mask=mask)
    tensor([1., 0.])
    """
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    least = tensor(eps, dtype=length.dtype)
    return _selected(input, mask, 0) / functions.maximum(length, least)


__all__ = [
    *("amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp"),
    *("logsumexp", "mean", "median", "norm", "normalize", "prod", "softmax", "softmin", "std"),
    *("sum", "var"),
]
