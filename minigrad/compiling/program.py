"""From a recording to a program: the passes over the recorded statements.

1. Aliases (`x[...]`, which is `x`) are replaced by what they stand for.
2. Writes into whole arrays of the step's own become new values, so that each value has one
   statement: `y += b` becomes `y_2 = y + b`.
3. Equal expressions are shared. The key of an expression has the versions of the storages that it
   reads, so an expression before a write and the same one after it are two.
4. Statements whose results nobody uses are dropped.
5. What the guards need comes first, before any write.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from .recording import Recording, Statement, Storage, parts, replaced, value_of
from .refusal import Refused
from .values import Number, Recorded

# Statements that raise an error for some values of their operands.
_SAFE_METHODS = frozenset(
    [
        ".T",
        ".all",
        ".any",
        ".argmax",
        ".argmin",
        ".argsort",
        ".astype",
        ".clip",
        ".copy",
        ".cumprod",
        ".cumsum",
        ".diagonal",
        ".dot",
        ".fill",
        ".flatten",
        ".max",
        ".mean",
        ".min",
        ".prod",
        ".ravel",
        ".repeat",
        ".reshape",
        ".round",
        ".sort",
        ".squeeze",
        ".std",
        ".sum",
        ".swapaxes",
        ".trace",
        ".transpose",
        ".var",
        ".view",
        ".item",
    ]
)
_RAISING: tuple[str, ...] = (
    "np.ravel_multi_index",
    "np.linalg",
    "np.take_along_axis",
    "np.put_along_axis",
    "np.repeat",
    "np.take",
    "np.choose",
    "np.bincount",
    "np.put",
)
# Statements whose second argument has indices.
_INDEXING = ("[]", "[]=", ".take", ".put", "np.take", "np.take_along_axis")
# The ufuncs of operators.
UFUNCS: dict[str, Any] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "//": np.floor_divide,
    "%": np.remainder, "&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor,
    "<<": np.left_shift, ">>": np.right_shift, "<": np.less, "<=": np.less_equal, "==": np.equal,
    "!=": np.not_equal, ">": np.greater, ">=": np.greater_equal, "@": np.matmul,
}  # fmt: skip
UNARY: dict[str, Any] = {"-": np.negative, "~": np.invert, "abs": np.absolute, "+": np.positive}


class Program:
    """The statements of a program in order, and the values that it returns.

    - `guards`: how many of the statements come first because guards need them.
    """

    def __init__(self, recording: Recording, outputs: Iterable[Recorded]) -> None:
        self.same: dict[int, Any] = {}  # what stands for a value, by the value's id
        self.now: dict[int, Any] = {}  # the latest value of an array that is written as a whole
        self.statements = list(recording.statements)
        self.keep = recording.keep
        self._resolve_aliases()
        self._split_writes()
        self.outputs = [self.standing(x) for x in outputs]
        self.now.clear()
        self._share()
        self.outputs = [self.standing(x) for x in self.outputs]
        self._drop_dead()
        self.guards = self._guards_first({id(self.standing(x)) for x in recording.in_bounds})

    def standing(self, x: Any) -> Any:
        """The value that stands for a value."""
        while True:
            if id(x) in self.same:
                x = self.same[id(x)]
            elif id(x) in self.now and self.now[id(x)] is not x:
                x = self.now[id(x)]
            else:
                return x

    def _with_standing(self, statement: Statement) -> None:
        same, now = self.same, self.now
        if not same and not now:
            return
        for x in statement.operands:
            if id(x) in same or id(x) in now:
                args, options = statement.args, statement.options
                statement.use(replaced(args, self.standing), replaced(options, self.standing))
                break
        if statement.writes:
            statement.writes = tuple([self.standing(w) for w in statement.writes])

    # 1 ----------------------------------------------------------------------------------------

    def _resolve_aliases(self) -> None:
        kept = []
        for statement in self.statements:
            self._with_standing(statement)
            if is_alias(statement):
                self.same[id(statement.results[0])] = statement.args[0]
            else:
                kept.append(statement)
        self.statements = kept

    # 2 ----------------------------------------------------------------------------------------

    def _split_writes(self) -> None:
        whole = self._written_whole()
        for statement in self.statements:
            targets = statement.writes
            if len(targets) == 1 and id(targets[0]) in whole:
                self._split(statement, targets[0])
            else:
                self._with_standing(statement)

    def _split(self, statement: Statement, target: Recorded) -> None:
        """Make a write into a whole array a statement with a new value."""
        args = statement.args
        options = {k: v for k, v in statement.options.items() if k != "out"}
        if statement.name.endswith("=") and statement.name not in ("[]=",):
            statement.name = statement.name[:-1]
        elif statement.name == "[]=":
            statement.name, args, options = ".copy", (args[2],), {}
        statement.use(args, options)
        statement.writes = ()
        self._with_standing(statement)
        made = Recorded(target.recording, target.value, Storage(target.value), statement)
        made.storage.whole = made
        made.name = target.name
        statement.results = [made]
        self.now[id(target)] = made
        self.keep.append(made)

    def _written_whole(self) -> set[int]:
        """The arrays of the step's own that are only written as a whole, and have no views."""
        values: dict[int, set[int]] = {}
        good: dict[int, Recorded] = {}
        for statement in self.statements:
            for x in (*statement.operands, *statement.results):
                if type(x) is Recorded:
                    values.setdefault(id(x.storage), set()).add(id(x))
            for target in statement.writes:
                good[id(target)] = target
        for statement in self.statements:
            for target in statement.writes:
                one = values[id(target.storage)] == {id(target)} and not target.storage.external
                if not (one and _is_whole_write(statement, target)):
                    good.pop(id(target), None)
        return set(good)

    # 3 ----------------------------------------------------------------------------------------

    def _share(self) -> None:
        # Two results that are equal now must not share memory.
        written = {id(w.storage) for s in self.statements for w in s.writes}
        written |= {id(x.storage) for x in self.outputs}
        versions: dict[int, int] = {}
        found: dict[Any, Statement] = {}
        moved: dict[int, Storage] = {}  # where a value's memory is now, for views of the value
        kept = []
        for statement in self.statements:
            self._with_standing(statement)
            for result in statement.results:
                if type(result) is Recorded:
                    result.storage = moved.get(id(result.storage), result.storage)
            for target in statement.writes:
                versions[id(target.storage)] = versions.get(id(target.storage), 0) + 1
            if not statement.writes and self._is_sharable(statement, written):
                key = self._key(statement, versions)
                first = found.setdefault(key, statement)
                if first is not statement:
                    for old, new in zip(statement.results, first.results, strict=True):
                        self.same[id(old)] = new
                        if type(old) is Recorded:
                            moved[id(old.storage)] = new.storage
                    continue
            kept.append(statement)
        self.statements = kept

    @staticmethod
    def _is_sharable(statement: Statement, written: set[int]) -> bool:
        for result in statement.results:
            if type(result) is Recorded and id(result.storage) in written:
                operands = {id(x.storage) for x in statement.operands if type(x) is Recorded}
                if id(result.storage) not in operands:
                    return False
        return True

    def _key(self, statement: Statement, versions: dict[int, int]) -> Any:
        view = any(is_view(statement, r) for r in statement.results)

        def of(thing: Any) -> Any:
            kind = type(thing)
            if kind is Recorded:
                version = 0 if view else versions.get(id(thing.storage), 0)
                return kind, id(thing), version
            if kind is Number:
                return kind, id(thing)
            if kind is tuple or kind is list:
                return kind, tuple(of(part) for part in thing)
            if kind is dict:
                return tuple((k, of(v)) for k, v in thing.items())
            if kind is slice:
                return kind, of(thing.start), of(thing.stop), of(thing.step)
            if isinstance(thing, np.ndarray | np.generic):
                return kind, thing.dtype.str, thing.shape, thing.tobytes()
            return kind, repr(thing)

        return statement.name, of(statement.args), of(statement.options), statement.writable

    # 4 ----------------------------------------------------------------------------------------

    def _drop_dead(self) -> None:
        values = {id(x) for x in self.outputs}
        storages = {id(x.storage) for x in self.outputs if type(x) is Recorded}
        kept = []
        for statement in reversed(self.statements):
            live = is_guard(statement) or any(id(r) in values for r in statement.results)
            live = live or _may_be_out_of_bounds(statement)
            live = live or any(
                w.storage.external or id(w.storage) in storages for w in statement.writes
            )
            if live:
                kept.append(statement)
                for x in statement.operands:
                    values.add(id(x))
                    if type(x) is Recorded:
                        storages.add(id(x.storage))
        self.statements = kept[::-1]

    # 5 ----------------------------------------------------------------------------------------

    def _guards_first(self, valid: set[int]) -> int:
        """Move the guards to the front that come after a write, and what they need.

        A program that doesn't fit must say so before it has written anything. Guards on options
        come first in any case. `valid` are the ids of indices that pullbacks made, which can't be
        out of bounds; neither can those that are the same in every call. Returns how many
        statements were moved.
        """
        before = _versions_before(self.statements)
        indices = _Indices(constant_storages(self.statements, ()), valid)
        needed: set[int] = set()
        first: list[Statement] = []
        numbers: set[int] = set()  # statements on options alone
        probes: list[Statement] = []
        written = False
        for statement in self.statements:
            versions = before[id(statement)]
            written |= any(w.storage.external for w in statement.writes)
            if all(type(x) is Number for x in (*statement.operands, *statement.results)):
                numbers.add(id(statement))
            if may_raise(statement):
                is_new = indices.are_new(statement, versions)
                if written and (is_new or not _indices(statement)):
                    for each in _probes(statement):
                        before[id(each)] = versions
                        needed.add(id(each))
                        if each is not statement:
                            probes.append(each)
            if is_guard(statement) and (written or id(statement) in numbers):
                needed.add(id(statement))
        for statement in reversed([*self.statements, *probes]):
            if id(statement) not in needed and not any(id(r) in needed for r in statement.results):
                continue
            read = (before[id(statement)].get(id(x.storage), 0) for x in _arrays(statement))
            if statement.writes or any(read):
                raise Refused(
                    f"a condition on values that the step has written ({statement.label}, at "
                    f"{statement.place})"
                )
            first.append(statement)
            needed.update(id(x) for x in statement.operands)
            needed.update(id(r) for r in statement.results)
        chosen = {id(s) for s in first}
        self.statements = first[::-1] + [s for s in self.statements if id(s) not in chosen]
        return len(first)


