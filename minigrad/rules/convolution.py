"""Convolution in any number of dimensions, its transpose, and the windows that they are made of.

A convolution is one matrix product: of the weights, and of a matrix whose columns are the windows
of the input (im2col). The transposed convolution is the product with the transposed weights, whose
columns are added up in the places of their windows (col2im). Each is the other's derivative with
respect to the input. The derivative with respect to the weights is a convolution of the input with
the cotangent, in which stride and dilation change places.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .dtypes import scalar_name
from .layout import channels_last, in_format
from .padding import constant_pad
from .presentation import INTERNAL
from .reading import reads_as
from .rule import Array, Result, also_saved, differentiable
from .summation import summed

Sizes = tuple[int, ...]
_CHUNK = 1 << 21  # elements of a matrix of windows; larger ones leave the processor's cache


@differentiable(
    INTERNAL,
    public="conv2d",
    layout="own",
    saved={"input": "input"},
    joint_derivative={"ConvolutionBackward0": ("input", "weight", "bias")},
)
def convolution(
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    transposed: bool,
    output_padding: Sizes,
    groups: int,
) -> Result:
    """The convolution of (N, C, *) with weights (O, C / groups, *): (N, O, *).

    Transposed, the weights are (C, O / groups, *), and `output_padding` is added to the size. If
    the input or the weights have the channels innermost in memory, so have all results.
    """
    innermost = channels_last(input) or channels_last(weight)
    inside, none = input.shape[2:], (0,) * len(stride)
    if transposed:
        sizes = zip(
            inside, weight.shape[2:], stride, padding, dilation, output_padding, strict=True
        )
        after = tuple([(n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in sizes])
        y = _spread(input, weight, after, stride, padding, dilation, groups)
        first = (..., *[slice(0, n) for n in inside])
        sizes = zip(inside, after, weight.shape[2:], stride, padding, dilation, strict=True)
        short = [(n - 1) * s + d * (k - 1) + 1 - 2 * p - m for n, m, k, s, p, d in sizes]
        lacking = tuple([(0, max(n, 0)) for n in short])  # of windows that reach over the end

        def completed(g: Array) -> Array:
            return constant_pad(g, lacking, 0)[0] if max(short) > 0 else g

        def to_input(g: Array) -> Array:
            whole = completed(g)
            d = convolution(whole, weight, None, stride, padding, dilation, False, none, groups)[0]
            return d[first]  # an output padding of a stride or more makes further windows

        def to_weight(g: Array) -> Array:
            return _to_weight(
                completed(g), input, weight.shape[2:], stride, padding, dilation, groups
            )
    else:
        y = _correlated(input, weight, stride, padding, dilation, groups)
        sizes = zip(inside, y.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
        rest = tuple([n - (m - 1) * s + 2 * p - d * (k - 1) - 1 for n, m, k, s, p, d in sizes])

        def to_input(g: Array) -> Array:
            return convolution(g, weight, None, stride, padding, dilation, True, rest, groups)[0]

        def to_weight(g: Array) -> Array:
            return _to_weight(input, g, weight.shape[2:], stride, padding, dilation, groups)

    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(inside))

    others = (0, *range(2, y.ndim))
    return in_format(y, innermost), (
        lambda g: also_saved(_formatted(to_input(g), innermost), input),
        lambda g: also_saved(_formatted(to_weight(g), innermost), weight),
        lambda g: also_saved(summed(g, others), input, weight),
    )


def _as_it_is(gradient: Array, innermost: bool) -> Array:
    return gradient


@reads_as(_as_it_is)
def _formatted(gradient: Array, innermost: bool) -> Array:
    return in_format(gradient, innermost)


def _to_weight_as_convolution(
    x: Array, g: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """The gradient of the weights: the batch takes the place of the channels."""
    n, inside, outside = x.shape[0], x.shape[2:], g.shape[2:]
    c, o = x.shape[1] // groups, g.shape[1] // groups
    images = x.reshape((n, groups, c, *inside)).swapaxes(0, 2).reshape((c, groups * n, *inside))
    filters = g.reshape((n, groups, o, *outside)).swapaxes(0, 1).swapaxes(1, 2)
    filters = filters.reshape((groups * o, n, *outside))
    none = (0,) * len(kernel)
    # Without the elements that no window reaches, there are as many places as in the kernel.
    sizes = zip(inside, outside, kernel, stride, padding, dilation, strict=True)
    ends = [(m - 1) * s + d * (k - 1) + 1 - n - p for n, m, k, s, p, d in sizes]
    images = constant_pad(images, tuple(zip(padding, ends, strict=True)), 0)[0]
    y = convolution(images, filters, None, dilation, none, stride, False, none, groups)[0]
    return y.swapaxes(0, 1)


@reads_as(_to_weight_as_convolution)
def _to_weight(
    x: Array, g: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    n, outside = len(x), g.shape[2:]
    c, o, places = x.shape[1] // groups, g.shape[1] // groups, math.prod(outside)
    total = np.zeros((groups, o, c * math.prod(kernel)), x.dtype)
    if x.size and g.size:
        windows = _windows(padded(x, padding), kernel, outside, stride, dilation, groups)
        cotangents = g.reshape(n, groups, o, places)
        # First the channels and the places in the window, then the batch and the windows.
        order = (1, *range(2, 3 + len(kernel)), 0, *range(3 + len(kernel), windows.ndim))
        for some in _chunks(n, total.shape[2] * groups * places):
            columns = windows[some].transpose(order).reshape(groups, total.shape[2], -1)
            rows = cotangents[some].transpose(1, 2, 0, 3).reshape(groups, o, -1)
            total += rows @ columns.swapaxes(1, 2)
    return total.reshape(groups * o, c, *kernel)


def _correlated(
    x: Array, weight: Array, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """The products of the weights and the windows."""
    kernel, o = weight.shape[2:], weight.shape[0] // groups
    sizes = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    outside = tuple([(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes])
    y = np.zeros((len(x), groups, o, math.prod(outside)), x.dtype)
    if x.size and weight.size and y.size:
        rows = weight.reshape(groups, o, -1)
        windows = _windows(padded(x, padding), kernel, outside, stride, dilation, groups)
        for some in _chunks(len(x), groups * rows.shape[2] * y.shape[3]):
            columns = windows[some].reshape(-1, groups, rows.shape[2], y.shape[3])
            np.matmul(rows, columns, out=y[some])
    return y.reshape(len(x), groups * o, *outside)


def _spread(
    g: Array,
    weight: Array,
    size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """The products of the transposed weights and `g`, added up in the places of the windows."""
    n, c, kernel, outside = len(g), weight.shape[1], weight.shape[2:], g.shape[2:]
    y = np.zeros((n, groups * c, *size), g.dtype)
    if not (g.size and weight.size and y.size):
        return y
    o = weight.shape[0] // groups
    columns = weight.reshape(groups, o, -1).swapaxes(1, 2) @ g.reshape(n, groups, o, -1)
    columns = columns.reshape(n, groups * c, *kernel, *outside)
    return added_windows(columns, size, stride, padding, dilation)


# Windows ------------------------------------------------------------------------------------------


def padded(
    x: Array, padding: Sequence[int], filling: float = 0, after: Sequence[int] = ()
) -> Array:
    """`x` with `padding` elements before and after its last dimensions, or with `after` others."""
    ends = after or padding
    if not any(padding) and not any(ends):
        return x
    lead = x.ndim - len(padding)
    sizes = zip(x.shape[lead:], padding, ends, strict=True)
    y: Array = np.full((*x.shape[:lead], *[n + p + e for n, p, e in sizes]), filling, x.dtype)
    y[(..., *[slice(p, p + n) for n, p in zip(x.shape[lead:], padding, strict=True)])] = x
    return y


def _windows(
    x: Array, kernel: Sizes, outside: Sizes, stride: Sizes, dilation: Sizes, groups: int
) -> Array:
    """All windows as a view: (N, groups, C / groups, *kernel, *outside)."""
    n, channels, *_ = x.shape
    first, second, *steps = x.strides
    return as_strided(
        x,
        (n, groups, channels // groups, *kernel, *outside),
        (
            *(first, second * (channels // groups), second),
            *[step * d for step, d in zip(steps, dilation, strict=True)],
            *[step * s for step, s in zip(steps, stride, strict=True)],
        ),
        writeable=False,
    )


def added_windows(
    columns: Array, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Array:
    """The sum of windows (N, C, *kernel, *outside) in their places of an image (N, C, *size)."""
    nd = len(size)
    kernel, outside = columns.shape[2 : 2 + nd], columns.shape[2 + nd :]
    each = zip(size, kernel, outside, stride, padding, dilation, strict=True)
    reach = [max(n + 2 * p, (m - 1) * s + (k - 1) * d + 1) for n, k, m, s, p, d in each]
    y: Array = np.zeros((*columns.shape[:2], *reach), columns.dtype)
    # One addition for each place in the window, or for each window if there are fewer of them. In
    # float16, where each is rounded, their order is PyTorch's.
    if math.prod(kernel) <= math.prod(outside) or y.dtype == np.float16:
        for k in itertools.product(*map(range, kernel)):
            y[(..., *_every(k, dilation, stride, outside))] += columns[
                (slice(None), slice(None), *k)
            ]
    else:
        for m in itertools.product(*map(range, outside)):
            y[(..., *_every(m, stride, dilation, kernel))] += columns[(..., *m)]
    inside = [slice(p, p + n) for n, p in zip(size, padding, strict=True)]
    return y[(..., *inside)]


def _every(start: Sizes, scale: Sizes, step: Sizes, count: Sizes) -> list[slice]:
    each = zip(start, scale, step, count, strict=True)
    return [slice(i * a, i * a + (n - 1) * s + 1, s) for i, a, s, n in each]


def _chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of a batch whose matrices of windows, of `size` elements each, are small enough."""
    step = max(1, _CHUNK // max(size, 1))
    return (slice(start, start + step) for start in range(0, count, step))


# Columns of windows -------------------------------------------------------------------------------


def _refuse_integers(input: Array, kernel: str) -> None:
    if input.dtype.kind in "iu":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input)}'")


