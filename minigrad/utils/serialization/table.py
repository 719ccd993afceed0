"""The layout of `save_safetensors`: a safetensors file with the nesting of an object as JSON.

A safetensors file is a flat table of named arrays with a string of metadata. `pack` puts each
tensor in the table under its dotted path ("state.0.momentum_buffer"), so that any reader of the
format finds it, and the nesting around the tensors, with all that is not a tensor, as JSON in the
metadata. In that JSON a number, a string, a bool or null stands for itself, and an object with one
key for the rest: {"dict": [[key, value], ...]}, {"list": [...]}, {"tuple": [...]},
{"float": "nan"}, {"tensor": name}, {"parameter": name}.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict
from typing import Any

import numpy as np

from ...api.tensor import Tensor
from ...core.tensor import wrap
from ...nn.parameter import Parameter
from ...rules.dtypes import SUPPORTED

# The dtypes under the format's names. The files are little-endian.
_DTYPES = {d.safetensors_name: d.numpy.newbyteorder("<") for d in SUPPORTED}
_METADATA_KEY = "minigrad"
# How many containers may be inside each other. Beyond it, Python's own limit is near.
_DEPTH = 100


# Writing.


def pack(obj: Any) -> bytes:
    """Return the bytes of a file with `obj`.

    Raises TypeError, naming the key, for what can't be stored; ValueError for a container that
    contains itself or is nested too deep.
    """
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


def unpack(data: bytes, name: str) -> Any:
    """Return the object in a file, which is called `name` in errors. RuntimeError if damaged."""
    import safetensors  # as above

    try:
        table = safetensors.deserialize(data)
        # What was accepted starts with the length of its header in 8 bytes, then has as much JSON.
        header = _parse_json(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, ValueError) as error:
        why = str(error).removeprefix("Error while deserializing: ")
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
