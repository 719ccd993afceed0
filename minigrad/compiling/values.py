"""Recorded arrays and numbers: plain objects that carry a value and note what is done with them.

A `Recorded` answers NumPy's protocols (NEP 13 for ufuncs, NEP 18 for other functions), operators,
methods and indexing. Each use is a statement of the program, and its value is what NumPy returns.
It isn't an ndarray, which NumPy would strip, but it claims to be one, so that a rule treats it as
one. What NumPy would convert silently (`float(x)`, `np.asarray(x)`) is refused by name.

A `Number` is a Python number that may differ in the next call, such as a learning rate.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .refusal import refused

# The methods of arrays that compute or view, and so are recorded.
METHODS = frozenset(
    [
        "all",
        "any",
        "argmax",
        "argmin",
        "argsort",
        "astype",
        "clip",
        "copy",
        "cumprod",
        "cumsum",
        "diagonal",
        "dot",
        "flatten",
        "max",
        "mean",
        "min",
        "prod",
        "put",
        "ravel",
        "repeat",
        "reshape",
        "round",
        "sort",
        "squeeze",
        "std",
        "sum",
        "swapaxes",
        "take",
        "trace",
        "transpose",
        "var",
        "view",
    ]
)
_WRITING = {"put": 0, "sort": 0, "fill": 0}
_PLAIN = ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "ctypes")
CONVERSIONS = {
    "__bool__": "the truth of a tensor's value",
    "__int__": "int() of a tensor",
    "__float__": "float() of a tensor",
    "__complex__": "complex() of a tensor",
    "__index__": "a tensor as an index or a size",
    "__iter__": "iteration over a tensor",
    "__array__": "a conversion of a tensor to an array",
    "tolist": "tolist() of a tensor",
    "nonzero": "nonzero() of a tensor, whose shape depends on values",
}


class Recorded:
    """An array, or a NumPy scalar, of the program that is recorded."""

    __slots__ = ("__weakref__", "name", "recording", "statement", "storage", "value")

    def __init__(self, recording: Any, value: Any, storage: Any, statement: Any) -> None:
        self.recording, self.value, self.storage = recording, value, storage
        self.statement, self.name = statement, ""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.value)

    @property
    def base(self) -> Any:
        """The array whose memory this one shares, or None."""
        return None if self.storage.whole is self else self.storage.whole

    @property
    def T(self) -> Any:
        return self.recording.call(".T", lambda x: x.T, (self,), {})

    def __getattr__(self, name: str) -> Any:
        if name == "flags":
            return _Flags(self)
        if name in _PLAIN:
            return getattr(self.value, name)
        if name == "item" or name in CONVERSIONS:
            return lambda *args: self.recording.item(self, name, args)
        if name in METHODS or name == "fill":
            return lambda *args, **options: self.recording.call(
                f".{name}",
                lambda x, *a, **o: getattr(x, name)(*a, **o),
                (self, *args),
                options,
                writes=(self,) if name in _WRITING else (),
            )
        if hasattr(self.value, name):
            if name.startswith("__array_"):
                raise refused("a conversion of an array by NumPy")
            raise refused(f"the attribute {name!r} of an array")
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")

    def __len__(self) -> int:
        return len(self.value)

    def __hash__(self) -> int:
        return id(self)

    def __getitem__(self, key: Any) -> Any:
        return self.recording.call("[]", operator.getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self.recording.call("[]=", operator.setitem, (self, key, value), {}, writes=(self,))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if not _is_numpys(ufunc):
            raise self.recording._refuse(f"{ufunc.__name__}, which is SciPy's and not NumPy's")
        out = options.pop("out", None)
        name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        if method == "at":
            return self.recording.call(name, ufunc.at, inputs, options, writes=inputs[:1])
        targets: tuple[Any, ...] = ()
        if out is not None:
            targets = tuple(t for t in out if t is not None)
            options["out"] = out[0] if len(out) == 1 else out
        function = getattr(ufunc, method)
        return self.recording.call(name, function, inputs, options, writes=targets)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.recording.numpy(function, args, options)


def _is_numpys(ufunc: Any) -> bool:
    return getattr(np, ufunc.__name__, None) is ufunc


class _Flags:
    """The flags of a recorded array."""

    def __init__(self, recorded: Recorded) -> None:
        self.__dict__["recorded"] = recorded

    def __getattr__(self, name: str) -> Any:
        return getattr(self.recorded.value.flags, name)

    def __setattr__(self, name: str, value: Any) -> None:
        recorded = self.recorded
        setattr(recorded.value.flags, name, value)
        if recorded.statement is None or name != "writeable":
            raise refused(f"a change of the flag {name}")
        recorded.statement.writable = value


class Number:
    """A Python number that may differ in the next call."""

    __slots__ = ("name", "recording", "statement", "value")

    def __init__(self, recording: Any, value: Any, statement: Any) -> None:
        self.recording, self.value, self.statement, self.name = recording, value, statement, ""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.value)

    __array_ufunc__ = Recorded.__array_ufunc__

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        return self.recording.decided(self != 0)

    def _refused(self, *_: Any) -> NoReturn:
        raise refused("a conversion of an option that may change")

    __float__ = __int__ = __index__ = _refused


def _operators() -> None:
    """Give both classes Python's operators."""
    infix = {
        "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
        "pow": "**", "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<",
        "rshift": ">>", "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">=",
    }  # fmt: skip
    for name, symbol in infix.items():
        compute = getattr(operator, f"__{name}__")
        for cls in (Recorded, Number):
            setattr(cls, f"__{name}__", _binary(symbol, compute))
            if symbol[0] not in "<>=!" or symbol in ("<<", ">>"):
                setattr(cls, f"__r{name}__", _binary(symbol, compute, swapped=True))
        if symbol[0] not in "<>=!" or symbol in ("<<", ">>"):
            setattr(Recorded, f"__i{name}__", _in_place(symbol, getattr(operator, f"__i{name}__")))
    for name, symbol in {"neg": "-", "pos": "+", "invert": "~", "abs": "abs"}.items():
        compute = getattr(operator, f"__{name}__")
        for cls in (Recorded, Number):
            setattr(cls, f"__{name}__", _unary(symbol, compute))
    for name in CONVERSIONS:
        if name.startswith("__"):
            setattr(Recorded, name, _conversion(name))


def _binary(symbol: str, compute: Callable[..., Any], swapped: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        operands = (other, self) if swapped else (self, other)
        if type(self) is Number and type(other) is Recorded:
            return NotImplemented
        if symbol == "**" and swapped is False and isinstance(other, tuple):
            return NotImplemented
        return self.recording.call(symbol, compute, operands, {})

    return method


def _in_place(symbol: str, compute: Callable[..., Any]) -> Any:
    def method(self: Recorded, other: Any) -> Any:
        if not isinstance(self.value, np.ndarray):
            return self.recording.call(symbol, compute, (self, other), {})
        self.recording.call(f"{symbol}=", compute, (self, other), {}, writes=(self,))
        return self

    return method


def _unary(symbol: str, compute: Callable[..., Any]) -> Any:
    return lambda self: self.recording.call(symbol, compute, (self,), {})


def _conversion(name: str) -> Any:
    return lambda self, *args, **options: self.recording.item(self, name, args)


_operators()


def describe(name: str) -> str:
    """What a conversion is called in a refusal."""
    return CONVERSIONS.get(name, f"{name.strip('_')}() of a tensor")
