"""Functions that ask about a tensor, and settings of PyTorch's that change nothing here."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

import numpy as np

from ..core.creating import array_of
from ..core.tensor import TensorBase
from ..core.warning import warn
from ..rules import dtypes
from ..rules.dims import flag
from ..rules.promotion import python_number, same_category_or_higher
from ..rules.promotion import result_type as _result_type
from .old_constructors import class_name


def is_floating_point(input: Any) -> bool:
    """Whether the elements of a tensor are floats.

    >>> minigrad.is_floating_point(minigrad.ones(1))
    True
    """
    return array_of(input, "is_floating_point").dtype.kind == "f"


def is_complex(input: Any) -> bool:
    """Whether the elements of a tensor are complex numbers: False.

    >>> minigrad.is_complex(minigrad.ones(1))
    False
    """
    return array_of(input, "is_complex").dtype.kind == "c"


def is_conj(input: Any) -> bool:
    """Whether the elements of a tensor are stored as their complex conjugates: False.

    >>> minigrad.is_conj(minigrad.ones(1))
    False
    """
    array_of(input, "is_conj")
    return False


def is_neg(input: Any) -> bool:
    """Whether the elements of a tensor are stored with the other sign: False.

    >>> minigrad.is_neg(minigrad.ones(1))
    False
    """
    array_of(input, "is_neg")
    return False


def get_device(input: Any) -> int:
    """The index of the GPU that holds a tensor; -1 for the CPU.

    >>> minigrad.get_device(minigrad.ones(1))
    -1
    """
    array_of(input, "get_device")
    return -1


def typename(obj: Any, /) -> str:
    """The name of a tensor's old class, of an object's class, or of a class, function or module.

    >>> minigrad.typename(minigrad.ones(1)), minigrad.typename(3)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, TensorBase):
        return class_name(obj)
    if isinstance(obj, ModuleType):
        return obj.__name__
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    return named.__qualname__ if module in ("", "builtins") else f"{module}.{named.__qualname__}"


def is_signed(input: Any) -> bool:
    """Whether the elements of a tensor can be negative.

    >>> minigrad.is_signed(minigrad.ones(1))
    True
    """
    return array_of(input, "is_signed").dtype.kind in "if"


def numel(input: Any) -> int:
    """The number of elements of a tensor.

    >>> minigrad.numel(minigrad.ones(2, 3))
    6
    """
    return array_of(input, "numel").size


class _Settings:
    matmul_precision = "highest"
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    deterministic = False
    warn_only = False
    interop_threads: int | None = None


_settings = _Settings()


def set_float32_matmul_precision(precision: str) -> None:
    """Allow a GPU to round the operands of matrix products: nothing to do on the CPU.

    >>> minigrad.set_float32_matmul_precision("high")
    >>> minigrad.get_float32_matmul_precision()
    'high'
    >>> minigrad.set_float32_matmul_precision("highest")
    """
    if not isinstance(precision, str):
        kind = type(precision).__name__
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {kind}")
    if precision not in ("highest", "high", "medium"):
        warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
        )
        return
    _settings.matmul_precision = precision