class _Indices:
    """The indices that statements have used: used in the same way, they are in bounds again."""

    def __init__(self, constant: set[int], valid: set[int]) -> None:
        """`constant` are storages, and `valid` the indices that are in bounds in pullbacks."""
        self.constant, self.valid = constant, valid
        self._made: set[int] = set()  # by `np.ravel_multi_index`, which checks them
        self._used: set[Any] = set()

    def are_new(self, statement: Statement, versions: dict[int, int]) -> bool:
        """Whether a statement uses an index as no statement before it did; note that it does."""
        # What a pullback uses as an index, the rule's forward has used.
        is_backward = statement.section == "backward"
        indices, is_new = _indices(statement), False
        way = _way_of_indexing(statement) if indices and not is_backward else ()
        for x in indices:
            known = id(x.storage) in self.constant or id(x) in self._made
            if known or (is_backward and id(x) in self.valid):
                continue
            one = id(x), versions[id(x.storage)]
            is_new |= (*one, way) not in self._used
            self._used |= {(*one, way), (*one, ())}
        if statement.name == "np.ravel_multi_index":
            self._made.update(id(r) for r in statement.results)
        return is_new


def _way_of_indexing(statement: Statement) -> Any:
    """What decides, with an index's values, whether it is in bounds."""

    def of(thing: Any) -> Any:
        if type(thing) is tuple:
            return tuple(map(of, thing))
        return id(thing) if type(thing) is Recorded else repr(thing)

    if statement.name == "np.ravel_multi_index":
        return of(statement.args)
    if statement.name not in ("[]", "[]=") and not statement.name.endswith(".at"):
        return statement.args[0].shape, of(statement.args[1:]), repr(statement.options)
    return statement.args[0].shape, of(statement.args[1])


