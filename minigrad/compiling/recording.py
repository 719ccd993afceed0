"""A recording: the statements of a program, in the order in which a step made them.

Each statement is one use of a recorded array: a function of NumPy, an operator, a method, an index,
or a write. `call` computes its value on the spot, so the step goes on as it would without a
recording, on arrays of its own.
"""

from __future__ import annotations

import linecache
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..core.tracing import tracing
from ..rules.layout import standard
from ..rules.memory import owner_of
from .refusal import Place, Refused, called_by_user, refused, users_place
from .values import CONVERSIONS, Number, Recorded, describe


class Storage:
    """The memory of one array and its views.

    - `whole`: the recorded array that owns it, if it is recorded.
    - `external`: whether it belongs to the user: an argument, a parameter, a gradient.
    - `drawn`: whether it gets other random numbers in each call.
    """

    __slots__ = ("drawn", "external", "owner", "whole")

    def __init__(self, owner: Any, external: bool = False) -> None:
        self.owner, self.external, self.drawn = owner, external, False
        self.whole: Recorded | None = None


class Statement:
    """One statement of the program.

    - `name`: "np.exp", ".reshape", "+", "+=", "[]", "[]=", "input" or "constant".
    - `args`, `options`: its arguments, in which recorded values may be nested.
    - `operands`: these values.
    - `results`: the recorded values that it makes. A write makes none.
    - `writes`: the recorded arrays that it writes into.
    - `section`, `label`, `place`: its heading, the op or pullback, the user's line.
    """

    __slots__ = (
        "args", "compute", "label", "name", "operands", "options", "place", "results", "section",
        "writable", "writes",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        compute: Callable[..., Any] | None,
        args: tuple[Any, ...],
        options: dict[str, Any],
        writes: tuple[Recorded, ...] = (),
        operands: list[Any] | None = None,
    ) -> None:
        """`operands` are looked up in the arguments if they aren't given."""
        self.name, self.compute = name, compute
        self.args, self.options = args, options
        self.operands = parts((args, options)) if operands is None else operands
        self.writes, self.results = writes, []
        self.writable: bool | None = None  # a flag that the result is given
        self.section, self.label, self.place = "forward", "", Place("", 0)

    results: list[Any]

    def use(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Set the arguments."""
        self.args, self.options = args, options
        self.operands = parts((args, options) if options else args)


def parts(thing: Any) -> list[Any]:
    """The recorded values in nested arguments."""
    found: list[Any] = []
    _add_parts(thing, found)
    return found


def _add_parts(thing: Any, found: list[Any]) -> None:
    kind = type(thing)
    if kind is Recorded or kind is Number:
        found.append(thing)
    elif kind is tuple or kind is list:
        for part in thing:
            _add_parts(part, found)
    elif kind is dict:
        for part in thing.values():
            _add_parts(part, found)
    elif kind is slice:
        _add_parts((thing.start, thing.stop, thing.step), found)


def replaced(thing: Any, change: Callable[[Any], Any]) -> Any:
    """Nested arguments with `change` applied to each recorded value and array."""
    kind = type(thing)
    if kind is Recorded or kind is Number or kind is np.ndarray:
        return change(thing)
    if kind is tuple or kind is list:
        return kind([replaced(part, change) for part in thing])
    if kind is dict:
        return {name: replaced(part, change) for name, part in thing.items()}
    if kind is slice:
        return slice(*(replaced(p, change) for p in (thing.start, thing.stop, thing.step)))
    return thing


def value_of(thing: Any) -> Any:
    """Nested arguments with values in place of recorded ones."""
    return replaced(thing, lambda x: x if type(x) is np.ndarray else x.value)


class Draw(NamedTuple):
    """Random numbers that are drawn before each call, by `function(generator, *args)`."""

    array: Recorded
    function: Callable[..., np.ndarray]
    generator: Any
    args: tuple[Any, ...]

    def again(self) -> np.ndarray:
        return self.function(self.generator, *self.args)


class Recording:
    """The statements, guards and random draws of one recorded call."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.refusal: Refused | None = None
        self.section, self.label = "forward", ""
        self.place: Place | None = None  # instead of the user's line
        self.depth = 0  # inside a rule or a pullback
        self.updating = False  # inside an optimiser's update
        self.storages: dict[int, Storage] = {}
        self.values: dict[int, Recorded] = {}  # by the id of the array
        self.constants: dict[int, Recorded] = {}
        self.keep: list[Any] = []
        self.in_bounds: list[Recorded] = []  # indices that no values put out of bounds
        self.draws: list[Draw] = []
        self._streams: dict[int, tuple[Any, Any]] = {}  # generators, and what puts them back

    # Inputs -----------------------------------------------------------------------------------

    def input(self, array: np.ndarray, external: bool = True) -> Recorded:
        """A copy of an array of the user's, with its strides, as an input of the program."""
        copy = replica(array)
        statement = Statement("input", None, (), {})
        recorded = self._recorded(copy, statement)
        recorded.storage.external = external
        recorded.storage.whole = recorded
        return recorded

    def option(self, value: Any, name: str) -> Number:
        """A number that is read again before each call."""
        number = Number(self, value, Statement("input", None, (), {}))
        number.name = name
        return number

    def draw(
        self, function: Callable[..., np.ndarray], generator: Any, args: tuple[Any, ...]
    ) -> Recorded:
        """Draw random numbers, which are an input of the program."""
        self._check()
        if parts(args):
            raise self._refuse("a random draw that depends on an option of an optimiser")
        self._streams.setdefault(id(generator), (generator, generator.snapshot()))
        tracing.recording = None  # a draw may consist of others
        try:
            numbers = function(generator, *args)
        finally:
            tracing.recording = self
        drawn = self.input(numbers, external=False)
        drawn.storage.drawn, drawn.name = True, function.__name__
        self.draws.append(Draw(drawn, function, generator, args))
        return drawn

    def put_back_streams(self) -> None:
        """Let the generators continue from where they were before the recording."""
        for generator, snapshot in self._streams.values():
            generator.put_back(snapshot)

    def constant(self, array: np.ndarray) -> Recorded:
        """An array that the step makes from numbers; a recorded one itself."""
        if type(array) is Recorded:  # of `zeros_like`
            return array
        found = self.constants.get(id(array))
        if found is None:
            statement = self._append(Statement("constant", None, (array.copy(),), {}))
            found = self.constants[id(array)] = self._recorded(array.copy(), statement)
            self.keep.append(array)
            statement.results.append(found)
            found.storage.whole = found
        return found

    # Statements -------------------------------------------------------------------------------

    def call(
        self,
        name: str,
        compute: Callable[..., Any],
        args: tuple[Any, ...],
        options: dict[str, Any],
        writes: tuple[Any, ...] = (),
    ) -> Any:
        """Record a statement and return its results."""
        self._check()
        operands: list[Any] = []
        args, values = self._taken(args, operands)
        options, named_values = self._taken(options, operands)
        writes = tuple([self.lifted(w) for w in writes])
        statement = Statement(name, compute, args, options, writes, operands)
        try:
            value = compute(*values, **named_values)
        except (ValueError, IndexError) as error:
            if self.depth:  # a rule may catch it and try another way
                self._append(
                    Statement(
                        f"raises {type(error).__name__}", compute, args, options | {"_name": name}
                    )
                )
            raise
        self._append(statement)
        return self._results(statement, value)

    def numpy(self, function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Record a function of NumPy that isn't a ufunc."""
        name = f"{function.__module__.replace('numpy', 'np')}.{function.__name__}"
        if function.__name__ in _ABOUT_MEMORY:
            return function(*value_of(args), **value_of(options))
        if function.__name__ in _VALUE_SHAPED:
            raise refused(f"{name}, whose result has a shape that depends on values")
        writes = (args[0],) if function.__name__ in _WRITE_FIRST else ()
        out = options.get("out")
        if out is not None:
            writes = (out,)
        return self.call(name, function, args, options, writes)

    def _taken(self, thing: Any, operands: list[Any]) -> tuple[Any, Any]:
        """Nested arguments with recorded values in place of arrays, and the same with values.

        The recorded values are added to `operands`. It is one walk for all three because a
        recording spends much of its time here.
        """
        taken: Any
        values: Any
        kind = type(thing)
        if kind is Recorded or kind is Number or kind is np.ndarray:
            recorded = self.lifted(thing)
            operands.append(recorded)
            return recorded, recorded.value
        if kind is tuple or kind is list:
            taken, values = [], []
            for part in thing:
                own, value = self._taken(part, operands) if type(part) in _TAKEN else (part, part)
                taken.append(own)
                values.append(value)
            return kind(taken), kind(values)
        if kind is dict:
            taken, values = {}, {}
            for name, part in thing.items():
                taken[name], values[name] = self._taken(part, operands)
            return taken, values
        if kind is slice:
            taken, values = self._taken((thing.start, thing.stop, thing.step), operands)
            return slice(*taken), slice(*values)
        return thing, thing

    def lifted(self, thing: Any) -> Any:
        """A recorded value itself; an array that a rule's code made as a constant."""
        if type(thing) is not np.ndarray:
            if thing.recording is not self:
                raise refused("a tensor of another recording")
            return thing
        if id(thing) in self.constants or self.depth:
            return self.constant(thing)
        raise refused(
            "an undeclared array: one that is neither an argument nor reachable from the step"
        )

    def item(self, recorded: Recorded, name: str, args: tuple[Any, ...]) -> Any:
        """A conversion of a recorded value to a Python number: refused, or a guard of a rule."""
        if name == "item" and self.updating:
            return self.call(".item", lambda x: x.item(), (recorded,), {})
        if name == "__bool__" and (self.depth or _called_by_composition()):
            return self.decided(recorded)
        if name == "__iter__" and self.depth:
            return iter([recorded[i] for i in range(len(recorded.value))])
        if name == "__array__":
            raise self._refuse("a conversion of a tensor to a NumPy array")
        user = called_by_user()
        raise self._refuse(describe(user if user in CONVERSIONS else name))

    def decided(self, condition: Any) -> bool:
        """The outcome of a condition, on which the program relies from now on."""
        if not isinstance(condition, Recorded | Number) or type(condition) is bool:
            return bool(condition)
        statement = condition.statement
        outcome = bool(condition.value)
        if statement is None:
            raise refused("a condition on a value")
        self._append(Statement(f"is {outcome}", None, (condition,), {}))
        return outcome

    def drawn(self) -> NoReturn:
        """Refuse a use of a generator that isn't a plain draw."""
        raise self._refuse("a seed or a state of a generator, or a draw that depends on a tensor")

    def left(self) -> NoReturn:
        """Refuse a tensor that becomes an array of NumPy."""
        raise self._refuse("a conversion of a tensor to a NumPy array")

    def undeclared(self) -> NoReturn:
        """Refuse an array that comes from outside."""
        raise self._refuse("an array of NumPy that becomes a tensor inside the step")

    def _results(self, statement: Statement, value: Any) -> Any:
        if isinstance(value, tuple | list) and all(
            isinstance(v, np.ndarray | np.generic) for v in value
        ):
            results = [self._result(statement, v) for v in value]
            make: Any = getattr(value, "_make", type(value))  # a named tuple has `_make`
            return make(results)
        return self._result(statement, value)

    def _result(self, statement: Statement, value: Any) -> Any:
        if isinstance(value, np.ndarray | np.generic):
            for x in statement.operands:
                if x.value is value and (statement.writes or isinstance(value, np.generic)):
                    return x
            result = self._recorded(value, statement)
            statement.results.append(result)
            return result
        if isinstance(value, bool | int | float):
            number = Number(self, value, statement)
            statement.results.append(number)
            if isinstance(value, bool):
                return self.decided(number)
            return number
        if value is None:
            return None
        raise refused(f"{statement.name}, which returns a {type(value).__name__}")

    def _recorded(self, value: Any, statement: Statement) -> Recorded:
        if isinstance(value, np.generic):
            storage = Storage(value)
        else:
            owner = owner_of(value)
            found = self.storages.get(id(owner))
            if found is None:
                found = self.storages[id(owner)] = Storage(owner)
            storage = found
        result = Recorded(self, value, storage, statement)
        if storage.whole is None:
            storage.whole = result
        self.keep.append(result)
        return result

    def _append(self, statement: Statement) -> Statement:
        self._locate(statement)
        self.statements.append(statement)
        return statement

    def _locate(self, statement: Statement) -> None:
        statement.section, statement.label = self.section, self.label
        statement.place = self.place or users_place()

    def _check(self) -> None:
        if current.recording is not self:
            raise Refused("a tensor of a recorded step is used after the step")

    def _refuse(self, what: str) -> Refused:
        refusal = refused(what)
        self.refusal = self.refusal or refusal
        return refusal

    @contextmanager
    def labelled(
        self, label: str, place: Place | None = None, inside: bool = True
    ) -> Iterator[None]:
        """Label the statements within."""
        before = self.label, self.place, self.depth
        self.label, self.place = label, place or self.place
        self.depth += inside
        try:
            yield
        finally:
            self.label, self.place, self.depth = before


class _Current(threading.local):
    """The recording of this thread, if there is one."""

    def __init__(self) -> None:
        self.recording: Recording | None = None


current = _Current()


def replica(array: np.ndarray) -> np.ndarray:
    """A copy of an array with the same strides, also along sizes of 1."""
    if standard(array):
        return array.copy()
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = np.zeros(high - low, np.uint8)
    start = array.__array_interface__["data"][0] - low
    copy: np.ndarray = np.ndarray(array.shape, array.dtype, memory, start, array.strides)
    np.copyto(copy, array)
    return copy


def _called_by_composition() -> bool:
    """Whether the engine's own code for an op asks for the truth of a value."""
    return sys._getframe(3).f_globals["__name__"].startswith("minigrad.api.compositions.")


# The types of arguments that are or may hold recorded values.
_TAKEN = frozenset([Recorded, Number, np.ndarray, tuple, list, dict, slice])
# Functions of shapes, dtypes and addresses, not of values.
_ABOUT_MEMORY = frozenset(
    [
        "may_share_memory",
        "shares_memory",
        "result_type",
        "can_cast",
        "shape",
        "ndim",
        "size",
        "iscomplexobj",
        "isrealobj",
        "broadcast_shapes",
        "min_scalar_type",
        "common_type",
    ]
)
_VALUE_SHAPED = frozenset(["nonzero", "unique", "flatnonzero", "argwhere", "extract", "compress"])
_WRITE_FIRST = frozenset(["copyto", "put", "put_along_axis", "place", "putmask", "fill_diagonal"])


def source_line(place: Place) -> str:
    return linecache.getline(place.file, place.line).strip()
