"""The memory of an array: where its elements are, and arrays of other shapes in the same memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided as strided_view

from .dims import index, indices
from .indexing import scatter
from .presentation import IN_PLACE
from .rule import Array, Result, differentiable

# Shape, strides and the place of the first element, counted in elements.
Geometry: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], int]


def memory_of(array: np.ndarray) -> tuple[np.ndarray, int]:
    """The bytes of the memory that an array is a view of, and the place of its first element.

    >>> _, place = memory_of(np.zeros(5)[2:])
    >>> place
    16
    """
    owner = owner_of(array)
    if not owner.flags.forc:  # the memory isn't an array's, so its own elements are all we know
        if not array.flags.forc:
            return np.ascontiguousarray(array).reshape(-1).view(np.uint8), 0
        owner = array
    start = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    data = owner.reshape(-1, order="A").view(np.uint8) if owner.size else np.empty(0, np.uint8)
    return data, max(start, 0)


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose elements are the storage that an array is a view of."""
    owner: Any = array
    base: Any = array.base
    while base is not None:
        owner = base if isinstance(base, np.ndarray) else owner
        base = getattr(base, "base", None)  # also of the object that NumPy's as_strided makes
    return owner


def root_of(array: np.ndarray) -> np.ndarray:
    """The array that has the memory of an array, also if that has a storage of its own there."""
    owner = owner_of(array)
    while isinstance(owner.base, memoryview) and isinstance(owner.base.obj, np.ndarray):
        owner = owner_of(owner.base.obj)
    return owner


def as_storage(array: np.ndarray) -> np.ndarray:
    """An array in the same memory, but with a storage from its first element to its last.

    >>> data, place = memory_of(as_storage(np.zeros(10)[1:7:2]))
    >>> data.size, place
    (40, 0)
    """
    if array.flags.forc and owner_of(array).nbytes == array.nbytes:
        return array
    length = bytes_needed(array.shape, array.strides, array.itemsize) // array.itemsize
    whole: Any = strided_view(array, (length,), (array.itemsize,), writeable=array.flags.writeable)
    # A view of a view refers to the array that has the memory, but not through a memoryview.
    data = np.asarray(memoryview(whole.view(np.uint8)))
    return in_memory(data, 0, array.shape, array.strides, array.dtype)


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


class Nowhere:
    """What `np.asarray` makes an array without elements from, with any place and strides."""

    def __init__(
        self,
        data: np.ndarray,
        place: int,
        shape: Sequence[int],
        strides: Sequence[int],
        dtype: np.dtype,
    ) -> None:
        start, read_only = data.__array_interface__["data"]
        self.base = data
        self.__array_interface__ = {
            "version": 3,
            "typestr": dtype.str,
            "data": (start + place, read_only),
            "shape": tuple(shape),
            "strides": tuple(strides),
        }


def has_strides(array: np.ndarray) -> bool:
    """Whether the strides of an array mean something: if it has elements, or was given a place."""
    if array.size:
        return True
    while isinstance(array.base, np.ndarray):
        array = array.base
    return isinstance(array.base, Nowhere)


def in_memory(
    data: np.ndarray, place: int, shape: Sequence[int], strides: Sequence[int], dtype: np.dtype
) -> np.ndarray:
    """The array of that shape whose first element is at a place in the bytes `data`.

    An array without elements has a place, too, which may be beyond them.
    """
    if math.prod(shape) == 0:
        return np.asarray(Nowhere(data, place, shape, strides, dtype))
    return np.ndarray(tuple(shape), dtype, data, place, tuple(strides))


def geometry(array: np.ndarray) -> Geometry:
    """The places of an array's elements in its memory."""
    steps = tuple([step // array.itemsize for step in array.strides])
    return array.shape, steps, memory_of(array)[1] // array.itemsize


def places(of: Geometry) -> np.ndarray:
    """The place in memory of each element, in the shape of the array."""
    shape, steps, start = of
    found = np.full(shape, start)
    for d, (size, step) in enumerate(zip(shape, steps, strict=True)):
        found += (np.arange(size) * step).reshape(-1, *(1,) * (len(shape) - d - 1))
    return found


@lru_cache(16)
def shared_positions(whole: Geometry, part: Geometry) -> tuple[Any, Any, bool]:
    """Which elements of the array `part` are elements of the array `whole`, in the same memory.

    The first result is a key of their positions in the flattened whole, the second one a key that
    selects them from the flattened part. The third says whether an element occurs repeatedly.
    """
    in_whole, in_part = places(whole).reshape(-1), places(part).reshape(-1)
    slots = np.full(max(in_whole.max(initial=0), in_part.max(initial=0)) + 1, -1)
    slots[in_whole] = np.arange(in_whole.size)
    positions = slots[in_part]
    kept = positions >= 0
    positions = positions[kept]
    return (positions,), (kept,), np.unique(positions).size < positions.size


@differentiable(linear=True, view=True, forms=IN_PLACE)
def as_strided(
    input: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Result:
    """A view of the memory of `input`, with any shape and strides, from `storage_offset` on.

    By default it starts at the first element of `input`. Elements may occur repeatedly.
    RuntimeError for strides that are negative, or that lead out of the memory.

    >>> minigrad.as_strided(minigrad.arange(5), (3, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    shape, steps = tuple(indices(size, "size")), tuple(indices(stride, "stride"))
    if len(shape) != len(steps):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(step < 0 for step in steps):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(steps)}"
        )
    if any(s < 0 for s in shape):
        raise RuntimeError(f"as_strided: a size is negative: {list(shape)}")
    before, itemsize = input.shape, input.itemsize
    data, start = memory_of(input)
    first = start // itemsize
    if storage_offset is not None:
        first = index(storage_offset, "storage_offset")
    if first < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {first}")
    needed = bytes_needed(shape, steps, 1)
    if needed and (first + needed) * itemsize > data.size:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {first}, and "
            f"itemsize {itemsize} requiring a storage size of {(first + needed) * itemsize} are "
            f"out of bounds for storage of size {data.size}"
        )
    y = in_memory(data, first * itemsize, shape, [s * itemsize for s in steps], input.dtype)
    old_steps = tuple([s // itemsize for s in input.strides])
    length = bytes_needed(before, old_steps, 1)
    memory: Geometry = ((length,), (1,), start // itemsize)
    part = shape, steps, first
    shared = _counts(before, old_steps, length, input.dtype)

    def to_input(g: Array) -> Array:
        d = _in_whole(g, memory, part)
        if shared is not None:  # elements that share memory share the gradient
            d = d / shared
        return as_strided(d, before, old_steps)[0]

    return y, (to_input,)


def _counts(
    shape: tuple[int, ...], steps: tuple[int, ...], length: int, dtype: np.dtype
) -> Array | None:
    """How many elements of an array are at each place in its memory, or None if none is shared."""
    if math.prod(shape) <= length and 0 not in steps:
        return None
    found = np.bincount(places((shape, steps, 0)).reshape(-1), minlength=length)
    return np.maximum(found, 1).astype(dtype)


def _in_whole(g: Array, whole: Geometry, part: Geometry) -> Array:
    """The gradient of the elements of `whole`, flattened, for that of a part of its memory."""
    key, kept, repeats = shared_positions(whole, part)
    return scatter(g.reshape(-1)[kept], key, whole[0], repeats)[0]
