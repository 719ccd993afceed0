"""Mistakes planted in one rule of minigrad, for as long as a `with` block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.arithmetic import quiet
from minigrad.rules import REGISTRY

Change = Callable[[Any], Any]


@contextmanager
def planted(
    name: str, value: Change | None = None, derivative: Change | None = None
) -> Iterator[None]:
    """Within it, the rule's value, or what each of its pullbacks returns, is changed so."""
    forward = REGISTRY[name].forward

    def watch(run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        result = run(function, *args, **options)
        if function is not forward:
            return result
        output, pullbacks = result
        if value is not None:
            first, *rest = output if isinstance(output, tuple) else (output,)
            output = (value(first), *rest) if rest else value(first)
        if derivative is not None:
            pullbacks = tuple(map(changed, pullbacks))
        return output, pullbacks

    def changed(pullback: Any) -> Any:
        return pullback and (lambda g: derivative(pullback(g)))

    with quiet.watched(watch):
        yield
