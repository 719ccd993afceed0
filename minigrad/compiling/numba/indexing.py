"""Indexing as loops: reading and writing elements at indices that are themselves read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..recording import Statement, parts
from ..values import Number, Recorded
from .loops import Loops, Map, Scope, index_text, nested
from .memory import Memory, NoForm, Place, contiguous
from .scalars import converted

_STORES = {"add": "+=", "multiply": "*=", "subtract": "-="}
_STORES |= {"maximum": "maximum", "minimum": "minimum"}


@dataclass
class Picked:
    """What an index with arrays picks from an array.

    - `shape`: the shape of the result; `base`: the place of its elements where the indices are 0.
    - `indices`: for each array, its place over `shape`, and the size and stride of its dimension.
    """

    shape: tuple[int, ...]
    base: Place
    indices: list[tuple[Place, int, int]]


class Indexing:
    """The statements that index.

    - `constants`: arrays of the program's own, by their names.
    """

    def __init__(self, memory: Memory, loops: Loops) -> None:
        self.memory, self.loops = memory, loops
        self.constants: dict[str, np.ndarray] = {}
        self._valid: set[str] = set()  # buffers of indices that are in their range

    def constant(self, array: np.ndarray) -> Place:
        """The place of an array that never changes."""
        array = np.ascontiguousarray(array)
        name = f"index_{len(self.constants)}"
        self.constants[name] = array
        place = self.memory.temporary(name, array.dtype, array.shape)
        self.memory.buffers[name].source = "static"
        self._valid.add(name)
        return place

    def is_constant(self, x: Recorded) -> None:
        """Note that an array has valid indices."""
        self._valid.add(self.memory[x].buffer)

    # Statements -------------------------------------------------------------------------------

    def read(self, forms: Any, statement: Statement) -> None:
        """Add `result = x[key]`, where the result isn't a view."""
        x, key = statement.args
        target = self.memory[statement.results[0]]
        if _has_arrays(key):
            self._gather(self._picked(self.memory[x], key), target)
            return
        source = self.memory[x]
        if isinstance(x.value, np.ndarray):
            source = self._part(x, key)
        self.loops.map(Map(target.shape, target, (source,), lambda scope, values: values[0]))

    def write(self, forms: Any, statement: Statement) -> None:
        """Add `x[key] = value`."""
        x, key, value = statement.args
        if type(key) is Recorded and key.dtype.kind == "b" and key.shape == x.shape:
            self._masked(forms, x, key, value)
            return
        if _has_arrays(key):
            self._scatter(forms, self._picked(self.memory[x], key), value, "=")
            return
        part = self._part(x, key)
        forms.mapped([value], [part.dtype], part, lambda texts: texts[0])

    def _masked(self, forms: Any, x: Recorded, mask: Recorded, value: Any) -> None:
        """Add `x[mask] = value`, where the value is one element."""
        target = self.memory[x]
        if np.size(getattr(value, "value", value)) != 1:
            raise NoForm("a mask as an index")
        kinds = [target.dtype, target.dtype, np.dtype(bool)]
        chosen = "({1} if {2} else {0})"
        forms.mapped([x, value, mask], kinds, target, lambda texts: chosen.format(*texts))

    def take(self, forms: Any, statement: Statement) -> None:
        """Add `x.take(indices, axis)`."""
        x, indices, *rest = statement.args
        options = dict(statement.options)
        axis = rest[0] if rest else options.pop("axis", None)
        if len(rest) > 1 or options:
            raise NoForm(statement.name)
        source = self.contiguous(self.memory[x]) if axis is None else self.memory[x]
        if axis is None:
            source, axis = source.within(0, (source.size,), (1,)), 0
        key = (*[slice(None)] * (axis % len(source.shape)), indices)
        self._gather(self._picked(source, key), self.memory[statement.results[0]])

    def scatter_at(self, forms: Any, name: str, args: Any) -> None:
        """Add `np.NAME.at(x, key, values)`."""
        x, key, values = args
        if name not in _STORES or not _has_arrays(key) or x.dtype.kind == "b":
            raise NoForm(f"np.{name}.at")
        self._scatter(forms, self._picked(self.memory[x], key), values, _STORES[name])

    def along(self, forms: Any, statement: Statement) -> None:
        """Add `np.take_along_axis` or `np.put_along_axis`."""
        x, indices, *rest = statement.args
        takes = statement.name == "np.take_along_axis"
        axis = rest[0 if takes else 1] if len(rest) > (not takes) else statement.options["axis"]
        place, index = self.memory[x], self.memory[indices]
        axis %= len(place.shape)
        shape = tuple(
            [n if d == axis else max(n, index.shape[d]) for d, n in enumerate(place.shape)]
        )
        shape = (*shape[:axis], index.shape[axis], *shape[axis + 1 :])
        flat = place.within(0, (*place.shape[:axis], 1, *place.shape[axis + 1 :]), place.strides)
        picked = Picked(
            shape, flat.broadcast(shape),
            [(index.broadcast(shape), place.shape[axis], place.strides[axis])],
        )  # fmt: skip
        if takes:
            self._gather(picked, self.memory[statement.results[0]])
        else:
            self._scatter(forms, picked, rest[0], "=")

    def flat_places(self, forms: Any, statement: Statement) -> None:
        """Add `np.ravel_multi_index(indices, shape)`, which refuses negative indices."""
        indices, sizes = statement.args[:2]
        target = self.memory[statement.results[0]]
        if statement.options or len(statement.args) > 2:
            raise NoForm(statement.name)
        reads = tuple([self.memory[x] for x in indices])

        def build(scope: Scope, values: list[str]) -> str:
            terms = []
            for value, n, stride in zip(values, sizes, contiguous(sizes), strict=True):
                index = scope.assign(f"np.intp({value})")
                scope.line(f"if {index} < 0 or {index} >= {n}: return step")
                terms.append(f"{index} * {stride}")
            return converted(" + ".join(terms), np.dtype(np.intp), target.dtype)

        self.loops.map(Map(target.shape, target, reads, build, leaves=True))
        self._valid.add(target.buffer)

    def out_of_range(self, statement: Statement) -> None:
        """Leave the program unless `np.ravel_multi_index(indices, shape)` is an error."""
        indices, sizes = statement.args[:2]
        reads = [self.memory[x] for x in indices]
        if len(statement.args) > 2 or statement.options.keys() != {"_name"}:
            raise NoForm("an error of np.ravel_multi_index")
        shape = np.broadcast_shapes(*[p.shape for p in reads])
        inside = self.loops.variable()
        lines = [f"{inside} = True"]
        loop = []
        for read, n in zip(reads, sizes, strict=True):
            place = read.broadcast(shape)
            index = index_text(place.offset, [(s, d) for d, s in enumerate(place.strides)])
            value = f"np.intp({self.loops.ref(place)}[{index}])"
            loop.append(f"if {value} < 0 or {value} >= {n}: {inside} = False")
        lines += [*nested(shape, loop), f"if {inside}: return step"]
        self.loops.code(lines, reads, ())

    def roll(self, forms: Any, statement: Statement) -> None:
        """Add `np.roll(x, shift, axis)`."""
        x, shift, *rest = statement.args
        axis = rest[0] if rest else statement.options.get("axis")
        source, target = self.memory[x], self.memory[statement.results[0]]
        if axis is None:
            source = self.contiguous(source)
            source, axis = source.within(0, (source.size,), (1,)), 0
            target = target.within(0, source.shape, (1,))
        order = np.indices(source.shape, sparse=True)
        rolled = list(order)
        for d, i in enumerate(order):  # each index varies along its own dimension only
            shifts, axes = np.broadcast_arrays(np.atleast_1d(shift), axis)
            rolled[d] = np.roll(i, shifts[axes % i.ndim == d].sum(), d)
        self._gather(self._picked(source, tuple(rolled)), target)

    # Parts ------------------------------------------------------------------------------------

    def _part(self, x: Recorded, key: Any) -> Place:
        """The place of `x[key]`, where the key has no arrays."""
        if parts(key) or _has_masks(key):
            raise NoForm("an index that isn't constant")
        whole = (*key, ...) if type(key) is tuple and Ellipsis not in key else key
        whole = (key, ...) if type(key) is int else whole
        return self.memory.part(x, x.value[whole], x.value)

    def contiguous(self, place: Place) -> Place:
        """The same elements one after the other: the place itself, or a copy."""
        if place.is_contiguous:
            return place
        copy = self.loops.temporary(place.dtype, place.shape)
        self.loops.map(Map(place.shape, copy, (place,), lambda scope, values: values[0]))
        return copy

    def _index(self, thing: Any) -> Place:
        """The place of an array of indices."""
        if type(thing) is Recorded:
            place = self.memory[thing]
            if place.dtype.kind not in "iu":
                raise NoForm("a mask as an index")
            return place
        array = np.asarray(thing)
        if array.dtype.kind == "b" or parts(thing):
            raise NoForm("a mask as an index")
        return self.constant(array.astype(np.intp))

    def _picked(self, place: Place, key: Any) -> Picked:
        entries = list(key) if type(key) is tuple else [key]
        own = sum(entry is not None and entry is not Ellipsis for entry in entries)
        missing = [slice(None)] * (len(place.shape) - own)
        at = next((i for i, entry in enumerate(entries) if entry is Ellipsis), len(entries))
        entries[at : at + 1] = missing
        dims: list[tuple[int, int]] = []  # the sizes and strides of the others
        found: list[tuple[Place, int, int]] = []
        positions: list[int] = []
        offset, d, first = 0, 0, 0
        for i, entry in enumerate(entries):
            if entry is None:
                dims.append((1, 0))
                continue
            n, stride = place.shape[d], place.strides[d]
            d += 1
            if type(entry) is slice:
                start, stop, step = entry.indices(n)
                offset += start * stride if n else 0
                dims.append((len(range(start, stop, step)), step * stride))
                continue
            if type(entry) is Number:
                raise NoForm("an index that may change")
            first = first if positions else len(dims)
            positions.append(i)
            if isinstance(entry, int | np.integer) and type(entry) is not Recorded:
                offset += int(entry) % n * stride
            else:
                found.append((self._index(entry), n, stride))
        together = positions == list(range(positions[0], positions[-1] + 1))
        first = first if together else 0
        shape = np.broadcast_shapes(*[p.shape for p, _, _ in found])
        dims[first:first] = [(n, 0) for n in shape]
        base = place.within(offset, [n for n, _ in dims], [s for _, s in dims])
        after = len(dims) - first - len(shape)
        indices = []
        for index, n, stride in found:
            own_shape = (*index.shape, *[1] * after)
            spread = index.within(0, own_shape, (*index.strides, *[0] * after))
            indices.append((spread.broadcast(base.shape), n, stride))
        return Picked(base.shape, base, indices)

    def _extra(self, picked: Picked, scope: Scope, values: list[str]) -> str:
        """What the indices add to the index of an element, after their checks."""
        terms = []
        for (place, n, stride), value in zip(picked.indices, values, strict=True):
            index = scope.assign(f"np.intp({value})")
            scope.line(f"if {index} < 0: {index} += {n}")
            if place.buffer not in self._valid:
                scope.line(f"if {index} < 0 or {index} >= {n}: return step")
            terms.append(f"{index} * {stride}")
        return " + ".join(terms)

    def _gather(self, picked: Picked, target: Place) -> None:
        if picked.shape != target.shape:
            raise NoForm("an index of another shape")

        def build(scope: Scope, values: list[str]) -> str:
            extra = self._extra(picked, scope, values)
            return f"{self.loops.ref(picked.base)}[{scope.at(picked.base)} + {extra}]"

        reads = tuple([place for place, _, _ in picked.indices])
        self.loops.map(Map(target.shape, target, reads, build, picked.base, leaves=True))

    def _scatter(self, forms: Any, picked: Picked, value: Any, store: str) -> None:
        have, where = forms.operand(value)
        of_value = (where,) if isinstance(where, Place) else ()
        kind = picked.base.dtype

        def build(scope: Scope, values: list[str]) -> str:
            text = where if isinstance(where, str) else values[0]
            scope.extra = self._extra(picked, scope, values[len(of_value) :])
            return converted(text, have, kind)

        reads = (*of_value, *[place for place, _, _ in picked.indices])
        new = Map(picked.shape, picked.base, reads, build, None, True, store)
        self.loops.map(new)


def _has_arrays(key: Any) -> bool:
    """Whether a key has arrays or lists of indices."""
    entries = key if type(key) is tuple else (key,)
    return any(type(e) is Recorded or isinstance(e, list | tuple | np.ndarray) for e in entries)


def _has_masks(key: Any) -> bool:
    entries = key if type(key) is tuple else (key,)
    return any(isinstance(e, bool | np.bool_) for e in entries)
