"""Loops over the elements of arrays, as text that numba compiles.

A `Map` computes each element of one array from elements of others. Consecutive maps over the same
shape become one loop, and a value that only this loop uses is never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .memory import Memory, Place
from .scalars import function

_ALIGNMENT = 64


class Scope:
    """The body of a loop, while it is written."""

    def __init__(self, loops: Loops, at: Callable[[Place], str]) -> None:
        self.loops, self.at = loops, at
        self.lines: list[str] = []
        self.extra = ""  # what a map that scatters adds to the index of its target

    def line(self, text: str) -> None:
        self.lines.append(text)

    def assign(self, expression: str) -> str:
        """A new variable with this value."""
        name = self.loops.variable()
        self.line(f"{name} = {expression}")
        return name


@dataclass
class Map:
    """Elements of `target` from elements of `reads`, for each index of `shape`.

    - `build(scope, values)`: the value as text, from the texts of the elements read.
    - `gather`: a place that is read at an index that `build` computes.
    - `scatters`: whether `build` computes the index of the target, in `scope.extra`.
    - `leaves`: whether `build` may leave the program.
    - `store`: "=" or, for a map that scatters, "+=", "*=", "maximum" or "minimum".
    """

    shape: tuple[int, ...]
    target: Place
    reads: tuple[Place, ...]
    build: Callable[[Scope, list[str]], str]
    gather: Place | None = None
    scatters: bool = False
    store: str = "="
    leaves: bool = False

    def __post_init__(self) -> None:
        self.reads = tuple([p.broadcast(self.shape) for p in self.reads])

    def places(self) -> Iterator[Place]:
        yield self.target
        yield from self.reads
        if self.gather is not None:
            yield self.gather

    def buffers(self) -> set[str]:
        return {p.buffer for p in self.places()}

    def overlaps_itself(self) -> bool:
        """Whether it reads elements of its target's buffer at other places than it writes."""
        read = [p for p in self.reads if p.buffer == self.target.buffer]
        if self.gather is not None and self.gather.buffer == self.target.buffer:
            return True
        return any(self.scatters or not _same(p, self.target) for p in read)


@dataclass
class Code:
    """Lines that are no map, and the buffers that they use."""

    lines: list[str]
    reads: set[str]
    writes: set[str]

    def buffers(self) -> set[str]:
        return self.reads | self.writes


class Group:
    """Maps in one loop."""

    def __init__(self, first: Map) -> None:
        self.maps = [first]

    def buffers(self) -> set[str]:
        return set().union(*[m.buffers() for m in self.maps])

    def takes(self, new: Map) -> bool:
        """Whether a map may run in this loop, element by element, after the others."""
        return new.shape == self.maps[0].shape and not any(_conflict(old, new) for old in self.maps)


def _conflict(old: Map, new: Map) -> bool:
    for p in (*new.reads, *([new.gather] if new.gather else [])):
        if p.buffer == old.target.buffer and (
            old.scatters or p is new.gather or not _same(p, old.target)
        ):
            return True
    for p in old.places():
        if p.buffer == new.target.buffer and (
            new.scatters or old.scatters or p is old.gather or not _same(p, new.target)
        ):
            return True
    return False


def _same(a: Place, b: Place) -> bool:
    """Whether two places are the same element for each index, and another for each other index."""
    a, b = a.normal(), b.normal()
    return (a.buffer, a.dtype, a.offset, a.strides) == (
        b.buffer, b.dtype, b.offset, b.strides,
    ) and _is_one_to_one(a)  # fmt: skip


def _is_one_to_one(place: Place) -> bool:
    reach = 0
    for n, stride in sorted(zip(place.shape, place.strides, strict=True), key=lambda t: t[1]):
        if n > 1:
            if stride <= reach:
                return False
            reach += stride * (n - 1)
    return True


