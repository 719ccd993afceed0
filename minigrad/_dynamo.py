"""The names of torch._dynamo that programs use to prepare functions for `compile`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .compiling.module import OptimizedModule as OptimizedModule
from .compiling.refusal import refused
from .core.tracing import tracing
from .nn.module import Module

T = TypeVar("T")


def allow_in_graph(fn: T) -> T:
    """Return a function, or a list of them, itself: `compile` records the ops that it calls.

    AssertionError for what can't be called.

    >>> minigrad._dynamo.allow_in_graph(abs)(-1)
    1
    """
    for each in fn if isinstance(fn, list | tuple) else [fn]:
        if not callable(each):
            raise AssertionError(f"allow_in_graph expects a callable, not {type(each).__name__}")
    return fn


def is_compiling() -> bool:
    """Return whether `compile` is recording a step.

    >>> minigrad.compiler.is_compiling()
    False
    """
    return tracing.recording is not None


def reset() -> None:
    """Forget all programs: nothing to do, because each step has its own."""


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Let a function, a method or a module never be part of a recorded step.

    A step that calls it runs as it is. With `recursive=False`, which forbids it to record the
    function itself only, and for a class, nothing is forbidden. Without `fn` this is a decorator.
    AssertionError for what can't be called.

    >>> @minigrad.compiler.disable
    ... def noted(x):
    ...     print("called with", x)
    ...     return x
    >>> noted(3)
    called with 3
    3
    """
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    if not callable(fn):
        raise AssertionError(f"fn must be callable, not {type(fn).__name__}")
    if not recursive or isinstance(fn, type):
        return fn
    called = _called(fn, reason)
    return OptimizedModule(fn, called) if isinstance(fn, Module) else called


def _called(fn: Callable[..., Any], reason: str | None) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if tracing.recording is not None:
            raise refused(f"a call of a disabled function{f': {reason}' if reason else ''}")
        return fn(*args, **kwargs)

    return functools.wraps(fn)(call)


class _Config:
    """The settings of PyTorch's compiler of which a value makes no difference here."""

    verbose = False

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            raise AttributeError(f"minigrad has no torch._dynamo.config.{name}")
        super().__setattr__(name, value)


config = _Config()
