"""`x[key]` and `x[key] = value`.

A key is split as PyTorch splits it. Each int, slice and None is one op, which makes a view. The
rest of the key (lists, masks and tensors of indices) is one gather or one scatter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.creating import warn_if_read_only
from ..core.dispatch import OPS
from ..core.errstate import cast
from ..core.inplace import in_place, warn_of_shared
from ..core.tensor import TensorBase, require_element, require_tensor, wrap
from ..core.warning import warn
from ..rules import REGISTRY
from ..rules.dims import int64
from ..rules.dtypes import of_numpy, scalar_name
from ..rules.indexing import put_into
from ..rules.promotion import converted, python_number
from .compositions.basic import in_kind, require_list

_alias, _index, _select = OPS["alias"], OPS["index"], OPS["select"]
_slice, _unsqueeze = OPS["slice"], OPS["unsqueeze"]
_NO_SEQUENCES = (int, slice, tuple)  # or a tuple already
_PLAIN = frozenset((int, slice, type(None)))  # the types of entries that need no conversion
_WITH_ARRAYS = (TensorBase, np.ndarray, tuple)  # the types of keys that may hold an array
_expand, _view = OPS["expand"], OPS["view"]
_copy_, _fill_ = in_place(REGISTRY["copy"]), in_place(REGISTRY["fill"], fills=True)
_index_put_ = in_place(REGISTRY["index_put"], into_shared=put_into)
# Of one value, which it may overlap.
_index_fill_ = in_place(REGISTRY["index_put"], fills=True, into_shared=put_into)


def getitem(self: TensorBase, key: Any) -> Any:
    """`x[key]`: a view for ints, slices, None and `...`; a copy for lists, masks and tensors."""
    view, rest = _split_key(self, key)
    if rest is not None:
        return _index(view, rest)
    return _alias(self) if view is self else view


def setitem(self: TensorBase, key: Any, value: Any) -> None:
    """`x[key] = value`, where `value` is a number or broadcasts to the selected elements."""
    if not isinstance(value, TensorBase):
        value = _number_to_store(value, self._array.dtype)
    if isinstance(key, _WITH_ARRAYS) and (
        not isinstance(value, TensorBase) or value._array.size == 1
    ):
        _refuse_bytes(key if isinstance(key, tuple) else (key,))
    view, rest = (self, None) if _selects_all(key, self) else _split_key(self, key)
    if rest is None:
        _assign(view, value)
        return
    put_ = _index_put_
    if isinstance(value, TensorBase):
        if value._array.size == 1 and all(isinstance(r, slice) or _is_mask(r) for r in rest):
            put_ = _index_fill_  # a single value is converted as a number is
            converted(value._array.item(), view._array.dtype)
        else:
            _require_same_dtype(view, value, rest)
        value = _without_leading_ones(value)
    put_(view, value, rest)
    _warn_of_masked_fill(view, value, rest)


def delitem(self: TensorBase, key: Any) -> NoReturn:
    """`del x[key]`: TypeError."""
    raise TypeError("Tensor does not support deleting items")


def _assign(target: TensorBase, value: Any) -> None:
    """Store a number or a tensor, which broadcasts, by the ops that PyTorch uses."""
    if target.requires_grad and not isinstance(value, TensorBase):
        value = wrap(np.array(value, target._array.dtype))  # the graph has it as a tensor
    if isinstance(value, TensorBase) and value._array.shape != target._array.shape:
        if value._array.ndim == 0:
            _fill_(target, value)
            return
        value = _view(value, _without_leading_ones(value)._array.shape)
        if value._array.shape != target._array.shape:
            value = _expand(value, target._array.shape)
    _copy_(target, value)


def _without_leading_ones(value: TensorBase) -> TensorBase:
    """A view without the leading dimensions of size 1; the tensor itself if there are none."""
    shape = value._array.shape
    ones = next((d for d, size in enumerate(shape) if size != 1), len(shape))
    return _view(value, shape[ones:]) if ones else value


def _number_to_store(value: Any, kind: np.dtype) -> Any:
    """A number as an element of a dtype. One that is too large for float16 becomes infinite.

    TypeError for anything else, ValueError for an int beyond 64 bits, RuntimeError for any other
    number that the dtype can't hold.
    """
    if type(value) is float and kind.char in "fd":
        return converted(value, kind)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long: an int beyond 64 bits")
    # NumPy's float64 is one of Python's floats, its other floats and its bools are not.
    if not isinstance(value, int | float | np.integer):
        name = type(value).__name__
        name = f"numpy.{name}" if isinstance(value, np.generic | np.ndarray) else name
        raise TypeError(f"can't assign a {name} to a torch.{of_numpy(kind).scalar_name}Tensor")
    value = python_number(value)
    if kind == np.float16:
        return cast(np.array(converted(value, np.dtype(np.float32))), kind).item()
    return converted(value, kind)


def _selects_all(key: Any, x: TensorBase) -> bool:
    """Whether a key selects the whole tensor, which is then written to without making a view."""
    if isinstance(key, slice) and x._array.ndim:
        size = x._array.shape[0]
        return key.start in (None, 0) and key.indices(size) == (0, size, 1)
    return key is Ellipsis


def _is_whole(part: slice, size: int) -> bool:
    """Whether a slice selects a whole dimension, so that PyTorch ignores it."""
    start, stop, step = part.start, part.stop, part.step
    to_end = stop is None or (type(stop) is int and stop >= size)
    return (
        to_end
        and (start is None or (type(start) is int and start == 0))
        and (step is None or (type(step) is int and step == 1))
    )


def _require_same_dtype(target: TensorBase, value: TensorBase, key: tuple[Any, ...]) -> None:
    """RuntimeError for a value of another dtype, unless its shape doesn't fit: that comes first."""
    if value._array.dtype is not target._array.dtype:
        with contextlib.suppress(IndexError):  # an index out of range would be found after both
            OPS["index_put"](target.detach(), OPS["cast"](value.detach(), target._array.dtype), key)
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
    return OPS["index_put"](input, _put_value(input, values, key, accumulate), key, accumulate)


