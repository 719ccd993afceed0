"""Where rules compute: a context in which NumPy does not warn of overflow, 0/0 and the like.

PyTorch never warns of them: inf and NaN are results. NumPy's setting is a context variable, so each
thread keeps one context with the warnings off and runs its rules in there. That costs a fifth of
entering `numpy.errstate` each time, and leaves the caller's own setting alone.
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
    """`quiet.run(function, *args)` calls a function without warnings, as fast as that can be."""

    def __init__(self) -> None:
        context = contextvars.copy_context()
        context.run(np.seterr, all="ignore")
        self.run: Callable[..., Any] = context.run
        self._run_again: Callable[..., Any] = _call

    def within(self, function: Callable[..., Any], *args: Any) -> Any:
        """As `run`, for a function that may come to `run` again, which a context does not allow."""
        run, self.run = self.run, self._run_again
        try:
            return anyhow(run, function, *args)
        finally:
            self.run = run

    @contextmanager
    def watched(self, watch: Callable[..., Any]) -> Iterator[None]:
        """Within it, what this thread's rules compute goes through `watch(run, function, *args)`,
        which is to return what `run(function, *args)` does."""
        before = self.run, self._run_again
        self.run, self._run_again = (functools.partial(watch, run) for run in before)
        try:
            yield
        finally:
            self.run, self._run_again = before


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def anyhow(run: Callable[..., Any], function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """`run(function, …)`, also where a rule is at work already: in a debugger that stopped inside
    one, say, where the context that `run` would enter is taken."""
    try:
        return run(function, *args, **kwargs)
    except RuntimeError as error:
        if not str(error).startswith("cannot enter context"):
            raise
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


quiet = _Quiet()
