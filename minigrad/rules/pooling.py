"""Pooling: the largest element, or the mean, of each window of the last dimensions.

The result is computed by a loop over the places in a window. Each step handles one element of every
window, so it is one operation on an array of the result's size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from .convolution import Sizes, convolution, padded
from .dtypes import scalar_name
from .indexing import scatter
from .presentation import INTERNAL
from .rule import Array, Result, differentiable


def pooled_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool
) -> int:
    """The number of windows. With `ceil`, the last one may reach beyond the padding.

    But it starts within the input or the padding before it.
    """
    free = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (free + (stride - 1 if ceil else 0)) // stride + 1
    return count - 1 if ceil and (count - 1) * stride >= size + padding else count


def _window_places(
    kernel: Sizes, outside: Sizes, stride: Sizes, dilation: Sizes
) -> Iterator[tuple]:
    """For each place in a window: the place, and the slices with these elements of all windows."""
    for place in itertools.product(*map(range, kernel)):
        each = zip(place, outside, stride, dilation, strict=True)
        yield place, tuple([slice(k * d, k * d + (m - 1) * s + 1, s) for k, m, s, d in each])


def _reach(kernel: Sizes, outside: Sizes, stride: Sizes, dilation: Sizes) -> list[int]:
    """The sizes of the area that the windows cover."""
    each = zip(kernel, outside, stride, dilation, strict=True)
    return [(m - 1) * s + (k - 1) * d + 1 for k, m, s, d in each]


def _ends(size: Sizes, padding: Sizes, reach: list[int]) -> list[int]:
    """The padding after the elements, so that it covers the windows."""
    return [max(r - n - p, p) for n, p, r in zip(size, padding, reach, strict=True)]


# The largest element ------------------------------------------------------------------------------


def _pool_node(name: str, suffix: str) -> Callable[..., str]:
    return lambda input, kernel, *_, **__: f"{name}Pool{len(kernel)}D{suffix}Backward0"


@differentiable(
    INTERNAL,
    public="max_pool2d",
    layout="images",
    extra_outputs=True,
    node=_pool_node("Max", "WithIndices"),
    derivative_node="MaxPool2DWithIndicesBackwardBackward0",
    derivative_node_repeats=False,
)
def max_pool(
    input: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> Result:
    """The largest element of each window, and its index in the flattened last dimensions.

    The first of tied elements counts, and the last NaN.
    """
    nd = len(kernel)
    lead, size = input.shape[:-nd], input.shape[-nd:]
    each = zip(size, kernel, stride, padding, dilation, strict=True)
    outside = tuple([pooled_size(*numbers, ceil_mode) for numbers in each])
    lowest = np.iinfo(input.dtype).min if input.dtype.kind in "iu" else -np.inf
    ends = _ends(size, padding, _reach(kernel, outside, stride, dilation))
    x = padded(input, padding, lowest, ends)
    starts = []  # along each dimension, the first element of each window that isn't padding
    for m, s, p, d in zip(outside, stride, padding, dilation, strict=True):
        start = np.arange(m) * s - p
        starts.append(np.where(start < 0, start % d, start))
    y = np.full((*lead, *outside), lowest, input.dtype)
    indices = np.broadcast_to(np.ravel_multi_index(_grid(starts), size), y.shape).copy()
    flat = [math.prod(size[i + 1 :]) for i in range(nd)]
    origin = sum(
        g * step
        for g, step in zip(
            _grid([np.arange(m) * s - p for m, s, p in zip(outside, stride, padding, strict=True)]),
            flat,
            strict=True,
        )
    )
    for place, key in _window_places(kernel, outside, stride, dilation):
        v = x[(..., *key)]
        better = v > y
        if v.dtype.kind == "f":
            better |= v != v
        np.copyto(y, v, where=better)
        shift = sum(k * d * step for k, d, step in zip(place, dilation, flat, strict=True))
        np.copyto(indices, origin + shift, where=better)
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(kernel, stride, dilation, strict=True))
    return (y, indices), (_to_elements(input, indices, lead, size, not apart),)


def _grid(each: list[Array]) -> tuple[Array, ...]:
    return np.meshgrid(*each, indexing="ij", sparse=True)


def _to_elements(
    input: Array, indices: Array, lead: Sizes, size: Sizes, repeats: bool
) -> Callable[[Array], Array]:
    """The pullback of values that were taken from these places of the last dimensions."""
    rows = math.prod(lead)
    whole = (rows, math.prod(size))
    image = np.arange(rows)[:, None]

    def pullback(g: Array) -> Array:
        key = (image, indices.reshape((rows, -1)))
        return scatter(g.reshape((rows, -1)), key, whole, repeats)[0].reshape(input.shape)

    return pullback


@differentiable(
    INTERNAL,
    public="adaptive_max_pool2d",
    layout="images",
    extra_outputs=True,
    node=lambda input, windows, *_: f"AdaptiveMaxPool{windows.ndim - 1}DBackward0",
    derivative_node="AdaptiveMaxPool2DBackwardBackward0",
    derivative_node_repeats=False,
)
def max_of_windows(input: Array, windows: np.ndarray, size: int) -> Result:
    """The largest elements of windows of any form, and their indices.

    `windows` (*, n) lists the elements of each window by their index in the flattened last `size`
    dimensions, -1 after the last one.
    """
    lead, inside = input.shape[:-size], input.shape[-size:]
    x = input.reshape(*lead, -1)
    y = x[..., windows[..., 0]]
    indices = np.broadcast_to(windows[..., 0], y.shape).copy()
    for place in range(1, windows.shape[-1]):
        index = windows[..., place]
        v = x[..., index]
        better = ((v > y) | (v != v)) & (index >= 0)
        np.copyto(y, v, where=better)
        np.copyto(indices, index, where=better)
    return (y, indices), (_to_elements(input, indices, lead, inside, True),)


# Means --------------------------------------------------------------------------------------------


@differentiable(
    INTERNAL,
    public="avg_pool2d",
    layout="images",
    node=_pool_node("Avg", ""),
    derivative_node="AvgPool2DBackwardBackward0",
    derivative_node_repeats=False,
)
def avg_pool(
    input: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Result:
    """The mean of each window, in which padding counts as zeros or doesn't count."""
    if input.dtype.kind == "b":
        raise NotImplementedError(
            f"\"avg_pool2d_out_frame\" not implemented for '{scalar_name(input)}'"
        )
    nd = len(kernel)
    lead, size = input.shape[:-nd], input.shape[-nd:]
    one = (1,) * nd
    each = zip(size, kernel, stride, padding, one, strict=True)
    outside = tuple([pooled_size(*numbers, ceil_mode) for numbers in each])
    x = padded(input, padding, 0, _ends(size, padding, _reach(kernel, outside, stride, one)))
    y = np.zeros((*lead, *outside), input.dtype)
    for _, key in _window_places(kernel, outside, stride, one):
        y += x[(..., *key)]
    counts: Array = np.asarray(divisor_override)
    if divisor_override is None:
        counts = _counts(size, kernel, stride, padding, outside, count_include_pad)
    counts = counts.astype(input.dtype)
    ones, flat = np.ones((1, 1, *kernel), input.dtype), math.prod(lead)
    each = zip(size, outside, kernel, stride, padding, strict=True)
    rest = tuple([n - (m - 1) * s + 2 * p - k for n, m, k, s, p in each])

    def pullback(g: Array) -> Array:
        images = (g / counts).reshape((flat, 1, *outside))
        d = convolution(images, ones, None, stride, padding, one, True, rest, 1)[0]
        return d.reshape(input.shape)

    if input.dtype.kind in "iu":
        return np.trunc(y / counts).astype(input.dtype), ()
    return y / counts, (pullback,)


