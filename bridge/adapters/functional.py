"""Functional: tensors for an engine that differentiates functions, such as JAX.

Calls run at once, and are recorded. `backward` repeats the recorded calls as a function of the
leaves, and asks the engine for that function's gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Gradients = Callable[[Callable[..., Any], Sequence[Any], Any], Sequence[Any]]


class Recorded:
    """A value, and the call that made it; a leaf has none."""

    def __init__(self, value: Any, call: tuple[Any, ...] | None, tracked: bool) -> None:
        self.value, self.call, self.tracked = value, call, tracked
        self.grad: Any = None

    def detach(self) -> Recorded:
        return Recorded(self.value, None, False)


class Functional:
    """An adapter made of ops on plain arrays and `gradients(function, arrays, cotangent)`."""

    def __init__(
        self,
        ops: Mapping[str, Callable[..., Any]],
        gradients: Gradients,
        array: Callable[[np.ndarray], Any],
    ) -> None:
        self._gradients, self._array = gradients, array
        self.ops = {name: self._recorded(function) for name, function in ops.items()}

    def tensor(self, array: np.ndarray, requires_grad: bool) -> Recorded:
        return Recorded(self._array(array), None, requires_grad)

    def grad(self, leaf: Recorded) -> Any:
        return leaf.grad

    def to_numpy(self, value: Any) -> np.ndarray:
        return np.asarray(value.value if isinstance(value, Recorded) else value)

    def zero_grad(self, leaf: Recorded) -> None:
        leaf.grad = None

    def backward(self, result: Recorded, cotangent: np.ndarray) -> None:
        order = _order(result)
        leaves = [x for x in order if x.call is None]

        def again(*values: Any) -> Any:
            known = {id(x): value for x, value in zip(leaves, values, strict=True)}
            for x in order:
                if x.call is not None:
                    function, args, options, place = x.call
                    given = (
                        known.get(id(a), a.value) if isinstance(a, Recorded) else a for a in args
                    )
                    made = function(*given, **options)
                    known[id(x)] = made if place is None else made[place]
            return known[id(result)]

        found = self._gradients(again, [x.value for x in leaves], self._array(cotangent))
        for leaf, g in zip(leaves, found, strict=True):
            leaf.grad = g if leaf.grad is None else leaf.grad + g

    def _recorded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if args and isinstance(args[0], list | tuple):  # cat and stack
                return listed(*args[0], n=len(args[0]), rest=args[1:], **options)
            return run(function, args, options)

        def run(function: Callable[..., Any], args: Any, options: Any) -> Any:
            plain = [a.value if isinstance(a, Recorded) else a for a in args]
            made = function(*plain, **options)
            tracked = any(isinstance(a, Recorded) and a.tracked for a in args)
            if isinstance(made, tuple):
                places = range(len(made))
                return tuple(
                    Recorded(made[i], (function, args, options, i), tracked) for i in places
                )
            return Recorded(made, (function, args, options, None) if tracked else None, tracked)

        def listed(*args: Any, n: int, rest: Any, **options: Any) -> Any:
            return run(lambda *xs, **o: function(list(xs[:n]), *rest, **o), args, options)

        return call


def _order(result: Recorded) -> list[Recorded]:
    """Return what a result depends on and that leads to a leaf, operands first."""
    order: list[Recorded] = []
    seen: set[int] = set()
    todo: list[tuple[Recorded, bool]] = [(result, False)]
    while todo:
        x, ready = todo.pop()
        if ready:
            order.append(x)
        elif id(x) not in seen:
            seen.add(id(x))
            todo.append((x, True))
            args = x.call[1] if x.call is not None else ()
            todo += [(a, False) for a in args if isinstance(a, Recorded) and a.tracked]
    return order
