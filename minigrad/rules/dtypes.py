"""PyTorch's dtypes, with every fact about a dtype as an attribute.

`promotion.py` has the rules by which dtypes combine.
"""

from __future__ import annotations

import builtins
from functools import cached_property

import numpy as np


class dtype:
    """The type of a tensor's elements; `.numpy` is NumPy's dtype for it.

    It prints under PyTorch's name, so that a program prints the same text in both libraries.

    >>> minigrad.float32
    torch.float32
    >>> minigrad.float32.is_floating_point, minigrad.float32.itemsize
    (True, 4)
    """

    # `__dict__` is for the cached properties.
    __slots__ = ("__dict__", "c_name", "name", "numpy", "safetensors_name", "scalar_name")

    def __init__(
        self,
        name: str,
        scalar_name: str,
        c_name: str,
        safetensors_name: str,
        like: str | None = None,
    ) -> None:
        self.name = name
        # NumPy has no bfloat16, which is as float16 in all that a dtype says of itself.
        self.numpy = np.dtype(like or name)
        # PyTorch's error messages use the first two names, safetensors files the third.
        self.scalar_name = scalar_name
        self.c_name = c_name
        self.safetensors_name = safetensors_name

    @property
    def is_floating_point(self) -> builtins.bool:
        """Whether the elements are real floats."""
        return self.numpy.kind == "f"

    @property
    def is_complex(self) -> builtins.bool:
        """Whether the elements are complex numbers. No tensor can have such a dtype."""
        return self.numpy.kind == "c"

    @property
    def is_signed(self) -> builtins.bool:
        """Whether the elements can be negative."""
        return self.numpy.kind not in "bu"

    @property
    def itemsize(self) -> builtins.int:
        """The size of one element in bytes."""
        return self.numpy.itemsize

    @property
    def category(self) -> builtins.int:
        """The rank of the category in promotion: 0 for bool, 1 for integers, 2 for floats."""
        return "bif".index(self.numpy.kind.replace("u", "i"))

    @cached_property
    def digits(self) -> builtins.int:
        """The number of bits in the significand of a float, including the hidden one."""
        return builtins.int(np.finfo(self.numpy).nmant) + 1

    @cached_property
    def last_integer(self) -> builtins.int:
        """The largest n for which the dtype can hold every integer from 0 to n."""
        if self.numpy.kind == "b":
            return 1
        if self.numpy.kind == "f":
            return builtins.int(2**self.digits)
        return builtins.int(2 ** (8 * self.itemsize - (self.numpy.kind == "i")) - 1)

    @cached_property
    def first_integer(self) -> builtins.int:
        """The smallest n for which the dtype can hold every integer from n to 0."""
        if self.numpy.kind == "i":
            return -self.last_integer - 1
        return -self.last_integer if self.numpy.kind == "f" else 0

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # copied and pickled by name, so that `is` keeps working


float16 = dtype("float16", "Half", "c10::Half", "F16")
float32 = dtype("float32", "Float", "float", "F32")
float64 = dtype("float64", "Double", "double", "F64")
int8 = dtype("int8", "Char", "signed char", "I8")
int16 = dtype("int16", "Short", "short", "I16")
int32 = dtype("int32", "Int", "int", "I32")
int64 = dtype("int64", "Long", "long int", "I64")
uint8 = dtype("uint8", "Byte", "unsigned char", "U8")
bool = dtype("bool", "Bool", "bool", "BOOL")
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
# Dtypes that programs may name, but that no tensor can have.
bfloat16 = dtype("bfloat16", "BFloat16", "c10::BFloat16", "BF16", like="float16")
complex64 = dtype("complex64", "ComplexFloat", "c10::complex<float>", "C64")
complex128 = dtype("complex128", "ComplexDouble", "c10::complex<double>", "C128")
cfloat, cdouble = complex64, complex128
uint16 = dtype("uint16", "UInt16", "uint16_t", "U16")
uint32 = dtype("uint32", "UInt32", "uint32_t", "U32")
uint64 = dtype("uint64", "UInt64", "uint64_t", "U64")

SUPPORTED = (float32, float64, float16, int32, int64, int8, int16, uint8, bool)
_OF_NUMPY = {d.numpy: d for d in SUPPORTED}
# Python's types can be given as dtypes. Python's float is a C double.
_OF_PYTHON: dict[object, dtype] = {
    builtins.float: float64,
    builtins.int: int64,
    builtins.bool: bool,
}


def of_numpy(numpy_dtype: np.dtype) -> dtype:
    """The dtype of an array. TypeError for a NumPy dtype that no tensor can have (complex, str)."""
    try:
        return _OF_NUMPY[numpy_dtype]
    except KeyError:
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_dtype.type.__module__}."
            f"{numpy_dtype.type.__name__}. The only supported types are: "
            f"{', '.join(d.name for d in SUPPORTED)}."
        ) from None


def to_numpy(d: object) -> np.dtype:
    """NumPy's dtype for a minigrad dtype or Python's float, int or bool.

    NotImplementedError for a dtype that no tensor can have, TypeError for anything else.
    """
    if isinstance(d, np.dtype):
        return d
    if isinstance(d, type):
        d = _OF_PYTHON.get(d, d)
    if not isinstance(d, dtype):
        raise TypeError(f"dtype must be a minigrad dtype such as minigrad.float32, not {d!r}")
    if d not in SUPPORTED:
        raise NotImplementedError(f"{d} is only a name here: no tensor can have this dtype")
    return d.numpy


def scalar_name(array: np.ndarray) -> str:
    """The name of an array's dtype in PyTorch's error messages: "Float", "Long", …"""
    return of_numpy(array.dtype).scalar_name
