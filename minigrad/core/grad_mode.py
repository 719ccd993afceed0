"""Grad mode: whether ops are recorded on the tape. Each thread has its own."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any


class _GradMode(threading.local):
    enabled = True  # a fresh thread starts from the class's value


mode = _mode = _GradMode()  # by its second name where an argument has the first


def is_grad_enabled() -> bool:
    """Whether this thread records ops now.

    >>> with minigrad.no_grad():
    ...     minigrad.is_grad_enabled()
    False
    """
    return mode.enabled


class _Switch:
    """A context manager, and a decorator, that sets grad mode and puts it back."""

    _to = True

    def __enter__(self) -> None:
        self._before = mode.enabled
        mode.enabled = self._to

    def __exit__(self, *exception: object) -> None:
        mode.enabled = self._before

    def _again(self) -> _Switch:
        """A fresh one like this: a decorated function may call itself."""
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):
            # The mode holds while the generator's own lines run, not while it waits at a `yield`.
            @functools.wraps(function)
            def stepwise(*args: Any, **kwargs: Any) -> Iterator[Any]:
                generator = function(*args, **kwargs)
                resume = functools.partial(next, generator)
                while True:
                    try:
                        with self._again():
                            item = resume()
                    except StopIteration as stop:
                        return stop.value
                    try:
                        resume = functools.partial(generator.send, (yield item))
                    except GeneratorExit:
                        with self._again():
                            generator.close()
                        raise
                    except BaseException as error:
                        resume = functools.partial(generator.throw, error)

            return stepwise

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):
    """Within it nothing is recorded, and results do not require grad.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _to = False

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        """Bare `@no_grad` decorates at once."""
        self = super().__new__(cls)
        return self if orig_func is None else self(orig_func)


class enable_grad(_Switch):
    """Within it ops are recorded, also inside `no_grad`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad(), minigrad.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        """Bare `@enable_grad` decorates at once."""
        self = super().__new__(cls)
        return self if orig_func is None else self(orig_func)


class set_grad_enabled(_Switch):
    """Sets grad mode at once; as a context manager or a decorator it puts it back.

    TypeError unless `mode` is a bool.

    >>> with minigrad.set_grad_enabled(False):
    ...     minigrad.is_grad_enabled()
    False
    >>> minigrad.is_grad_enabled()
    True
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            kind = type(mode).__name__
            raise TypeError(f"set_grad_enabled(): argument 'mode' must be bool, not {kind}")
        self._before, self._to = _mode.enabled, mode
        _mode.enabled = mode

    def __enter__(self) -> None:
        # What to put back is known since this was made; but it may be entered a second time.
        _mode.enabled = self._to

    def _again(self) -> _Switch:
        return set_grad_enabled(self._to)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _mode.enabled = self._before  # as a decorator it acts inside the function only
        return super().__call__(function)
