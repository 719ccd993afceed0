"""Subclasses of Tensor: functions and methods ask the classes of their arguments for the result.

They ask by `__torch_function__`. Tensor has one that gives each result the class of the subclass.
To look at the classes takes time, so functions and methods do it only once there is a subclass:
`make_overridable` replaces them then.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .dispatch import OPS
from .tensor import TensorBase


class _Overriding(threading.local):
    enabled = True  # the value in a new thread


overriding = _Overriding()


class DisableTorchFunctionSubclass:
    """A block in which functions compute their results without asking any class."""

    def __enter__(self) -> None:
        self.before, overriding.enabled = overriding.enabled, False

    def __exit__(self, *exception: object) -> None:
        overriding.enabled = self.before


def no_override(
    func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
) -> Any:
    """The `__torch_function__` of a class whose instances count as plain tensors."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def default(
    cls: type[Any],
    func: Callable[..., Any],
    types: Iterable[type[Any]],
    args: Sequence[Any] = (),
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call a function, and return its results as instances of the class.

    NotImplemented unless the class is a subclass of all `types`, those of the arguments.
    """
    if not all(issubclass(cls, each) for each in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        return _in_class(func(*args, **(kwargs or {})), cls)


def _in_class(result: Any, cls: type[Any]) -> Any:
    if isinstance(result, TensorBase):
        return result if isinstance(result, cls) else as_subclass(result, cls)
    if isinstance(result, list | tuple) and any(isinstance(x, TensorBase) for x in result):
        items = [_in_class(each, cls) for each in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return result


def as_subclass(tensor: TensorBase, cls: type[Any]) -> Any:
    """A view of a whole tensor, as an instance of another class."""
    result = OPS["alias"](tensor)
    result.__class__ = cls
    return result


# The call -----------------------------------------------------------------------------------------


def overrides(value: Any) -> bool:
    """Whether functions have to ask the class of a value, which isn't Tensor itself."""
    cls = type(value)
    found = getattr(cls, "__torch_function__", None)
    if found is None or found is no_override:
        return False
    return not (getattr(found, "__func__", None) is default and "__torch_function__" in vars(cls))


def overriding_arguments(values: Iterable[Any]) -> list[Any]:
    """The first value of each class that has to be asked. Subclasses are asked first."""
    found: list[Any] = []
    for value in values:
        if not overrides(value) or any(type(value) is type(each) for each in found):
            continue
        above = [i for i, each in enumerate(found) if isinstance(value, type(each))]
        found.insert(above[0] if above else len(found), value)
    return found


def overridden(
    function: Callable[..., Any], found: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """What the first of the classes returns for a function. TypeError if none of them does."""
    types = tuple([type(value) for value in found])
    for value in found:
        result = type(value).__torch_function__(function, types, tuple(args), kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{function.__module__}.{function.__name__}' on types that "
        f"implement __torch_function__: {[*types]}"
    )


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether the class of an argument has to be asked for the result.

    >>> has_torch_function((minigrad.ones(2), 1))
    False
    """
    return overriding.enabled and any(map(overrides, relevant_args))


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Return what the first of the classes of `relevant_args` returns for a call.

    TypeError if each returns NotImplemented.
    """
    return overridden(public_api, overriding_arguments(relevant_args), args, kwargs)


def has_torch_function_variadic(*relevant_args: Any) -> bool:
    """`has_torch_function` of several arguments."""
    return has_torch_function(relevant_args)


def has_torch_function_unary(relevant_arg: Any) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((relevant_arg,))


def make_overridable(holder: Any, name: str) -> None:
    """Let a function of a module or class, or a property, ask the classes of its arguments."""
    if isinstance(holder, type):  # the class that defines it
        holder = next(cls for cls in holder.__mro__ if name in vars(cls))
    function: Any = inspect.getattr_static(holder, name)
    if isinstance(function, property):
        assert function.fget is not None
        getter = _overridable(function.fget)
        setattr(holder, name, property(getter, function.fset, function.fdel, function.__doc__))
        return
    home, path = sys.modules[function.__module__], function.__qualname__
    replaced = _overridable(function)
    setattr(holder, name, replaced)
    if getattr(home, path, None) is function:
        setattr(home, path, replaced)  # where pickle finds it


@functools.cache  # a function of several names stays one
def _overridable(function: Callable[..., Any]) -> Callable[..., Any]:
    if "without_asking" in vars(function):
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if overriding.enabled:
            found = overriding_arguments(_tensors((*args, *kwargs.values())))
            if found:
                return overridden(call, found, args, kwargs)
        return function(*args, **kwargs)

    vars(call)["without_asking"] = function
    return call


def _tensors(arguments: Iterable[Any]) -> Iterator[TensorBase]:
    """The tensors among arguments, and in those that are lists or tuples."""
    for value in arguments:
        if isinstance(value, TensorBase):
            yield value
        elif isinstance(value, list | tuple):
            yield from (each for each in value if isinstance(each, TensorBase))
