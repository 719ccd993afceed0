"""The storages of tensors, and tensors that are set to a storage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arguments import UNGIVEN
from ..core.creating import int_of, ints_of
from ..core.tensor import TensorBase
from ..rules import dtypes
from ..rules.memory import bytes_needed, contiguous_strides, in_memory, memory_of
from .storage import TypedStorage, UntypedStorage, storage_of, typed_storage, warn_of_typed


def untyped_storage(self: TensorBase) -> UntypedStorage:
    """The memory that a tensor reads, in bytes."""
    found: UntypedStorage = storage_of(self._array)
    return found


def storage(self: TensorBase) -> TypedStorage:
    """The memory that a tensor reads, in elements of its dtype. It warns of its deprecation."""
    warn_of_typed()
    return typed_storage(storage_of(self._array), dtypes.of_numpy(self._array.dtype))


def read_as_set(
    tensor: TensorBase,
    source: TensorBase | UntypedStorage | TypedStorage = UNGIVEN,
    storage_offset: int = UNGIVEN,
    size: Sequence[int] = UNGIVEN,
    stride: Sequence[int] | None = None,
) -> np.ndarray:
    """The array that `tensor.set_(source, ...)` gives a tensor, in the memory of `source`.

    RuntimeError for a tensor of another dtype, and for sizes and strides that lead out of it.
    TypeError for arguments of other types, and for a part that isn't given by offset and size.
    """
    kind = tensor._array.dtype
    in_part = storage_offset is not UNGIVEN
    if in_part != (size is not UNGIVEN) or not in_part >= (stride is not None):
        raise TypeError("set_(): a part of a source needs its storage_offset and its size")
    if source is UNGIVEN and not in_part:
        return np.empty(0, kind)
    if not isinstance(source, TensorBase | UntypedStorage | TypedStorage):
        raise TypeError(
            "set_() received an invalid combination of arguments: 'source' must be Tensor or "
            f"Storage, not {type(source).__name__}"
        )
    theirs = source.dtype if isinstance(source, TypedStorage) else None
    if isinstance(source, TensorBase):
        theirs = dtypes.of_numpy(source._array.dtype)
        data, start = memory_of(source._array)
    else:
        data, start = source.untyped()._elements, 0
    if theirs not in (None, dtypes.of_numpy(kind)):
        raise RuntimeError(
            f"set_(): the source's dtype is {theirs}, and the tensor's {dtypes.of_numpy(kind)}"
        )
    if not in_part:
        if isinstance(source, TensorBase):
            return source._array[...]
        storage_offset, size = 0, (data.size // kind.itemsize,)
    first = start // kind.itemsize + int_of(storage_offset, "set_", "storage_offset")
    shape = ints_of("set_", "size", size)
    steps = ints_of("set_", "stride", stride or ()) or contiguous_strides(shape)
    if first < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {first}")
    if any(n < 0 for n in (*shape, *steps)):
        raise RuntimeError("set_(): sizes and strides must not be negative")
    if len(shape) != len(steps):
        raise RuntimeError(f"unequal size length ({len(shape)}) and stride length ({len(steps)})")
    start, strides = first * kind.itemsize, [step * kind.itemsize for step in steps]
    needed = bytes_needed(shape, strides, kind.itemsize)
    if needed and start + needed > data.size:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {first}, and "
            f"itemsize {kind.itemsize} requiring a storage size of {start + needed} are out of "
            f"bounds for storage of size {data.size}"
        )
    return in_memory(data, start, shape, strides, kind)