def _probes(statement: Statement) -> list[Statement]:
    """Statements that raise an error if this one does, and write nothing."""
    if not statement.writes or not (statement.name == "[]=" or statement.name.endswith(".at")):
        return [statement]
    target, key = statement.args[:2]
    nothing = Statement("np.broadcast_to", np.broadcast_to, (False, tuple(target.shape)), {})
    like = _made_by(nothing, target.recording, np.broadcast_to(False, target.shape))
    probe = Statement("[]", operator.getitem, (like, key), {})
    _made_by(probe, target.recording, like.value[value_of(key)])
    for each in (nothing, probe):
        each.section, each.label, each.place = statement.section, statement.label, statement.place
    return [nothing, probe]


def _made_by(statement: Statement, recording: Recording, value: Any) -> Recorded:
    made = Recorded(recording, value, Storage(value), statement)
    made.storage.whole = made
    statement.results.append(made)
    return made


def _arrays(statement: Statement) -> list[Recorded]:
    return [x for x in statement.operands if type(x) is Recorded]


def _versions_before(statements: Iterable[Statement]) -> dict[int, dict[int, int]]:
    """For each statement, by its id, how often the storages that it reads were written before."""
    versions: dict[int, int] = {}
    found = {}
    for statement in statements:
        storages = {id(x.storage) for x in _arrays(statement)}
        found[id(statement)] = {storage: versions.get(storage, 0) for storage in storages}
        for w in statement.writes:
            versions[id(w.storage)] = versions.get(id(w.storage), 0) + 1
    return found


