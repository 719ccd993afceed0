"""Reading a checkpoint in PyTorch's format: what the names in its pickle mean, and its tensors."""

from __future__ import annotations

import math
import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ...api.copying import rebuilt
from ...api.size import Size
from ...api.tensor import Tensor
from ...core.devices import device
from ...nn.parameter import Parameter
from ...rules import dtypes
from ...rules.dtypes import SUPPORTED, dtype
from .archive import Archive
from .machine import Machine, Maker, Refused, set_attributes

_DTYPES = [value for value in vars(dtypes).values() if isinstance(value, dtype)]
_SCALARS: set[type] = {type(None), bool, int, float, complex, str, bytes, dtype, device}
_CONTAINERS: set[type] = {list, tuple, dict, set, frozenset, OrderedDict, Counter, Size}
# How many containers may be inside each other. Python's functions on them are recursive.
_DEPTH = 1000


class Storage:
    """The memory of tensors in a checkpoint, as `map_location` gets it.

    It only tells its size, and is already where it can be, on the CPU.
    """

    def __init__(self, kind: dtype, array: np.ndarray) -> None:
        self.kind, self.array = kind, array

    def __len__(self) -> int:
        return len(self.array)

    def nbytes(self) -> int:
        """Return the size in bytes."""
        return self.array.nbytes

    def cpu(self) -> Storage:
        """Return the storage."""
        return self


# Returns where the storage of a tensor that was saved on a device should be.
Placing = Callable[[Storage, str], None]


def read(data: bytes, name: str, place: Placing) -> Any:
    """Return the object in a checkpoint, which is called `name` in errors.

    Raises RuntimeError for a damaged archive, pickle.UnpicklingError for an object that isn't made
    of tensors and plain values.
    """
    archive = Archive(data, name)
    storages = _ArchivedStorages(archive, place)
    try:
        obj = Machine(archive.read("data.pkl"), _KNOWN, storages.load, _SCALARS).run()
        _check(obj)
    except Refused as error:
        raise pickle.UnpicklingError(f"{name}: can't load its data.pkl: {error}") from None
    return obj


def read_old(data: bytes, name: str, place: Placing) -> Any:
    """Return the object in a file from before PyTorch 1.6, which is called `name` in errors.

    Such a file has pickles of a magic number, a version, facts about the machine, the object, and
    the keys of the storages; then, for each key, the number of elements and the elements. Raises
    pickle.UnpicklingError for anything else.
    """
    storages = _OldStorages(len(data), place)
    at, found = 0, []
    try:
        for _ in range(5):
            machine = Machine(data, _KNOWN, storages.load, _SCALARS, at)
            found.append(machine.run())
            _check(found[-1])
            at = machine.end
        _, version, facts, obj, keys = found
        if version != 1001 or type(facts) is not dict or not facts.get("little_endian"):
            raise Refused("it is of an unknown version, or of a big-endian machine")
        storages.fill(keys, data, at)
    except Refused as error:
        raise pickle.UnpicklingError(f"{name}: can't load it: {error}") from None
    return obj


def _check(obj: Any) -> None:
    """Refuse what is only a part of a tensor, a name of a function, or nested too deep."""
    seen: set[int] = set()
    level, depth = [obj], 0
    while level:
        inside: list[Any] = []
        for value in level:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, Maker | Storage | type):
                what = value.name if isinstance(value, Maker) else "a class or a storage"
                raise Refused(f"{what} isn't allowed as a value")
            if type(value) in _CONTAINERS:
                inside.extend([*value, *value.values()] if isinstance(value, dict) else value)
            inside.extend(getattr(value, "__dict__", {}).values())
        level, depth = inside, depth + 1
        if depth > _DEPTH:
            raise Refused(f"it is nested more than {_DEPTH} deep")


class _Storages:
    """The storages of a file. Each is read once, so that its tensors share memory."""

    def __init__(self, place: Placing) -> None:
        self._place = place
        self._found: dict[str, Storage] = {}

    def load(self, identity: Any) -> Storage:
        """Return the storage of a persistent id. Refused for an id that the file contradicts."""
        if type(identity) is not tuple or [type(part) for part in identity] != _IDENTITY:
            raise Refused("a persistent id isn't that of a storage")
        _, kind, key, location, count = identity
        if kind not in SUPPORTED:
            names = ", ".join(map(str, SUPPORTED))
            raise Refused(f"a tensor is {kind}; minigrad has {names}")
        if key not in self._found:
            self._found[key] = Storage(kind, self._read(kind, key, count))
            self._place(self._found[key], location)
        storage = self._found[key]
        if storage.kind is not kind or len(storage) != count:
            raise Refused(
                f"the storage {key!r} has {len(storage)} elements of {storage.kind}, "
                f"not {count} of {kind}"
            )
        return storage

    def _read(self, kind: dtype, key: str, count: int) -> np.ndarray:
        raise NotImplementedError


class _ArchivedStorages(_Storages):
    def __init__(self, archive: Archive, place: Placing) -> None:
        super().__init__(place)
        self._archive = archive
        self._big_endian = "byteorder" in archive and archive.read("byteorder") == b"big"

    def _read(self, kind: dtype, key: str, count: int) -> np.ndarray:
        if f"data/{key}" not in self._archive:
            raise Refused(f"there is no storage {key!r}")
        content = self._archive.read(f"data/{key}")
        if len(content) % kind.itemsize:
            raise Refused(f"the storage {key!r} has {len(content)} bytes, which isn't whole {kind}")
        if kind is dtypes.bool:
            return np.frombuffer(content, np.uint8) != 0
        stored = kind.numpy.newbyteorder(">" if self._big_endian else "<")
        return np.frombuffer(content, stored).astype(kind.numpy)


