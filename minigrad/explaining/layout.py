"""The boxes of a record's modules, and a layered drawing of what is in each of them.

The interior of each box is drawn alone, as a small graph in layers. The page puts the drawings
into each other, because only it knows which boxes are open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

SPAN = 8  # an edge over more layers than this is drawn straight
ROUNDS = 20  # how often igraph tries to remove crossings


@dataclass(eq=False)
class Box:
    """A module call, several equal ones after each other, or the whole program.

    - `members`: what is in it in the order of time: "l3" is leaf 3, "r5" row 5, and "b2" box 2.
    - `nodes`: the id of a member, or "" for a bend of an edge; its layer; its horizontal place.
    - `bends`: for an edge from one member to another over several layers, the places of its bends
      in `nodes`.
    """

    number: int
    name: str
    parent: int | None
    count: int = 1
    rows: int = 0
    members: list[str] = field(default_factory=list)
    nodes: list[tuple[str, int, float]] = field(default_factory=list)
    bends: dict[str, list[int]] = field(default_factory=dict)


def layout(record: dict[str, Any]) -> dict[str, Any]:
    """Return the boxes of a record, the outermost first, and whether igraph has arranged them."""
    boxes = _Boxes(record)
    arrange = _arranger()
    last = max((walk["after_row"] for walk in record["walks"]), default=len(record["rows"]))
    edges = boxes.edges(last)
    for box in boxes.all:
        box.nodes, box.bends = _drawing(box.members, edges[box.number], arrange, last)
    found = [dict(vars(box)) for box in boxes.all]
    return {"boxes": found, "igraph": arrange is not None, "rows": last}


class _Boxes:
    """The tree of boxes."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.all = [Box(0, "", None)]
        self.box_of: dict[str, int] = {}  # of leaves, rows and boxes, by their ids
        self._open: list[Box] = [self.all[0]]
        inside = [row["operands"] for row in record["rows"] if row["modules"]]
        self._in_modules = {operand["leaf"] for operands in inside for operand in operands}
        for row in record["rows"]:
            self._enter(row["modules"])
            for operand in row["operands"]:
                self._place_leaf(operand["leaf"])
                self._place_leaf(operand["gradient"])
            self._add(self._open[-1], f"r{row['number']}")
            for box in self._open:
                box.rows += 1
        del self._open[1:]
        for each in _ends(record):
            self._place_leaf(each["leaf"])
        for box in tuple(self.all):
            self._group(box)

    def _add(self, box: Box, member: str, at: int | None = None) -> None:
        box.members.insert(len(box.members) if at is None else at, member)
        self.box_of[member] = box.number

    def _enter(self, path: list[str]) -> None:
        """Close the boxes that the next row isn't in, and open those that it is."""
        pairs = zip(self._open[1:], path, strict=False)
        same = len(list(takewhile(lambda pair: pair[0].name == pair[1], pairs)))
        del self._open[same + 1 :]
        for name in path[same:]:
            box = Box(len(self.all), name, self._open[-1].number)
            self.all.append(box)
            self._add(self._open[-1], f"b{box.number}")
            self._open.append(box)

    def _place_leaf(self, leaf: int | None) -> None:
        """Put a leaf before its first use: a parameter in the module, others outside modules."""
        if leaf is None or f"l{leaf}" in self.box_of:
            return
        is_parameter = self.record["leaves"][leaf]["is_parameter"]
        if is_parameter and len(self._open) == 1 and leaf in self._in_modules:
            return  # this row initialises it
        if is_parameter or len(self._open) == 1:
            self._add(self._open[-1], f"l{leaf}")
        else:
            self._add(self.all[0], f"l{leaf}", len(self.all[0].members) - 1)

    def _signature(self, member: str) -> Any:
        """What makes two members equal: their ops and shapes, without the names."""
        if member[0] == "b":
            box = self.all[int(member[1:])]
            return [self._signature(each) for each in box.members]
        if member[0] == "l":
            return ""
        row = self.record["rows"][int(member[1:])]
        return row["op"], [self.record["arrays"][n]["shape"] for n in row["results"]]

    def _group(self, box: Box) -> None:
        """Put equal boxes that follow each other into one box."""
        members: list[str] = []
        for run in self._runs(box.members):
            inner = [self.all[int(m[1:])] for m in run if m[0] == "b"]
            if len(inner) < 2 or inner[0].rows < 2:
                members += run
                continue
            name = f"{inner[0].name} … {inner[-1].name.rpartition('.')[2]}"
            rows = sum(each.rows for each in inner)
            group = Box(len(self.all), name, box.number, len(inner), rows, run)
            self.all.append(group)
            for each in inner:
                each.parent = self.box_of[f"b{each.number}"] = group.number
            members.append(f"b{group.number}")
            self.box_of[members[-1]] = box.number
        box.members = members

    def _runs(self, members: list[str]) -> Iterator[list[str]]:
        run: list[str] = []
        for member in members:
            if run and (member[0] != "b" or self._signature(member) != self._signature(run[0])):
                yield run
                run = []
            run.append(member)
        if run:
            yield run

    def _path(self, member: str) -> list[str]:
        """The boxes around a member and the member, the outermost first."""
        path = [member]
        box = self.box_of[member]
        while box:
            path.append(f"b{box}")
            box = self.box_of[f"b{box}"]
        return path[::-1]

    def edges(self, last: int) -> dict[int, set[tuple[str, str]]]:
        """The edges between the members of each box, up to a row."""
        found: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for row in self.record["rows"][:last]:
            to = self._path(f"r{row['number']}")
            for operand in row["operands"]:
                leaf = operand["leaf"] if operand["gradient"] is None else operand["gradient"]
                if operand["row"] is None and leaf is None:
                    continue
                start = self._path(f"l{leaf}" if operand["row"] is None else f"r{operand['row']}")
                depth = next(i for i, (a, b) in enumerate(zip(start, to, strict=False)) if a != b)
                if operand["row"] is None and start[depth][0] == "b":
                    continue  # a module doesn't depend on another that has the same parameter
                found[self.box_of[to[depth]]].add((start[depth], to[depth]))
        return found