def index_put_(
    self: TensorBase, indices: Sequence[TensorBase], values: TensorBase, accumulate: bool = False
) -> Any:
    """`index_put`, in place. RuntimeError for a leaf that requires grad.

    >>> minigrad.zeros(3).index_put_((minigrad.tensor([2]),), minigrad.tensor([1.]))
    tensor([0., 0., 1.])
    """
    key = _index_put_key(self, indices, values, accumulate)
    _index_put_(self, _put_value(self, values, key, accumulate), key, accumulate)
    if not accumulate:
        _warn_of_masked_fill(self, values, key)
    return self


def _warn_of_masked_fill(target: TensorBase, value: Any, key: Sequence[Any]) -> None:
    """Warn of a write of one value by a mask, for which PyTorch calls masked_fill_, as of that."""
    if not isinstance(value, TensorBase) or value._array.size == 1:
        used = [entry for entry in key if not isinstance(entry, slice)]
        if len(used) == 1 and _is_mask(used[0]):
            warn_of_shared(target._array, "masked_fill")


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
    if values._array.size == 1 and not accumulate:
        _refuse_bytes(indices)
    entries = tuple(map(_bool_mask, indices))
    if not target._array.ndim:
        raise IndexError(f"too many indices for tensor of dimension 0 (got {len(entries)})")
    _count_dims([_entry(entry) for entry in entries], target._array.ndim)
    dim = 0
    for entry in entries:
        _check_mask(entry, target._array.shape, dim)
        dim += _dims_used(entry)
    return entries


def _put_value(target: TensorBase, values: Any, key: tuple[Any, ...], accumulate: bool) -> Any:
    """What `index_put` stores: it may not have more dimensions than the elements that it replaces.

    `x[key] = value` takes leading dimensions of size 1, and so does a write of one value by a mask,
    which also converts it.
    """
    if values._array.size == 1 and not accumulate and len(key) == 1 and _is_mask(key[0]):
        kind = target._array.dtype
        converted(values._array.item(), kind)
        values = values if values._array.ndim < 2 else values.reshape(())
        return values if values._array.dtype is kind else OPS["cast"](values, kind)
    if values._array.ndim >= 2:
        _require_fewer_dims(target, values, key)
    _require_same_dtype(target, values, key)
    return values


def _require_fewer_dims(target: TensorBase, values: Any, key: tuple[Any, ...]) -> None:
    """RuntimeError for more dimensions than the elements that a key selects have."""
    arrays = tuple([entry._array for entry in key])
    with contextlib.suppress(IndexError):  # which the rule raises
        replaced = target._array[arrays]
        if values._array.ndim > replaced.ndim:
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast "
                f"to indexing result of shape {list(replaced.shape)}"
            )


