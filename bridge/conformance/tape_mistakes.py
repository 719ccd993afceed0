"""MISTAKES: ways in which an engine's tape goes wrong, planted in minigrad.

Each is a context manager. `conform` must find every one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from minigrad.core import backward, inplace, versions, walk
from minigrad.core.views import View


@contextmanager
def _replaced(owner: Any, name: str, other: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def lost_accumulation() -> Iterator[None]:
    """A second backward overwrites the gradient of the first."""
    right = backward.accumulate

    def overwrite(leaf: Any, gradient: Any) -> None:
        leaf.grad = None
        right(leaf, gradient)

    with _replaced(backward, "accumulate", overwrite):
        yield


@contextmanager
def aliased_gradients() -> Iterator[None]:
    """Two leaves with equal gradients get one array."""
    right = backward.walk

    def aliasing(*args: Any, **options: Any) -> Any:
        found = right(*args, **options)
        for a in found:
            for b in found:
                x, y = found[a], found[b]
                if isinstance(x, np.ndarray) and x.shape == y.shape and np.array_equal(x, y):
                    found[a] = y
        return found

    with _replaced(backward, "walk", aliasing):
        yield


@contextmanager
def wrong_order() -> Iterator[None]:
    """The walk takes the oldest node first, before all of its gradient has arrived."""

    def push(todo: Any, item: Any) -> None:
        right(todo, (-item[0], item[1]))

    right = walk.heappush
    with _replaced(walk, "heappush", push):
        yield


@contextmanager
def wrong_axis() -> Iterator[None]:
    """The gradient of a broadcast operand is summed over another dimension of the same size."""
    right = walk.summed_to

    def summed(shape: tuple[int, ...], gradient: Any) -> Any:
        square = gradient.ndim == 2 and gradient.shape[0] == gradient.shape[1]
        return right(shape, gradient.T if square else gradient)

    with _replaced(walk, "summed_to", summed):
        yield


@contextmanager
def no_sum() -> Iterator[None]:
    """The gradient of a broadcast operand is its first part, not the sum."""

    def first(shape: tuple[int, ...], gradient: Any) -> Any:
        lead = gradient.ndim - len(shape)
        part = gradient[(0,) * lead]
        return part[tuple(slice(None) if n != 1 else slice(0, 1) for n in shape)].copy()

    with _replaced(walk, "summed_to", first):
        yield


def _counting(count: Callable[[list[int]], None]) -> AbstractContextManager[None]:
    """Count writes in another way, in every module that counts them."""

    @contextmanager
    def planted() -> Iterator[None]:
        right = versions.count_write
        users = [
            module
            for name, module in list(sys.modules.items())
            if name.startswith("minigrad.") and getattr(module, "count_write", None) is right
        ]
        for module in users:
            module.count_write = count  # type: ignore[attr-defined]
        try:
            yield
        finally:
            for module in users:
                module.count_write = right  # type: ignore[attr-defined]

    return planted()


def version_off_by_one() -> AbstractContextManager[None]:
    """The first write to a storage isn't counted."""
    written: list[list[int]] = []  # the counters themselves: their ids would be used again

    def count(counter: list[int]) -> None:
        if any(each is counter for each in written):
            versions.count_write(counter)
        written.append(counter)

    return _counting(count)


def no_versions() -> AbstractContextManager[None]:
    """Writes aren't counted at all."""
    return _counting(lambda counter: None)


@contextmanager
def writable_leaf() -> Iterator[None]:
    """A leaf that requires grad can be written to."""
    with _replaced(inplace, "refuse_leaf", lambda *args, **options: None):
        yield


@contextmanager
def history_lost() -> Iterator[None]:
    """A write in place doesn't change the history."""
    with _replaced(inplace, "set_history", lambda *args, **options: None):
        yield


@contextmanager
def stale_view() -> Iterator[None]:
    """A view doesn't learn of a write to its base."""
    with _replaced(View, "refresh", lambda *args, **options: None):
        yield


MISTAKES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "lost accumulation": lost_accumulation,
    "aliased gradients": aliased_gradients,
    "wrong order of the walk": wrong_order,
    "sum over the wrong axis": wrong_axis,
    "no sum over a broadcast": no_sum,
    "version counter off by one": version_off_by_one,
    "no version counter": no_versions,
    "a leaf can be written to": writable_leaf,
    "history lost in a write": history_lost,
    "a view with a stale history": stale_view,
}