def _ends(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Whatever a gradient or an update of a leaf is in."""
    for walk in record["walks"]:
        for step in walk["steps"]:
            yield from step["contributions"]
        yield from walk["arrivals"]
    yield from record["updates"]


def _arranger() -> Any:
    try:
        # It is an extra, and it takes half a second.
        import igraph
    except ImportError:
        return None
    return igraph.Graph


def _drawing(
    members: list[str], edges: set[tuple[str, str]], arrange: Any, last: int
) -> tuple[list[tuple[str, int, float]], dict[str, list[int]]]:
    """Return the nodes with their layers and places, and the bends of the long edges."""
    used = {member for edge in edges for member in edge}
    drawn = [
        member
        for member in members
        if member in used or (member[0] == "r" and int(member[1:]) < last) or member[0] == "b"
    ]
    place = {member: i for i, member in enumerate(drawn)}
    pairs = sorted((place[a], place[b]) for a, b in edges)
    layers = _layers(drawn, pairs)
    bends: dict[str, list[int]] = {}
    short: list[tuple[int, int]] = []
    for a, b in pairs:
        if layers[b] - layers[a] > SPAN:
            continue
        between = range(layers[a] + 1, layers[b])
        chain = [len(layers) + i for i in range(len(between))]
        layers.extend(between)
        if chain:
            bends[f"{drawn[a]} {drawn[b]}"] = chain
        short += zip([a, *chain], [*chain, b], strict=True)
    drawn += [""] * (len(layers) - len(drawn))
    xs = _places(layers, short, arrange)
    return list(zip(drawn, layers, xs, strict=True)), bends


def _layers(members: list[str], pairs: list[tuple[int, int]]) -> list[int]:
    """The longest path to each member, which are in the order of time; leaves near their use."""
    layers = [0] * len(members)
    for a, b in sorted(pairs, key=lambda pair: pair[1]):
        layers[b] = max(layers[b], layers[a] + 1)
    first_use: dict[int, int] = {}
    for a, b in pairs:
        first_use[a] = min(first_use.get(a, layers[b]), layers[b])
    for a, layer in first_use.items():
        if members[a][0] == "l":
            layers[a] = layer - 1
    return layers


def _places(layers: list[int], pairs: list[tuple[int, int]], arrange: Any) -> list[float]:
    """The horizontal places, from igraph's Sugiyama layout, or in the order of time without it."""
    if not layers:
        return []
    if arrange is not None:
        graph = arrange(n=len(layers), edges=pairs, directed=True)
        found = graph.layout_sugiyama(layers=layers, hgap=1, vgap=1, maxiter=ROUNDS)
        return [round(x, 2) for x, _ in found.coords[: len(layers)]]
    counts: dict[int, float] = defaultdict(float)
    places = []
    for layer in layers:
        places.append(counts[layer])
        counts[layer] += 1
    return places
