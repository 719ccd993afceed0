"""From samples to a batch: what is alike in all of them becomes one tensor."""

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
    """One batch from a list of samples that are all built alike, as the first one is.

    Tensors and arrays of shape (*) become a tensor of shape (n, *); ints, bools and NumPy's numbers
    one of shape (n,) and of their dtype; Python floats one of float64. Strings and bytes stay a
    list. Mappings, tuples and sequences are collated item by item: a mapping keeps its type, a
    tuple becomes a list unless it is a named one.

    TypeError for samples of any other type, None included. RuntimeError for tensors of different
    shapes and for sequences of different lengths, KeyError for a key that some sample lacks.

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
                raise TypeError(_unknown(first.dtype))
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
            if not _is_named(first) and any(len(sample) != len(first) for sample in batch):
                raise RuntimeError("each element in list of batch should be of equal size")
            return _like(first, [default_collate(items) for items in zip(*batch, strict=False)])
    raise TypeError(_unknown(type(first)))


def default_convert(data: Any) -> Any:
    """One sample with its arrays and NumPy numbers made tensors, and all else left as it is.

    Mappings and sequences are converted item by item; tuples become lists unless they are named.

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
    """Whether the elements of an array are strings, bytes or any Python objects."""
    return array.dtype.kind in "OSU"


def _is_named(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _like(original: Any, contents: Any) -> Any:
    """A container of the type of `original` around `contents`, a dict or a list.

    A copy that is filled again rather than a new one: so a defaultdict keeps its factory. What
    can be neither filled nor made from its contents alone, such as a range, is left a list.
    """
    if _is_named(original):
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


def _unknown(kind: object) -> str:
    return (
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {kind}. For samples of another kind, give the DataLoader a collate_fn."
    )
