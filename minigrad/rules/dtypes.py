"""PyTorch's dtypes, and its promotion, over NumPy's.

NumPy and PyTorch agree on what a dtype is and disagree on what two of them make. PyTorch ranks
the operands: a tensor with dimensions outranks a 0-d tensor, which outranks a Python number, and
a lower rank counts only if its *category* (bool < integer < float) is the higher one. So float32
times a float64 scalar stays float32, and int64 plus float32 is float32, where NumPy says float64.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection
from typing import Any

import numpy as np


class dtype:
    """The type of a tensor's elements; `.numpy` is NumPy's name for the same.

    It prints under PyTorch's name, so that a program prints the same text in both.

    >>> minigrad.float32
    torch.float32
    >>> minigrad.float32.is_floating_point, minigrad.float32.itemsize
    (True, 4)
    """

    __slots__ = ("name", "numpy")

    def __init__(self, name: str) -> None:
        self.name = name
        self.numpy = np.dtype(name)

    @property
    def is_floating_point(self) -> builtins.bool:
        return self.numpy.kind == "f"

    @property
    def is_complex(self) -> builtins.bool:
        return False

    @property
    def is_signed(self) -> builtins.bool:
        return self.numpy.kind not in "bu"

    @property
    def itemsize(self) -> builtins.int:
        """The size of one element in bytes."""
        return self.numpy.itemsize

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # pickled and copied by name, so that `is` goes on working


float32 = dtype("float32")
float64 = dtype("float64")
int32 = dtype("int32")
int64 = dtype("int64")
uint8 = dtype("uint8")  # a byte, as which a generator's state comes
bool = dtype("bool")
float, double, int, long = float32, float64, int32, int64

SUPPORTED = (float32, float64, int32, int64, uint8, bool)
_OF_NUMPY = {d.numpy: d for d in SUPPORTED}
# PyTorch's error messages speak of dtypes by these names.
SCALAR_NAMES = {
    float32.numpy: "Float",
    float64.numpy: "Double",
    int32.numpy: "Int",
    int64.numpy: "Long",
    uint8.numpy: "Byte",
    bool.numpy: "Bool",
}

# And by these, where a C++ type shows through.
C_NAMES = {
    float32.numpy: "float",
    float64.numpy: "double",
    int32.numpy: "int",
    int64.numpy: "long int",
    uint8.numpy: "unsigned char",
    bool.numpy: "bool",
}

_default = float32


def get_default_dtype() -> dtype:
    """The dtype that Python floats become: float32 unless `set_default_dtype` said otherwise.

    >>> minigrad.get_default_dtype()
    torch.float32
    """
    return _default


def set_default_dtype(d: dtype, /) -> None:
    """Make Python floats become `d`, float32 or float64. TypeError for any other.

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
    _default = d


def of_numpy(numpy_dtype: np.dtype) -> dtype:
    """The dtype of an array. TypeError where minigrad has none (float16, int8, complex, str)."""
    try:
        return _OF_NUMPY[numpy_dtype]
    except KeyError:
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_dtype.type.__module__}."
            f"{numpy_dtype.type.__name__}. The only supported types are: "
            f"{', '.join(d.name for d in SUPPORTED)}."
        ) from None


# Python's own types serve as dtypes too; `float` is a C double there.
_OF_PYTHON: dict[object, dtype] = {
    builtins.float: float64,
    builtins.int: int64,
    builtins.bool: bool,
}


def to_numpy(d: object) -> np.dtype:
    """NumPy's dtype for `d`, one of ours or Python's float, int or bool. TypeError otherwise."""
    if isinstance(d, type):
        d = _OF_PYTHON.get(d, d)
    if not isinstance(d, dtype):
        raise TypeError(f"dtype must be a minigrad dtype such as minigrad.float32, not {d!r}")
    return d.numpy


_RANKS = {"b": 0, "i": 1, "u": 1, "f": 2}  # of the categories, by NumPy's letter


def of_scalar(number: object) -> np.dtype:
    """NumPy's dtype for a Python number: bool, int64 or the default float."""
    if isinstance(number, builtins.bool):
        return bool.numpy
    return int64.numpy if isinstance(number, builtins.int) else _default.numpy


def result_type(*operands: object) -> np.dtype:
    """The dtype in which PyTorch computes over these arrays and Python numbers.

    Three ranks, highest first: arrays with dimensions, 0-d arrays, numbers. Within a rank dtypes
    promote as usual; a lower rank decides only when its category is higher than all above it.
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
            if result is None or _RANKS[candidate.kind] > _RANKS[result.kind]:
                result = candidate
    assert result is not None, "result_type() needs at least one operand"
    return result


def same_category_or_higher(dtype: np.dtype, target: np.dtype) -> builtins.bool:
    """Whether `target` can hold what `dtype` is, bool, integer or float, if not all its values."""
    return _RANKS[dtype.kind] <= _RANKS[target.kind]


def joined(equals: Collection[np.dtype]) -> np.dtype:
    """The one dtype that dtypes of equal rank, at least one, promote to."""
    # NumPy promotes further than PyTorch where an integer meets float32, and nowhere else.
    floats = [d for d in equals if d.kind == "f"]
    return np.result_type(*(floats or equals))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The dtype that tensors of `type1` and `type2`, both with dimensions, make together.

    >>> minigrad.promote_types(minigrad.int64, minigrad.float32)
    torch.float32
    """
    return of_numpy(joined([to_numpy(type1), to_numpy(type2)]))


def converted(numbers: Any, kind: np.dtype, over: Any = "raise") -> np.ndarray:
    """Python numbers as an array. RuntimeError for what an integer dtype cannot hold.

    `over` says what becomes of a number too large for a float dtype: "ignore" makes it infinite,
    "raise" is a RuntimeError too.
    """
    try:
        with np.errstate(over=over):
            return np.array(numbers, kind)
    except (OverflowError, ValueError, FloatingPointError):
        raise RuntimeError(f"value cannot be converted to type {kind} without overflow") from None
