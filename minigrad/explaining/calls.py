"""Calls of rules with copies of their arguments, so that they can be made again."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errstate import quiet
from ..core.half import computing
from ..rules import Rule
from .record import Row


class Call:
    """A call of a rule with copies of its arguments."""

    def __init__(self, rule: Rule, args: Sequence[Any], options: dict[str, Any]) -> None:
        self.rule, self.args, self.options = rule, args, options

    def repeated(self) -> tuple[list[np.ndarray], tuple[Any, ...]]:
        """Make the call again; return the arrays of its results, and its pullbacks."""
        forward = computing(self.rule, list(self.args))
        output, pullbacks = quiet.call(forward, *self.args, **self.options)
        return arrays_of(output), pullbacks


def arrays_of(output: Any) -> list[np.ndarray]:
    """The arrays of a rule's result, which may be a tuple."""
    return [np.asarray(x) for x in (output if isinstance(output, tuple) else (output,))]


def as_stored(results: list[np.ndarray], row: Row, target: Any) -> list[np.ndarray]:
    """The results as a row has them: a write into `target` converts to its dtype."""
    if row.kind != "write":
        return results
    return [results[0].astype(target.dtype), *results[1:]]


def code_of(pullback: Any) -> Any:
    """The code of a pullback, without what was wrapped around it."""
    return getattr(inspect.unwrap(pullback), "__code__", None)


def places_of(code: Any, pullbacks: Sequence[Any]) -> list[int]:
    """The operands whose pullbacks have this code: more than one in `cat`, for example."""
    return [i for i, p in enumerate(pullbacks) if p is not None and code_of(p) is code]
