"""Writing a checkpoint in PyTorch's format, which `torch.load(weights_only=True)` opens."""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...api.copying import whole_memory
from ...api.size import Size
from ...api.tensor import Tensor
from ...core.devices import device
from ...core.hooks import warn_of_hooks
from ...nn.parameter import Parameter
from ...rules.dtypes import dtype
from .archive import packed

# How many containers may be inside each other. Beyond it, Python's own limit is near.
DEPTH = 100


def pack(obj: Any) -> bytes:
    """Return the bytes of a checkpoint of `obj`.

    Raises TypeError, naming the key, for what can't be stored; ValueError for too deep nesting.
    """
    writer = _Writer()
    data = writer.pickled(obj)
    return packed(
        {
            "data.pkl": data,
            ".format_version": b"1",
            ".storage_alignment": b"64",
            "byteorder": b"little",
            **{f"data/{key}": array for key, (_, _, array) in enumerate(writer.storages.values())},
            "version": b"3\n",
        }
    )


class _Writer:
    """Writes one object as a pickle of protocol 2, and collects the storages of its tensors.

    Each container, text and tensor is written once. After that, it is recalled by a number.
    `storages` has a number, a dtype and the bytes of each, by the id of the array that owns them.
    """

    def __init__(self) -> None:
        self.storages: dict[int, tuple[int, dtype, np.ndarray]] = {}
        self._out = bytearray()
        self._numbers: dict[Any, int] = {}
        self._kept: list[Any] = []  # whose ids are in use
        self._path: list[str] = []
        self._open_tuples: set[int] = set()  # those that are being written

    def pickled(self, obj: Any) -> bytes:
        self._put(pickle.PROTO, b"\x02")
        self._write(obj)
        self._put(pickle.STOP)
        return bytes(self._out)

    def _put(self, *parts: bytes) -> None:
        for part in parts:
            self._out += part

    def _write(self, obj: Any, step: str | None = None) -> None:
        """Write a value, to which `step` leads from the one around it."""
        if step is not None:
            self._path.append(step)
        write = _WRITERS.get(type(obj))
        if write is None:
            raise TypeError(self._cannot_store(obj))
        if len(self._path) > DEPTH:
            raise ValueError(f"save(): {self._path[0]} is nested more than {DEPTH} deep")
        number = self._numbers.get(_identity(obj))
        if number is None:
            write(self, obj)
        else:
            self._put(pickle.LONG_BINGET, struct.pack("<I", number))
        if step is not None:
            self._path.pop()

    def _remember(self, obj: Any) -> None:
        """Give the value on the top of the stack a number, so that it isn't written again."""
        self._kept.append(obj)
        self._numbers[_identity(obj)] = number = len(self._numbers)
        self._put(pickle.LONG_BINPUT, struct.pack("<I", number))

    def _where(self) -> str:
        return ".".join(self._path) or "the object itself"

    def _cannot_store(self, obj: Any) -> str:
        kind = type(obj)
        hint = "; save its state_dict()" if hasattr(obj, "state_dict") else ""
        return (
            f"save(): {self._where()} is a {kind.__module__}.{kind.__qualname__}{hint}: only "
            "tensors, numbers, strings, bytes, None, sizes, dtypes, devices, and dicts, lists, "
            "tuples and sets of these can be stored"
        )

    # Plain values ---------------------------------------------------------------------------------

    def _constant(self, obj: bool | None) -> None:
        self._put({None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[obj])

    def _integer(self, obj: int) -> None:
        if -(2**31) <= obj < 2**31:
            self._put(pickle.BININT, struct.pack("<i", obj))
            return
        size = obj.bit_length() // 8 + 1
        if size > 255:
            raise ValueError(f"save(): {self._where()} is an integer of {size} bytes")
        self._put(pickle.LONG1, bytes([size]), obj.to_bytes(size, "little", signed=True))

    def _float(self, obj: float) -> None:
        self._put(pickle.BINFLOAT, struct.pack(">d", obj))

    def _complex(self, obj: complex) -> None:
        self._call(obj, "__builtin__.complex", obj.real, obj.imag)

    def _text(self, obj: str) -> None:
        content = obj.encode("utf-8", "surrogatepass")
        self._put(pickle.BINUNICODE, struct.pack("<I", len(content)), content)
        self._remember(obj)

    def _bytes(self, obj: bytes) -> None:
        self._call(obj, "_codecs.encode", obj.decode("latin1"), "latin1")

    def _bytearray(self, obj: bytearray) -> None:
        self._call(obj, "__builtin__.bytearray", bytes(obj))

    def _size(self, obj: Size) -> None:
        self._call(obj, "torch.Size", tuple(obj))

    def _device(self, obj: device) -> None:
        self._call(obj, "torch.device", obj.type, *([] if obj.index is None else [obj.index]))

    def _name(self, obj: dtype | str) -> None:
        module, _, name = str(obj).rpartition(".")
        self._put(pickle.GLOBAL, f"{module}\n{name}\n".encode())

    def _call(self, obj: Any, name: str, *arguments: Any) -> None:
        """Write `obj` as a call of the function of this name."""
        self._name(name)
        self._put(pickle.MARK)
        for argument in arguments:
            self._write(argument)
        self._put(pickle.TUPLE, pickle.REDUCE)
        self._remember(obj)

    # Containers -----------------------------------------------------------------------------------

    def _list(self, obj: list[Any]) -> None:
        self._put(pickle.EMPTY_LIST)
        self._remember(obj)
        self._elements(obj)
        self._put(pickle.APPENDS)

    def _tuple(self, obj: tuple[Any, ...]) -> None:
        if id(obj) in self._open_tuples:
            raise ValueError(f"save(): {'.'.join(self._path[:-1])} contains itself")
        self._open_tuples.add(id(obj))
        self._elements(obj)
        self._open_tuples.remove(id(obj))
        self._put(pickle.TUPLE)
        self._remember(obj)

    def _elements(self, obj: Iterable[Any]) -> None:
        self._put(pickle.MARK)
        for i, value in enumerate(obj):
            self._write(value, str(i))

    def _set(self, obj: set[Any]) -> None:
        for key in obj:
            self._check_key(key, "the element")
        self._call(obj, "__builtin__.set", [*obj])

    def _dict(self, obj: dict[Any, Any]) -> None:
        self._put(pickle.EMPTY_DICT)
        self._remember(obj)
        self._items(obj)

    def _ordered(self, obj: OrderedDict[Any, Any]) -> None:
        self._call(obj, "collections.OrderedDict")
        self._items(obj)
        if vars(obj):  # such as the `_metadata` of PyTorch's state dicts
            self._dict(vars(obj))
            self._put(pickle.BUILD)

    def _counted(self, obj: Counter[Any]) -> None:
        self._call(obj, "collections.Counter", {**obj})

    def _items(self, obj: dict[Any, Any]) -> None:
        self._put(pickle.MARK)
        for key, value in obj.items():
            self._check_key(key, "the key")
            self._write(key)
            self._write(value, str(key))
        self._put(pickle.SETITEMS)

    def _check_key(self, key: Any, what: str) -> None:
        if type(key) is tuple:
            for part in key:
                self._check_key(part, "the key")
        elif type(key) not in KEYS:
            raise TypeError(
                f"save(): {what} {key!r} in {self._where()} is a {type(key).__name__}; keys can be "
                "strings, numbers, bools, None, bytes, sizes, dtypes, devices and tuples of these"
            )

    # Tensors --------------------------------------------------------------------------------------

    def _tensor(self, obj: Tensor) -> None:
        warn_of_hooks(obj)
        attributes = vars(obj)
        if attributes:
            self._name("torch._tensor._rebuild_from_type_v2")
            self._put(pickle.MARK)
            self._name("torch._utils._rebuild_tensor_v2")
            self._name("torch.Tensor")
            self._layout(obj)
            self._write(attributes)
            self._put(pickle.TUPLE, pickle.REDUCE)
        else:
            self._plain(obj)
        self._remember(obj)

    def _parameter(self, obj: Parameter) -> None:
        warn_of_hooks(obj)
        attributes = vars(obj)
        suffix = "_with_state" if attributes else ""
        self._name(f"torch._utils._rebuild_parameter{suffix}")
        self._put(pickle.MARK)
        self._plain(obj.detach())
        self._write(obj.requires_grad)
        self._write(OrderedDict())  # the hooks, which a file can't have
        if attributes:
            self._write(attributes)
        self._put(pickle.TUPLE, pickle.REDUCE)
        self._remember(obj)

    def _plain(self, tensor: Tensor) -> None:
        self._name("torch._utils._rebuild_tensor_v2")
        self._layout(tensor)
        self._put(pickle.REDUCE)

    def _layout(self, tensor: Tensor) -> None:
        """Write a tuple of a tensor's storage and its place in it."""
        number, array, offset, steps = self._stored(tensor)
        self._put(pickle.MARK, pickle.MARK)
        self._write("storage")
        self._name(f"torch.{tensor.dtype.scalar_name}Storage")
        for value in (str(number), "cpu", array.nbytes // tensor.dtype.itemsize):
            self._write(value)
        self._put(pickle.TUPLE, pickle.BINPERSID)
        self._write(offset)
        self._write(tuple(tensor.shape))
        self._write(steps)
        self._write(tensor.requires_grad)
        self._write(OrderedDict())  # the hooks
        self._put(pickle.TUPLE)

    def _stored(self, tensor: Tensor) -> tuple[int, np.ndarray, int, tuple[int, ...]]:
        """Return a storage's number and bytes, and the offset and steps of a tensor in elements."""
        if any(step < 0 for step in tensor.stride()):
            tensor = tensor.clone()  # no tensor of PyTorch's has such memory
        owner, memory, start = whole_memory(tensor.numpy(force=True))
        item = tensor.dtype.itemsize
        if start % item or memory.nbytes % item:
            raise RuntimeError(f"save(): the memory of {self._where()} isn't aligned; clone() it")
        kept = self.storages.setdefault(id(owner), (len(self.storages), tensor.dtype, memory))
        self._kept.append(owner)
        if kept[1] is not tensor.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types: {self._where()} is {tensor.dtype}, another is {kept[1]}"
            )
        return kept[0], memory, start // item, tensor.stride()


def _identity(obj: Any) -> Any:
    """Return what tells values apart that are written once: the text, or which object it is."""
    return obj if type(obj) is str else (type(obj), id(obj))


KEYS = {type(None), bool, int, float, complex, str, bytes, Size, dtype, device}
_WRITERS: dict[type, Callable[[_Writer, Any], None]] = {
    type(None): _Writer._constant,
    bool: _Writer._constant,
    int: _Writer._integer,
    float: _Writer._float,
    complex: _Writer._complex,
    str: _Writer._text,
    bytes: _Writer._bytes,
    bytearray: _Writer._bytearray,
    list: _Writer._list,
    tuple: _Writer._tuple,
    set: _Writer._set,
    dict: _Writer._dict,
    OrderedDict: _Writer._ordered,
    Counter: _Writer._counted,
    Size: _Writer._size,
    dtype: _Writer._name,
    device: _Writer._device,
    Tensor: _Writer._tensor,
    Parameter: _Writer._parameter,
}
