"""`save` and `load`, which choose between the formats, and `save_safetensors`."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import IO, Any

from ...core.devices import device
from ..atomic_write import write_atomically
from . import reading, table, writing

_ZIP = b"PK\x03\x04"
# The number with which the format before PyTorch 1.6 starts, after the first bytes of a pickle.
_OLD_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")

FileLike = str | os.PathLike[str] | IO[bytes]


def save(
    obj: Any,
    f: FileLike,
    pickle_module: Any = pickle,
    pickle_protocol: int | None = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write `obj` to `f`, a path or a file opened in binary mode, in PyTorch's format.

    `obj` is a tensor, number, string, bytes, bool, None, `Size`, dtype or device, or a nested list,
    tuple, set, dict, OrderedDict or Counter of these: what `state_dict()` gives. `load`, and
    PyTorch's `torch.load(weights_only=True)`, give it back: types, order, dtypes, strides,
    `requires_grad` and attributes. Tensors that share memory share it again, and a container that
    is in two places is one object again.

    A path is written aside and renamed, so that a kill leaves the old file or the new one, whole.

    Raises TypeError, naming the key, for what can't be stored, such as a whole module; ValueError
    for nesting more than 100 deep; RuntimeError for tensors of two dtypes on the same memory;
    NotImplementedError for another pickle module or protocol and for the format before PyTorch 1.6;
    OSError, with the path, if the file can't be written.

    >>> import io
    >>> file = io.BytesIO()
    >>> minigrad.save({"epoch": 3, "w": minigrad.ones(2), "state": {0: (None, True)}}, file)
    >>> _ = file.seek(0)
    >>> minigrad.load(file)
    {'epoch': 3, 'w': tensor([1., 1.]), 'state': {0: (None, True)}}
    """
    if pickle_module not in (None, pickle):
        raise NotImplementedError("save(): pickle_module is not supported: none is used")
    if pickle_protocol not in (None, 2):
        raise NotImplementedError(
            f"save(): pickle_protocol={pickle_protocol} is not supported, 2 is"
        )
    if not _use_new_zipfile_serialization:
        raise NotImplementedError("save(): _use_new_zipfile_serialization=False is not supported")
    _write(obj, f, writing.pack, "save")


def save_safetensors(obj: Any, f: FileLike) -> None:
    """Write `obj` to `f`, a path or a file opened in binary mode, as safetensors.

    `obj` is a tensor, number, string, bool, None, or a nested list, tuple or dict of these.
    `load` gives it back, but an OrderedDict as a dict, and tensors that share memory as tensors of
    their own. PyTorch reads the tensors with `safetensors.torch.load_file`.

    Raises TypeError, naming the key, for what can't be stored; ValueError for a container that
    contains itself or is nested more than 100 deep; OSError if the file can't be written.

    >>> import io
    >>> from minigrad.utils.serialization import save_safetensors
    >>> file = io.BytesIO()
    >>> save_safetensors({"w": minigrad.ones(2), "epoch": 3}, file)
    >>> minigrad.load(io.BytesIO(file.getvalue()))
    {'w': tensor([1., 1.]), 'epoch': 3}
    """
    _write(obj, f, table.pack, "save_safetensors")


def _write(obj: Any, f: FileLike, pack: Callable[[Any], bytes], function: str) -> None:
    if isinstance(f, str | os.PathLike):
        write_atomically(f, pack(obj))
        return
    if not hasattr(f, "write"):
        raise TypeError(f"{function}(): f must be a path or a binary file, not {type(f).__name__}")
    data = pack(obj)
    try:
        f.write(data)
    except TypeError:
        raise TypeError(f"{function}(): the file must be opened in binary mode") from None


def load(
    f: FileLike,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """Read `f`, a path or a file opened in binary mode, which `save` or PyTorch's `torch.save`
    wrote. A safetensors file loads as what `save_safetensors` wrote, or as a dict of its tensors.

    `map_location` says where tensors should be that were on another device: the CPU, a dict of
    devices, or a function of a storage and a device. `weights_only` changes nothing: only tensors
    and plain values are ever loaded, and nothing in a file can run code.

    Raises RuntimeError if the file is damaged, or has tensors on a device that isn't mapped to the
    CPU; pickle.UnpicklingError for a checkpoint with any other object, such as a whole module;
    OSError if it can't be read; NotImplementedError for `pickle_module` and `mmap=True`.
    """
    if pickle_module is not None:
        raise NotImplementedError("load(): pickle_module is not supported: none is used")
    if mmap:
        raise NotImplementedError("load(): mmap is not supported: files are read as a whole")
    place = _placing(map_location)
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return _unpacked(file.read(), os.fspath(f), place)
    if not hasattr(f, "read"):
        raise TypeError(f"load(): f must be a path or a binary file, not {type(f).__name__}")
    data = f.read()
    if not isinstance(data, bytes):
        raise TypeError("load(): the file must be opened in binary mode")
    return _unpacked(data, str(getattr(f, "name", "the file")), place)


def _unpacked(data: bytes, name: str, place: reading.Placing) -> Any:
    if data.startswith(_ZIP):
        return reading.read(data, name, place)
    if _OLD_MAGIC in data[:32]:
        return reading.read_old(data, name, place)
    return table.unpack(data, name)


def _placing(map_location: Any) -> reading.Placing:
    """Return a function that raises an error unless a storage of a device goes to the CPU."""
    if isinstance(map_location, str | device):
        _require_cpu(map_location)
    elif not (map_location is None or isinstance(map_location, dict) or callable(map_location)):
        raise TypeError(f"load(): map_location can't be a {type(map_location).__name__}")

    def place(storage: reading.Storage, location: str) -> None:
        wanted: Any = location
        if isinstance(map_location, str | device):
            wanted = map_location
        elif isinstance(map_location, dict):
            wanted = map_location.get(location, location)
        elif map_location is not None:
            returned = map_location(storage, location)
            if returned is storage:
                return
            if returned is not None:
                raise NotImplementedError("load(): map_location must return the storage or None")
        _require_cpu(wanted)

    return place


def _require_cpu(where: Any) -> None:
    kind = device(where).type
    if kind != "cpu":
        name = "a CUDA" if kind == "cuda" else f"the {kind}"
        raise RuntimeError(
            f"Attempting to deserialize object on {name} device but there is only the CPU; use "
            "load with map_location=torch.device('cpu') to map your storages to the CPU."
        )
