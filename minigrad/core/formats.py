"""Memory formats and layouts: the orders in memory that PyTorch has names for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..rules.layout import channels_last as has_channels_last
from ..rules.memory import contiguous_strides, has_strides, in_memory


class memory_format:
    """An order of dimensions in memory.

    >>> minigrad.ones(2, 3, 4, 5).contiguous(memory_format=minigrad.channels_last).stride()
    (60, 1, 15, 3)
    """

    __slots__ = ("name",)

    name: str

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(memory_format):
    """The way in which a tensor keeps its elements. The only one is `strided`.

    >>> minigrad.ones(2).layout
    torch.strided
    """

    __slots__ = ()


def _named(name: str, cls: type[memory_format] = memory_format) -> Any:
    made = cls()
    made.name = name
    return made


contiguous_format, preserve_format = _named("contiguous_format"), _named("preserve_format")
channels_last, channels_last_3d = _named("channels_last"), _named("channels_last_3d")
strided = _named("strided", layout)

_IMAGES = {"channels_last": 4, "channels_last_3d": 5}


def strides_of(shape: tuple[int, ...], form: Any, itemsize: int = 1) -> tuple[int, ...]:
    """The strides of an array of a shape in a format. RuntimeError for the wrong number of dims."""
    ndim = _IMAGES.get(form.name)
    if ndim is None:
        return contiguous_strides(shape, itemsize)
    if len(shape) != ndim:
        raise RuntimeError(f"required rank {ndim} tensor to use {form.name} format")
    # Unlike the contiguous ones, they are 0 outside of a size of 0.
    steps = [itemsize * math.prod((shape[1], *shape[d:])) for d in range(3, ndim + 1)]
    return (steps[0] * shape[2], itemsize, *steps)


def is_in(array: np.ndarray, form: Any) -> bool:
    """Whether the elements of an array are in a format, without gaps.

    TypeError for anything else than a format.
    """
    require_format(form)
    if form is contiguous_format or form is preserve_format:
        return array.flags.c_contiguous
    if array.ndim != _IMAGES[form.name]:
        return False
    given = has_strides(array)
    strides = array.strides if given else contiguous_strides(array.shape, array.itemsize)
    wanted_strides = strides_of(array.shape, form, array.itemsize)
    steps = zip(array.shape, strides, wanted_strides, strict=True)
    return all(size == 1 or step == wanted for size, step, wanted in steps)


def format_of(array: np.ndarray) -> Any:
    """Channels last for images that have the channels innermost in memory, else contiguous."""
    if not has_channels_last(array):
        return contiguous_format
    return channels_last if array.ndim == 4 else channels_last_3d


def require_format(form: Any) -> None:
    """TypeError for anything else than a format."""
    if type(form) is not memory_format:
        kind = type(form).__name__
        raise TypeError(f"argument 'memory_format' must be torch.memory_format, not {kind}")


def laid_out(array: np.ndarray, form: Any) -> np.ndarray:
    """An array in a format: itself if it is in it, else a copy. None keeps the array.

    TypeError for anything else than a format.
    """
    if form is None or form is preserve_format:
        return array
    require_format(form)
    wanted = strides_of(array.shape, form, array.itemsize)
    if array.strides == wanted:
        return array
    memory = np.empty(array.nbytes, np.uint8)
    result = in_memory(memory, 0, array.shape, wanted, array.dtype)
    result[...] = array
    return result
