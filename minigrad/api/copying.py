"""What copies and pickles of a tensor keep, and what they share with it.

- `copy.copy` makes a leaf that shares the memory and the attributes.
- `copy.deepcopy` copies memory once, so that tensors that share it still do. It copies the gradient
  and the attributes, too.
- `pickle` keeps the elements, the strides, `requires_grad` and the attributes. It is for other
  processes; files are written without it, by `minigrad.save`.
"""

from __future__ import annotations

import ctypes
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

from ..core.hooks import warn_of_hooks
from ..core.tensor import TensorBase, wrap
from ..rules.dtypes import of_numpy
from ..rules.memory import owner_of


def reduced(tensor: TensorBase) -> tuple[Any, ...]:
    """How to make a copy of a tensor, for `__reduce_ex__`: a function, arguments and attributes."""
    warn_of_hooks(tensor)
    array = tensor._array
    layout = _block(array), array.shape, array.strides
    return rebuilt, (type(tensor), *layout, tensor.requires_grad), tensor.__dict__


def rebuilt(
    cls: type[Any],
    block: np.ndarray,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
) -> Any:
    """Make a leaf of class `cls` on the memory of `block`, which is one-dimensional."""
    # A dtype that was pickled is another object than the engine's.
    tensor = _new(np.ndarray(shape, of_numpy(block.dtype).numpy, block, strides=strides), cls)
    tensor.requires_grad_(requires_grad)
    return tensor


def deeply_copied(tensor: TensorBase, memo: dict[Any, Any]) -> Any:
    """Make the result of `__deepcopy__`. RuntimeError for a tensor that isn't a leaf."""
    if id(tensor) in memo:
        return memo[id(tensor)]
    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment; use .detach().clone()"
        )
    memo[id(tensor)] = result = _new(_copied_with_owner(tensor._array, memo), type(tensor))
    result.requires_grad_(tensor.requires_grad)
    if tensor.grad is not None:
        result.grad = tensor.grad.__deepcopy__(memo)
    result.__dict__.update(deepcopy(tensor.__dict__, memo))
    return result


def _new(array: np.ndarray, cls: type[Any]) -> Any:
    tensor = wrap(array, cls)
    if not tensor.is_inference():
        tensor._counter = [1]  # PyTorch counts that the new tensor was given its memory
    return tensor


def _block(array: np.ndarray) -> np.ndarray:
    """The memory from the first element to the last, as a one-dimensional view of the array."""
    reach = sum((size - 1) * step for size, step in zip(array.shape, array.strides, strict=True))
    count = 1 + reach // array.itemsize if array.size else 0
    return as_strided(array, (count,), (array.itemsize,), writeable=array.flags.writeable)


def _copied_with_owner(array: np.ndarray, memo: dict[Any, Any]) -> np.ndarray:
    """The elements in a copy of the array's whole memory, which `memo` has for the next array."""
    if not array.size:
        return array.copy()
    owner, memory, offset = whole_memory(array)
    copies = memo.setdefault("memory", {})
    if id(owner) not in copies:
        copies[id(owner)] = memory.copy(), owner  # keeps the id in use
    copy, _ = copies[id(owner)]
    return np.ndarray(array.shape, array.dtype, copy, offset, array.strides)


def whole_memory(array: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The array that has the storage of an array, all its bytes, and the index of the first byte.

    The bytes aren't copied. An empty array has no place in the memory, so it counts as its owner.

    >>> x = np.zeros((2, 3), np.float32)
    >>> owner, memory, start = whole_memory(x[1:])
    >>> owner is x, memory.nbytes, start
    (True, 24, 12)
    """
    owner = owner_of(array) if array.size else array
    low, high = byte_bounds(owner) if array.size else (0, 0)
    if low == high:
        return owner, np.empty(0, np.uint8), 0
    there = (ctypes.c_uint8 * (high - low)).from_address(low)
    return owner, np.ctypeslib.as_array(there), byte_bounds(array)[0] - low
