"""The memory of a tensor, and another shape for it in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .creating import allocated
from .tensor import TensorBase


def memory_of(array: np.ndarray) -> tuple[np.ndarray, int]:
    """The bytes of the memory that an array is a view of, and the place of its first element.

    >>> _, place = memory_of(np.zeros(5)[2:])
    >>> place
    16
    """
    owner: Any = array
    base: Any = array
    while base is not None:
        owner = base if isinstance(base, np.ndarray) else owner
        base = getattr(base, "base", None)  # also of the object that NumPy's as_strided makes
    if not owner.flags.forc:  # the memory isn't an array's, so its own elements are all we know
        if not array.flags.forc:
            return np.ascontiguousarray(array).reshape(-1).view(np.uint8), 0
        owner = array
    start = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    data = owner.reshape(-1, order="A").view(np.uint8) if owner.size else np.empty(0, np.uint8)
    return data, min(max(start, 0), data.size)


def contiguous_strides(shape: Sequence[int], itemsize: int = 1) -> tuple[int, ...]:
    """The strides of a contiguous array.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    sizes = [max(size, 1) for size in shape]
    return tuple([itemsize * math.prod(sizes[d + 1 :]) for d in range(len(sizes))])


def bytes_needed(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> int:
    """The number of bytes from the first element of an array to the end of its last."""
    reach = sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    return reach + itemsize if math.prod(shape) else 0


def resize_array(
    tensor: TensorBase, shape: Sequence[int], strides: Sequence[int] | None = None
) -> None:
    """Give a tensor another shape, and strides in bytes; contiguous by default.

    The elements stay in their order in memory. If they don't fit there, all are copied to a larger
    memory, which other views of the old one don't share.
    """
    array = tensor._array
    steps = contiguous_strides(shape, array.itemsize) if strides is None else tuple(strides)
    (data, start), needed = memory_of(array), bytes_needed(shape, steps, array.itemsize)
    if data.size < start + needed:
        larger: Any = allocated(np.empty, start + needed, np.uint8)
        larger[: data.size] = data
        data = larger
    # Strides of 0-sized arrays don't matter, and NumPy refuses some of them.
    fitting = {"strides": steps} if needed else {}
    place = start if needed else 0
    tensor._array = np.ndarray(tuple(shape), array.dtype, data if needed else None, place, **fitting)
