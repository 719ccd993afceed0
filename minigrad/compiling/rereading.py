"""The engine's own code, run with recorded arrays: the same functions with another `np`.

Rules, the walk and optimisers call functions that neither of NumPy's protocols reaches, such as
`np.asarray` and `np.zeros`. So their code runs with `numpy_recorded` in place of `np`, as it does
with ops for higher derivatives (`core/higher_order.py`). No module is changed, and other threads
notice nothing.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..optim import arithmetic
from ..optim.optimizer_hooks import Hookable
from ..rules import indexing
from .recording import current
from .refusal import refused
from .values import Number, Recorded

_PACKAGES = ("minigrad.rules", "minigrad.core.walk", "minigrad.core.views", "minigrad.optim")


class _NumpyRecorded:
    """NumPy, with recorded results of the functions that its protocols don't cover."""

    def __getattr__(self, name: str) -> Any:
        return _SPECIAL.get(name) or getattr(np, name)


numpy_recorded = _NumpyRecorded()


def _any_recorded(args: Any) -> bool:
    return any(type(x) is Recorded for x in args)


def _making(name: str) -> Any:
    """A function that makes a new array from numbers."""
    function = getattr(np, name)

    def make(*args: Any, **options: Any) -> Any:
        recording = current.recording
        assert recording is not None
        return recording.call(f"np.{name}", function, args, options)

    return make


def _as_array(x: Any, dtype: Any = None, **options: Any) -> Any:
    recording = current.recording
    assert recording is not None
    if type(x) is Recorded and isinstance(x.value, np.ndarray) and dtype in (None, x.dtype):
        return (
            x
            if not options or (options == {"order": "C"} and x.flags.c_contiguous)
            else _made_contiguous(x)
        )
    options = options if dtype is None else {"dtype": dtype, **options}
    return recording.call("np.asarray", np.asarray, (x,), options)


def _made_contiguous(x: Any) -> Any:
    recording = current.recording
    assert recording is not None
    if type(x) is Recorded and isinstance(x.value, np.ndarray) and x.flags.c_contiguous and x.ndim:
        return x
    return recording.call("np.ascontiguousarray", np.ascontiguousarray, (x,), {})


def _as_strided(x: Any, shape: Any = None, strides: Any = None, **options: Any) -> Any:
    recording = current.recording
    assert recording is not None
    options.setdefault("writeable", True)
    return recording.call(
        "np.lib.stride_tricks.as_strided",
        as_strided,
        (
            x,
            tuple(x.shape if shape is None else shape),
            tuple(x.strides if strides is None else strides),
        ),
        options,
    )


def _array(x: Any, *args: Any, **options: Any) -> Any:
    recording = current.recording
    assert recording is not None
    return recording.call("np.array", np.array, (x, *args), options)


_SPECIAL: dict[str, Any] = {
    name: _making(name)
    for name in ("zeros", "ones", "empty", "full", "arange", "eye", "indices", "tri", "linspace")
}
_SPECIAL |= {"asarray": _as_array, "ascontiguousarray": _made_contiguous, "array": _array}


def _in_bounds(indices: Any) -> Any:
    if type(indices) is Recorded:
        indices.recording.in_bounds.append(indices)
    return indices


def _float(x: Any = 0.0) -> Any:
    if type(x) is Number:
        return x
    return builtins.float(x)


def _rounded(number: Any, array: Any) -> Any:
    kind = np.float32 if array.dtype == np.float16 else array.dtype.type
    if type(number) is Recorded and number.dtype == kind:
        return number
    if type(number) is not Number:
        return kind(number)
    return number.recording.call(f"np.{kind.__name__}", kind, (number,), {})


_INSTEAD: dict[Any, Any] = {
    np: numpy_recorded,
    as_strided: _as_strided,
    np.ascontiguousarray: _made_contiguous,
    np.asarray: _as_array,
    arithmetic.rounded: _rounded,
    arithmetic.is_divided: lambda array: False,  # a program takes each array as a whole
    indexing.in_bounds: _in_bounds,
}


def reread(thing: Any) -> Any:
    """A function of the engine, with the counterparts of its names; anything else as it is."""
    if isinstance(thing, FunctionType):
        thing = vars(thing).get("without_asking", thing)  # a recording has no subclasses
        if thing in _INSTEAD:
            return _INSTEAD[thing]
        if not thing.__module__.startswith(_PACKAGES):
            return thing
        thing = inspect.unwrap(thing) if not thing.__closure__ else thing
        cells = tuple(CellType(reread(c.cell_contents)) for c in thing.__closure__ or ())
        names = _names(thing.__globals__["__name__"])
        copy = FunctionType(thing.__code__, names, thing.__name__, thing.__defaults__, cells)
        copy.__kwdefaults__ = thing.__kwdefaults__
        copy.__dict__.update(vars(thing))
        return copy
    if isinstance(thing, functools._lru_cache_wrapper):  # results would outlive the recording
        return reread(thing.__wrapped__)
    if isinstance(thing, MethodType):
        return MethodType(reread(thing.__func__), thing.__self__)
    try:
        return _INSTEAD.get(thing, thing)
    except TypeError:
        return thing


_modules: dict[str, dict[str, Any]] = {}


def _names(module: str) -> dict[str, Any]:
    """A module's global names, with their counterparts."""
    if module not in _modules:
        own = vars(sys.modules[module])
        names = _modules[module] = dict(own)
        for name, value in own.items():
            if (
                value is np
                or isinstance(value, FunctionType | functools._lru_cache_wrapper)
                or callable(value)
            ) and not isinstance(value, type):
                names[name] = reread(value)
        if module.startswith("minigrad.optim"):
            names["float"] = _float
    return _modules[module]


_classes: dict[type[Any], type[Any]] = {}


def reread_class(cls: type[Any]) -> type[Any]:
    """A class of optimisers with its methods reread."""
    if cls not in _classes:
        if cls is object or cls is Hookable:  # which compute nothing
            return cls
        if not cls.__module__.startswith("minigrad.optim"):
            raise refused(f"the optimiser {cls.__qualname__}, which isn't minigrad's")
        bases = tuple(reread_class(base) for base in cls.__bases__)
        space = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
        made = _classes[cls] = type(cls.__name__, bases, {})
        for name, value in space.items():
            if isinstance(value, FunctionType):
                value = _method(value, made)
            elif isinstance(value, staticmethod):
                value = staticmethod(_method(value.__func__, made))  # type: ignore[arg-type]
            if name not in ("__doc__", "__module__", "__firstlineno__", "__static_attributes__"):
                setattr(made, name, value)
    return _classes[cls]


def _method(function: FunctionType, cls: type[Any]) -> FunctionType:
    copy: FunctionType = reread(function)
    for name, cell in zip(copy.__code__.co_freevars, copy.__closure__ or (), strict=True):
        if name == "__class__":
            cell.cell_contents = cls
    return copy
