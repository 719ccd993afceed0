"""Layers that change shapes and resolutions: Flatten, Unflatten, Fold, PixelShuffle, Upsample …"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.tensor import Tensor
from . import functional as F
from .function_layer import FunctionLayer
from .module import Module


class Flatten(FunctionLayer):
    """`input.flatten(start_dim, end_dim)`: by default, all dimensions but the first.

    >>> nn.Flatten()(minigrad.zeros(2, 3, 4)).shape
    torch.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__(start_dim=start_dim, end_dim=end_dim)

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)


class Unflatten(Module):
    """`input.unflatten(dim, unflattened_size)`: one dimension becomes several.

    Raises TypeError if the sizes are not a sequence of integers.

    >>> nn.Unflatten(1, (3, 4))(minigrad.zeros(2, 12)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, dim: int | str, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise NotImplementedError(f"Unflatten: a named dimension, as {dim!r}, is refused")
        if not isinstance(unflattened_size, tuple | list):
            raise TypeError(
                "unflattened_size must be a tuple of ints, but found type "
                f"{type(unflattened_size).__name__}"
            )
        for position, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {position}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Unfold(FunctionLayer):
    """Put each window of an image into a column: `nn.functional.unfold`.

    >>> nn.Unfold(2)(minigrad.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 12, 9])
    """

    function = "unfold"

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


class Fold(FunctionLayer):
    """Add columns into the windows of an image: `nn.functional.fold`.

    >>> nn.Fold((4, 4), 2)(minigrad.zeros(1, 12, 9)).shape
    torch.Size([1, 3, 4, 4])
    """

    function = "fold"

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__(
            output_size=output_size,
            kernel_size=kernel_size,
            dilation=dilation,
            padding=padding,
            stride=stride,
        )


class PixelShuffle(FunctionLayer):
    """Make r² channels into an image r times as high and wide: `nn.functional.pixel_shuffle`.

    >>> nn.PixelShuffle(2)(minigrad.zeros(1, 4, 3, 3)).shape
    torch.Size([1, 1, 6, 6])
    """

    function = "pixel_shuffle"

    def __init__(self, upscale_factor: int) -> None:
        super().__init__(upscale_factor=upscale_factor)


class PixelUnshuffle(FunctionLayer):
    """The inverse of `PixelShuffle`: `nn.functional.pixel_unshuffle`.

    >>> nn.PixelUnshuffle(2)(minigrad.zeros(1, 1, 6, 6)).shape
    torch.Size([1, 4, 3, 3])
    """

    function = "pixel_unshuffle"

    def __init__(self, downscale_factor: int) -> None:
        super().__init__(downscale_factor=downscale_factor)


class ChannelShuffle(FunctionLayer):
    """Interleave `groups` groups of channels: `nn.functional.channel_shuffle`.

    >>> nn.ChannelShuffle(2)(minigrad.arange(4.0).view(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    function = "channel_shuffle"

    def __init__(self, groups: int) -> None:
        super().__init__(groups=groups)


class Upsample(Module):
    """Resize to `size`, or by `scale_factor`: `nn.functional.interpolate`.

    `mode` is "nearest", "linear", "bilinear", "bicubic" or "trilinear".

    >>> layer = nn.Upsample(scale_factor=2)
    >>> layer
    Upsample(scale_factor=2.0, mode='nearest')
    >>> layer(minigrad.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        target = "size" if self.scale_factor is None else "scale_factor"
        return f"{target}={getattr(self, target)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images by repeating pixels.

    >>> nn.UpsamplingNearest2d(scale_factor=2)(minigrad.zeros(1, 1, 2, 2)).shape
    torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images by bilinear interpolation with aligned corners.

    >>> nn.UpsamplingBilinear2d(scale_factor=2)(minigrad.zeros(1, 1, 2, 2)).shape
    torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
