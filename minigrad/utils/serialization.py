"""`save` and `load`: PyTorch's names over safetensors files. No pickle: a file cannot run code.

A safetensors file is a flat table of named arrays with a string of metadata. `save` puts each
tensor in the table under its dotted path ("state.0.momentum_buffer"), so that any reader of the
format finds it, and the nesting around the tensors, with all that is not a tensor, as JSON in the
metadata. In that JSON a number, a string, a bool or null stands for itself, and an object with one
key for the rest: {"dict": [[key, value], ...]}, {"list": [...]}, {"tuple": [...]},
{"float": "nan"}, {"tensor": name}, {"parameter": name}.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter, OrderedDict
from typing import IO, Any

import numpy as np

from ..api.tensor import Tensor
from ..core.tensor import wrap
from ..nn.parameter import Parameter
from ..rules.dtypes import SUPPORTED
from .atomic_write import write_atomically

# The dtypes under the format's names. The files are little-endian.
_DTYPES = {d.safetensors_name: d.numpy.newbyteorder("<") for d in SUPPORTED}
_METADATA_KEY = "minigrad"
# How many containers may be inside each other. Beyond it, Python's own limit is near.
_DEPTH = 100
# The number that torch.save's old form starts with, after the pickle's first bytes.
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int | None = None,
) -> None:
    """Write `obj` to `f`, a path or a file opened in binary mode, as safetensors.

    `obj` is a Tensor, a number, a string, a bool, None, or nested dicts, lists and tuples of
    these: what `state_dict()` of a module, an optimiser or a scheduler gives. `load` gives it
    back: the same nesting, key order, keys (an optimiser's are integers), dtypes, shapes and
    `requires_grad`. An OrderedDict comes back as a dict, and tensors that share memory as tensors
    of their own.

    A path is written aside and renamed, so that a kill leaves the old file or the new one, whole.
    PyTorch reads the tensors with `safetensors.torch.load_file`.

    Raises TypeError, naming the key, for what cannot be stored; ValueError for a container that
    contains itself or is nested more than 100 deep; NotImplementedError for the pickle options, as
    there is no pickle here; OSError, with the path, if the file cannot be written.

    >>> import io
    >>> file = io.BytesIO()
    >>> minigrad.save({"epoch": 3, "w": minigrad.ones(2), "state": {0: (None, True)}}, file)
    >>> _ = file.seek(0)
    >>> minigrad.load(file)
    {'epoch': 3, 'w': tensor([1., 1.]), 'state': {0: (None, True)}}
    """
    _refuse("save", pickle_module=pickle_module, pickle_protocol=pickle_protocol)
    if isinstance(f, str | os.PathLike):
        write_atomically(f, _pack(obj))
        return
    if not hasattr(f, "write"):
        raise TypeError(f"save(): f must be a path or a binary file, not {type(f).__name__}")
    data = _pack(obj)
    try:
        f.write(data)
    except TypeError:
        raise TypeError("save(): the file must be opened in binary mode") from None


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` wrote to `f`, a path or a file opened in binary mode.

    Any other safetensors file loads as a flat dict of its tensors. `map_location` may be the CPU;
    `weights_only` changes nothing, as such a file has nothing but weights and plain values in it.

    Raises RuntimeError if the file is not safetensors, is damaged, or has tensors of a dtype or a
    shape that minigrad doesn't have; OSError if it cannot be read; NotImplementedError for
    `pickle_module`, `mmap=True` and other devices.
    """
    if map_location is not None and str(map_location) != "cpu":
        raise NotImplementedError(f"load(): map_location={map_location!r}: there is only the CPU")
    _refuse("load", pickle_module=pickle_module, mmap=mmap or None)
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return _unpack(file.read(), os.fspath(f))
    if not hasattr(f, "read"):
        raise TypeError(f"load(): f must be a path or a binary file, not {type(f).__name__}")
    data = f.read()
    if not isinstance(data, bytes):
        raise TypeError("load(): the file must be opened in binary mode")
    return _unpack(data, str(getattr(f, "name", "the file")))


def _refuse(function: str, **arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise NotImplementedError(
                f"{function}(): {name} is not supported: the file is safetensors, not a pickle"
            )


# Writing.


def _pack(obj: Any) -> bytes:
    import safetensors.numpy  # `import minigrad` does without it

    tensors: dict[str, np.ndarray] = {}
    structure = _describe(obj, (), tensors, ())
    metadata = {_METADATA_KEY: json.dumps(structure, allow_nan=False)}
    return safetensors.numpy.save(tensors, metadata)


def _describe(
    obj: Any, path: tuple[str, ...], tensors: dict[str, np.ndarray], inside: tuple[int, ...]
) -> Any:
    """The JSON that stands for `obj`; its tensors are added to `tensors`. `inside` has the ids of
    the containers around it."""
    if isinstance(obj, Tensor):
        return _describe_tensor(obj, path, tensors)
    kind = type(obj)
    if kind is float and not math.isfinite(obj):
        return {"float": repr(obj)}
    if obj is None or kind in (bool, int, float, str):
        return obj
    where = ".".join(path) or "the object itself"
    if id(obj) in inside:
        raise ValueError(f"save(): {where} contains itself")
    if len(inside) >= _DEPTH:
        raise ValueError(f"save(): {path[0]} is nested more than {_DEPTH} deep")
    inside = (*inside, id(obj))
    if kind in (list, tuple):
        items = [_describe(v, (*path, str(i)), tensors, inside) for i, v in enumerate(obj)]
        return {kind.__name__: items}
    if kind in (dict, OrderedDict, Counter):
        pairs = []
        for key, value in obj.items():
            if key is not None and type(key) not in (bool, int, float, str):
                raise TypeError(
                    f"save(): the key {key!r} in {where} is a {type(key).__name__}; "
                    "keys can be strings, numbers, bools and None"
                )
            described_key = _describe(key, (), tensors, ())
            pairs.append([described_key, _describe(value, (*path, str(key)), tensors, inside)])
        return {"dict": pairs}
    hint = "; save its state_dict()" if hasattr(obj, "state_dict") else ""
    raise TypeError(
        f"save(): {where} is a {kind.__module__}.{kind.__qualname__}{hint}: only tensors, numbers, "
        "strings, bools, None, and dicts, lists and tuples of these can be stored"
    )


def _describe_tensor(
    tensor: Tensor, path: tuple[str, ...], tensors: dict[str, np.ndarray]
) -> dict[str, Any]:
    name = ".".join(path).encode("utf-8", "backslashreplace").decode() or "tensor"
    while name in tensors or name == "__metadata__":  # {"a.b": ..., "a": {"b": ...}}
        name += "'"
    # In row order, as the format wants it; np.ascontiguousarray would make a 0-d array 1-d.
    tensors[name] = tensor.numpy(force=True).copy(order="C")
    described: dict[str, Any] = {"parameter" if isinstance(tensor, Parameter) else "tensor": name}
    if isinstance(tensor, Parameter) != tensor.requires_grad:  # not as usual for its kind
        described["requires_grad"] = tensor.requires_grad
    return described


# Reading.


def _unpack(data: bytes, name: str) -> Any:
    import safetensors  # as above

    try:
        table = safetensors.deserialize(data)
        # What was accepted starts with the length of its header in 8 bytes, then has as much JSON.
        header = _parse_json(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, ValueError) as error:
        why = str(error).removeprefix("Error while deserializing: ")
        if _is_torchs(data):
            why = "it looks like torch.save's; write it with safetensors.torch.save_file"
        raise RuntimeError(f"{name}: not a whole safetensors file: {why}") from None
    arrays = {tensor_name: _read_array(stored, tensor_name, name) for tensor_name, stored in table}
    structure = (header.get("__metadata__") or {}).get(_METADATA_KEY)
    if structure is None:
        return {tensor_name: wrap(array) for tensor_name, array in arrays.items()}
    try:
        obj = _rebuild(_parse_json(structure), arrays)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as e:
        raise RuntimeError(
            f"{name}: minigrad's own metadata is damaged ({type(e).__name__}: {e})"
        ) from None
    if arrays:
        raise RuntimeError(f"{name}: tensors without a place in its metadata: {', '.join(arrays)}")
    return obj


def _parse_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError for a key given twice, of which Python would keep the last."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"duplicate key {max(keys, key=keys.count)!r}")
        return found

    return json.loads(text, object_pairs_hook=unique)


def _is_torchs(data: bytes) -> bool:
    """Whether the bytes are torch.save's: a zip file with a pickle in it, or its old form."""
    return (data[:4] == b"PK\x03\x04" and b"data.pkl" in data) or _TORCH_MAGIC in data[:32]


def _read_array(stored: dict[str, Any], tensor_name: str, name: str) -> np.ndarray:
    if stored["dtype"] not in _DTYPES:
        raise RuntimeError(
            f"{name}: the tensor {tensor_name!r} is {stored['dtype']}; "
            f"minigrad has {', '.join(_DTYPES)}"
        )
    dtype = _DTYPES[stored["dtype"]]
    try:
        array = np.frombuffer(stored["data"], dtype).reshape(stored["shape"])
    except ValueError as error:  # more dimensions or a larger size than NumPy has
        raise RuntimeError(f"{name}: the shape of the tensor {tensor_name!r}: {error}") from None
    return array.astype(dtype.newbyteorder("="))  # a copy: the tensor's own


def _rebuild(node: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The object that `_describe` described; each array is used up, by the one tensor it is of."""
    if not isinstance(node, dict):
        if isinstance(node, list):
            raise ValueError("a bare list")
        return node
    rest = dict(node)
    requires_grad = rest.pop("requires_grad", None)
    ((kind, content),) = rest.items()
    match kind:
        case "dict":
            built = {_rebuild(k, arrays): _rebuild(v, arrays) for k, v in content}
            if len(built) < len(content):
                raise ValueError("duplicate key in a dict")
            return built
        case "list":
            return [_rebuild(item, arrays) for item in content]
        case "tuple":
            return tuple(_rebuild(item, arrays) for item in content)
        case "float":
            return float(content)
        case "tensor":
            tensor = wrap(arrays.pop(content))
            return tensor.requires_grad_() if requires_grad else tensor
        case "parameter":
            return Parameter(wrap(arrays.pop(content)), requires_grad is not False)
    raise ValueError(f"{kind!r} is nothing that save() writes")
