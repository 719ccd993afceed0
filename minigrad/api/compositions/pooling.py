"""Pooling in one, two and three dimensions."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import formats
from ...core.creating import require_memory
from ...core.dispatch import OPS, function
from ...core.one_node import as_one_node
from ...core.resizing import in_format
from ...core.tensor import require_tensor
from ...core.tracing import constant
from ...rules import REGISTRY
from ...rules.dims import flag, index
from ...rules.dtypes import scalar_name
from ...rules.layout import channels_last, like_dense_images
from ...rules.pooling import pooled_size
from ...rules.presentation import FUNCTION
from .convolution import sizes_of
from .half import refuse_half
from .registry import composed, composed_for_dims

if TYPE_CHECKING:
    from ..tensor import Tensor


def _require(name: str, nd: int, input: Any) -> None:
    require_tensor(input, name, "input")
    if input.ndim not in (nd + 1, nd + 2):
        raise RuntimeError(
            f"{name}: Expected {nd + 1}D or {nd + 2}D tensor, but got {list(input.shape)}"
        )
    if 0 in input.shape[1 if input.ndim == nd + 2 else 0 :]:
        raise RuntimeError(
            f"{name}: Expected {nd + 1}D or {nd + 2}D tensor with optional 0 dim batch size for "
            f"input, but got: {list(input.shape)}"
        )


def _sizes(
    name: str,
    nd: int,
    input: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool,
) -> list[tuple[int, ...]]:
    """The checked sizes of the windows."""
    require_tensor(input, name, "input")
    flag(ceil, "ceil_mode")
    given = () if stride is None or stride == [] or stride == () else stride
    values = (kernel, kernel if given == () else given, padding, dilation)
    names = ("kernel_size", "stride", "padding", "dilation")
    found = [sizes_of(v, nd, called, name) for v, called in zip(values, names, strict=True)]
    _require(name, nd, input)
    for sizes, called in zip(found, names, strict=True):
        if called != "padding" and min(sizes) <= 0:
            raise RuntimeError(f"{called} should be greater than zero, but got {list(sizes)}")
    if any(
        p < 0 or p > ((k - 1) * d + 1) // 2
        for k, p, d in zip(found[0], found[2], found[3], strict=True)
    ):
        raise RuntimeError(
            "pad should be at most half of effective kernel size and not negative, but got "
            f"pad={list(found[2])}, kernel_size={list(found[0])} and dilation={list(found[3])}"
        )
    counts = [
        pooled_size(n, k, s, p, d, ceil)
        for n, k, s, p, d in zip(input.shape[-nd:], *found, strict=True)
    ]
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input size: {list(input.shape)}. Calculated output size: {counts}. Output size "
            "is too small"
        )
    return found


# The largest element ------------------------------------------------------------------------------


def _max_pool(
    nd: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> tuple[Tensor, Tensor]:
    name = f"max_pool{nd}d"
    sizes = _sizes(name, nd, input, kernel, stride, padding, dilation, ceil)
    if input._array.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
    if nd > 1:
        values, indices = OPS["max_pool"](input, *sizes, ceil)
        if nd == input.ndim - 1 == 3:  # an image without a batch has the layout of a batch of one
            for each in (values, indices):
                each._array = like_dense_images(each._array[None], input._array[None])[0]
        return values, indices
    # PyTorch, too, pools a row as an image.
    kernel, stride, padding, dilation = ((n, *s) for n, s in zip((1, 1, 0, 1), sizes, strict=True))
    values, indices = OPS["max_pool"](input.unsqueeze(-2), kernel, stride, padding, dilation, ceil)
    return values.squeeze(-2), indices.squeeze(-2)


def _max_unpool(
    nd: int, input: Any, indices: Any, kernel: Any, stride: Any, padding: Any, size: Any
) -> Tensor:
    name = f"max_unpool{nd}d"
    require_tensor(input, name, "input")
    require_tensor(indices, name, "indices", 2)
    kernel = sizes_of(kernel, nd, "kernel_size", name)
    stride = kernel if stride is None else sizes_of(stride, nd, "stride", name)
    padding = sizes_of(padding, nd, "padding", name)
    if input.ndim not in (nd + 1, nd + 2):
        raise RuntimeError(
            f"Input to {name} should be a {nd + 1}d or {nd + 2}d Tensor, but got a tensor with "
            f"{input.ndim} dimensions"
        )
    usual = [
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(input.shape[-nd:], kernel, stride, padding, strict=True)
    ]
    sizes = usual if size is None else list(size)[-nd:]
    if size is not None:
        if len(size) not in (nd, nd + 2):
            raise ValueError(
                f"output_size should be a sequence containing {nd} or {nd + 2} elements, but it "
                f"has a length of '{len(size)}'"
            )
        for given, n, s in zip(sizes, usual, stride, strict=True):
            if not n - s < given < n + s:
                raise ValueError(f'invalid output_size "{sizes}" (expected about {usual})')
    if indices._array.dtype != np.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if input.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    if 0 in input.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got "
            f"{list(input.shape)}"
        )
    if min(stride) <= 0:
        raise RuntimeError(f"strides should be greater than zero, but got stride: {list(stride)}")
    if nd == 1:  # PyTorch has no function for it
        input = input.unsqueeze(-1)
    lead = tuple(input.shape[: -max(nd, 2)])
    rows, places = math.prod(lead), math.prod(sizes)
    each = rows, math.prod(input.shape[len(lead) :])
    key = indices._array.reshape(each)
    if key.size and not (key.min() >= 0 and key.max() < places):
        raise RuntimeError(f"Found an invalid max index: an index is outside of [0, {places})")
    image = np.broadcast_to(np.arange(rows)[:, None], key.shape)
    flat = OPS["scatter"](input.reshape(each), (image, key), (rows, places), False)
    if nd == 1:
        y = flat.reshape(*lead, *sizes, 1)
        return as_one_node(y, "MaxUnpool2DBackward0", input).squeeze(-1)
    y = flat.reshape(*lead, *sizes)
    y = in_image_layout(y, input) if nd == 2 else y
    return as_one_node(y, f"MaxUnpool{nd}DBackward0", input)


def in_image_layout(y: Tensor, input: Tensor) -> Tensor:
    """`y` with the channels innermost in memory if `input` has them so, else contiguous."""
    if not channels_last(input._array):
        return y.contiguous()
    form = formats.channels_last if y.ndim == 4 else formats.channels_last_3d
    result: Tensor = in_format(y.contiguous(form), form)
    return result


# In three dimensions, the results of these are contiguous, even if the channels were innermost.
def _of_volumes(name: str) -> Any:
    rule = REGISTRY[name]
    derivative = rule.presentation.derivative_node.replace("2D", "3D")
    return function(rule.presented(layout="contiguous", derivative_node=derivative))


_CONTIGUOUS = {
    name: _of_volumes(name) for name in ("avg_pool", "max_of_windows", "mean_of_windows")
}


def _op(name: str, nd: int) -> Any:
    return _CONTIGUOUS[name] if nd == 3 else OPS[name]


# Means --------------------------------------------------------------------------------------------


def _avg_pool(
    nd: int,
    input: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    flag(count_include_pad, "count_include_pad")
    divisor = None if divisor is None else index(divisor, "divisor_override")
    sizes = _sizes(f"avg_pool{nd}d", nd, input, kernel, stride, padding, 1, ceil)[:3]
    if nd == 3:
        if any(n < k for n, k in zip(input.shape[-3:], sizes[0], strict=True)):
            raise RuntimeError(
                "input image (T: {} H: {} W: {}) smaller than kernel size "
                "(kT: {} kH: {} kW: {})".format(*input.shape[-3:], *sizes[0])
            )
        refuse_half(input, "avg_pool3d_out_frame")
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    if nd > 1:
        return _op("avg_pool", nd)(input, *sizes, ceil, count_include_pad, divisor)
    kernel, stride, padding = ((n, *s) for n, s in zip((1, 1, 0), sizes, strict=True))
    row = input.unsqueeze(-2)
    return OPS["avg_pool"](row, kernel, stride, padding, ceil, count_include_pad, None).squeeze(-2)


# Windows of adapted sizes -------------------------------------------------------------------------


def _adapted(name: str, nd: int, input: Any, output_size: Any) -> tuple[int, ...]:
    """The output sizes. An int is repeated; None, in a sequence of several, means the input's."""
    require_tensor(input, name, "input")
    if isinstance(output_size, int):
        return (index(output_size, "output_size"),) * nd
    if nd == 1:
        single = not isinstance(output_size, list | tuple)
        given: list[Any] = [output_size] if single else list(output_size)
    else:
        given = list(output_size)
        if input.ndim <= len(given):
            raise ValueError(f"Input dimension should be at least {len(given) + 1}")
        inside = input.shape[input.ndim - len(given) :]
        given = [n if size is None else size for size, n in zip(given, inside, strict=True)]
    sizes = tuple(index(size, "output_size") for size in given)
    if len(sizes) != nd:
        raise RuntimeError(f"{name}: output_size must be {nd} numbers, but got {given}")
    return sizes


