"""Tensors of objects that have elements already, and that share their memory where they can."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..core.creating import from_array, int_of
from ..core.devices import require_cpu
from ..core.tensor import TensorBase
from ..core.warning import warn_once
from ..rules import dtypes, promotion
from ..rules.dtypes import dtype as DType
from .creation import from_numpy, tensor
from .dlpack import CPU, DLDeviceType
from .tensor import Tensor


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """Convert an object to a tensor, which shares the object's memory if it can.

    It can for a tensor, an array, an object with `__dlpack__` and a buffer of bytes, whose elements
    are read as `dtype`, unless they must be converted. A tensor that needs no change is returned
    itself. Numbers, NumPy's scalars, its 0-d arrays and sequences are always copied. `copy=True`
    copies in any case. With `copy=False` a copy is a ValueError (a RuntimeError for a NumPy
    scalar), except that of a 0-d array.

    By default the result requires grad if `obj` does. `requires_grad=False` detaches the result,
    and sets the flag of a leaf that is returned itself; so does True.

    >>> a = np.zeros(2)
    >>> x = minigrad.asarray(a)
    >>> a[0] = 1
    >>> x
    tensor([1., 0.], dtype=torch.float64)
    """
    require_cpu(device)
    _check_options(dtype, copy, requires_grad)
    if requires_grad is None:
        requires_grad = isinstance(obj, TensorBase) and obj.requires_grad
        if requires_grad:
            warn_once(
                "asarray: the result requires grad as obj does. Pass requires_grad explicitly "
                "to silence this warning."
            )
    found = _sharing(obj, dtype, copy, requires_grad)
    if found is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return tensor(obj, dtype=dtype, requires_grad=requires_grad)
    if dtype is not None and dtype is not found.dtype:
        if copy is False:
            raise ValueError(
                f"can't alias tensor with dtype '{found.dtype.scalar_name}' into dtype "
                f"'{dtype.scalar_name}'."
            )
        found = found.to(dtype)
    elif copy:
        found = found.clone()
    if found.is_leaf:
        return found.requires_grad_(requires_grad)
    return found.requires_grad_() if requires_grad else found.detach()


def _check_options(dtype: Any, copy: Any, requires_grad: Any) -> None:
    """TypeError for an option of another type than PyTorch's."""
    for name, value in (("copy", copy), ("requires_grad", requires_grad)):
        if value is not None and not isinstance(value, builtins.bool):
            kind = type(value).__name__
            raise TypeError(f"asarray(): argument '{name}' must be bool, not {kind}")
    if dtype is not None and not isinstance(dtype, DType):
        kind = type(dtype).__name__
        raise TypeError(f"asarray(): argument 'dtype' must be torch.dtype, not {kind}")


def _sharing(obj: Any, dtype: Any, copy: bool | None, requires_grad: bool) -> Tensor | None:
    """A tensor that shares the memory of an object, or None for numbers and sequences."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, np.ndarray) and obj.ndim:
        return from_numpy(obj)
    if isinstance(obj, np.generic) and copy is False:
        raise RuntimeError(
            "can't alias NumPy scalars. Either remove copy=False or make it an array with "
            "np.asarray."
        )
    if isinstance(obj, np.generic | np.ndarray):
        return from_numpy(np.array(obj))
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)
    try:
        memoryview(obj)
    except TypeError:
        return None
    read_as = dtype or promotion.get_default_dtype()
    return frombuffer(obj, dtype=read_as, requires_grad=requires_grad)


def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of one dimension that shares the memory of a buffer, such as a bytearray.

    `count` elements are read from byte `offset` on, or all of them if `count` is negative. It warns
    of a read-only buffer. ValueError for an object that isn't a buffer, for an `offset` or `count`
    beyond its end, and for bytes that aren't a whole number of elements.

    >>> minigrad.frombuffer(bytearray(b"ab"), dtype=minigrad.uint8)
    tensor([97, 98], dtype=torch.uint8)
    """
    kind = dtypes.to_numpy(dtype)
    count, offset = int_of(count, "frombuffer", "count"), int_of(offset, "frombuffer", "offset")
    try:
        memory = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    size, step = memory.nbytes, kind.itemsize
    if not size or count == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({size} bytes) minus 1"
        )
    if count < 0 and (size - offset) % step:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({step})"
        )
    if count > 0 and offset + count * step > size:
        raise ValueError(
            f"requested buffer length ({count} * {step} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({size} bytes)"
        )
    array = np.frombuffer(memory, kind, count, offset)
    made: Tensor = from_array(array)
    return made.requires_grad_() if requires_grad else made


class _Exported:
    """What a capsule was taken from, as far as NumPy asks it."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[DLDeviceType, int]:
        return CPU


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Make a tensor that shares the memory of an object with `__dlpack__`, or of a capsule.

    RuntimeError for any other object, and for a capsule that was used before; BufferError for
    memory of another device, and for a tensor that requires grad. The memory is copied with `copy`.

    >>> minigrad.from_dlpack(np.zeros(2))
    tensor([0., 0.], dtype=torch.float64)
    """
    require_cpu(device)
    if type(ext_tensor).__name__ == "PyCapsule":
        if device is not None or copy is not None:
            raise AssertionError(
                "device and copy kwargs not supported when ext_tensor is already a DLPack capsule."
            )
        try:
            return from_numpy(np.from_dlpack(_Exported(ext_tensor)))
        except ValueError as error:
            raise RuntimeError(
                "from_dlpack received an invalid capsule. Note that a capsule can be used only "
                "once."
            ) from error
    if not hasattr(ext_tensor, "__dlpack__"):
        kind = type(ext_tensor).__name__
        raise RuntimeError(
            f"from_dlpack received an invalid capsule, or an object without __dlpack__: a {kind}"
        )
    return from_numpy(np.from_dlpack(ext_tensor, copy=copy))
