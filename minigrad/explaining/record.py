"""The record of one turn: what a program computed forward, backward and in its update, as data.

`Recorder` fills it in, and the page, the terminal text and the notebook show it. `to_dict` gives
the form that is embedded in the page, which the README of this package documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

FORMAT, VERSION = "minigrad.explain", 1


@dataclass
class Place:
    """A line of the program: the number of its file in `Record.files`, and the line's number."""

    file: int
    line: int


@dataclass
class Operand:
    """What an op read: the result of a row, a leaf, or a number.

    - `role`: the name of the rule's parameter.
    - `text`: how the formula shows it.
    - `row`, `leaf`: the number of the row that computed it, or of the leaf; None otherwise.
    - `gradient`: the number of the leaf whose `.grad` it is, or None.
    - `array`: the number of its elements in `Record.arrays`, as they were at this time.
    """

    role: str
    text: str
    row: int | None = None
    leaf: int | None = None
    gradient: int | None = None
    array: int | None = None


@dataclass
class Row:
    """One op, in the order of the run.

    - `kind`: "op"; "write" for an op that wrote its result into its first operand; or "node" for a
      node that no rule made, such as the call of a custom Function.
    - `node`: the name of its node in the graph; "" if it isn't recorded there.
    - `formula`, `name`: such as "x @ W1" and the variable that holds the result, or "".
    - `modules`: the path of the module calls around it, such as ["model", "model.0"].
    - `results`: the numbers of the arrays of its results.
    - `walk`: the number of the walk during which it ran; None for a forward op.
    - `error`: the message of the error that it raised, or "".
    """

    number: int
    kind: str
    op: str
    node: str = ""
    formula: str = ""
    name: str = ""
    place: Place | None = None
    modules: list[str] = field(default_factory=list)
    operands: list[Operand] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    results: list[int] = field(default_factory=list)
    walk: int | None = None
    error: str = ""


@dataclass
class Leaf:
    """An array that no row computed: a parameter, an input or a constant.

    `array` has its elements when the first op read it, and `grad` those of its gradient at the end.
    """

    number: int
    name: str
    array: int
    requires_grad: bool = False
    is_parameter: bool = False
    grad: int | None = None


@dataclass
class Saved:
    """A saved tensor that a pullback reads, by its name in the rule."""

    name: str
    array: int


@dataclass
class Contribution:
    """What one pullback returned, and where it went.

    - `operand`: the place of the edge; `source`, `file`, `line`: the pullback's code.
    - `returned`: what the pullback returned.
    - `summed`: the same in the operand's shape; `axes` are those that it was summed over.
    - `row`, `leaf`: what it is a gradient of.
    - `before`, `after`: what had arrived there before, if anything, and what there is now.
    """

    operand: int
    source: str
    file: str
    line: int
    saved: list[Saved]
    returned: int
    summed: int | None = None
    axes: list[int] = field(default_factory=list)
    row: int | None = None
    leaf: int | None = None
    before: int | None = None
    after: int | None = None


@dataclass
class Step:
    """One node in a walk: the cotangent for its pullbacks, and what these returned.

    - `hooks`: whether a hook has changed the cotangent that arrived.
    - `after_row`: the number of rows that had run when it began.
    """

    row: int | None
    node: str
    cotangent: int | None
    contributions: list[Contribution] = field(default_factory=list)
    hooks: bool = False
    after_row: int = 0
    error: str = ""


@dataclass
class Arrival:
    """The end of a walk at a leaf or at an input of `autograd.grad`.

    `before + gradient = after` is the accumulation in `.grad`; without `before` there was none.
    """

    leaf: int | None
    row: int | None
    gradient: int
    before: int | None = None
    after: int | None = None


@dataclass
class Walk:
    """One backward walk, in the order of its steps.

    - `function`: "backward" or "grad".
    - `after_row`: the number of rows that had run when it began.
    - `seeds`: the rows where it started.
    """

    number: int
    function: str
    place: Place | None
    after_row: int
    create_graph: bool = False
    seeds: list[int | None] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    error: str = ""


@dataclass
class Update:
    """A change of a leaf: its elements before and after, and what was added."""

    leaf: int
    by: str
    place: Place | None
    before: int
    step: int
    after: int
    row: int | None = None


@dataclass
class File:
    """A file of the program, with its text."""

    path: str
    source: str


@dataclass
class Record:
    """One turn of a program. Numbers refer to the places in its lists."""

    program: str = ""
    arguments: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    backward: int = 1
    files: list[File] = field(default_factory=list)
    arrays: list[dict[str, Any]] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str = ""
    first_bad: int | None = None
    check: dict[str, Any] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)
    pytorch: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as nested dicts, lists, strings and numbers, for JSON."""
        return {"format": FORMAT, "version": VERSION, **_plain(self)}


def _plain(value: Any) -> Any:
    # dataclasses.asdict copies every list of numbers, which takes seconds.
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, list) and value and is_dataclass(value[0]):
        return [_plain(item) for item in value]
    return value