def _check_dims(name: str, nd: int, input: Any) -> None:
    if input.ndim not in (nd + 1, nd + 2):
        raise RuntimeError(
            f"{name}(): Expected {nd + 1}D or {nd + 2}D tensor, but got {list(input.shape)}"
        )


def _check_adapted(name: str, input: Any, sizes: tuple[int, ...], channels: bool) -> None:
    """RuntimeError for a size below 0, and for an image, or `channels`, without elements."""
    _check_dims(name, len(sizes), input)
    if min(sizes) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{list(sizes)}"
        )
    if 0 in (input.shape[1:] if channels else input.shape[-len(sizes) :]):
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {list(input.shape)}"
        )
    if input._array.dtype.kind != "f":
        raise NotImplementedError(f"{name} is not implemented for {input.dtype}")
    require_memory((*input.shape[: -len(sizes)], *sizes), input._array.dtype)


def adapted_windows(inside: Sequence[int], outside: Sequence[int]) -> np.ndarray:
    """The flat indices of the elements of each window, -1 after the last one.

    >>> adapted_windows((3,), (2,)).tolist(), adapted_windows((4,), (3,)).tolist()
    ([[0, 1], [1, 2]], [[0, 1], [1, 2], [2, 3]])
    """
    return constant(_table_of_windows(tuple(inside), tuple(outside)))


