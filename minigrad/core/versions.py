"""Version counters: how the engine notices that a saved tensor was changed in place.

Every storage has a counter of the writes to it, which all tensors on that storage share. An op
saves the versions of the arrays that its pullbacks capture, and `backward` raises an error if one
has changed since. A counter is a list of one number, which the tensors share.

Assigning to `.data` isn't a write: the tensor gets another array, and `backward` uses that.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, TypeAlias

from ..rules.rule import Array
from .grad_mode import grad_mode
from .observer import observation

# The id of an array that an op used, its storage's counter, and the version at that time.
SavedVersion: TypeAlias = tuple[int, list[int], int]
NOT_SAVED: SavedVersion = (0, [0], 0)  # for an operand that is a Python number


class Untracked(list[int]):
    """The counter of an inference tensor (`inference.py`), whose version is always 0."""

    exist = False  # whether there has ever been one

    def __getitem__(self, place: Any) -> Any:
        return 0

    def __setitem__(self, place: Any, version: Any) -> None:
        """Count nothing. RuntimeError outside of inference mode."""
        if not grad_mode.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed. Make a "
                "clone of it to write to."
            )


class _Writes:
    """The number of writes to all storages. Until it changes, no saved tensor has changed."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


writes = _Writes()


# The lock on all memory: a thread holds it while it adds to elements that another thread may be
# adding to. A thread can hold it twice, because a garbage collection runs code of users anywhere.
_lock = threading.RLock()
hold, let_go = _lock.acquire, _lock.release  # a `with` takes twice as long
if hasattr(os, "register_at_fork"):  # a child process must not start with a lock that is held
    os.register_at_fork(before=hold, after_in_parent=let_go, after_in_child=let_go)


def count_write(counter: list[int]) -> None:
    """Count a write to a storage.

    >>> counter = [0]
    >>> count_write(counter)
    >>> counter
    [1]
    """
    counter[0] += 1
    writes.count += 1
    if observation.observer is not None:
        observation.observer.written(counter)


# The arrays that tensors had before another was assigned to `.data`, by their ids, with the arrays
# that they got. An entry lasts as long as something refers to the old array, such as a node.
replaced: dict[int, tuple[weakref.ref[Array], Array]] = {}


def count_replacement(old: Array, new: Array) -> None:
    """Note that a tensor has another array now, which the nodes that saved it must use."""
    identity, forget = id(old), replaced.pop  # when Python exits, it deletes the name `replaced`
    replaced[identity] = (weakref.ref(old, lambda _: forget(identity, None)), new)
    writes.count += 1


def current(array: Array) -> Array:
    """The array that has replaced a saved array, or the array itself."""
    while id(array) in replaced:
        array = replaced[id(array)][1]
    return array
