"""Storages: the memory that a tensor and its views share, as PyTorch shows it.

A storage has one dimension. A tensor reads it from its offset on, with its strides:

>>> x = minigrad.arange(6, dtype=minigrad.uint8).view(2, 3)
>>> x.t()[1:].untyped_storage().tolist(), x.t()[1:].storage_offset(), x.t().stride()
([0, 1, 2, 3, 4, 5], 1, (1, 3))

A write to a storage isn't noticed by the version counter of a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, Self, TypeGuard
from weakref import WeakValueDictionary

import numpy as np

from ..core.creating import allocated, number_of
from ..core.devices import device, require_cpu
from ..core.tensor import TensorBase
from ..core.warning import warn_once
from ..rules import dtypes
from ..rules.dtypes import dtype as DType
from ..rules.memory import as_storage, memory_of, owner_of
from ..rules.promotion import converted, get_default_dtype


def _converting(kind: DType) -> Callable[[Any], TypedStorage]:
    def convert(self: _Storage) -> TypedStorage:
        copy = self._elements.astype(kind.numpy)
        return typed_storage(storage_of(copy), kind)

    convert.__doc__ = f"A copy of the elements as {kind.name}."
    return convert


class _Conversions:
    """The methods that have names of types, which other classes need for the types."""

    bool, byte, char = (_converting(kind) for kind in (dtypes.bool, dtypes.uint8, dtypes.int8))
    short, int, long = (_converting(kind) for kind in (dtypes.int16, dtypes.int32, dtypes.int64))
    half, float = _converting(dtypes.float16), _converting(dtypes.float32)
    double = _converting(dtypes.float64)


class _Storage(_Conversions):
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

    def untyped(self) -> UntypedStorage:
        """The memory in bytes."""
        raise NotImplementedError

    def clone(self) -> Self:
        """A copy."""
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return memo.setdefault(id(self), self.clone())

    def _place(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return index

    def size(self) -> int:
        """The number of elements."""
        return len(self)

    def nbytes(self) -> int:
        """The size in bytes."""
        return self.untyped()._elements.nbytes

    def element_size(self) -> int:
        """The size of an element in bytes."""
        return self._elements.itemsize

    def data_ptr(self) -> int:
        """The address of the first element; 0 if there is none."""
        return self._elements.ctypes.data if len(self) else 0

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return list(self)

    def copy_(self, source: UntypedStorage | TypedStorage, non_blocking: bool = False) -> Self:
        """Store the bytes of another storage. RuntimeError for one of another size."""
        if not isinstance(source, _Storage):
            kind = type(source).__name__
            raise TypeError(
                f"copy_(): argument 'src' (position 1) must be torch.Storage, not {kind}"
            )
        ours, theirs = self.untyped()._elements, source.untyped()._elements
        if ours.size != theirs.size:
            raise RuntimeError(
                f"size does not match, self was {ours.size} bytes but src was {theirs.size} bytes"
            )
        ours[...] = theirs
        return self

    device = property(lambda self: device("cpu"), doc="The device that has the memory: the CPU.")
    filename = property(lambda self: None, doc="The file that has the memory: None.")
    is_cuda = property(lambda self: False, doc="Whether a GPU has the memory: False.")
    is_hpu = property(lambda self: False, doc="Whether an HPU has the memory: False.")
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

    def cpu(self) -> Self:
        """The storage itself, which is on the CPU."""
        return self

    def to(self, *, device: Any, non_blocking: bool = False) -> Self:
        """The storage itself. Errors for other devices than the CPU are as for `device=`."""
        require_cpu(device)
        return self


class UntypedStorage(_Storage):
    """Bytes: `size` new ones, or those of a sequence of ints, which wrap around.

    Tensors that share memory have the same storage. RuntimeError for what isn't a size or a
    sequence of ints.

    >>> x = minigrad.arange(3)
    >>> x.untyped_storage() is x[1:].untyped_storage()
    True
    """

    _owner: np.ndarray

    def __new__(cls, size: int | Sequence[int] = 0, *, device: Any = None) -> Self:
        require_cpu(device)
        if isinstance(size, TensorBase) and size._array.ndim == 0:
            size = size._array.item()
        if _is_int(size):
            return storage_of(allocated(np.zeros, size, np.uint8))
        if not isinstance(size, Sequence | UntypedStorage):
            kind = type(size).__name__
            raise RuntimeError(f"torch.UntypedStorage(): Expected a sequence type, but got {kind}")
        return storage_of(np.array([_byte(item) for item in size], np.uint8))

    def _title(self) -> str:
        return "torch.storage.UntypedStorage(device=cpu)"

    def __bytes__(self) -> bytes:
        return self._elements.tobytes()

    def __getitem__(self, index: Any) -> Any:
        """A byte, or the storage of a slice, which shares the memory."""
        if isinstance(index, slice):
            return storage_of(as_storage(self._elements[self._part(index)]))
        if not _is_int(index):
            kind = type(index).__name__
            raise TypeError(f"can't index a torch.UntypedStorage with {kind}")
        return self._elements.item(self._place(index))

    def __setitem__(self, index: Any, value: int) -> None:
        """Set a byte, or all of a slice, to an int. An index must not be negative."""
        value = _byte(value)
        if isinstance(index, slice):
            self._elements[self._part(index)] = value
        elif not _is_int(index):
            kind = type(index).__name__
            raise RuntimeError(f"can't index a torch.UntypedStorage with {kind}")
        elif not 0 <= index < len(self):
            raise RuntimeError(f"index {index} is out of bounds for a storage of {len(self)} bytes")
        else:
            self._elements[index] = value

    @staticmethod
    def _part(index: slice) -> slice:
        if index.step not in (None, 1):
            raise RuntimeError(
                f"Trying to slice with a step of {index.step}, but only a step of 1 is supported"
            )
        return index

    def fill_(self, value: int) -> UntypedStorage:
        """Set all bytes."""
        self._elements[...] = _byte(value)
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return storage_of(self._elements.copy())

    def new(self) -> UntypedStorage:
        """A storage without bytes."""
        return UntypedStorage()

    def byteswap(self, dtype: DType) -> None:
        """Reverse the order of the bytes of each element of a dtype."""
        self._elements.view(dtypes.to_numpy(dtype)).byteswap(inplace=True)

    def type(self) -> str:
        """The name of this class."""
        return "torch.storage.UntypedStorage"

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self


class TypedStorage(_Storage):
    """A storage read as elements of a dtype. It is deprecated in PyTorch.

    It is made of a number of elements, of a sequence of numbers, or of `wrap_storage`, whose memory
    it shares. RuntimeError or TypeError for any other combination.

    >>> minigrad.ShortStorage(wrap_storage=minigrad.UntypedStorage([1, 0, 2, 0]))
     1
     2
    [torch.storage.TypedStorage(dtype=torch.int16, device=cpu) of size 2]
    """

    _untyped_storage: UntypedStorage
    dtype: DType

    def __init__(
        self,
        *args: Any,
        wrap_storage: UntypedStorage | None = None,
        dtype: DType | None = None,
        device: Any = None,
    ) -> None:
        warn_of_typed()
        if len(args) > 1:
            raise RuntimeError("TypedStorage() takes one size or one sequence")
        if wrap_storage is not None:
            if args or dtype is None or device is not None:
                raise RuntimeError("TypedStorage(): wrap_storage goes with dtype, and nothing else")
            if not isinstance(wrap_storage, UntypedStorage):
                kind = type(wrap_storage).__name__
                raise TypeError(f"argument 'wrap_storage' must be UntypedStorage, not {kind}")
        self.dtype = get_default_dtype() if dtype is None else dtype
        if not isinstance(self.dtype, DType):
            kind = type(dtype).__name__
            raise TypeError(f"argument 'dtype' must be torch.dtype, not {kind}")
        require_cpu(device)
        if wrap_storage is None:
            wrap_storage = storage_of(_numbers(*args, kind=dtypes.to_numpy(self.dtype)))
        self._untyped_storage = wrap_storage

    @property
    def _elements(self) -> np.ndarray:  # type: ignore[override]
        data, kind = self._untyped_storage._elements, dtypes.to_numpy(self.dtype)
        return data[: data.size // kind.itemsize * kind.itemsize].view(kind)

    def _title(self) -> str:
        return f"torch.storage.TypedStorage(dtype={self.dtype}, device=cpu)"

    def __getitem__(self, index: Any) -> Any:
        """An element as a Python number."""
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not _is_int(index):
            error = TypeError if isinstance(index, bool) else RuntimeError
            raise error(f"can't index a TypedStorage with {type(index).__name__}")
        return self._elements.item(self._place(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        """Set an element, or all of a slice, to a number."""
        if not isinstance(index, slice) and not _is_int(index):
            raise RuntimeError(f"can't index a TypedStorage with {type(index).__name__}")
        place = index if isinstance(index, slice) else self._place(index)
        self._elements[place] = _number(value, self._elements.dtype)

    def fill_(self, value: Any) -> TypedStorage:
        """Set all elements."""
        self._elements[...] = _number(value, self._elements.dtype)
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return typed_storage(self._untyped_storage.clone(), self.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory in bytes."""
        return self._untyped_storage

    def type(self) -> str:
        """The name of the old class of storages of this dtype."""
        return f"torch.{self.pickle_storage_type()}"

    def pickle_storage_type(self) -> str:
        """The name of the old class of storages of this dtype, without its module."""
        return f"{self.dtype.scalar_name}Storage"