@functools.lru_cache(64)
def _table_of_windows(inside: tuple[int, ...], outside: tuple[int, ...]) -> np.ndarray:
    nd, step = len(inside), math.prod(inside)
    table, missing = np.zeros((1,) * 2 * nd, int), np.zeros((1,) * 2 * nd, bool)
    for d, (n, m) in enumerate(zip(inside, outside, strict=True)):
        step //= n
        starts, ends = np.arange(m) * n // m, -(-np.arange(1, m + 1) * n // m)
        places = starts[:, None] + np.arange((ends - starts).max(initial=1))
        shape = [1] * 2 * nd
        shape[d], shape[nd + d] = places.shape
        table = table + (places * step).reshape(shape)
        missing = missing | (places >= ends[:, None]).reshape(shape)
    whole = *outside, math.prod(table.shape[nd:])
    table, missing = table.reshape(whole), missing.reshape(whole)
    if missing.any():
        order = np.argsort(missing, -1, kind="stable")
        table = np.take_along_axis(np.where(missing, -1, table), order, -1)
        table = np.ascontiguousarray(table[..., : np.max((~missing).sum(-1))])
    table.flags.writeable = False
    return table


def _adaptive_max_pool(nd: int, input: Any, output_size: Any) -> tuple[Tensor, Tensor]:
    name = f"adaptive_max_pool{nd}d"
    sizes = _adapted(name, nd, input, output_size)
    _check_adapted(name, input, sizes, channels=True)
    inside = input.shape[-nd:]
    if nd > 1:
        return _op("max_of_windows", nd)(input, adapted_windows(inside, sizes), nd)
    windows = adapted_windows((1, *inside), (1, *sizes))
    values, indices = OPS["max_of_windows"](input.unsqueeze(-2), windows, 2)
    return values.squeeze(-2), indices.squeeze(-2)


