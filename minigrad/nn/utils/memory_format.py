"""The weights of convolutions in another memory format."""

from __future__ import annotations

from typing import Any, TypeVar

from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..module import Module

M = TypeVar("M", bound=Module)


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Put the weight of every 2D convolution of a module into a memory format. Returns the module.

    >>> layer = nn.utils.convert_conv2d_weight_memory_format(
    ...     nn.Conv2d(2, 3, 4), minigrad.channels_last
    ... )
    >>> layer.weight.stride()
    (32, 1, 8, 2)
    """
    return _converted(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Put the weight of every 3D convolution of a module into a memory format. Returns the module.

    >>> layer = nn.utils.convert_conv3d_weight_memory_format(
    ...     nn.Conv3d(2, 3, 4), minigrad.channels_last_3d
    ... )
    >>> layer.weight.stride()
    (128, 1, 32, 8, 2)
    """
    return _converted(module, memory_format, (Conv3d, ConvTranspose3d))


def _converted(module: M, memory_format: Any, kinds: tuple[Any, ...]) -> M:
    for each in module.modules():
        if isinstance(each, kinds):
            each.weight.data = each.weight.detach().clone(memory_format=memory_format)
    return module