class _OldStorages(_Storages):
    """Storages whose elements come after the pickle, so that they are filled afterwards."""

    def __init__(self, limit: int, place: Placing) -> None:
        super().__init__(place)
        self._left = limit  # no more bytes than this are in the file

    def load(self, identity: Any) -> Storage:
        # The sixth part was for views of storages, which PyTorch doesn't write any more.
        if type(identity) is tuple and len(identity) == 6 and identity[5] is None:
            identity = identity[:5]
        return super().load(identity)

    def _read(self, kind: dtype, key: str, count: int) -> np.ndarray:
        self._left -= count * kind.itemsize
        if count < 0 or self._left < 0:
            raise Refused(f"the storage {key!r} can't have {count} elements in this file")
        return np.zeros(count, kind.numpy)

    def fill(self, keys: Any, data: bytes, at: int) -> None:
        """Read the elements of all storages, which start at `at`."""
        if type(keys) is not list or len(keys) != len(self._found):
            raise Refused("its list of storages doesn't fit the object")
        for key in keys:
            storage = self._found.pop(key, None) if type(key) is str else None
            if storage is None:
                raise Refused("its list of storages doesn't fit the object")
            start, at = at + 8, at + 8 + storage.nbytes()
            if int.from_bytes(data[start - 8 : start], "little") != len(storage) or at > len(data):
                raise Refused(f"the storage {key!r} hasn't got its {len(storage)} elements")
            stored = np.uint8 if storage.kind is dtypes.bool else storage.kind.numpy
            storage.array[:] = np.frombuffer(data[start:at], np.dtype(stored).newbyteorder("<"))


_IDENTITY = [str, dtype, str, str, int]


# What names mean ----------------------------------------------------------------------------------


def _tensor(
    storage: Any,
    offset: Any,
    size: Any,
    strides: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    """Make a tensor on a part of a storage."""
    if type(storage) is not Storage:
        raise Refused(f"a tensor on a {type(storage).__name__} isn't allowed")
    numbers = offset, *size, *strides
    if any(type(n) is not int or n < 0 for n in numbers) or len(size) != len(strides):
        raise Refused(f"no tensor has offset {offset}, size {size} and strides {strides}")
    if hooks or metadata:
        raise Refused("a tensor with hooks or flags isn't allowed")
    reach = sum((n - 1) * step for n, step in zip(size, strides, strict=True))
    end = offset + (1 + reach if math.prod(size) else 0)
    if end > len(storage):
        raise Refused(f"a tensor ends at {end}, outside of its storage of {len(storage)} elements")
    item = storage.array.itemsize
    steps = tuple(step * item for step in strides)
    return rebuilt(Tensor, storage.array[offset:], tuple(size), steps, bool(requires_grad))


def _parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Parameter:
    """Make a parameter on the memory of a tensor."""
    if hooks:
        raise Refused("a parameter with hooks isn't allowed")
    parameter = Parameter(data, requires_grad)
    if state is not None:
        set_attributes(parameter, state)
    return parameter


def _with_attributes(make: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
    """Make a tensor that has attributes."""
    if type(make) is not Maker or make.make is not _tensor or kind is not Tensor:
        raise Refused("attributes of anything but a tensor aren't allowed")
    tensor = _tensor(*arguments)
    set_attributes(tensor, state)
    return tensor


def _bytes(text: Any, encoding: Any) -> bytes:
    """Make bytes; the oldest pickles write them as text."""
    if type(text) is not str or encoding != "latin1":
        raise Refused(f"the encoding {encoding!r} isn't allowed")
    return text.encode("latin1")


def _of(kind: type, *arguments: type) -> Callable[..., Any]:
    """Return a function that makes a `kind` of arguments of these types."""

    def make(*given: Any) -> Any:
        if [type(value) for value in given] != list(arguments):
            raise Refused(f"these arguments of a {kind.__name__} aren't allowed")
        return kind(*given)

    return make


def _device(kind: Any, index: Any = None) -> device:
    return device(kind, index) if index is None or type(index) is int else device(index)


_MAKERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _with_attributes,
    "torch.Size": _of(Size, tuple),
    "torch.device": _device,
    "collections.OrderedDict": _of(OrderedDict),
    "collections.Counter": _of(Counter, dict),
    "builtins.set": _of(set, list),
    "builtins.frozenset": _of(frozenset, list),
    "builtins.bytes": _of(bytes),
    "builtins.bytearray": _of(bytearray, bytes),
    "builtins.complex": _of(complex, float, float),
    "_codecs.encode": _bytes,
}
_KNOWN: dict[str, Any] = {
    **{name: Maker(name, make) for name, make in _MAKERS.items()},
    **{str(kind): kind for kind in _DTYPES},
    # As a name, a storage's class says which dtype it has.
    **{f"torch.{kind.scalar_name}Storage": kind for kind in _DTYPES},
    "torch.Tensor": Tensor,
}
