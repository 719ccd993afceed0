"""The arguments of functions that create tensors, checked as PyTorch checks them."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..rules.dims import indices, int64
from ..rules.dtypes import of_numpy
from ..rules.memory import as_storage
from ..rules.promotion import python_number
from .devices import require_cpu
from .formats import laid_out, strided
from .tensor import TensorBase, require_tensor, wrap
from .tracing import tracing
from .warning import warn_once

# The functions that take a memory format.
_WITH_FORMAT = {"empty", "empty_like", "full_like", "ones_like", "zeros_like"}
_WITH_FORMAT |= {"rand_like", "randint_like", "randn_like"}


def made(
    function: str,
    array: np.ndarray,
    *,
    requires_grad: bool | None = False,
    device: Any = None,
    pin_memory: bool = False,
    layout: Any = None,
    memory_format: Any = None,
    **unknown: Any,
) -> Any:
    """Make a tensor of a new array, with the options that all creation functions have.

    TypeError, with the name of the function, for other options.

    RuntimeError for a device other than the CPU, and for an integer tensor with `requires_grad`.
    RuntimeError for `pin_memory`, NotImplementedError for a layout other than `strided`.
    """
    if memory_format is not None and function not in _WITH_FORMAT:
        unknown["memory_format"] = memory_format
    for name in unknown:
        raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")
    require_cpu(device)
    if pin_memory:
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory "
            "allocator is available on this system."
        )
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"argument 'layout' is not implemented for {layout}")
    if memory_format is not None:
        array = laid_out(array, memory_format)
    if tracing.recording is not None:
        array = tracing.recording.constant(array)
    result = wrap(array)
    if requires_grad is not None and not isinstance(requires_grad, builtins.bool):
        kind = type(requires_grad).__name__
        raise TypeError(f"argument 'requires_grad' must be bool, not {kind}")
    return result.requires_grad_() if requires_grad else result


def allocated(make: Callable[..., np.ndarray], *arguments: Any, **options: Any) -> np.ndarray:
    """`make(*arguments)`, where `make` is np.empty or a function like it.

    RuntimeError for an array that is too large for the memory, or for any memory.
    """
    try:
        return make(*arguments, **options)
    except (MemoryError, ValueError) as error:
        raise RuntimeError(f"can't allocate memory for a tensor: {error}") from None


def require_memory(shape: Sequence[int], dtype: np.dtype) -> None:
    """RuntimeError if a tensor of a shape is too large for the memory. Nothing is kept."""
    allocated(np.empty, tuple(shape), dtype)


def sizes_of(size: Sequence[Any], options: dict[str, Any], name: str) -> tuple[int, ...]:
    """The sizes given as `*size`, one by one or in a sequence, or as `size=` in the options.

    `size=` is removed from the options. TypeError unless the sizes are ints and given once.
    """
    if "size" in options:
        if size:
            raise TypeError(f"{name}() got multiple values for argument 'size'")
        size = (options.pop("size"),)
    elif not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    if len(size) == 1 and isinstance(size[0], list | tuple):
        size = size[0]
    if {*map(type, size)} == {int} and 0 <= min(size) <= max(size) < 2**63:
        return tuple(size)  # as nearly always
    for position, item in enumerate(size):
        # A bool counts as an int, except as the first size, where it may be a misplaced option.
        if not hasattr(item, "__index__") or (position == 0 and isinstance(item, builtins.bool)):
            raise TypeError(
                f"{name}(): argument 'size' (position 1) must be tuple of ints, not "
                f"{type(item).__name__} (at position {position})"
            )
    found = tuple(indices([operator.index(item) for item in size], "size"))
    if any(s < 0 for s in found):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(found)}: {list(found)}"
        )
    return found


def int_of(value: Any, function: str, argument: str) -> int:
    """An argument as an int. TypeError for anything else and for a bool.

    ValueError for an int of more than 64 bits.
    """
    if isinstance(value, builtins.bool) or not hasattr(value, "__index__"):
        kind = type(value).__name__
        raise TypeError(f"{function}(): argument '{argument}' must be int, not {kind}")
    return int64(value)


def ints_of(function: str, argument: str, value: Any) -> tuple[int, ...]:
    """An argument that is a list or a tuple of ints. TypeError for anything else."""
    if not isinstance(value, list | tuple):
        kind = type(value).__name__
        raise TypeError(f"{function}(): argument '{argument}' must be tuple of ints, not {kind}")
    return tuple(int_of(each, function, argument) for each in value)


def strided_memory(
    function: str, size: Sequence[int], stride: Sequence[int], kind: np.dtype
) -> np.ndarray:
    """An uninitialised array of this shape whose elements are `stride` apart.

    RuntimeError unless there is a stride for each size, and for negative ones.
    """
    sizes, steps = sizes_of((size,), {}, function), ints_of(function, "stride", stride)
    if len(sizes) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(sizes)}) must match dimensionality of strides "
            f"({len(steps)})"
        )
    if any(step < 0 for step in steps):
        raise RuntimeError(f"{function}: negative strides are not supported, got {list(steps)}")
    reach = sum((n - 1) * step for n, step in zip(sizes, steps, strict=True)) + 1
    memory = allocated(np.empty, 0 if 0 in sizes else reach, kind)
    return as_strided(memory, sizes, [step * kind.itemsize for step in steps])


def number_of(value: Any, function: str, argument: str) -> float:
    """The value of a number, a NumPy scalar or a 0-d tensor, as a Python number.

    TypeError for anything else, also a tensor that requires grad, since the result would have no
    history. OverflowError for an int that needs more than 64 bits.
    """
    if isinstance(value, TensorBase) and value._array.ndim == 0 and not value.requires_grad:
        value = value._array.item()
    value = python_number(value)
    if not isinstance(value, builtins.bool | int | float):
        kind = type(value).__name__
        raise TypeError(f"{function}(): argument '{argument}' must be Number, not {kind}")
    return value


def array_of(input: Any, function: str) -> np.ndarray:
    """The array of a tensor. TypeError for anything else."""
    require_tensor(input, function, "input")
    return input._array


def supported(array: np.ndarray) -> np.ndarray:
    """A view of an array that a tensor can hold, without the array's subclass.

    TypeError for a dtype that minigrad doesn't have, ValueError for negative strides, strides
    between elements, and a byte order other than the machine's.
    """
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order: convert it "
            "with array.astype(array.dtype.newbyteorder('='))"
        )
    kind = of_numpy(array.dtype).numpy
    if any(step % array.itemsize for step in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy "
            "array to reallocate the memory."
        )
    if any(step < 0 for step in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array with array.copy().)"
        )
    # NumPy has several objects for one dtype, for example after pickling. The engine has one.
    return np.asarray(array).view(kind)


def from_array(array: np.ndarray) -> Any:
    """Make a tensor whose storage is the memory of an array. Errors are those of `supported`.

    It warns of a read-only array.
    """
    warn_if_read_only(array)
    return wrap(as_storage(supported(array)))


def warn_if_read_only(array: np.ndarray) -> None:
    """Warn of a read-only array that a tensor is to share."""
    if not array.flags.writeable:
        warn_once(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. Here, writing to the tensor is an error. You may want to copy the array to "
            "protect its data or make it writable before converting it to a tensor."
        )
