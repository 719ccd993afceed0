"""Floating-point errors: a context in which NumPy doesn't warn of overflow, 0/0 and the like.

PyTorch never warns of them: infinity and NaN are results. NumPy's setting is a context variable, so
each thread keeps one context with the warnings off, and runs its rules in that. It costs a fifth of
`numpy.errstate`, and leaves the caller's own setting alone.
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
        """Like `run`, but works inside a running rule too: for a debugger that stopped in one."""
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
    """`run(function, …)`, or the same by other means if the context was entered already."""
    try:
        return run(function, *args, **kwargs)
    except RuntimeError as error:
        if not str(error).startswith("cannot enter context"):
            raise
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


quiet = _Quiet()
