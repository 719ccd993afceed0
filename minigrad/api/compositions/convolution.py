"""Convolutions, and the functions that cut images into windows and put them together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...core.creating import ints_of
from ...core.dispatch import OPS
from ...core.tensor import require_tensor
from ...core.warning import warn_once
from ...rules.dims import flag, index
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION
from .registry import composed, composed_for_dims

if TYPE_CHECKING:
    from ..tensor import Tensor


def sizes_of(value: Any, nd: int, name: str, function: str) -> tuple[int, ...]:
    """An int, or a sequence of one int or of `nd`, as a tuple of `nd` ints."""
    if isinstance(value, list | tuple):
        found = tuple([index(each, name) for each in value])
        if len(found) == 1:
            return found * nd
        if len(found) != nd:
            raise RuntimeError(
                f"{function}: expected {name} to be a single integer value or a list of {nd} "
                f"values to match the convolution dimensions, but got {name}={list(found)}"
            )
        return found
    return (index(value, name),) * nd


def _checked(
    name: str, nd: int, input: Any, weight: Any, bias: Any, groups: int, transposed: bool
) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had one. RuntimeError for bad shapes."""
    require_tensor(input, name, "input")
    require_tensor(weight, name, "weight", 2)
    if bias is not None:
        require_tensor(bias, name, "bias", 3)
    batched = input.ndim == nd + 2
    if not batched and input.ndim != nd + 1:
        raise RuntimeError(
            f"Expected {nd + 1}D (unbatched) or {nd + 2}D (batched) input to {name}, but got input "
            f"of size: {list(input.shape)}"
        )
    if weight.ndim != nd + 2:
        raise RuntimeError(
            f"Expected {nd + 2}D weight for {name}, but got weight of size {list(weight.shape)}"
        )
    for other, called in ((weight, "weight"), (bias, "bias")):
        if other is not None and other.dtype != input.dtype:
            raise RuntimeError(
                f"Input type ({scalar_name(input._array)}) and {called} type "
                f"({scalar_name(other._array)}) should be the same"
            )
    if input._array.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
    if groups <= 0:
        raise RuntimeError(f"expected groups to be greater than 0, but got groups={groups}")
    if not batched:
        input = input.unsqueeze(0)
    channels, sizes = input.shape[1], list(weight.shape)
    given = sizes[0] if transposed else sizes[1] * groups
    if channels != given or sizes[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {sizes}, expected input{list(input.shape)} to "
            f"have {given} channels, but got {channels} channels instead, and the first size of "
            "the weight must be divisible by groups"
        )
    outputs = sizes[1] * groups if transposed else sizes[0]
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {sizes}, expected bias "
            f"to be 1-dimensional with {outputs} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )
    return input, batched


def _check_numbers(stride: Any, padding: Any, dilation: Any) -> None:
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(dilation) <= 0:
        raise RuntimeError("dilation should be greater than zero")


def _check_kernel(inside: Any, kernel: Any, padding: Any, dilation: Any) -> None:
    for n, k, p, d in zip(inside, kernel, padding, dilation, strict=True):
        if n + 2 * p < d * (k - 1) + 1:
            whole = [m + 2 * q for m, q in zip(inside, padding, strict=True)]
            raise RuntimeError(
                f"Calculated padded input size per channel: {whole}. Kernel size: {list(kernel)}. "
                "Kernel size can't be greater than actual input size"
            )


def checked_gradient(
    nd: int,
    input: Tensor,
    weight: Tensor,
    grad_output: Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> tuple[tuple[int, ...], ...]:
    """Stride, padding and dilation of a convolution with the gradient of its result, as tuples.

    RuntimeError for operands that don't fit, NotImplementedError for integers.
    """
    name = f"conv{nd}d"
    if isinstance(padding, str):
        raise RuntimeError(f"the gradients of {name} take padding in numbers, not {padding!r}")
    stride = sizes_of(stride, nd, "stride", name)
    padding = sizes_of(padding, nd, "padding", name)
    dilation = sizes_of(dilation, nd, "dilation", name)
    _, batched = _checked(name, nd, input, weight, None, index(groups, "groups"), False)
    if not batched:
        raise RuntimeError(
            f"the gradients of {name} take {nd + 2}D (batched) input, but got input of size: "
            f"{list(input.shape)}"
        )
    _check_numbers(stride, padding, dilation)
    inside, kernel = input.shape[2:], weight.shape[2:]
    _check_kernel(inside, kernel, padding, dilation)
    if not input.is_floating_point():
        raise NotImplementedError(f"the gradients of {name} are not implemented for {input.dtype}")
    sizes = zip(inside, kernel, stride, padding, dilation, strict=True)
    outside = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes]
    expected = [input.shape[0], weight.shape[0], *outside]
    if list(grad_output.shape) != expected:
        raise RuntimeError(
            f"Expected grad_output to have shape {expected}, but got {list(grad_output.shape)}"
        )
    return stride, padding, dilation


