"""Fusion of layers, which minigrad doesn't have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def _refused(name: str) -> Callable[..., NoReturn]:
    def function(*arguments: Any, **options: Any) -> NoReturn:
        raise NotImplementedError(f"{name} is not supported: run the layers one after the other")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "Raise NotImplementedError: run the layers one after the other."
    return function


fuse_conv_bn_eval = _refused("fuse_conv_bn_eval")
fuse_conv_bn_weights = _refused("fuse_conv_bn_weights")
fuse_linear_bn_eval = _refused("fuse_linear_bn_eval")
fuse_linear_bn_weights = _refused("fuse_linear_bn_weights")
