"""Grad mode: whether ops are recorded on the tape. Each thread has its own."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .warning import warn


class _GradMode(threading.local):
    # A new thread starts with the class's values.
    enabled = True  # whether ops are recorded
    inference = False  # whether this is inference mode, in which they never are
    asked = False  # grad mode as set within inference mode


grad_mode = _GradMode()


def is_grad_enabled() -> bool:
    """Whether ops are recorded in this thread.

    >>> with minigrad.no_grad():
    ...     minigrad.is_grad_enabled()
    False
    """
    return grad_mode.asked if grad_mode.inference else grad_mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return grad_mode.inference


def _set(enabled: bool) -> None:
    if grad_mode.inference:
        grad_mode.asked = enabled
    else:
        grad_mode.enabled = enabled


class Switch:
    """A context manager and decorator that sets grad mode and restores it."""

    _to = True

    def __enter__(self) -> None:
        self._before = is_grad_enabled()
        _set(self._to)

    def __exit__(self, *exception: object) -> None:
        _set(self._before)

    def _copy(self) -> Switch:
        """A new switch like this one, because a decorated function may call itself."""
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isclass(function):
            warn(
                "Decorating classes is deprecated and will be disabled in future versions. You "
                "should only decorate functions or methods. To preserve the current behavior of "
                "class decoration, you can directly decorate the `__init__` method and nothing "
                "else.",
                FutureWarning,
            )
            return self(lambda *args, **kwargs: function(*args, **kwargs))
        if inspect.isgeneratorfunction(function):
            return self._decorated_generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._copy():
                return function(*args, **kwargs)

        return wrapped

    def _decorated_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The mode is set while the generator's own lines run, not while it waits at a `yield`."""

        @functools.wraps(function)
        def stepwise(*args: Any, **kwargs: Any) -> Iterator[Any]:
            generator = function(*args, **kwargs)
            resume = functools.partial(next, generator)
            while True:
                try:
                    with self._copy():
                        item = resume()
                except StopIteration as stop:
                    return stop.value
                try:
                    resume = functools.partial(generator.send, (yield item))
                except GeneratorExit:
                    with self._copy():
                        generator.close()
                    raise
                except BaseException as error:
                    resume = functools.partial(generator.throw, error)

        return stepwise


class _BareSwitch(Switch):
    """A switch that can also decorate without parentheses: `@no_grad`."""

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        return self if orig_func is None else self(orig_func)


class no_grad(_BareSwitch):
    """Don't record ops in the block. Their results don't require grad.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _to = False


class enable_grad(_BareSwitch):
    """Record ops in the block, also inside `no_grad`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad(), minigrad.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """


class set_grad_enabled(Switch):
    """Set grad mode at once. As a context manager or a decorator, restore it afterwards.

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
        self._before, self._to = is_grad_enabled(), mode
        _set(mode)

    def __enter__(self) -> None:
        # The constructor has saved the mode to restore, before it changed it.
        _set(self._to)

    def __repr__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self._to})"

    def _copy(self) -> Switch:
        return set_grad_enabled(self._to)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _set(self._before)  # a decorator acts only inside the function
        return super().__call__(function)