# Storages of memory that exists -------------------------------------------------------------------

# The storages that are in use, by the ids of the arrays that have their memory. A storage keeps its
# array, so that the id stays that of this array.
_in_use: WeakValueDictionary[int, Any] = WeakValueDictionary()


def storage_of(array: np.ndarray) -> Any:
    """The storage of an array, in bytes: the same object as long as it is in use."""
    owner = owner_of(array)
    found = _in_use.get(id(owner))
    if found is None:
        found = object.__new__(UntypedStorage)
        found._owner, found._elements = owner, memory_of(array)[0]
        _in_use[id(owner)] = found
    return found


def typed_storage(memory: UntypedStorage, dtype: DType) -> TypedStorage:
    """A storage read as elements of a dtype, without a warning."""
    made: TypedStorage = object.__new__(TypedStorage)
    made._untyped_storage, made.dtype = memory, dtype
    return made


def warn_of_typed() -> None:
    """Warn, once, of the deprecation of TypedStorage."""
    warn_once(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be "
        "the only storage class. This should only matter to you if you are using storages directly."
        "  To access UntypedStorage directly, use tensor.untyped_storage() instead of "
        "tensor.storage()"
    )


def is_storage(obj: Any, /) -> bool:
    """Whether an object is a storage.

    >>> minigrad.is_storage(minigrad.ones(2).untyped_storage())
    True
    """
    return isinstance(obj, _Storage)


