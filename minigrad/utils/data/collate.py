"""Collation: a batch from a list of samples."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...api.creation import as_tensor, tensor
from ...api.functions import stack
from ...api.tensor import Tensor
from ...rules.dtypes import float64


def default_collate(batch: Any) -> Any:
    """Make a batch of a list of samples that all have the structure of the first.

    Tensors and arrays of shape (*) become a tensor of shape (n, *). Ints, bools and NumPy scalars
    become one of shape (n,) and of their dtype, Python floats one of float64. Strings and bytes
    stay a list. Mappings, tuples and sequences are collated item by item: a mapping keeps its type,
    and a tuple becomes a list unless it is a named tuple.

    Raises TypeError for samples of any other type, including None; RuntimeError for tensors of
    different shapes and for sequences of different lengths; KeyError for a key missing in a sample.

    >>> default_collate([(1.5, {"name": "a"}), (2.5, {"name": "b"})])
    [tensor([1.5000, 2.5000], dtype=torch.float64), {'name': ['a', 'b']}]
    """
    first = batch[0]
    match first:
        case Tensor():
            return stack(batch)
        case str() | bytes():
            return batch
        case np.ndarray():
            if _is_text(first):
                raise TypeError(_unsupported(first.dtype))
            return stack([as_tensor(array) for array in batch])
        case np.bool_() | np.number():
            return as_tensor(batch)
        case float():
            return tensor(batch, dtype=float64)
        case int():
            return tensor(batch)
        case Mapping():
            return _like(first, {key: default_collate([s[key] for s in batch]) for key in first})
        case Sequence():
            if not _is_named_tuple(first) and any(len(sample) != len(first) for sample in batch):
                raise RuntimeError("each element in list of batch should be of equal size")
            return _like(first, [default_collate(items) for items in zip(*batch, strict=False)])
    raise TypeError(_unsupported(type(first)))


def default_convert(data: Any) -> Any:
    """Convert the arrays and NumPy scalars in a sample to tensors, and leave the rest.

    Mappings and sequences are converted item by item; tuples become lists unless they are named
    tuples.

    >>> default_convert((np.zeros(2), 7, "a"))
    [tensor([0., 0.], dtype=torch.float64), 7, 'a']
    """
    match data:
        case Tensor() | str() | bytes():
            return data
        case np.ndarray() | np.generic():
            return data if _is_text(data) else as_tensor(data)
        case Mapping():
            return _like(data, {key: default_convert(value) for key, value in data.items()})
        case Sequence():
            return _like(data, [default_convert(item) for item in data])
    return data


def _is_text(array: Any) -> bool:
    """Whether the elements of an array are strings, bytes or Python objects."""
    return array.dtype.kind in "OSU"


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _like(original: Any, contents: Any) -> Any:
    """Return a container of the type of `original` that holds `contents`, a dict or a list.

    It is a copy of `original`, refilled, so that a defaultdict keeps its factory. A type that can
    neither be filled nor made from its contents, such as range, gives `contents` itself.
    """
    if _is_named_tuple(original):
        return type(original)(*contents)
    if isinstance(original, tuple):
        return contents
    kind: Any = type(original)
    try:
        if not isinstance(original, MutableMapping | MutableSequence):
            return kind(contents)
        result: Any = copy.copy(original)
        if isinstance(original, MutableMapping):
            result.update(contents)
        else:
            for i, item in enumerate(contents):
                result[i] = item
        return result
    except TypeError:
        return contents


def _unsupported(kind: object) -> str:
    return (
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {kind}. For samples of other types, pass a collate_fn to the DataLoader."
    )