class Loops:
    """The text of a program's loops.

    - `lines()`: the statements of one step, in groups that stay together.
    - `setup(places)`: what names the buffers.
    - `workspace`: the number of bytes that the program needs for its own.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.items: list[Group | Code] = []
        self.workspace = 0
        self.offsets: dict[str, int] = {}  # of buffers in the workspace, in bytes
        self.used: set[tuple[str, Any]] = set()  # buffers with the dtypes as which they are used
        self._variables = 0
        self._temporaries = 0

    def variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def temporary(self, dtype: Any, shape: tuple[int, ...]) -> Place:
        """A contiguous array for a value between two statements."""
        self._temporaries += 1
        return self.memory.temporary(f"t{self._temporaries}", dtype, shape)

    def ref(self, place: Place) -> str:
        """The name of a place's buffer, as an array of the place's dtype."""
        self.used.add((place.buffer, place.dtype))
        same = self.memory.buffers[place.buffer].dtype == place.dtype
        return place.buffer if same else f"{place.buffer}_as_{place.dtype.name}"

    # Adding -----------------------------------------------------------------------------------

    def map(self, new: Map) -> None:
        if new.overlaps_itself():
            between = self.temporary(new.target.dtype, new.shape)
            if new.scatters:
                self._apart(new)
                return
            self.map(Map(new.shape, between, new.reads, new.build, new.gather, leaves=new.leaves))
            self.map(Map(new.shape, new.target, (between,), lambda scope, values: values[0]))
            return
        last = self.items[-1] if self.items else None
        if isinstance(last, Group) and last.takes(new) and self._are_whole([*last.maps, new]):
            last.maps.append(new)
        else:
            self.items.append(Group(new))

    def _are_whole(self, maps: list[Map]) -> bool:
        """Whether a loop of maps that is left has written nothing that outlives it."""
        sources = [self.memory.buffers[m.target.buffer].source for m in maps]
        return not any(m.leaves for m in maps) or set(sources) == {"workspace"}

    def _apart(self, new: Map) -> None:
        """A map that scatters, with copies of what it reads of its target."""
        reads = []
        for p in new.reads:
            if p.buffer == new.target.buffer:
                copy = self.temporary(p.dtype, p.shape)
                self.map(Map(p.shape, copy, (p,), lambda scope, values: values[0]))
                p = copy
            reads.append(p)
        self.items.append(
            Group(Map(new.shape, new.target, tuple(reads), new.build, None, True, new.store))
        )

    def code(self, lines: list[str], reads: Iterable[Place], writes: Iterable[Place]) -> None:
        self.items.append(Code(lines, {p.buffer for p in reads}, {p.buffer for p in writes}))

    def number(self, line: str) -> None:
        """A statement on numbers alone. It may run before the loop that is being written."""
        at = len(self.items) - (bool(self.items) and isinstance(self.items[-1], Group))
        self.items.insert(at, Code([line], set(), set()))

    # Writing ----------------------------------------------------------------------------------

    def lines(self) -> list[list[str]]:
        touched: dict[str, list[int]] = {}
        for i, item in enumerate(self.items):
            for name in item.buffers():
                touched.setdefault(name, []).append(i)
        own = {
            name: found
            for name, found in touched.items()
            if self.memory.buffers[name].source == "workspace"
        }
        passing = {name for name, found in own.items() if self._is_passing(name, found)}
        self._assign_offsets({k: v for k, v in own.items() if k not in passing})
        return [
            item.lines if isinstance(item, Code) else self._group(item, passing)
            for item in self.items
        ]

    def _is_passing(self, name: str, found: list[int]) -> bool:
        """Whether a value lives in one loop only, as a variable of it."""
        item = self.items[found[0]]
        if len(found) > 1 or isinstance(item, Code):
            return False
        for m in item.maps:
            if m.gather is not None and m.gather.buffer == name:
                return False
            if m.target.buffer == name and m.scatters:
                return False
        first = next(m for m in item.maps if name in m.buffers())
        return first.target.buffer == name and all(p.buffer != name for p in first.reads)

    def _assign_offsets(self, touched: dict[str, list[int]]) -> None:
        """Give buffers that aren't in use at the same time the same memory."""
        free: dict[int, list[int]] = {}
        ends: dict[int, list[tuple[int, int]]] = {}
        for name, found in sorted(touched.items(), key=lambda item: (item[1][0], item[0])):
            for end in sorted(e for e in ends if e < found[0]):
                for size, offset in ends.pop(end):
                    free.setdefault(size, []).append(offset)
            buffer = self.memory.buffers[name]
            size = -(-buffer.length * buffer.dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
            if free.get(size):
                offset = free[size].pop()
            else:
                offset, self.workspace = self.workspace, self.workspace + size
            self.offsets[name] = offset
            ends.setdefault(found[-1], []).append((size, offset))

    def _group(self, group: Group, passing: set[str]) -> list[str]:
        shape, axes = merged([p for m in group.maps for p in m.places()], group.maps[0].shape)

        def at(place: Place) -> str:
            return index_text(place.offset, [(place.strides[d], i) for i, d in enumerate(axes)])

        scope = Scope(self, at)
        known: dict[Any, str] = {}
        for m in group.maps:
            values = []
            for place in m.reads:
                key = _key(place)
                if key not in known:
                    known[key] = scope.assign(f"{self.ref(place)}[{at(place)}]")
                values.append(known[key])
            value = m.build(scope, values)
            target = m.target
            if m.scatters:
                element = f"{self.ref(target)}[{at(target)} + {scope.extra}]"
                store = m.store
                if store in ("maximum", "minimum"):
                    pair, store = [element, scope.assign(value)], "="
                    value = str(function(m.store, [target.dtype] * 2, pair))
                scope.line(f"{element} {store} {value}")
                continue
            known[_key(target)] = variable = scope.assign(value)
            if target.buffer not in passing:
                scope.line(f"{self.ref(target)}[{at(target)}] = {variable}")
        return nested(shape, scope.lines)


def _key(place: Place) -> Any:
    return place.buffer, place.dtype, place.offset, place.normal().strides


def merged(places: list[Place], shape: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The sizes of as few loops as possible, and for each the dimension with its stride."""
    sizes: list[int] = []
    axes: list[int] = []
    for d, n in enumerate(shape):
        if n == 1:
            continue
        if axes and all(p.strides[axes[-1]] == p.strides[d] * n for p in places):
            sizes[-1] *= n
            axes[-1] = d
        else:
            sizes.append(n)
            axes.append(d)
    return sizes, axes


def index_text(offset: int, terms: Iterable[tuple[int, Any]]) -> str:
    """An index as text.

    >>> index_text(3, [(5, 0), (1, 1), (0, 2)])
    '3 + i0 * 5 + i1'
    """
    found = [str(offset)] if offset else []
    for stride, i in terms:
        if stride:
            found.append(f"i{i}" if stride == 1 else f"i{i} * {stride}")
    return " + ".join(found) or "0"


def nested(sizes: Sequence[int], body: list[str], first: int = 0) -> list[str]:
    """Loops over `i0`, `i1`, … around a body.

    >>> print("\\n".join(nested([2, 3], ["pass"])))
    for i0 in range(2):
        for i1 in range(3):
            pass
    """
    lines = [f"{'    ' * d}for i{d + first} in range({n}):" for d, n in enumerate(sizes)]
    return lines + [f"{'    ' * len(sizes)}{line}" for line in body]
