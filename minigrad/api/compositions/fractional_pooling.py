"""Maxima of windows whose places are random (Graham, "Fractional max-pooling", 2014)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import function
from ...core.one_node import as_one_node
from ...core.tensor import require_tensor, wrap
from ...rules import REGISTRY
from ...rules.dtypes import scalar_name
from .pooling import sizes_of
from .registry import composed_for_dims
from .saving import saving_input

if TYPE_CHECKING:
    from ..tensor import Tensor

Sizes = int | Sequence[int]
# The random sample for each dimension, by their number.
_SAMPLES = {2: (1, 0), 3: (0, 1, 2)}


def _fractional_max_pool(
    nd: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{nd}d"
    require_tensor(input, name, "input")
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if input.ndim not in (nd + 1, nd + 2):
        raise (IndexError if input.ndim < nd + 1 else RuntimeError)(
            f"{name}: expected {nd + 1}D or {nd + 2}D tensor for input, but got {input.ndim}D"
        )
    inside = tuple(input.shape[-nd:])
    if output_size is None:
        if isinstance(output_ratio, int | float):
            raise TypeError(f"{name}: argument 'output_ratio' must have {nd} floats")
        if len(output_ratio) != nd:
            error = IndexError if len(output_ratio) < nd else ValueError
            raise error(f"{name}: argument 'output_ratio' must have {nd} floats")
        output_size = [int(n * share) for n, share in zip(inside, output_ratio, strict=True)]
    windows, outside = (
        _one_or_each(name, nd, called, sizes)
        for called, sizes in (("kernel_size", kernel_size), ("output_size", output_size))
    )
    if min(windows) <= 0 or min(outside) < 0:
        raise RuntimeError(
            f"{name}(): the sizes of windows must be positive, and those of the output can't be "
            f"negative, but got {list(windows)} and {list(outside)}"
        )
    if 0 in input.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got "
            f"{list(input.shape)}"
        )
    if input._array.dtype.kind != "f":
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input._array)}'")
    for n, m, k in zip(inside, outside, windows, strict=True):
        if m + k - (nd == 2) > n:  # PyTorch's limit is another one in three dimensions
            raise RuntimeError(f"{name}(): pool size {k} too large relative to input size {n}")
    x = input if input.ndim == nd + 2 else input.unsqueeze(0)
    if samples is None:
        samples = wrap(np.empty((*x.shape[:2], nd), x._array.dtype)).uniform_()
    else:
        _check_samples(nd, x, samples)
    drawn = samples._array[: x.shape[0], : x.shape[1]]
    places = _places(nd, drawn, inside, outside, windows)
    flat, number = x.flatten(2), math.prod(outside)
    found = np.take_along_axis(flat._array, places, 2)
    sizes = (*x.shape[:2], number, math.prod(windows))
    best = _first_largest(found.reshape(sizes))[..., None]
    index = np.take_along_axis(places.reshape(sizes), best, -1)[..., 0]
    y = _GATHERS[nd](flat, wrap(index), 2).reshape(*x.shape[:2], *outside)
    as_one_node(y, f"FractionalMaxPool{nd}DBackward0", input)
    index = index.reshape(y.shape)
    values, indices = y, wrap(np.ascontiguousarray(index))
    return (values, indices) if x is input else (values.squeeze(0), indices.squeeze(0))


def _one_or_each(name: str, nd: int, called: str, sizes: Any) -> tuple[int, ...]:
    """An int, or one for each dimension, as a tuple. RuntimeError for another number of them."""
    if isinstance(sizes, list | tuple) and len(sizes) != nd:
        raise RuntimeError(f"{name}: {called} must either be a single int or {nd} ints")
    return sizes_of(sizes, nd, called, name)


# In float16, its gradients are added one by one, each rounded, as in PyTorch.
_GATHERS = {
    nd: function(
        saving_input(
            REGISTRY["gather_along"], f"FractionalMaxPool{nd}DBackwardBackward0", half="float16"
        )
    )
    for nd in (2, 3)
}


def _check_samples(nd: int, x: Any, samples: Any) -> None:
    require_tensor(samples, f"fractional_max_pool{nd}d", "_random_samples")
    if samples.ndim != 3 or samples.shape[-1] != nd:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {nd}; got {samples.shape}.")
    if samples.shape[0] < x.shape[0] or samples.shape[1] < x.shape[1]:
        raise RuntimeError(
            f"Expect _random_samples for {list(x.shape[:2])} images, got {samples.shape}."
        )
    if samples.dtype != x.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")


def _places(
    nd: int, samples: np.ndarray, inside: Any, outside: Sequence[int], windows: Sequence[int]
) -> np.ndarray:
    """The flat indices (N, C, m k) of the k elements of each of the m windows."""
    total: Any = 0
    for d, (n, m, k) in enumerate(zip(inside, outside, windows, strict=True)):
        start = _starts(samples[..., _SAMPLES[nd][d]], n, m, k)
        along = start[..., None] + np.arange(k)  # (N, C, m, k)
        shape = [*along.shape[:2], *(1,) * (2 * nd)]
        shape[2 + d], shape[2 + nd + d] = m, k
        total = total * n + along.reshape(shape)
    return total.reshape(*samples.shape[:2], math.prod(outside) * math.prod(windows))


def _starts(sample: np.ndarray, n: int, m: int, k: int) -> np.ndarray:
    """Where the windows start along one dimension: at random steps, and the last at the end."""
    start = np.full((*sample.shape, m), n - k, np.int64)
    if m > 1:
        step = sample.dtype.type(n - k) / sample.dtype.type(m - 1)
        at = (np.arange(m - 1, dtype=sample.dtype) + sample[..., None]) * step
        start[..., :-1] = at.astype(np.int64) - (sample * step).astype(np.int64)[..., None]
    return start


def _first_largest(x: np.ndarray) -> np.ndarray:
    """The index of the largest element along the last dimension, or of the last NaN."""
    nan = np.isnan(x)
    last = x.shape[-1] - 1 - nan[..., ::-1].argmax(-1)
    return np.where(nan.any(-1), last, x.argmax(-1))


@composed_for_dims("fractional_max_pool{nd}d_with_indices", (2, 3))
def _fractional_max_pools_with_indices(nd: int) -> Any:
    def fractional_max_pool_with_indices(
        input: Tensor,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the result of `fractional_max_pool{nd}d`, and the index of each element.

        >>> x = minigrad.ones(1, 1, *[4] * {nd})
        >>> len(minigrad.nn.functional.fractional_max_pool{nd}d_with_indices(x, 2, 2))
        2
        """
        return _fractional_max_pool(
            nd, input, kernel_size, output_size, output_ratio, _random_samples
        )

    return fractional_max_pool_with_indices


@composed_for_dims("fractional_max_pool{nd}d", (2, 3))
def _fractional_max_pools(nd: int) -> Any:
    def fractional_max_pool(
        input: Tensor,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        """Return the largest elements of windows at random steps over the last {nd} dimensions.

        Shapes: one or two dimensions before those. The result has the `output_size`, or that share
        of the input's size that `output_ratio` has for each dimension. `_random_samples` (N, C,
        {nd}), between 0 and 1, are drawn if they aren't given. `return_indices` also returns the
        index of each element in the flattened last dimensions. RuntimeError for too large windows.

        >>> x = minigrad.ones(1, 1, *[4] * {nd})
        >>> minigrad.nn.functional.fractional_max_pool{nd}d(x, 2, 2).numel() == 2**{nd}
        True
        """
        values, indices = _fractional_max_pool(
            nd, input, kernel_size, output_size, output_ratio, _random_samples
        )
        return (values, indices) if return_indices else values

    return fractional_max_pool
