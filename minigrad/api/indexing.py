"""`x[key]` and `x[key] = value`.

A key is split as PyTorch splits it. Each int, slice and None is one op, which makes a view. The
rest of the key (lists, masks and tensors of indices) is one gather or one scatter.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dispatch import OPS
from ..core.inplace import in_place
from ..core.tensor import TensorBase, require_element, require_tensor
from ..rules import REGISTRY
from ..rules.dims import int64
from ..rules.dtypes import scalar_name
from ..rules.indexing import put_into
from ..rules.promotion import converted
from .compositions import require_list, tensor_or_number

_alias, _index, _select = OPS["alias"], OPS["index"], OPS["select"]
_slice, _unsqueeze = OPS["slice"], OPS["unsqueeze"]
_copy_ = in_place(REGISTRY["copy"])
_index_put_ = in_place(REGISTRY["index_put"], into_shared=put_into)


def getitem(self: TensorBase, key: Any) -> Any:
    """`x[key]`: a view for ints, slices, None and `...`; a copy for lists, masks and tensors."""
    view, rest = _split_key(self, key)
    return view if rest is None else _index(view, rest)


def setitem(self: TensorBase, key: Any, value: Any) -> None:
    """`x[key] = value`, where `value` is a number or broadcasts to the selected elements."""
    if not isinstance(value, TensorBase):
        value = _number_to_store(value, self._array.dtype)
    if isinstance(key, TensorBase | np.ndarray | tuple) and (
        not isinstance(value, TensorBase) or value._array.size == 1
    ):
        _refuse_bytes(key if isinstance(key, tuple) else (key,))
    view, rest = (self, None) if _selects_all(key, self) else _split_key(self, key)
    if isinstance(value, TensorBase):
        ndim = view._array.ndim if rest is None else view._array[rest].ndim
        while value._array.ndim > ndim and value._array.shape[0] == 1:
            value = _select(value, 0, 0)
    if rest is None:
        _copy_(view, value)
        return
    masks = all(isinstance(r, slice) or r.dtype.kind == "b" for r in rest)
    if isinstance(value, TensorBase):
        if masks and value._array.size == 1:
            # With masks, a single value is converted as a number is.
            converted(value._array.item(), view._array.dtype)
            value = OPS["clone"](value)
        else:
            _require_same_dtype(view, value)
    _index_put_(view, value, rest)


def _number_to_store(value: Any, kind: np.dtype) -> Any:
    """A number as an element of a dtype.

    TypeError for anything else, ValueError for an int beyond 64 bits, RuntimeError for any other
    number that the dtype can't hold.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long: an int beyond 64 bits")
    return converted(tensor_or_number(value, "__setitem__"), kind)


def _selects_all(key: Any, x: TensorBase) -> bool:
    """Whether a key selects the whole tensor, which is then written to without making a view."""
    if isinstance(key, slice) and x._array.ndim:
        size = x._array.shape[0]
        return key.start in (None, 0) and key.indices(size) == (0, size, 1)
    return key is Ellipsis


def _require_same_dtype(target: TensorBase, value: TensorBase) -> None:
    if value._array.dtype is not target._array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{scalar_name(target._array)} for the destination and "
            f"{scalar_name(value._array)} for the source."
        )


def index_put(
    input: TensorBase, indices: Sequence[TensorBase], values: TensorBase, accumulate: bool = False
) -> Any:
    """Return a copy of `input` with `values` stored at `indices`.

    `indices` are tensors of indices, one for each dimension from the first on, or masks, one for
    as many dimensions as it has. `values` broadcasts. With `accumulate` it is added instead, once
    for each time that an element is selected. IndexError for an index out of range, RuntimeError
    for shapes or dtypes that don't fit.

    >>> places = (minigrad.tensor([0, 0]),)
    >>> minigrad.index_put(minigrad.zeros(3), places, minigrad.tensor(1.), accumulate=True)
    tensor([2., 0., 0.])
    """
    key = _index_put_key(input, indices, values, accumulate)
    return OPS["index_put"](input, values, key, accumulate)


def index_put_(
    self: TensorBase, indices: Sequence[TensorBase], values: TensorBase, accumulate: bool = False
) -> Any:
    """`index_put`, in place. RuntimeError for a leaf that requires grad.

    >>> minigrad.zeros(3).index_put_((minigrad.tensor([2]),), minigrad.tensor([1.]))
    tensor([0., 0., 1.])
    """
    return _index_put_(self, values, _index_put_key(self, indices, values, accumulate), accumulate)


