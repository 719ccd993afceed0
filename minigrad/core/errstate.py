"""Floating-point errors: a context in which NumPy doesn't warn about overflow, 0/0 and the like.

PyTorch never warns about them: infinity and NaN are valid results. NumPy's setting is a context
variable, so each thread keeps one context with the warnings off, and runs rules in it. This costs a
fifth of `numpy.errstate`, and doesn't change the caller's setting.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


class _Quiet(threading.local):
    """`quiet.run(function, *args, **kwargs)` calls a function without warnings, at little cost."""

    def __init__(self) -> None:
        context = contextvars.copy_context()
        context.run(np.seterr, all="ignore")
        self.run: Callable[..., Any] = context.run
        self._run_inside: Callable[..., Any] = _call

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Like `run`, but also works inside a running rule, where a debugger may have stopped."""
        return _entered(self.run, function, *args, **kwargs)

    def within(self, function: Callable[..., Any], *args: Any) -> Any:
        """Like `call`, for a function that calls `run` itself, which a context doesn't allow."""
        run, self.run = self.run, self._run_inside
        try:
            return _entered(run, function, *args)
        finally:
            self.run = run

    @contextmanager
    def watched(self, watch: Callable[..., Any]) -> Iterator[None]:
        """Pass every call of a rule in this thread to `watch(run, function, *args)`.

        `watch` returns what `run(function, *args)` returns.
        """
        before = self.run, self._run_inside
        self.run, self._run_inside = (functools.partial(watch, run) for run in before)
        try:
            yield
        finally:
            self.run, self._run_inside = before


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _entered(
    run: Callable[..., Any], function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """`run(function, …)`, or the same by `numpy.errstate` if the context is already entered."""
    try:
        return run(function, *args, **kwargs)
    except RuntimeError as error:
        if not str(error).startswith("cannot enter context"):
            raise
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


quiet = _Quiet()


def quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function of arrays, which calls no rule, so that NumPy doesn't warn in it."""

    @functools.wraps(function)
    def silent(*args: Any, **kwargs: Any) -> Any:
        return quiet.call(function, *args, **kwargs)

    return silent


@quietly
def cast(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    """An array in another dtype, or itself if it has that dtype."""
    return array.astype(kind, copy=False)
