"""PyTorch's type promotion: the dtype in which operands of several dtypes are computed.

NumPy and PyTorch have the same dtypes, but combine them differently. PyTorch ranks the operands: a
tensor with dimensions outranks a 0-d tensor, which outranks a Python number. A lower rank counts
only if its *category* (bool < integer < float) is higher. So float32 times a 0-d float64 tensor is
float32. And int64 plus float32 is float32, where NumPy computes in float64.
"""

from __future__ import annotations

from collections.abc import Collection
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
    """Make `d`, float32 or float64, the dtype of Python floats. TypeError for any other.

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
            "use float32 or float64"
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
    all ranks above it.
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
    assert result is not None, "result_type() needs at least one operand"
    return result


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


def converted(numbers: Any, kind: np.dtype, over: Any = "raise") -> np.ndarray:
    """Python numbers as an array. RuntimeError for a number that an integer dtype can't hold.

    A number too large for a float dtype becomes infinite if `over` is "ignore"; by default it is a
    RuntimeError.
    """
    try:
        with np.errstate(over=over):
            return np.array(numbers, kind)
    except (OverflowError, ValueError, FloatingPointError):
        raise RuntimeError(f"value cannot be converted to type {kind} without overflow") from None
