"""Storages: the memory that a tensor and its views share, as PyTorch shows it.

A storage has one dimension. A tensor reads it from its offset on, with its strides:

>>> x = minigrad.arange(6, dtype=minigrad.uint8).view(2, 3)
>>> x.t()[1:].untyped_storage().tolist(), x.t()[1:].storage_offset(), x.t().stride()
([0, 1, 2, 3, 4, 5], 1, (1, 3))

A write to a storage isn't noticed by the version counter of a tensor.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.arguments import UNGIVEN
from ..core.creating import int_of, ints_of
from ..core.devices import device
from ..core.tensor import TensorBase
from ..core.warning import warn_once
from ..rules import dtypes
from ..rules.dtypes import dtype as DType
from ..rules.memory import bytes_needed, contiguous_strides, in_memory, memory_of
from ..rules.promotion import converted, get_default_dtype


class _Storage:
    """What both kinds of storages have: elements in a row, which are `_elements`."""

    _elements: np.ndarray

    def __len__(self) -> int:
        return self._elements.size

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements.tolist())

    def __repr__(self) -> str:
        rows = "\n ".join(map(str, self._elements.tolist()))
        return f" {rows}\n[{self._title()} of size {len(self)}]"

    def _title(self) -> str:
        raise NotImplementedError

    def _place(self, index: Any) -> int:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"index {place} out of range for storage of size {len(self)}")
        return place

    def size(self) -> int:
        """The number of elements."""
        return len(self)

    def nbytes(self) -> int:
        """The size in bytes."""
        return self._elements.nbytes

    def element_size(self) -> int:
        """The size of an element in bytes."""
        return self._elements.itemsize

    def data_ptr(self) -> int:
        """The address of the first element; 0 if there is none."""
        return self._elements.ctypes.data if len(self) else 0

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return list(self)

    device = property(lambda self: device("cpu"), doc="The device that has the memory: the CPU.")
    is_cuda = property(lambda self: False, doc="Whether a GPU has the memory: False.")
    is_sparse = property(lambda self: False, doc="Whether only some elements are kept: False.")

    def is_shared(self) -> bool:
        """Return False: no other process uses the memory."""
        return False

    def is_pinned(self) -> bool:
        """Return False: the memory isn't pinned for a GPU."""
        return False

    def resizable(self) -> bool:
        """Return False: a storage keeps its size."""
        return False

    def resize_(self, size: int) -> NoReturn:
        """Raise NotImplementedError: a storage keeps its size."""
        raise NotImplementedError("a storage can't be resized: use resize_ of a tensor")


class UntypedStorage(_Storage):
    """Bytes: `size` new ones, or those of a sequence of numbers.

    The storages of tensors that share memory are equal.

    >>> x = minigrad.arange(3)
    >>> x.untyped_storage() == x[1:].untyped_storage()
    True
    """

    def __init__(self, size: int | Sequence[int] = 0) -> None:
        given = size if isinstance(size, int) else len(size)
        self._elements = np.zeros(given, np.uint8)
        if not isinstance(size, int):
            self._elements[:] = size

    @classmethod
    def _of(cls, elements: np.ndarray) -> UntypedStorage:
        self = cls()
        self._elements = elements
        return self

    def _title(self) -> str:
        return "torch.storage.UntypedStorage(device=cpu)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UntypedStorage):
            return NotImplemented
        return (self.data_ptr(), len(self)) == (other.data_ptr(), len(other))

    def __hash__(self) -> int:
        return hash((self.data_ptr(), len(self)))

    def __bytes__(self) -> bytes:
        return self._elements.tobytes()

    def __getitem__(self, index: Any) -> Any:
        """A byte, or the storage of a slice, which shares the memory."""
        if isinstance(index, slice):
            return UntypedStorage._of(self._elements[index])
        return int(self._elements[self._place(index)])

    def __setitem__(self, index: Any, value: int) -> None:
        self._elements[index if isinstance(index, slice) else self._place(index)] = value

    def fill_(self, value: int) -> UntypedStorage:
        """Set all bytes."""
        self._elements[...] = value
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage._of(self._elements.copy())

    def copy_(self, source: UntypedStorage) -> UntypedStorage:
        """Store the bytes of another storage of the same size."""
        self._elements[...] = source._elements
        return self

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self


class TypedStorage(_Storage):
    """A storage read as elements of a dtype. It is deprecated in PyTorch.

    It is made of a number of elements, of a sequence of numbers, or of `wrap_storage`, whose memory
    it shares.

    >>> from minigrad.storage import TypedStorage, UntypedStorage
    >>> TypedStorage(wrap_storage=UntypedStorage([1, 0, 2, 0]), dtype=minigrad.int16)
     1
     2
    [torch.storage.TypedStorage(dtype=torch.int16, device=cpu) of size 2]
    """

    def __init__(
        self,
        size: int | Sequence[Any] = 0,
        *,
        wrap_storage: UntypedStorage | None = None,
        dtype: DType | None = None,
    ) -> None:
        kind = dtypes.to_numpy(dtype or get_default_dtype())
        if wrap_storage is not None:
            self._elements = wrap_storage._elements.view(kind)
        elif isinstance(size, int):
            self._elements = np.zeros(size, kind)
        else:
            self._elements = np.array([converted(x, kind) for x in size], kind)

    dtype = property(lambda self: dtypes.of_numpy(self._elements.dtype), doc="The dtype.")

    def _title(self) -> str:
        return f"torch.storage.TypedStorage(dtype={self.dtype}, device=cpu)"

    def __getitem__(self, index: Any) -> Any:
        """An element as a Python number."""
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return self._elements[self._place(index)].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        place = index if isinstance(index, slice) else self._place(index)
        self._elements[place] = converted(value, self._elements.dtype)

    def fill_(self, value: Any) -> TypedStorage:
        """Set all elements."""
        self._elements[...] = converted(value, self._elements.dtype)
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return TypedStorage(wrap_storage=self.untyped().clone(), dtype=self.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory in bytes."""
        return UntypedStorage._of(self._elements.view(np.uint8))

    def type(self) -> str:
        """The name of the old class of storages of this dtype."""
        return f"torch.{self.dtype.scalar_name}Storage"


# Of tensors ---------------------------------------------------------------------------------------


def untyped_storage(self: TensorBase) -> UntypedStorage:
    """The memory that a tensor reads, in bytes."""
    return UntypedStorage._of(memory_of(self._array)[0])


def storage(self: TensorBase) -> TypedStorage:
    """The memory that a tensor reads, in elements of its dtype. It warns of its deprecation."""
    warn_once(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be "
        "the only storage class. This should only matter to you if you are using storages directly."
        "  To access UntypedStorage directly, use tensor.untyped_storage() instead of "
        "tensor.storage()"
    )
    kind = self._array.dtype
    data = memory_of(self._array)[0]
    whole = data[: data.size // kind.itemsize * kind.itemsize]
    return TypedStorage(wrap_storage=UntypedStorage._of(whole), dtype=dtypes.of_numpy(kind))


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