@differentiable(
    INTERNAL,
    public="minigrad.nn.functional.unfold",
    title="unfold(images)",
    linear=True,
    half="float16",
    node="Im2ColBackward0",
)
def im2col(
    input: Array, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> Result:
    """The windows of images (N, C, H, W) as columns: (N, C × window, windows)."""
    _refuse_integers(input, "im2col_out_cpu")
    n, c, *inside = input.shape
    sizes = zip(inside, kernel_size, stride, padding, dilation, strict=True)
    outside = tuple([(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes])
    windows = _windows(padded(input, padding), kernel_size, outside, stride, dilation, 1)
    size = tuple(inside)
    return windows.copy().reshape(n, c * math.prod(kernel_size), math.prod(outside)), (
        lambda g: col2im(g, size, kernel_size, dilation, padding, stride)[0],
    )


@differentiable(INTERNAL, public="fold", linear=True, half="float16", node="Col2ImBackward0")
def col2im(
    input: Array,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes,
    padding: Sizes,
    stride: Sizes,
) -> Result:
    """Columns of windows, added up in the places of the windows: the derivative of `im2col`."""
    _refuse_integers(input, "col2im_out_cpu")
    n, window = len(input), math.prod(kernel_size)
    sizes = zip(output_size, kernel_size, stride, padding, dilation, strict=True)
    outside = [(m + 2 * p - d * (k - 1) - 1) // s + 1 for m, k, s, p, d in sizes]
    columns = input.reshape(n, input.shape[1] // window, *kernel_size, *outside)
    return added_windows(columns, output_size, stride, padding, dilation), (
        lambda g: im2col(g, kernel_size, dilation, padding, stride)[0],
    )
