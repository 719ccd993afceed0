"""Pooling: the largest element, or the mean, of each window of the last dimensions.

The result is computed by a loop over the places in a window. Each step handles one element of every
window, so it is one operation on an array of the result's size.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .convolution import Sizes, padded
from .dtypes import scalar_name
from .indexing import in_bounds, put, scatter
from .presentation import HALF_IN_PULLBACKS, INTERNAL
from .reading import reads_as
from .rule import Array, Result, also_saved, differentiable


def pooled_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool
) -> int:
    """The number of windows. With `ceil`, the last one may reach beyond the padding.

    But it starts within the input or the padding before it.
    """
    free = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (free + (stride - 1 if ceil else 0)) // stride + 1
    return count - 1 if ceil and (count - 1) * stride >= size + padding else count


# How windows lie in a dimension depends on the sizes only. Finding it out takes longer than the
# pooling of a small image.


@functools.lru_cache(256)
def _windows(
    size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil: bool
) -> tuple[Sizes, list[int], list[tuple[Sizes, tuple[Any, ...]]]]:
    """How many windows there are, and the padding after the elements so that it covers them.

    Then, for each place in a window, the place and the slices with these elements of all windows.
    """
    each = zip(size, kernel, stride, padding, dilation, strict=True)
    outside = tuple([pooled_size(*numbers, ceil) for numbers in each])
    sizes = zip(kernel, outside, stride, dilation, strict=True)
    reach = [(m - 1) * s + (k - 1) * d + 1 for k, m, s, d in sizes]
    ends = [max(r - n - p, p) for n, p, r in zip(size, padding, reach, strict=True)]
    places = []
    for place in itertools.product(*map(range, kernel)):
        steps = zip(place, outside, stride, dilation, strict=True)
        key = tuple([slice(k * d, k * d + (m - 1) * s + 1, s) for k, m, s, d in steps])
        places.append((place, (..., *key)))
    return outside, ends, places


_FEW = 4096  # of so many windows, the positions are kept


# The largest element ------------------------------------------------------------------------------


def _pool_node(name: str, suffix: str) -> Callable[..., str]:
    return lambda input, kernel, *_, **__: f"{name}Pool{len(kernel)}D{suffix}Backward0"


@differentiable(
    INTERNAL,
    public="max_pool2d",
    layout="images",
    half="float16",
    extra_outputs=True,
    node=_pool_node("Max", "WithIndices"),
    saved={"indices": "result1"},
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
    outside, ends, places = _windows(size, kernel, stride, padding, dilation, ceil_mode)
    lowest = np.iinfo(input.dtype).min if input.dtype.kind in "iu" else -np.inf
    x = padded(input, padding, lowest, ends)
    y = np.full((*lead, *outside), lowest, input.dtype)
    positions = _positions if math.prod(outside) > _FEW else _kept_positions
    first, origin, filled = positions(size, outside, stride, padding, dilation)
    indices = np.broadcast_to(first, y.shape).copy()
    flat = [math.prod(size[i + 1 :]) for i in range(nd)]
    for place, key in places:
        v = x[key]
        better = v > y
        if v.dtype.kind == "f":
            better |= v != v
        np.copyto(y, v, where=better)
        shift = sum(k * d * step for k, d, step in zip(place, dilation, flat, strict=True))
        np.copyto(indices, origin + shift, where=better)
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(kernel, stride, dilation, strict=True))
    to_input = _to_elements(input, indices, lead, size, not apart) if filled else _to_nothing
    return (y, indices), (to_input,)


def _to_nothing(g: Array) -> Array:
    raise RuntimeError("max_pool: the gradient of a window that has only padding is not defined")


def _positions(
    size: Sizes, outside: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> tuple[Array, Array, bool]:
    """The index of the first place of each window that isn't before the input, and of its corner.

    Also whether all of those places are in the input.
    """
    starts, corners = [], []
    for m, s, p, d in zip(outside, stride, padding, dilation, strict=True):
        corner = np.arange(m) * s - p
        corners.append(corner)
        starts.append(np.where(corner < 0, corner % d, corner))
    flat = [math.prod(size[i + 1 :]) for i in range(len(size))]
    origin = sum(g * step for g, step in zip(_grid(corners), flat, strict=True))
    first: Any = sum(g * step for g, step in zip(_grid(starts), flat, strict=True))
    return first, origin, bool((first < math.prod(size)).all())


_kept_positions = functools.lru_cache(256)(_positions)


def _require_windows(g: Array) -> None:
    """RuntimeError for a gradient with respect to no windows, as in PyTorch."""
    if 0 in g.shape[1:]:
        raise RuntimeError(
            "adaptive pooling: Expected grad_output to have non-zero size for non-batch "
            f"dimensions, but it has sizes {list(g.shape)}"
        )


def _grid(each: list[Array]) -> tuple[Array, ...]:
    return np.meshgrid(*each, indexing="ij", sparse=True)


def _to_elements(
    input: Array, indices: Array, lead: Sizes, size: Sizes, repeats: bool
) -> Callable[[Array], Array]:
    """The pullback of values that were taken from these places of the last dimensions."""
    rows = math.prod(lead)
    whole = (rows, math.prod(size))
    each = (rows, math.prod(indices.shape[len(lead) :]))
    image = np.arange(rows)[:, None]

    def pullback(g: Array) -> Array:
        key = (in_bounds(image), in_bounds(indices.reshape(each)))
        return scatter(g.reshape(each), key, whole, repeats)[0].reshape(input.shape)

    return pullback


@differentiable(
    INTERNAL,
    public="adaptive_max_pool2d",
    layout="images",
    half="float16",
    extra_outputs=True,
    node=lambda input, windows, *_: f"AdaptiveMaxPool{windows.ndim - 1}DBackward0",
    saved={"indices": "result1"},
    derivative_node="AdaptiveMaxPool2DBackwardBackward0",
    derivative_node_repeats=False,
)
def max_of_windows(input: Array, windows: np.ndarray, size: int) -> Result:
    """The largest elements of windows of any form, and their indices.

    `windows` (*, n) lists the elements of each window by their index in the flattened last `size`
    dimensions, -1 after the last one.
    """
    lead, inside = input.shape[:-size], input.shape[-size:]
    x, columns = input.reshape(*lead, math.prod(inside)), math.prod(windows.shape[:-1])
    # Many windows take less time one place after another, few take less with all places at once.
    largest = _largest_in_turn if math.prod(lead) * columns > 1000 else _largest_at_once
    y, indices = largest(x, windows)
    scattered = _to_elements(input, indices, lead, inside, True)

    def pullback(g: Array) -> Array:
        _require_windows(g)
        return scattered(g)

    return (y, indices), (pullback,)


def _largest_in_turn(x: Array, windows: np.ndarray) -> tuple[Array, Array]:
    """The last NaN of each window, or else the first of its largest elements, and its index."""
    y = x[..., windows[..., 0]]
    indices = np.broadcast_to(windows[..., 0], y.shape).copy()
    for place in range(1, windows.shape[-1]):
        index = windows[..., place]
        v = x[..., index]
        better = ((v > y) | (v != v)) & (index >= 0)
        np.copyto(y, v, where=better)
        np.copyto(indices, index, where=better)
    return y, indices


def _largest_at_once(x: Array, windows: np.ndarray) -> tuple[Array, Array]:
    """The same in a fixed number of calls."""
    lowest = x.dtype.type(-np.inf)
    x = np.where(windows >= 0, x[..., windows], lowest)
    missing, places = x != x, np.arange(x.shape[-1])
    place = np.where(missing.any(-1), np.where(missing, places, 0).max(-1), x.argmax(-1))
    chosen = places == place[..., None]
    return np.where(chosen, x, lowest).max(-1), np.where(chosen, windows, -1).max(-1)


# Means --------------------------------------------------------------------------------------------


@differentiable(
    INTERNAL,
    public="avg_pool2d",
    layout="images",
    half=HALF_IN_PULLBACKS,
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
    outside, ends, places = _windows(size, kernel, stride, padding, (1,) * nd, ceil_mode)
    x = padded(input, padding, 0, ends)
    y = np.zeros((*lead, *outside), input.dtype)
    for _, key in places:
        y += x[key]
    counts: Array = np.asarray(divisor_override)
    if divisor_override is None:
        count = _counts if math.prod(outside) > _FEW else _kept_counts
        counts = count(size, kernel, stride, padding, outside, count_include_pad)
    counts = counts.astype(input.dtype)
    keys = tuple([key for _, key in places[::-1]])  # an element's first window comes first
    whole, inside = x.shape, (..., *[slice(p, p + n) for n, p in zip(size, padding, strict=True)])

    def pullback(g: Array) -> Array:
        return also_saved(_added(g / counts, keys, whole)[inside], input)

    if input.dtype.kind in "iu":
        return np.trunc(y / counts).astype(input.dtype), ()
    return y / counts, (pullback,)


def _added_in_turn(shares: Array, keys: tuple[Any, ...], whole: Sizes) -> Array:
    total: Array = 0
    for key in keys:
        total = total + put(shares, key, whole)[0]
    return total


@reads_as(_added_in_turn)
def _added(shares: Array, keys: tuple[Any, ...], whole: Sizes) -> Array:
    """Zeros of the shape `whole`, to which the shares are added at each key, in PyTorch's order."""
    total: Array = np.zeros(whole, shares.dtype)
    for key in keys:
        total[key] += shares
    return total


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


_kept_counts = functools.lru_cache(256)(_counts)


@differentiable(
    INTERNAL,
    public="adaptive_avg_pool2d",
    layout="images",
    half=HALF_IN_PULLBACKS,
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
    columns = _columns(windows, inside).astype(input.dtype)
    each = counts / columns

    def pullback(g: Array) -> Array:
        _require_windows(g)
        # PyTorch divides by the number of rows and then by that of columns, and rounds both.
        shares = (g / each / columns).reshape((rows, *counts.shape, 1))
        shares = np.where(inner, shares, 0)
        return scatter(shares, (slice(None), windows), whole, True)[0].reshape(input.shape)

    return y.reshape(*lead, *counts.shape), (pullback,)


def _columns(windows: np.ndarray, inside: Sizes) -> Array:
    """The number of elements that each window has along the last dimension."""
    last: Array = windows.max(-1) % inside[-1] - windows[..., 0] % inside[-1] + 1
    return last
