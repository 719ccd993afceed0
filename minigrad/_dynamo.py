"""The names of torch._dynamo that programs use to prepare functions for `compile`."""

from __future__ import annotations

from typing import Any, TypeVar

from .compiling.module import OptimizedModule as OptimizedModule

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


class _Config:
    """The settings of PyTorch's compiler of which a value makes no difference here."""

    verbose = False

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            raise AttributeError(f"minigrad has no torch._dynamo.config.{name}")
        super().__setattr__(name, value)


config = _Config()
