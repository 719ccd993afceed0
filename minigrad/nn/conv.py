"""Convolutions and transposed convolutions over 1, 2 and 3 dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import empty
from ..api.tensor import Tensor
from . import functional as F
from . import init
from .function_layer import numbers_for
from .module import Module
from .parameter import Parameter

_PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}


class _ConvNd(Module):
    """The weight, the bias and the options of a convolution. Every option is a tuple.

    `weight` is (out_channels, in_channels // groups, *kernel_size), and with `transposed` the two
    numbers of channels are swapped. `bias` is (out_channels,), or None. Initial values are
    uniform in ±1/sqrt(fan_in), the weight drawn before the bias.

    Raises ValueError for `groups` that don't divide the channels, and for an unknown padding.
    """

    _dims: ClassVar[int]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_channels(in_channels, out_channels, groups)
        _check_padding(padding, padding_mode, stride)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        sizes = (*self._channels_of_weight(), *kernel_size)
        self.weight = Parameter(empty(sizes, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _channels_of_weight(self) -> tuple[int, int]:
        if self.transposed:
            return self.in_channels, self.out_channels // self.groups
        return self.out_channels, self.in_channels // self.groups

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        # This slope gives the bound 1/sqrt(fan_in), with PyTorch's rounding.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        none = (0,) * len(self.kernel_size)
        one = (1,) * len(self.kernel_size)
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}, stride={self.stride}",
        ]
        for name, default in (("padding", none), ("dilation", one), ("output_padding", none)):
            if getattr(self, name) != default:
                parts.append(f"{name}={getattr(self, name)}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")


def _check_padding(padding: Any, padding_mode: str, stride: tuple[int, ...]) -> None:
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of 'same' and 'valid'"
            )
        if padding == "same" and any(step != 1 for step in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode='{padding_mode}'"
        )


class _Conv(_ConvNd):
    """A convolution over `_dims` dimensions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        n = self._dims
        super().__init__(
            in_channels,
            out_channels,
            numbers_for(n, kernel_size),
            numbers_for(n, stride),
            padding if isinstance(padding, str) else numbers_for(n, padding),
            numbers_for(n, dilation),
            False,
            numbers_for(n, 0),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._sides(), mode=self.padding_mode)
            padding = 0
        convolve = _CONVOLVE[self._dims]
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def _sides(self) -> list[int]:
        """Return the padding before and after each dimension, as F.pad takes it: the last first."""
        sides: list[int] = []
        for d in reversed(range(self._dims)):
            if self.padding == "same":
                total = self.dilation[d] * (self.kernel_size[d] - 1)
                sides += [total // 2, total - total // 2]
            else:
                sides += [0 if self.padding == "valid" else int(self.padding[d])] * 2
        return sides


class Conv1d(_Conv):
    """Cross-correlation over one dimension: `nn.functional.conv1d` with a weight and a bias.

    Shapes: input (N, in_channels, L) or (in_channels, L), result (N, out_channels, L') or without
    N. `padding` is a number, "valid" or "same"; `padding_mode` is "zeros", "reflect", "replicate"
    or "circular".

    >>> layer = nn.Conv1d(2, 4, 3, padding=1)
    >>> layer
    Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=(1,))
    >>> layer(minigrad.zeros(5, 2, 7)).shape
    torch.Size([5, 4, 7])
    """

    _dims = 1


class Conv2d(_Conv):
    """Cross-correlation over two dimensions; see `Conv1d`.

    Shapes: input (N, in_channels, H, W) or without N.

    >>> nn.Conv2d(1, 4, 3, stride=2, bias=False)(minigrad.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 4, 3, 3])
    """

    _dims = 2


class Conv3d(_Conv):
    """Cross-correlation over three dimensions; see `Conv1d`.

    Shapes: input (N, in_channels, D, H, W) or without N.

    >>> nn.Conv3d(1, 4, (1, 2, 3))(minigrad.zeros(5, 1, 8, 8, 8)).shape
    torch.Size([5, 4, 8, 7, 6])
    """

    _dims = 3


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution over `_dims` dimensions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        n = self._dims
        if padding_mode in _PADDING_MODES - {"zeros"}:
            raise ValueError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}, '
                f"not {padding_mode!r}"
            )
        super().__init__(
            in_channels,
            out_channels,
            numbers_for(n, kernel_size),
            numbers_for(n, stride),
            numbers_for(n, padding),
            numbers_for(n, dilation),
            True,
            numbers_for(n, output_padding),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding
        if output_size is not None:
            extra = self._padding_for(input, list(output_size))
        convolve = _CONVOLVE_TRANSPOSED[self._dims]
        return convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _padding_for(self, input: Tensor, output_size: list[int]) -> tuple[int, ...]:
        """Return the output padding that gives `output_size`. Raises ValueError if none does."""
        n = self._dims
        other_dims = 2 if input.dim() == n + 2 else 1
        if len(output_size) == n + other_dims:
            output_size = output_size[other_dims:]
        if len(output_size) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or "
                f"{n + other_dims} elements (got {len(output_size)})"
            )
        least = [
            (input.shape[other_dims + d] - 1) * self.stride[d]
            - 2 * int(self.padding[d])
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d in range(n)
        ]
        most = [low + step - 1 for low, step in zip(least, self.stride, strict=True)]
        if any(not a <= s <= b for a, s, b in zip(least, output_size, most, strict=True)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {least} "
                f"to {most} (for an input of {input.shape[2:]})"
            )
        return tuple(size - low for size, low in zip(output_size, least, strict=True))


class ConvTranspose1d(_ConvTransposeNd):
    """The gradient of `Conv1d` by its input, as a layer: `nn.functional.conv_transpose1d`.

    Shapes: input (N, in_channels, L) or (in_channels, L), result (N, out_channels, L') or without
    N. `output_padding` extends L' at one end. A call can give `output_size` instead.

    >>> layer = nn.ConvTranspose1d(2, 4, 3, stride=2)
    >>> layer(minigrad.zeros(5, 2, 7)).shape
    torch.Size([5, 4, 15])
    >>> layer(minigrad.zeros(5, 2, 7), output_size=[16]).shape
    torch.Size([5, 4, 16])
    """

    _dims = 1


class ConvTranspose2d(_ConvTransposeNd):
    """The gradient of `Conv2d` by its input, as a layer; see `ConvTranspose1d`.

    >>> nn.ConvTranspose2d(4, 1, 2, stride=2)(minigrad.zeros(5, 4, 3, 3)).shape
    torch.Size([5, 1, 6, 6])
    """

    _dims = 2


class ConvTranspose3d(_ConvTransposeNd):
    """The gradient of `Conv3d` by its input, as a layer; see `ConvTranspose1d`.

    >>> nn.ConvTranspose3d(4, 1, 2, stride=2)(minigrad.zeros(5, 4, 3, 3, 3)).shape
    torch.Size([5, 1, 6, 6, 6])
    """

    _dims = 3


_CONVOLVE: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONVOLVE_TRANSPOSED: dict[int, Any] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
