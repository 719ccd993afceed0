"""Watch minigrad's engine: the only place where the bridge depends on the engine's internals."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from minigrad.core.errstate import quiet
from minigrad.core.walk import walk

# Called as `watch(run, function, *args, **options)`; returns what `run` returns.
Watch = Callable[..., Any]


def engine_watched(watch: Watch) -> AbstractContextManager[None]:
    """Pass each call that this thread's engine makes through `watch`, within the context.

    These are calls of a rule's forward, of a ufunc that writes in place, and of the backward walk.
    `watch` gets `run`, the function and its arguments. It returns `run(function, *args)` or a
    replacement for that result.
    """
    return quiet.watched(watch)


def is_backward_walk(function: Any) -> bool:
    """Tell whether a watched function is the walk, which returns the gradients of leaves."""
    return function is walk