def _adaptive_avg_pool(nd: int, input: Any, output_size: Any) -> Tensor:
    name = f"adaptive_avg_pool{nd}d"
    sizes = _adapted(name, nd, input, output_size)
    if nd == 1:
        _check_dims(name, nd, input)
        return _adaptive_avg_pool(2, input.unsqueeze(-2), (1, *sizes)).squeeze(-2)
    if all(size == 1 for size in sizes):  # of any number of dimensions
        mean = input.mean(tuple(range(-nd, 0)), keepdim=True)
        if input.ndim == nd + 2 and channels_last(input._array):
            channels = mean.shape[1]
            mean.as_strided_(mean.shape, (channels, 1, *(channels,) * nd))
        return mean
    _check_adapted(name, input, sizes, channels=nd == 3)
    return _op("mean_of_windows", nd)(input, adapted_windows(input.shape[-nd:], sizes), nd)


# The functions for each number of dimensions ------------------------------------------------------


@composed_for_dims("max_pool{nd}d_with_indices")
def _max_pools_with_indices(nd: int) -> Any:
    def max_pool_with_indices(
        input: Tensor,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return the result of `max_pool{nd}d`, and the index of each element.

        >>> x = minigrad.arange(2.0**{nd}).reshape(1, *[2] * {nd})
        >>> len(minigrad.nn.functional.max_pool{nd}d_with_indices(x, 2))
        2
        """
        return _max_pool(nd, input, kernel_size, stride, padding, dilation, ceil_mode)

    return max_pool_with_indices


@composed_for_dims("max_pool{nd}d")
def _max_pools(nd: int) -> Any:
    def max_pool(
        input: Tensor,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """Return the largest element of each window of the last {nd} dimensions.

        Shapes: one or two dimensions before those. The stride is the window's size by default, and
        padding is at most half of it. `ceil_mode` allows windows that reach over the end.
        `return_indices` also returns the index of each element in the flattened last dimensions.

        >>> x = minigrad.arange(2.0**{nd}).reshape(1, *[2] * {nd})
        >>> minigrad.nn.functional.max_pool{nd}d(x, 2).item() == 2**{nd} - 1
        True
        """
        values, indices = _max_pool(nd, input, kernel_size, stride, padding, dilation, ceil_mode)
        if return_indices:
            return values, indices
        if nd == 1 and not input.is_floating_point():
            raise NotImplementedError(
                f"\"max_pool1d_impl\" not implemented for '{scalar_name(input._array)}'"
            )
        return values

    return max_pool


@composed_for_dims("max_unpool{nd}d")
def _max_unpools(nd: int) -> Any:
    def max_unpool(
        input: Tensor,
        indices: Tensor,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        output_size: Sequence[int] | None = None,
    ) -> Tensor:
        """Put the elements that `max_pool{nd}d` returned back in their places, among zeros.

        `output_size` chooses among the sizes that give an input of this size.

        >>> F, x = minigrad.nn.functional, minigrad.arange(4.0**{nd}).reshape(1, *[4] * {nd})
        >>> y, indices = F.max_pool{nd}d(x, 2, return_indices=True)
        >>> F.max_unpool{nd}d(y, indices, 2).shape == x.shape
        True
        """
        return _max_unpool(nd, input, indices, kernel_size, stride, padding, output_size)

    return max_unpool


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
def avg_pool1d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of the last dimension.

    The arguments are those of `max_pool1d`. Without `count_include_pad`, padding doesn't count.

    >>> minigrad.nn.functional.avg_pool1d(minigrad.tensor([[1., 3., 2., 0.]]), 2)
    tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@composed_for_dims("avg_pool{nd}d", (2, 3))
def _avg_pools(nd: int) -> Any:
    def avg_pool(
        input: Tensor,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        """Return the mean of each window of the last {nd} dimensions.

        The arguments are those of `max_pool{nd}d`. Without `count_include_pad`, padding doesn't
        count. `divisor_override` replaces the number of elements.

        >>> x = minigrad.arange(2.0**{nd}).reshape(1, *[2] * {nd})
        >>> minigrad.nn.functional.avg_pool{nd}d(x, 2).item() == (2**{nd} - 1) / 2
        True
        """
        return _avg_pool(
            nd, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )

    return avg_pool


avg_pools = {1: avg_pool1d, **_avg_pools}


@composed_for_dims("adaptive_avg_pool{nd}d", at_top=(1,))
def adaptive_avg_pools(nd: int) -> Any:
    def adaptive_avg_pool(input: Tensor, output_size: Any) -> Tensor:
        """Return the means of `output_size` windows that cover the last {nd} dimensions evenly.

        An int is the size of each dimension. With several dimensions, None in a tuple keeps a size.

        >>> x = minigrad.arange(2.0**{nd}).reshape(1, *[2] * {nd})
        >>> minigrad.nn.functional.adaptive_avg_pool{nd}d(x, 1).item() == (2**{nd} - 1) / 2
        True
        """
        return _adaptive_avg_pool(nd, input, output_size)

    return adaptive_avg_pool


@composed_for_dims("adaptive_max_pool{nd}d_with_indices")
def _adaptive_max_pools_with_indices(nd: int) -> Any:
    def adaptive_max_pool_with_indices(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return the result of `adaptive_max_pool{nd}d`, and the index of each element.

        >>> x = minigrad.arange(2.0**{nd}).reshape(1, *[2] * {nd})
        >>> len(minigrad.nn.functional.adaptive_max_pool{nd}d_with_indices(x, 1))
        2
        """
        return _adaptive_max_pool(nd, input, output_size)

    return adaptive_max_pool_with_indices


@composed_for_dims("adaptive_max_pool{nd}d")
def _adaptive_max_pools(nd: int) -> Any:
    def adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        """Return the largest elements of `output_size` windows that cover the input evenly.

        An int is the size of each dimension. With several dimensions, None in a tuple keeps a size.
        `return_indices` also returns their indices in the flattened last {nd} dimensions.

        >>> x = minigrad.arange(2.0**{nd}).reshape(1, *[2] * {nd})
        >>> minigrad.nn.functional.adaptive_max_pool{nd}d(x, 1).item() == 2**{nd} - 1
        True
        """
        values, indices = _adaptive_max_pool(nd, input, output_size)
        return (values, indices) if return_indices else values

    return adaptive_max_pool


@composed(FUNCTION)
def adaptive_max_pool1d_(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """Return the results of `nn.functional.adaptive_max_pool1d`, and the indices of their elements.

    >>> minigrad.adaptive_max_pool1d(minigrad.tensor([[1., 3., 2.]]), 1)
    (tensor([[3.]]), tensor([[1]]))
    """
    return _adaptive_max_pool(1, input, output_size)


@composed_for_dims("lp_pool{nd}d")
def _lp_pools(nd: int) -> Any:
    def lp_pool(
        input: Tensor,
        norm_type: float,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        """Return the `norm_type`-th root of the sum of the powers in each window.

        >>> x = minigrad.ones(1, *[2] * {nd})
        >>> minigrad.nn.functional.lp_pool{nd}d(x, 1, 2).item() == 2**{nd}
        True
        """
        window = math.prod(sizes_of(kernel_size, nd, "kernel_size", f"lp_pool{nd}d"))
        mean = avg_pools[nd](input**norm_type, kernel_size, stride, 0, ceil_mode)
        return _root_of(mean, window, norm_type)

    return lp_pool


def _root_of(mean: Tensor, window: int, norm_type: float) -> Tensor:
    total = OPS["sign"](mean) * OPS["relu"](abs(mean)) * window
    return total ** (1.0 / norm_type)