def constant_storages(statements: Iterable[Statement], own: Iterable[int]) -> set[int]:
    """The storages that no input and no draw reaches: they have the same elements in every call.

    `own` are the storages of results, which are new in each call.
    """
    statements = list(statements)
    external = {
        id(x.storage)
        for statement in statements
        for x in (*statement.operands, *statement.writes)
        if type(x) is Recorded and (x.storage.external or x.storage.drawn)
    }
    made = _makers(statements)
    return _closed(made.keys() - set(own) - external, made)


def _makers(statements: Iterable[Statement]) -> dict[int, list[Statement]]:
    """The statements that make or write each storage, by its id."""
    made: dict[int, list[Statement]] = {}
    for statement in statements:
        for x in (*statement.results, *statement.writes):
            if type(x) is Recorded:
                made.setdefault(id(x.storage), []).append(statement)
    return made


def _closed(storages: set[int], made: dict[int, list[Statement]]) -> set[int]:
    """Those of the storages that are made of nothing but themselves."""
    operands = {s: [x for statement in made[s] for x in statement.operands] for s in storages}
    # An option, which is a number, has no storage.
    sources = {
        s: {id(x.storage) if type(x) is Recorded else None for x in each}
        for s, each in operands.items()
    }
    found = set(storages)
    while others := {s for s in found if not sources[s] <= found}:
        found -= others
    return found


def storages_made_once(statements: Iterable[Statement], own: Iterable[int]) -> set[int]:
    """The constant storages that can be made before the calls, with all writes into them.

    What a call reads before a write must be made in the call.
    """
    statements = list(statements)
    once, made = constant_storages(statements, own), _makers(statements)
    last_write = {id(w.storage): i for i, s in enumerate(statements) for w in s.writes}
    while True:
        early = {
            id(x.storage)
            for i, statement in enumerate(statements)
            if not is_made_of(statement, once)
            for x in _arrays(statement)
            if i < last_write.get(id(x.storage), -1)
        }
        if not early & once:
            return once
        once = _closed(once - early, made)


def is_made_of(statement: Statement, storages: set[int]) -> bool:
    """Whether a statement makes or writes arrays, all in these storages."""
    touched = {
        id(x.storage) for x in (*statement.results, *statement.writes) if type(x) is Recorded
    }
    return bool(touched) and touched <= storages