# The arguments ------------------------------------------------------------------------------------


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _byte(value: Any) -> int:
    """An int as a byte; it wraps around. RuntimeError for anything else."""
    if not isinstance(value, int | np.integer):
        kind = type(value).__name__
        raise RuntimeError(f"can only set storage content with a int types, but got {kind} instead")
    return int(value) & 255


def _numbers(given: Any = 0, *, kind: np.dtype) -> np.ndarray:
    """As many new elements, or those of a sequence of numbers."""
    if isinstance(given, int):
        return allocated(np.zeros, int(given), kind)
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise TypeError(f"TypedStorage(): a {type(given).__name__} is no size and no sequence")
    return np.array([_number(x, kind) for x in given], kind)


def _number(value: Any, kind: np.dtype) -> Any:
    return converted(number_of(value, "TypedStorage", "value"), kind)


# The old classes ----------------------------------------------------------------------------------


class _OldClass(type):
    """The class of `LongStorage` and its kin, whose instances are the storages of their dtype."""

    of: DType

    def __call__(cls, *args: Any, **named: Any) -> Any:
        for name in named.keys() - {"wrap_storage"}:
            raise RuntimeError(f"{cls.__name__}() got an unexpected keyword argument '{name}'")
        if len(args) > 1 or (args and named):
            raise RuntimeError(f"{cls.__name__}() takes one size, one sequence or wrap_storage")
        if "wrap_storage" not in named:
            return typed_storage(storage_of(_numbers(*args, kind=cls.of.numpy)), cls.of)
        if not isinstance(named["wrap_storage"], UntypedStorage):
            kind = type(named["wrap_storage"]).__name__
            raise TypeError(f"argument 'wrap_storage' must be UntypedStorage, not {kind}")
        return typed_storage(named["wrap_storage"], cls.of)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.of


def _old_class(kind: DType) -> _OldClass:
    name = f"{kind.scalar_name}Storage"
    doc = f"""The old class of storages of dtype {kind.name}.

    `{name}(size)` makes new elements, `{name}(sequence)` one of these numbers, and
    `{name}(wrap_storage=...)` reads an UntypedStorage.
    """
    contents = {"__doc__": doc, "__module__": "torch", "dtype": kind, "of": kind}
    return _OldClass(name, (TypedStorage,), contents)


OLD_CLASSES = {f"{kind.scalar_name}Storage": _old_class(kind) for kind in dtypes.SUPPORTED}
