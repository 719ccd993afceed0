"""`x[key]` and `x[key] = value`.

A key is taken apart as PyTorch does it: ints, slices and None each make a view, one op each, and
what remains (lists, masks and tensors of indices) is one gather or one scatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dispatch import OPS
from ..core.inplace import in_place
from ..core.tensor import Tensor
from ..rules import REGISTRY
from ..rules.dtypes import SCALAR_NAMES
from .functions import tensor_or_number

_copy_ = in_place(REGISTRY["copy"])
_index_put_ = in_place(REGISTRY["index_put"])


def getitem(self: Tensor, key: Any) -> Tensor:
    """`x[key]`: a view for ints, slices, None and `...`; a copy for lists, masks and tensors."""
    view, rest = _taken_apart(self, key)
    return view if rest is None else OPS["index"](view, rest)


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """`x[key] = value`, a number or a tensor that broadcasts to the elements named."""
    value = tensor_or_number(value, "__setitem__")
    view, rest = (self, None) if _is_everything(key, self) else _taken_apart(self, key)
    if isinstance(value, Tensor):
        target = view._array.ndim if rest is None else view._array[rest].ndim
        while value.ndim > target and value._array.shape[0] == 1:
            value = value[0]
    if rest is None:
        _copy_(view, value)
        return
    masks = all(isinstance(r, slice) or r.dtype.kind == "b" for r in rest)
    if isinstance(value, Tensor):
        if masks and value.numel() == 1:
            value = value.clone()  # one value under a mask is converted, as a number is
        else:
            _same_dtype(view, value)
    _index_put_(view, value, rest)


def _is_everything(key: Any, x: Tensor) -> bool:
    """Whether a key names the whole tensor, which then is written to itself, not through a view."""
    if isinstance(key, slice) and x.ndim:
        size = x._array.shape[0]
        return key.start in (None, 0) and key.indices(size) == (0, size, 1)
    return key is Ellipsis


def _same_dtype(target: Tensor, value: Tensor) -> None:
    if value.dtype is not target.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{SCALAR_NAMES[target._array.dtype]} for the destination and "
            f"{SCALAR_NAMES[value._array.dtype]} for the source."
        )


def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    """A copy of `input` with `values`, broadcast, at `indices`: a tensor of indices or a mask for
    each dimension, from the first on.

    With `accumulate` they are added to what is there, once for each time an element is named.
    IndexError for an index that is out of range, RuntimeError where shapes or dtypes do not fit.

    >>> places = (minigrad.tensor([0, 0]),)
    >>> minigrad.index_put(minigrad.zeros(3), places, minigrad.tensor(1.), accumulate=True)
    tensor([2., 0., 0.])
    """
    result: Tensor = OPS["index_put"](input, values, _key(input, indices, values), accumulate)
    return result


def index_put_(
    self: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    """`index_put`, written into this tensor; RuntimeError for a leaf's own values.

    >>> minigrad.zeros(3).index_put_((minigrad.tensor([2]),), minigrad.tensor([1.]))
    tensor([0., 0., 1.])
    """
    return _index_put_(self, values, _key(self, indices, values), accumulate)


def _key(target: Tensor, indices: Any, values: Any) -> tuple[Any, ...]:
    """The indices of `index_put`, as the rule has them."""
    if not isinstance(indices, tuple | list):
        kind = type(indices).__name__
        raise TypeError(
            f"index_put(): argument 'indices' (position 1) must be tuple of Tensors, not {kind}"
        )
    for position, index in enumerate(indices):
        if not isinstance(index, Tensor):
            raise TypeError(
                f"expected Tensor as element {position} in argument 0, but got "
                f"{type(index).__name__}"
            )
    if not indices:
        raise RuntimeError("index_put(): at least one tensor of indices is needed")
    if not isinstance(values, Tensor):
        kind = type(values).__name__
        raise TypeError(f"index_put(): argument 'values' (position 2) must be Tensor, not {kind}")
    _same_dtype(target, values)
    entries = [_entry(index) for index in indices]
    used = sum(map(_dims_used, entries))
    if used > target.ndim:
        raise IndexError(f"too many indices for tensor of dimension {target.ndim} (got {used})")
    return tuple(np.atleast_1d(entry) for entry in entries)


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