def is_guard(statement: Statement) -> bool:
    return statement.name.startswith(("is ", "raises "))


def _may_be_out_of_bounds(statement: Statement) -> bool:
    """Whether a statement uses an index of the step's: an error even if nobody uses the result.

    A rule picks integers for itself, such as the counts of its indices.
    """
    if statement.section == "backward" or not _indices(statement):
        return False
    source = statement.args[0]
    return type(source) is not Recorded or source.dtype.kind == "f" or source.storage.external


def is_alias(statement: Statement) -> bool:
    """Whether a statement is `x[...]` of an array, or another view of all of it."""
    if len(statement.results) != 1 or statement.writes:
        return False
    result, source = statement.results[0], statement.args[0] if statement.args else None
    if type(source) is not Recorded or type(result) is not Recorded:
        return False
    if source.storage is not result.storage:
        return False
    a, b = source.value, result.value
    return bool(
        statement.name in ("[]", ".reshape", ".view", ".transpose", ".astype")
        and isinstance(b, np.ndarray)
        and a.dtype == b.dtype
        and a.shape == b.shape
        and a.strides == b.strides
        and a.__array_interface__["data"] == b.__array_interface__["data"]
    )


def is_view(statement: Statement, result: Any) -> bool:
    """Whether a result shares the memory of an operand."""
    sources = [x.storage for x in statement.operands if type(x) is Recorded]
    return type(result) is Recorded and result.storage in sources


def may_raise(statement: Statement) -> bool:
    """Whether a statement may raise an error for other values of the same shapes."""
    name = statement.name
    if name in ("[]", "[]=") or name.endswith(".at"):
        return any(type(p) is Recorded and p.dtype.kind != "b" for p in parts(statement.args[1]))
    if name.startswith("."):
        if name in (".take", ".put"):
            return bool(parts(statement.args[1]))
        return name not in _SAFE_METHODS
    return name.startswith(_RAISING)


def _indices(statement: Statement) -> list[Any]:
    """The arrays that a statement uses as indices."""
    if statement.name in _INDEXING or statement.name.endswith(".at"):
        return [x for x in parts(statement.args[1]) if type(x) is Recorded]
    if statement.name == "np.ravel_multi_index":
        return [x for x in parts(statement.args[0]) if type(x) is Recorded]
    return []


def _is_whole_write(statement: Statement, target: Recorded) -> bool:
    """Whether the same value comes from the statement as an expression."""
    value = target.value
    if not isinstance(value, np.ndarray) or value.ndim == 0 or not value.flags.c_contiguous:
        return False
    arrays = [x.value for x in statement.operands if type(x) is Recorded]
    if not all(a.flags.c_contiguous for a in arrays if isinstance(a, np.ndarray)):
        return False
    if statement.name == "[]=":
        source = statement.args[2]
        return (
            statement.args[1] is Ellipsis
            and type(source) is Recorded
            and isinstance(source.value, np.ndarray)
            and (source.shape, source.dtype) == (target.shape, target.dtype)
        )
    operands: tuple[Any, ...] = statement.args
    if statement.name[:-1] in UFUNCS and statement.name.endswith("="):
        ufunc = UFUNCS[statement.name[:-1]]
    elif statement.name.startswith("np.") and isinstance(
        ufunc := getattr(np, statement.name[3:], None), np.ufunc
    ):
        if set(statement.options) - {"out", "dtype"} or ufunc.nout != 1 or ufunc.signature:
            return False
        if len(statement.args) != ufunc.nin:
            return False
    else:
        return False
    if statement.options.get("out", target) is not target:
        return False
    values = [getattr(x, "value", x) for x in operands]
    if "dtype" in statement.options:
        kind = np.dtype(statement.options["dtype"])
    else:
        kinds = [v.dtype if hasattr(v, "dtype") else type(v) for v in values]
        try:
            kind = ufunc.resolve_dtypes((*kinds, None))[-1]
        except (TypeError, ValueError):
            return False
    shape = np.broadcast_shapes(*(np.shape(v) for v in values))
    return kind == value.dtype and shape == value.shape