def _refuse_bytes(key: Sequence[Any]) -> None:
    """RuntimeError for a uint8 mask where PyTorch calls masked_fill_, which takes only bools."""
    if _PLAIN.issuperset(map(type, key)):
        return
    arrays = [k._array if isinstance(k, TensorBase) else k for k in key]
    kinds = [a.dtype.kind for a in arrays if isinstance(a, np.ndarray) and a.ndim]
    if "u" in kinds and "i" not in kinds:
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype unsigned char"
        )


def _split_key(self: TensorBase, key: Any) -> tuple[TensorBase, tuple[Any, ...] | None]:
    """The view that the ints, slices and None of a key make, and the key of the gather, if any."""
    if type(key) is int and (shape := self._array.shape) and -shape[0] <= key < shape[0]:
        return _select(self, 0, key), None  # the most common key, in loops, needs no splitting
    if type(key) not in _NO_SEQUENCES and _stands_for_tuple(key):
        warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated; use "
            "x[tuple(seq)] instead of x[seq].",
            UserWarning,
        )
        key = tuple(key)
    ndim, alone = self._array.ndim, not isinstance(key, tuple)
    entries: Sequence[Any] = (key,) if alone else key
    used = len(entries)
    if used > ndim or not _PLAIN.issuperset(map(type, entries)):
        entries = [_entry(k) for k in entries]
        if ndim == 0 and alone:
            _refuse_for_0d(entries[0])
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
            if alone or not _is_whole(e, view._array.shape[dim]):
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
            rest.append(wrap(np.array([e])))
            dim, gathers = dim + 1, True
        else:
            _check_mask(e, view._array.shape, dim)
            rest.append(e)
            dim, gathers = dim + _dims_used(e), True
    return view, tuple(rest) if gathers else None


def _refuse_for_0d(entry: Any) -> None:
    """IndexError for an int or a slice, which a 0-d tensor doesn't take."""
    if type(entry) is int:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python "
            "to convert a 0-dim tensor to a number"
        )
    if isinstance(entry, slice):
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")


def _stands_for_tuple(key: Any) -> bool:
    """Whether a key is a short sequence of more than numbers. PyTorch reads it as a tuple."""
    return (
        isinstance(key, Sequence)
        and not isinstance(key, _NO_SEQUENCES)
        and len(key) < 32
        and any(
            k is None or k is Ellipsis or isinstance(k, TensorBase | Sequence | np.ndarray | slice)
            for k in key
        )
    )


def _entry(k: Any) -> Any:
    """One entry of a key, converted to an int, bool, slice, None, `...` or tensor of indices."""
    if type(k) is int or k is None or k is Ellipsis or isinstance(k, slice | bool):
        return k
    if isinstance(k, int | np.integer):
        return int(k)
    if isinstance(k, TensorBase):
        indices = _bool_mask(k)
    elif isinstance(k, np.ndarray):
        warn_if_read_only(k)
        indices = _bool_mask(wrap(k.copy()))  # a later write to it must not change the gradient
    elif isinstance(k, Sequence) and not isinstance(k, str | bytes):
        indices = wrap(np.array([_item(item) for item in k] if len(k) else np.empty(0, np.int64)))
    elif isinstance(k, str | bytes):
        raise TypeError(f"new(): invalid data type '{type(k).__name__}'")
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(k).__name__})"
        )
    array = indices._array
    short = array.itemsize < 4 and array.ndim and isinstance(k, TensorBase)
    if array.dtype.kind not in "bi" or (array.dtype.kind == "i" and short):
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors, not of "
            f"{array.dtype.name}"
        )
    return indices if array.ndim else array.item()


def _item(k: Any) -> Any:
    """One entry of a list of indices: a number, or an array of indices."""
    entry = _entry(k)
    return entry._array if isinstance(entry, TensorBase) else entry


def _bool_mask(k: TensorBase) -> TensorBase:
    """A tensor of indices, or a uint8 mask, which gets a warning, as a bool one."""
    if k._array.dtype.kind != "u":
        return k
    if k._array.ndim:
        warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
            "instead.",
            UserWarning,
        )
    return in_kind(k, bool)


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, TensorBase) and entry._array.dtype.kind == "b"


def _check_mask(entry: Any, shape: tuple[int, ...], dim: int) -> None:
    """IndexError if an entry is a mask of another shape than the dimensions from `dim` on."""
    if _is_mask(entry):
        for d, size in enumerate(entry._array.shape):
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
    return entry._array.ndim if _is_mask(entry) else 1