def get_float32_matmul_precision() -> str:
    """The setting of `set_float32_matmul_precision`.

    >>> minigrad.get_float32_matmul_precision()
    'highest'
    """
    return _settings.matmul_precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same digits in every run: nothing to do, because every op gives them.

    >>> minigrad.use_deterministic_algorithms(True)
    >>> minigrad.are_deterministic_algorithms_enabled()
    True
    >>> minigrad.use_deterministic_algorithms(False)
    """
    if not isinstance(mode, bool):
        kind = type(mode).__name__
        raise TypeError(f"use_deterministic_algorithms expects a bool, but got {kind}")
    _settings.deterministic, _settings.warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` is on.

    >>> minigrad.are_deterministic_algorithms_enabled()
    False
    """
    return _settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether `use_deterministic_algorithms` is to warn only.

    >>> minigrad.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _settings.warn_only


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Set what `use_deterministic_algorithms` does: "default" or 0, "warn" or 1, "error" or 2.

    RuntimeError for another value, TypeError for another type.

    >>> minigrad.set_deterministic_debug_mode("error")
    >>> minigrad.are_deterministic_algorithms_enabled()
    True
    >>> minigrad.set_deterministic_debug_mode(0)
    """
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    number = _DEBUG_MODES.index(debug_mode) if debug_mode in _DEBUG_MODES else debug_mode
    if number not in (0, 1, 2):
        expected = "`default`, `warn`, `error`" if isinstance(debug_mode, str) else "0, 1, or 2"
        raise RuntimeError(
            f"invalid value of debug_mode, expected one of {expected}, but got {debug_mode}"
        )
    use_deterministic_algorithms(number > 0, warn_only=number == 1)


def get_deterministic_debug_mode() -> int:
    """The setting of `use_deterministic_algorithms`: 0 for off, 1 to warn, 2 to raise an error.

    >>> minigrad.get_deterministic_debug_mode()
    0
    """
    if not _settings.deterministic:
        return 0
    return 1 if _settings.warn_only else 2


def set_num_interop_threads(num: int) -> None:
    """Ask for a number of threads that run ops at the same time: nothing to do, ops run in order.

    RuntimeError for a number that isn't positive, and for a second call, as in PyTorch.
    """
    if type(num) is not int:
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(num).__name__}")
    if num < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    if _settings.interop_threads is not None:
        raise RuntimeError("Error: cannot set number of interop threads after it was set")
    _settings.interop_threads = num


def get_num_interop_threads() -> int:
    """The number that `set_num_interop_threads` has set, or that of the machine's processors.

    >>> minigrad.get_num_interop_threads() > 0
    True
    """
    return _settings.interop_threads or os.cpu_count() or 1


def set_num_threads(num: int) -> None:
    """Ask for a number of threads, which `get_num_threads` returns. RuntimeError unless positive.

    It changes nothing else. All ops use one thread, except for products of matrices: for these,
    NumPy's library reads the number from the environment (`OMP_NUM_THREADS`) as it is loaded.

    >>> before = minigrad.get_num_threads()
    >>> minigrad.set_num_threads(1)
    >>> minigrad.get_num_threads()
    1
    >>> minigrad.set_num_threads(before)
    """
    if type(num) is not int:
        raise RuntimeError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _settings.threads = num


def get_num_threads() -> int:
    """The number of threads that `set_num_threads` has set, or that the machine has.

    >>> minigrad.get_num_threads() > 0
    True
    """
    return _settings.threads or 1


def is_nonzero(input: Any) -> bool:
    """Whether the only element of a tensor isn't zero. RuntimeError for another number of elements.

    >>> minigrad.is_nonzero(minigrad.tensor([0.5]))
    True
    """
    array_of(input, "is_nonzero")
    return bool(input)


def is_distributed(input: Any) -> bool:
    """Whether the elements of a tensor are on several machines: False.

    >>> minigrad.is_distributed(minigrad.ones(2))
    False
    """
    array_of(input, "is_distributed")
    return False


def set_flush_denormal(mode: bool) -> bool:
    """Return False: NumPy can't be told to take the smallest floats for 0.

    >>> minigrad.set_flush_denormal(True)
    False
    """
    flag(mode, "mode")
    return False


def is_same_size(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape.

    >>> minigrad.is_same_size(minigrad.ones(2), minigrad.zeros(2))
    True
    """
    return array_of(input, "is_same_size").shape == array_of(other, "is_same_size").shape


def result_type(tensor: Any, other: Any) -> dtypes.dtype:
    """The dtype of the result of an arithmetic op on two tensors or numbers.

    TypeError for anything else.

    >>> minigrad.result_type(minigrad.tensor([1, 2]), 1.0)
    torch.float32
    """
    operands = []
    for each in (tensor, other):
        value = each._array if isinstance(each, TensorBase) else python_number(each)
        if not isinstance(value, np.ndarray | int | float):
            kind = type(each).__name__
            raise TypeError(f"result_type(): arguments must be tensors or numbers, not {kind}")
        operands.append(value)
    return dtypes.of_numpy(_result_type(*operands))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether PyTorch's rules allow a conversion: not from floats to integers, nor to bool.

    TypeError unless both are dtypes.

    >>> minigrad.can_cast(minigrad.float64, minigrad.int64)
    False
    """
    for position, (name, value) in enumerate((("from_", from_), ("to", to)), 1):
        if not isinstance(value, dtypes.dtype):
            raise TypeError(
                f"can_cast(): argument '{name}' (position {position}) must be torch.dtype, not "
                f"{type(value).__name__}"
            )
    return same_category_or_higher(dtypes.to_numpy(from_), dtypes.to_numpy(to))


def _assert(condition: Any, message: str) -> None:
    """Raise AssertionError with this message unless a condition is true.

    >>> minigrad._assert(minigrad.tensor(True), "no")
    """
    if not condition:
        raise AssertionError(message)


def _check(cond: bool, message: Any = None) -> None:
    """RuntimeError, with the text that `message()` returns, unless a condition is True.

    TypeError for a condition that isn't a bool, and for a message that can't be called.

    >>> minigrad._check(1 + 1 == 2, lambda: "arithmetic")
    """
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if message is not None and not callable(message):
        raise TypeError("message must be a callable")
    if not cond:
        text = "Expected cond to be True, but got False." if message is None else str(message())
        raise RuntimeError(text)
