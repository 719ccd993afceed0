"""PyTorch's compiler of Python functions, as a pass-through: nothing is compiled.

`script` and `trace` return the function or the module itself, which has the same values. So a
program that scripts its model runs unchanged. What reads or writes a compiled program, such as
`save`, is an error. To record a step as a NumPy program, use `minigrad.compile`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from .nn.module import Module

__all__ = [
    "Final",
    "ScriptModule",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "load",
    "save",
    "script",
    "script_method",
    "trace",
    "unused",
]

T = TypeVar("T")


class TracerWarning(Warning):
    """PyTorch's warning about values that a trace makes constant. Here none is given."""


class ScriptModule(Module):
    """A module under the name that PyTorch gives compiled ones. Here it is a `Module`.

    >>> isinstance(minigrad.jit.script(nn.Linear(2, 2)), minigrad.jit.ScriptModule)
    False
    """


def script(obj: T, optimize: None = None, *, example_inputs: None = None) -> T:
    """Return a function, a class or a module itself. Nothing is compiled.

    PyTorch checks and compiles its source; what that refuses, such as a call of NumPy, works here.
    TypeError for an object that can't be called, NotImplementedError for `optimize` and
    `example_inputs`.

    >>> @minigrad.jit.script
    ... def double(x):
    ...     return 2 * x
    >>> double(minigrad.tensor([1., 2.]))
    tensor([2., 4.])
    """
    for name, value in (("optimize", optimize), ("example_inputs", example_inputs)):
        if value is not None:
            raise NotImplementedError(f"jit.script({name}=...) is not implemented: leave it out")
    if not callable(obj):
        kind = type(obj).__name__
        raise TypeError(f"jit.script() takes a function, a class or a module, not {kind}")
    return obj


def trace(
    func: T,
    example_inputs: Any = None,
    optimize: None = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    *,
    example_kwarg_inputs: dict[str, Any] | None = None,
) -> T:
    """Call a function or a module on example inputs, and return it itself.

    The call shows errors, and draws random numbers, as it does in PyTorch. Nothing is compiled: a
    branch is chosen in each call, and not once by the example. The checks of a trace have nothing
    to compare, so their options have no effect. TypeError for a `func` that can't be called,
    RuntimeError without example inputs.

    >>> model = nn.ReLU()
    >>> minigrad.jit.trace(model, minigrad.ones(1)) is model
    True
    """
    if optimize is not None:
        raise NotImplementedError("jit.trace(optimize=...) is not implemented: leave it out")
    if not callable(func):
        raise TypeError(f"jit.trace() takes a function or a module, not {type(func).__name__}")
    if example_kwarg_inputs is not None:
        if not isinstance(example_kwarg_inputs, dict):
            raise RuntimeError("example_kwarg_inputs should be a dict")
        func(**example_kwarg_inputs)
        return func
    if example_inputs is None:
        raise RuntimeError("jit.trace needs example_inputs or example_kwarg_inputs")
    inputs = example_inputs if isinstance(example_inputs, list | tuple) else (example_inputs,)
    func(*inputs)
    return func


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Mark a function that PyTorch leaves in Python, as all are here. Returns it itself.

    It is a decorator with or without arguments.

    >>> @minigrad.jit.ignore
    ... def log(x):
    ...     return x
    >>> log(1)
    1
    """
    if callable(drop):
        return drop
    if kwargs.keys() - {"drop_on_export"}:
        raise TypeError(f"jit.ignore() got unexpected keyword arguments: {', '.join(kwargs)}")
    if not isinstance(drop, bool):
        raise RuntimeError(f"Argument to jit.ignore must be a bool or a function but got {drop}")
    return lambda fn: fn


def unused(fn: T) -> T:
    """Mark a function that PyTorch doesn't compile. Returns it itself, and it can be called.

    >>> minigrad.jit.unused(abs)(-1)
    1
    """
    return fn


def export(fn: T) -> T:
    """Mark a method that PyTorch compiles too. Returns it itself.

    >>> minigrad.jit.export(abs)(-1)
    1
    """
    return fn


def script_method(fn: T) -> T:
    """Mark a method of a `ScriptModule` that PyTorch compiles. Returns it itself.

    >>> minigrad.jit.script_method(abs)(-1)
    1
    """
    return fn


def annotate(the_type: Any, the_value: T) -> T:
    """Return `the_value`, whose type PyTorch's compiler is told.

    >>> minigrad.jit.annotate(list[int], [])
    []
    """
    return the_value


def is_scripting() -> bool:
    """Whether compiled code asks: False.

    >>> minigrad.jit.is_scripting()
    False
    """
    return False


def is_tracing() -> bool:
    """Whether a trace is being made: False, as nothing is traced.

    >>> minigrad.jit.is_tracing()
    False
    """
    return False


def _without_program(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"jit.{name}: nothing is compiled here, so there is no compiled program. Use "
            f"minigrad.{name} with model.state_dict()."
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"NotImplementedError: there is no compiled program to {name}."
    return function


save, load = _without_program("save"), _without_program("load")
