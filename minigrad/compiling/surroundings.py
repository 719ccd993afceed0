"""What a step can change apart from tensors and objects: random streams and modes of the engine.

A recorded program changes none of it, so a step that does is refused, and all is put back.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.grad_mode import grad_mode
from ..rules.promotion import get_default_dtype, set_default_dtype

STREAMS = (random.Random, np.random.Generator, np.random.RandomState)
_OF_GLOBAL: tuple[Any, ...] = (random.random, np.random.get_state)  # methods of the global ones


class Surroundings:
    """The state before a recording of random streams and of the engine's modes."""

    def __init__(self, streams: Iterable[Any]) -> None:
        """`streams` are those that the step can reach; everybody can reach the global ones."""
        self._before: list[tuple[str, Callable[[], Any], Callable[[Any], None], Any]] = []
        self._note("the grad mode", _grad_mode, lambda mode: vars(grad_mode).update(mode))
        self._note("the default dtype", get_default_dtype, set_default_dtype)
        for stream in (*(method.__self__ for method in _OF_GLOBAL), *streams):
            kind = "Python" if isinstance(stream, random.Random) else "NumPy"
            self._note(f"a random stream of {kind}'s", *_state_of(stream))

    def _note(self, name: str, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self._before.append((name, read, write, read()))

    def put_back(self) -> str:
        """Undo what changed, and return the first name of it."""
        changed = ""
        for name, read, write, before in self._before:
            if not _is_equal(read(), before):
                changed = changed or name
                write(before)
        return changed


def _grad_mode() -> dict[str, bool]:
    return {key: getattr(grad_mode, key) for key in ("enabled", "inference", "asked")}


def _state_of(stream: Any) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Functions that get and set the state of a random stream."""
    if isinstance(stream, random.Random):
        return stream.getstate, stream.setstate
    if isinstance(stream, np.random.RandomState):
        return lambda: stream.get_state(legacy=False), stream.set_state
    bits = stream.bit_generator
    return lambda: bits.state, lambda state: setattr(bits, "state", state)


def _is_equal(a: Any, b: Any) -> bool:
    return a is b or pickle.dumps(a) == pickle.dumps(b)
