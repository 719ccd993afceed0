"""`x[key]` and `x[key] = value`.

A key is taken apart as PyTorch does it: ints, slices and None each make a view, one op each, and
what remains (lists, masks and tensors of indices) is one gather or one scatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .dispatch import OPS
from .dtypes import SCALAR_NAMES
from .functions import tensor_or_number
from .inplace import in_place
from .rules import REGISTRY
from .tensor import Tensor

_copy_ = in_place(REGISTRY["copy"])
_index_put_ = in_place(REGISTRY["index_put"])


def getitem(self: Tensor, key: Any) -> Tensor:
    """`x[key]`: a view for ints, slices, None and `...`; a copy for lists, masks and tensors."""
    view, rest = _taken_apart(self, key)
    return view if rest is None else OPS["index"](view, rest)


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """`x[key] = value`, a number or a tensor that broadcasts to the elements named."""
    value = tensor_or_number(value, "__setitem__")
    view, rest = _taken_apart(self, key)
    if isinstance(value, Tensor):
        target = view._array.ndim if rest is None else view._array[rest].ndim
        while value.ndim > target and value._array.shape[0] == 1:
            value = value[0]
    if rest is None:
        _copy_(view, value)
        return
    if isinstance(value, Tensor) and value.dtype is not view.dtype:
        masks = all(isinstance(r, slice) or r.dtype.kind == "b" for r in rest)
        if value.numel() != 1 or not masks:  # one value under a mask is converted, as a number is
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{SCALAR_NAMES[view._array.dtype]} for the destination and "
                f"{SCALAR_NAMES[value._array.dtype]} for the source."
            )
    _index_put_(view, value, rest)


def _taken_apart(self: Tensor, key: Any) -> tuple[Tensor, tuple[Any, ...] | None]:
    """The view that the ints, slices and None of a key make, and the indices left to gather."""
    if isinstance(key, list) and any(
        k is None or k is Ellipsis or isinstance(k, Tensor | Sequence | np.ndarray | slice)
        for k in key
    ):
        key = tuple(key)  # a list is a tuple of indices once it holds more than numbers
    alone = not isinstance(key, tuple)
    entries = [_entry(k) for k in ((key,) if alone else key)]
    used = sum(_dims_used(e) for e in entries)
    if used > self.ndim:
        if self.ndim == 0 and alone and isinstance(entries[0], int):
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python "
                "to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
    result, gather = self, False
    rest: list[Any] = []
    for e in entries:
        dim = sum(_dims_used(r) for r in rest)
        if isinstance(e, bool):  # a new dimension, kept or emptied
            result = OPS["unsqueeze"](result, dim)
            rest.append(np.array([e]))
            gather = True
        elif isinstance(e, int):
            size = result._array.shape[dim]
            if not -size <= e < size:
                raise IndexError(f"index {e} is out of bounds for dimension {dim} with size {size}")
            result = OPS["select"](result, dim, e)
        elif e is None:
            result = OPS["unsqueeze"](result, dim)
            rest.append(slice(None))
        elif e is Ellipsis:
            rest += [slice(None)] * (self.ndim - used)
        elif isinstance(e, slice):
            if alone or e != slice(None):
                step = 1 if e.step is None else e.step
                result = OPS["slice"](result, dim, e.start, e.stop, step)
            rest.append(slice(None))
        else:
            rest.append(e)
            gather = True
    if gather:
        return result, tuple(rest)
    return OPS["alias"](self) if result is self else result, None


def _entry(k: Any) -> Any:
    """One entry of a key as an int, a bool, a slice, None, `...`, or an array of indices."""
    if k is None or k is Ellipsis or isinstance(k, slice | bool):
        return k
    if isinstance(k, int | np.integer):
        return int(k)
    if isinstance(k, Tensor | np.ndarray):
        # A copy, so that a later write to the indices does not change the gradient.
        array = np.array(k._array if isinstance(k, Tensor) else k)
    elif isinstance(k, Sequence) and not isinstance(k, str):
        array = np.array([_entry(item) for item in k] if len(k) else np.empty(0, np.int64))
    elif isinstance(k, str):
        raise TypeError("new(): invalid data type 'str'")
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(k).__name__})"
        )
    if array.dtype.kind not in "bi":
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors, not of "
            f"{array.dtype.name}"
        )
    return array if array.ndim else array.item()


def _dims_used(entry: Any) -> int:
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return 0
    return entry.ndim if isinstance(entry, np.ndarray) and entry.dtype.kind == "b" else 1