def _index_put_key(
    target: TensorBase, indices: Any, values: Any, accumulate: bool
) -> tuple[Any, ...]:
    """The indices of `index_put` as the key of its rule."""
    require_list(indices, "index_put", "indices")
    for position, index in enumerate(indices):
        require_element(index, position)
    if not indices:
        raise RuntimeError("index_put() needs at least one tensor of indices")
    require_tensor(values, "index_put", "values", position=2)
    _require_same_dtype(target, values)
    if values._array.size == 1 and not accumulate:
        _refuse_bytes(indices)
    entries = [np.atleast_1d(_entry(index)) for index in indices]
    _count_dims(entries, target._array.ndim)
    dim = 0
    for entry in entries:
        _check_mask(entry, target._array.shape, dim)
        dim += _dims_used(entry)
    return tuple(entries)


def _refuse_bytes(key: Sequence[Any]) -> None:
    """RuntimeError for a uint8 mask where PyTorch calls masked_fill_, which takes only bools."""
    arrays = [k._array if isinstance(k, TensorBase) else k for k in key]
    kinds = [a.dtype.kind for a in arrays if isinstance(a, np.ndarray) and a.ndim]
    if "u" in kinds and "i" not in kinds:
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype unsigned char"
        )


def _split_key(self: TensorBase, key: Any) -> tuple[TensorBase, tuple[Any, ...] | None]:
    """The view that the ints, slices and None of a key make, and the key of the gather, if any."""
    if isinstance(key, list) and any(
        k is None or k is Ellipsis or isinstance(k, TensorBase | Sequence | np.ndarray | slice)
        for k in key
    ):
        key = tuple(key)  # a list that holds more than numbers is a tuple of indices
    ndim, alone = self._array.ndim, not isinstance(key, tuple)
    entries = [_entry(k) for k in ((key,) if alone else key)]
    if ndim == 0 and alone and type(entries[0]) is int:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python "
            "to convert a 0-dim tensor to a number"
        )
    used = _count_dims(entries, ndim)
    view, dim, gathers, dropped = self, 0, False, 0
    rest: list[Any] = []  # the key of the gather; it covers the view's first `dim` dimensions
    for e in entries:
        kind = type(e)
        if kind is int:
            size = view._array.shape[dim] if dim < view._array.ndim else 0
            if not -size <= e < size:
                int64(e)
                raise IndexError(
                    f"index {e} is out of bounds for dimension {dim + dropped} with size {size}"
                )
            dropped += 1
            view = _select(view, dim, e)
        elif kind is slice:
            if alone or e != slice(None):
                view = _slice(view, dim, e.start, e.stop, 1 if e.step is None else e.step)
            rest.append(slice(None))
            dim += 1
        elif e is None:
            view = _unsqueeze(view, dim)
            rest.append(slice(None))
            dim += 1
        elif e is Ellipsis:
            rest += [slice(None)] * (ndim - used)
            dim += ndim - used
        elif kind is bool:  # a new dimension, of size 1 or 0
            view = _unsqueeze(view, dim)
            rest.append(np.array([e]))
            dim, gathers = dim + 1, True
        else:
            _check_mask(e, view._array.shape, dim)
            rest.append(e)
            dim, gathers = dim + _dims_used(e), True
    if gathers:
        return view, tuple(rest)
    return (_alias(self) if view is self else view), None


def _entry(k: Any) -> Any:
    """One entry of a key, converted to an int, bool, slice, None, `...` or array of indices."""
    if type(k) is int or k is None or k is Ellipsis or isinstance(k, slice | bool):
        return k
    if isinstance(k, int | np.integer):
        return int(k)
    if isinstance(k, TensorBase | np.ndarray):
        # Copied, so that a later write to the indices doesn't change the gradient.
        array = np.array(k._array if isinstance(k, TensorBase) else k)
        if array.dtype.kind == "u":
            if array.ndim:
                warnings.warn(
                    "indexing with dtype torch.uint8 is now deprecated, please use a dtype "
                    "torch.bool instead.",
                    stacklevel=4,
                )
            array = array != 0
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


def _check_mask(entry: Any, shape: tuple[int, ...], dim: int) -> None:
    """IndexError if an entry is a mask of another shape than the dimensions from `dim` on."""
    if entry.dtype.kind == "b":
        for d, size in enumerate(entry.shape):
            if shape[dim + d : dim + d + 1] != (size,):
                raise IndexError(
                    f"The shape of the mask {list(entry.shape)} at index {d} does not match the "
                    f"shape of the indexed tensor {list(shape)} at index {dim + d}"
                )


def _count_dims(entries: Sequence[Any], ndim: int) -> int:
    """The number of dimensions that a key indexes. IndexError for more than `ndim`."""
    used = sum(map(_dims_used, entries))
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim} (got {used})")
    return used


def _dims_used(entry: Any) -> int:
    """The number of dimensions that one entry of a key indexes."""
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return 0
    return entry.ndim if isinstance(entry, np.ndarray) and entry.dtype.kind == "b" else 1
