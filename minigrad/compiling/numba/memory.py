"""Where the values of a program lie, for the form that numba compiles.

Every shape, dtype and stride of a recorded program is known. So a view is no statement there: its
elements are those of the array that it views, at an index that is written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..recording import Statement, parts, value_of
from ..values import Number, Recorded

# Statements that may return a view.
VIEWS = frozenset(
    [
        ".T", ".diagonal", ".ravel", ".reshape", ".squeeze", ".swapaxes", ".transpose", ".view",
        "[]", "np.broadcast_to", "np.diagonal", "np.expand_dims", "np.flip", "np.moveaxis",
        "np.ravel", "np.reshape", "np.squeeze", "np.swapaxes", "np.transpose",
        "np.lib.stride_tricks.as_strided",
    ]
)  # fmt: skip
_KINDS = frozenset(["?", "b", "h", "i", "l", "q", "B", "H", "I", "L", "Q", "f", "d"])


class NoForm(Exception):
    """A statement that has no form for numba. The message names it."""


@dataclass(frozen=True)
class Place:
    """Where the elements of an array lie: in a buffer at `offset` plus, per index, a stride.

    Offset and strides count elements.
    """

    buffer: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie one after the other, in the order of the indices."""
        return self.normal().strides == contiguous(self.shape) or self.size == 0

    def normal(self) -> Place:
        """The same place, in dimensions of size 1 with the strides of a contiguous array."""
        plain = contiguous(self.shape)
        strides = [
            p if n == 1 else s for n, s, p in zip(self.shape, self.strides, plain, strict=True)
        ]
        return replace(self, strides=tuple(strides))

    def broadcast(self, shape: tuple[int, ...]) -> Place:
        """The place of each element of the array, broadcast to a shape."""
        own = (1,) * (len(shape) - len(self.shape)) + self.shape
        strides = (0,) * (len(shape) - len(self.shape)) + self.strides
        kept = tuple([0 if n == 1 else s for n, s in zip(own, strides, strict=True)])
        return replace(self, shape=shape, strides=kept)

    def within(self, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Place:
        """A part of it, `offset` elements from its first."""
        return replace(
            self, offset=self.offset + offset, shape=tuple(shape), strides=tuple(strides)
        )


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a contiguous array, in elements.

    >>> contiguous((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


class Buffer:
    """A piece of memory.

    - `name`: its name in the program; `dtype`, `length`: what it holds.
    - `source`: how it is found: "workspace", "static", "argument" or "batch". The last is another
      part of an array in each step.
    """

    def __init__(self, name: str, dtype: np.dtype, length: int, source: str) -> None:
        self.name, self.dtype, self.length, self.source = name, dtype, length, source


class Memory:
    """The buffers of a program, and the places of its values."""

    def __init__(self, names: Any) -> None:
        self.names = names
        self.buffers: dict[str, Buffer] = {}
        self._places: dict[int, Place] = {}

    def __contains__(self, x: Recorded) -> bool:
        return id(x) in self._places

    def __getitem__(self, x: Recorded) -> Place:
        return self._places[id(x)]

    def add(self, x: Recorded, name: str, source: str) -> Place:
        """Give a value memory of its own, with the layout that it has now."""
        value = np.asarray(x.value)
        if value.dtype.char not in _KINDS:
            raise NoForm(f"an array of {value.dtype}")
        start = length = 0
        if value.size:
            low, high = np.lib.array_utils.byte_bounds(value)
            start = (_address(value) - low) // value.itemsize
            length = (high - low) // value.itemsize
        strides = _in_elements(value)
        self.buffers[name] = Buffer(name, value.dtype, length, source)
        place = Place(name, value.dtype, start, value.shape, strides)
        self._places[id(x)] = place
        return place

    def temporary(self, name: str, dtype: Any, shape: tuple[int, ...]) -> Place:
        """New contiguous memory in the workspace."""
        place = Place(name, np.dtype(dtype), 0, shape, contiguous(shape))
        self.buffers[name] = Buffer(name, place.dtype, place.size, "workspace")
        return place

    def view(self, statement: Statement, result: Recorded) -> bool:
        """Find out whether a result is a view, and if so note its place."""
        source = statement.args[0] if statement.args else None
        shares = any(type(x) is Recorded and x.storage is result.storage for x in parts(source))
        if type(source) is not Recorded or statement.name not in VIEWS:
            if shares:
                raise NoForm(f"{statement.name}, which returns a view")
            return False
        if isinstance(source.value, np.ndarray) and not isinstance(result.value, np.ndarray):
            return False
        if any(type(x) is Number for x in statement.operands):
            raise NoForm(f"{statement.name} with an option that may change")
        if statement.name == "[]" and parts(statement.args[1]):
            return False
        assert statement.compute is not None
        value, *others = value_of(statement.args)
        value = np.asarray(value)
        view = statement.compute(value, *others, **value_of(statement.options))
        if not isinstance(view, np.ndarray):
            return False
        if view.size and not np.may_share_memory(view, value):
            return False
        self._places[id(result)] = self.part(source, view, value)
        return True

    def part(self, source: Recorded, view: np.ndarray, value: np.ndarray) -> Place:
        """The place of a view of `value`, which is that of `source`."""
        place = self[source]
        moved = _address(view) - _address(value) if view.size else 0
        if view.dtype.itemsize != value.dtype.itemsize or moved % value.itemsize:
            raise NoForm(f"a view as {view.dtype} of {value.dtype}")
        if view.dtype.char not in _KINDS:
            raise NoForm(f"an array of {view.dtype}")
        offset = place.offset + moved // value.itemsize
        return Place(place.buffer, view.dtype, offset, view.shape, _in_elements(view))


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _in_elements(array: np.ndarray) -> tuple[int, ...]:
    if any(s % array.itemsize for s in array.strides):
        raise NoForm("an array whose strides aren't whole elements")
    return tuple([s // array.itemsize for s in array.strides])