def _counts(
    size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, outside: Sizes, pads: bool
) -> Array:
    """The number of elements of each window, with those of the padding if `pads`."""
    total: Array = np.ones((), np.int64)
    for n, k, s, p, m in zip(size, kernel, stride, padding, outside, strict=True):
        start = np.arange(m) * s - p
        end = np.minimum(start + k, n + p)
        if not pads:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        total = total[..., None] * (end - start)
    return total


@differentiable(
    INTERNAL,
    public="adaptive_avg_pool2d",
    layout="images",
    node=lambda input, windows, *_: f"AdaptiveAvgPool{windows.ndim - 1}DBackward0",
    derivative_node="AdaptiveAvgPool2DBackwardBackward0",
    derivative_node_repeats=False,
)
def mean_of_windows(input: Array, windows: np.ndarray, size: int) -> Result:
    """The means of windows of any form, listed as for `max_of_windows`."""
    lead, inside = input.shape[:-size], input.shape[-size:]
    rows, whole = math.prod(lead), (math.prod(lead), math.prod(inside))
    inner = windows >= 0
    counts = inner.sum(-1).astype(input.dtype)
    x = input.reshape(whole)[:, windows]
    y = np.where(inner, x, 0).sum(-1) / counts

    def pullback(g: Array) -> Array:
        shares = (g / counts).reshape((rows, *counts.shape, 1))
        shares = np.where(inner, shares, 0)
        return scatter(shares, (slice(None), windows), whole, True)[0].reshape(input.shape)

    return y.reshape(*lead, *counts.shape), (pullback,)