def _conv(
    nd: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    name = f"conv{nd}d"
    stride = sizes_of(stride, nd, "stride", name)
    dilation = sizes_of(dilation, nd, "dilation", name)
    input, batched = _checked(name, nd, input, weight, bias, index(groups, "groups"), False)
    kernel = weight.shape[2:]
    if padding == "same":
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        padding = tuple(n // 2 for n in total)
        odd = [n % 2 for n in total]
        if any(odd):  # one more at the end
            warn_once(
                "Using padding='same' with even kernel lengths and odd dilation may require a "
                "zero-padded copy of the input be created"
            )
            input = OPS["constant_pad"](input, tuple((0, each) for each in odd), 0)
    elif padding == "valid":
        padding = (0,) * nd
    elif isinstance(padding, str):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    padding = sizes_of(padding, nd, "padding", name)
    _check_numbers(stride, padding, dilation)
    _check_kernel(input.shape[2:], kernel, padding, dilation)
    none = (0,) * nd
    y = OPS["convolution"](input, weight, bias, stride, padding, dilation, False, none, groups)
    return y if batched else y.squeeze(0)


def _conv_transpose(
    nd: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    name = f"conv_transpose{nd}d"
    stride, padding, extra, dilation = (
        sizes_of(value, nd, called, name)
        for value, called in (
            (stride, "stride"),
            (padding, "padding"),
            (output_padding, "output_padding"),
            (dilation, "dilation"),
        )
    )
    input, batched = _checked(name, nd, input, weight, bias, index(groups, "groups"), True)
    _check_numbers(stride, padding, dilation)
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding {list(extra)}, stride {list(stride)} and dilation {list(dilation)}"
        )
    each = zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, extra, strict=True)
    sizes = [(n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in each]
    if min(sizes) < 1:
        raise RuntimeError(
            f"Given input size per channel: {list(input.shape[2:])}. Calculated output size per "
            f"channel: {sizes}. Output size is too small"
        )
    y = OPS["convolution"](input, weight, bias, stride, padding, dilation, True, extra, groups)
    return y if batched else y.squeeze(0)


@composed(FUNCTION)
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """Return `conv1d` of the arguments, or `conv_transpose1d` if `transposed`, or 2D or 3D ones.

    The weight decides of how many dimensions. The input has a batch dimension, and the sizes are
    sequences. `output_padding` is for `transposed` only. RuntimeError for shapes that don't fit.

    >>> x, weight = minigrad.tensor([[[1., 2., 3.]]]), minigrad.ones(1, 1, 2)
    >>> minigrad.convolution(x, weight, None, [1], [0], [1], False, [0], 1)
    tensor([[[3., 5.]]])
    """
    require_tensor(input, "convolution", "input")
    require_tensor(weight, "convolution", "weight", 2)
    stride, padding, dilation, output_padding = (
        ints_of("convolution", name, sizes)
        for name, sizes in (
            ("stride", stride),
            ("padding", padding),
            ("dilation", dilation),
            ("output_padding", output_padding),
        )
    )
    nd = weight.ndim - 2
    if nd not in (1, 2, 3):
        raise RuntimeError("weight should have three to five dimensions")
    if input.ndim != weight.ndim:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight "
            f"{list(weight.shape)}, but got {input.ndim}-dimensional input of size "
            f"{list(input.shape)} instead"
        )
    if flag(transposed, "transposed"):
        return _conv_transpose(
            nd, input, weight, bias, stride, padding, output_padding, groups, dilation
        )
    return _conv(nd, input, weight, bias, stride, padding, dilation, groups)


_EVERY = (1, 2, 3)


@composed_for_dims("conv{nd}d", at_top=_EVERY)
def _convs(nd: int) -> Any:
    def conv(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Tensor:
        """Return the {nd}D convolution of images with filters, in fact a correlation.

        Shapes: input (N, C, *), or the same without N; weight (O, C / groups, *), both with {nd}
        more dimensions; bias (O,). The padding "same" keeps the sizes, for stride 1. RuntimeError
        for shapes that don't fit.

        >>> x, weight = minigrad.ones(1, 1, *[3] * {nd}), minigrad.ones(1, 1, *[2] * {nd})
        >>> minigrad.conv{nd}d(x, weight).shape == (1, 1, *[2] * {nd})
        True
        """
        return _conv(nd, input, weight, bias, stride, padding, dilation, groups)

    return conv


@composed_for_dims("conv_transpose{nd}d", at_top=_EVERY)
def _transposed_convs(nd: int) -> Any:
    def conv_transpose(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        dilation: int | Sequence[int] = 1,
    ) -> Tensor:
        """Return the transposed {nd}D convolution: the derivative of `conv{nd}d` for its input.

        The weight has the sizes (C, O / groups, *). `output_padding` is added to the size of the
        result. RuntimeError for shapes that don't fit.

        >>> x, weight = minigrad.ones(1, 1, *[2] * {nd}), minigrad.ones(1, 1, *[2] * {nd})
        >>> minigrad.conv_transpose{nd}d(x, weight).shape == (1, 1, *[3] * {nd})
        True
        """
        return _conv_transpose(
            nd, input, weight, bias, stride, padding, output_padding, groups, dilation
        )

    return conv_transpose


# Windows ------------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
def unfold(
    input: Tensor,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Return the windows of images as columns: (N, C, H, W) → (N, C × window, windows).

    An image (C, H, W) gives a matrix. RuntimeError for other shapes, and if no window fits.

    >>> minigrad.nn.functional.unfold(minigrad.ones(1, 1, 3, 3), 2).shape
    torch.Size([1, 4, 4])
    """
    require_tensor(input, "unfold", "input")
    kernel, dilation, padding, stride = _window_sizes(kernel_size, dilation, padding, stride)
    shape = input.shape
    if input.ndim not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    windows = _count(shape[-2:], kernel, dilation, padding, stride)
    if min(windows) < 1:
        raise RuntimeError(
            f"Given input with spatial size {list(shape[-2:])}, kernel_size={list(kernel)}, the "
            f"calculated shape of the array of sliding blocks as {windows} is too small"
        )
    images = input if input.ndim == 4 else input.unsqueeze(0)
    y = OPS["im2col"](images, kernel, dilation, padding, stride)
    return y if input.ndim == 4 else y.squeeze(0)


@composed(FUNCTION, module="nn.functional")
def fold(
    input: Tensor,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Return images with the columns of windows added up: (N, C × window, windows) → (N, C, H, W).

    A matrix gives an image (C, H, W). RuntimeError for shapes that don't fit.

    >>> minigrad.nn.functional.fold(minigrad.ones(1, 4, 4), 3, 2)
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    require_tensor(input, "fold", "input")
    size = sizes_of(output_size, 2, "output_size", "fold")
    kernel, dilation, padding, stride = _window_sizes(kernel_size, dilation, padding, stride)
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    rows, columns = input.shape[-2:]
    windows = _count(size, kernel, dilation, padding, stride)
    if rows % (kernel[0] * kernel[1]):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={rows} and kernel_size={list(kernel)}."
        )
    if columns != windows[0] * windows[1] or min(windows) < 1:
        raise RuntimeError(
            f"Given output_size={list(size)}, kernel_size={list(kernel)}, expected the size of "
            f"input to match the calculated number of sliding blocks {windows[0]} * {windows[1]}, "
            f"but got {columns}"
        )
    stack = input if input.ndim == 3 else input.unsqueeze(0)
    y = OPS["col2im"](stack, size, kernel, dilation, padding, stride)
    return y if input.ndim == 3 else y.squeeze(0)


def _window_sizes(*values: Any) -> list[tuple[int, ...]]:
    names = ("kernel_size", "dilation", "padding", "stride")
    sizes = [sizes_of(v, 2, name, "unfold") for v, name in zip(values, names, strict=True)]
    for value, name in zip(values, names, strict=True):
        if isinstance(value, list | tuple) and len(value) != 2:
            raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(value)}")
    for found, name in zip(sizes, names, strict=True):
        if min(found) < (0 if name == "padding" else 1):
            raise RuntimeError(f"{name} is too small: {list(found)}")
    return sizes


def _count(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[int]:
    each = zip(size, kernel, dilation, padding, stride, strict=True)
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in each]
