"""PyTorch's type promotion: the dtype in which operands of several dtypes are computed.

NumPy and PyTorch have the same dtypes, but combine them differently. PyTorch ranks the operands: a
tensor with dimensions outranks a 0-d tensor, which outranks a Python number. A lower rank counts
only if its *category* (bool < integer < float) is higher. So float32 times a 0-d float64 tensor is
float32. And int64 plus float32 is float32, where NumPy computes in float64.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from . import dtypes
from .dtypes import dtype, of_numpy, to_numpy

_default = dtypes.float32


def get_default_dtype() -> dtype:
    """Return the dtype of Python floats: float32 unless `set_default_dtype` has changed it.

    >>> minigrad.get_default_dtype()
    torch.float32
    """
    return _default


def set_default_dtype(d: dtype, /) -> None:
    """Make `d`, a float dtype, the dtype of Python floats. TypeError for any other.

    >>> minigrad.set_default_dtype(minigrad.float64)
    >>> minigrad.tensor(1.5).dtype
    torch.float64
    >>> minigrad.set_default_dtype(minigrad.float32)
    """
    global _default
    if not isinstance(d, dtype):
        raise TypeError(f"invalid dtype object: expected a minigrad dtype, got {type(d).__name__}")
    if not d.is_floating_point:
        raise TypeError(
            f"only floating-point types are supported as the default type, but got {d}; "
            "use float16, float32 or float64"
        )
    to_numpy(d)
    _default = d


def of_scalar(number: object) -> np.dtype:
    """NumPy's dtype for a Python number: bool, int64 or the default float."""
    if isinstance(number, bool):
        return dtypes.bool.numpy
    return dtypes.int64.numpy if isinstance(number, int) else _default.numpy


def result_type(*operands: object) -> np.dtype:
    """The dtype in which PyTorch computes with these arrays and Python numbers.

    There are three ranks, highest first: arrays with dimensions, 0-d arrays, numbers. Within a
    rank dtypes promote as usual. A lower rank decides only if its category is higher than those of
    all ranks above it. RuntimeError for an int that doesn't fit int64, if it decides.
    """
    ranks: list[list[np.dtype]] = [[], [], []]
    for operand in operands:
        if isinstance(operand, np.ndarray):
            ranks[0 if operand.ndim else 1].append(operand.dtype)
        else:
            ranks[2].append(of_scalar(operand))
    result = None
    for rank in ranks:
        if rank:
            candidate = joined(rank)
            if result is None or _category(candidate) > _category(result):
                result = candidate
                if rank is ranks[2] and candidate.kind == "i":
                    _refuse_uint64(operands)
    assert result is not None, "result_type() needs at least one operand"
    return result


def in_common_dtype(*operands: Any) -> list[np.ndarray]:
    """Arrays and numbers as arrays of the dtype in which PyTorch computes with them."""
    kind = result_type(*operands)
    return [np.asarray(x).astype(kind, copy=False) for x in operands]


def _refuse_uint64(operands: Iterable[object]) -> None:
    """RuntimeError for a number that is an int of 64 bits without a sign."""
    if any(isinstance(x, int) and x >= 2**63 for x in operands):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported: the number doesn't fit "
            "int64"
        )


def _category(kind: np.dtype) -> int:
    return of_numpy(kind).category


def same_category_or_higher(kind: np.dtype, target: np.dtype) -> bool:
    """Whether `target` has the category of `kind` or a higher one, as in-place ops require."""
    return _category(kind) <= _category(target)


def joined(equals: Collection[np.dtype]) -> np.dtype:
    """The dtype to which dtypes of equal rank promote. There must be at least one."""
    # NumPy promotes differently from PyTorch only for an integer dtype and float32: to float64.
    floats = [d for d in equals if d.kind == "f"]
    return np.result_type(*(floats or equals))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the dtype to which tensors of dtypes `type1` and `type2` promote.

    >>> minigrad.promote_types(minigrad.int64, minigrad.float32)
    torch.float32
    """
    return of_numpy(joined([to_numpy(type1), to_numpy(type2)]))


# Numbers ------------------------------------------------------------------------------------------


def python_number(x: Any) -> Any:
    """A NumPy scalar as a Python number; anything else unchanged.

    NumPy's bools become floats, as in PyTorch, which knows them only as objects with `__float__`.
    OverflowError for an int that needs more than 64 bits.
    """
    if isinstance(x, np.generic):
        x = float(x) if isinstance(x, np.bool_) else x.item()
    if isinstance(x, int) and not -(2**63) <= x < 2**64:
        raise OverflowError("int too big to convert: a number has at most 64 bits")
    return x


def converted(number: float, kind: np.dtype) -> Any:
    """A number as an element of a dtype, as a Python number.

    RuntimeError for a number that the dtype can't hold. uint8 also holds the negatives of its
    numbers: they wrap around.
    """
    if type(number) is not float:
        number = python_number(number)
    if kind.kind == "b":
        return bool(number)
    if kind.kind not in "iu":
        # Python's floats are float64. Every float dtype holds the infinities and NaN.
        if abs(number) <= _LARGEST_FLOAT.get(kind, np.inf) or not abs(number) < np.inf:
            return number
    else:
        lowest, highest = _LIMITS[kind]
        if isinstance(number, float):
            # A float is compared with floats, as in C++. So 2.0 ** 63 is accepted for int64.
            lowest, highest = float(lowest), float(highest)
        elif lowest == 0:
            lowest = -highest
        if lowest <= number <= highest:
            return wrapped(int(number), kind)
    raise RuntimeError(f"value cannot be converted to type {kind} without overflow")


def wrapped(number: int, kind: np.dtype) -> int:
    """An int as an element of an integer dtype; bits that don't fit are lost."""
    lowest, highest = _LIMITS[kind]
    return int((number - lowest) % (highest - lowest + 1) + lowest)


# The smallest and the largest number that each integer dtype can hold.
_LIMITS: dict[np.dtype, tuple[float, float]] = {
    d.numpy: (np.iinfo(d.numpy).min, np.iinfo(d.numpy).max)
    for d in dtypes.SUPPORTED
    if d.numpy.kind in "iu"
}
_LARGEST_FLOAT = {
    d.numpy: float(np.finfo(d.numpy).max) for d in dtypes.SUPPORTED if d.is_floating_point
}
LARGEST = _LARGEST_FLOAT[dtypes.float32.numpy]
