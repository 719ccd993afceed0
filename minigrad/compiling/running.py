"""The running form of a program: `out=` into reused buffers, and its checks as statements.

What doesn't change between calls is bound once: functions, parameters, buffers, views of these, and
constants. `call(args, kwargs)` is the program.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .printing import Names, Printer, strip
from .program import UFUNCS, UNARY, Program, is_guard, is_made_of, is_view, storages_made_once
from .recording import Statement, parts
from .values import Recorded

_COPIES = (".copy", ".astype", "np.ascontiguousarray", "np.array")
_FILLS = {"np.zeros": "0", "np.ones": "1", "np.zeros_like": "0", "np.ones_like": "1"}
_EMPTY = ("np.empty", "np.empty_like")


class Running:
    """The lines of the running form.

    - `setup`: statements that run once; `body`: those of every call.
    - `bound`: the objects that the setup uses, by their names.
    """

    compiled_source = ""

    def __init__(
        self,
        program: Program,
        names: Names,
        static: set[int],
        fresh: set[int],
        slots: dict[int, str],
    ) -> None:
        """`static` are ids of storages that are the same in every call, `fresh` those of results,
        and `slots` the names of variables that hold memory for a gradient's storage."""
        self.program, self.names, self.printer = program, names, Printer(names)
        self.static, self.fresh, self.slots = set(static), fresh, slots
        self.setup: list[str] = []
        self.body: list[str] = []
        self.bound: dict[str, Any] = {}
        self._pool: dict[Any, list[str]] = {}
        self._buffer_of: dict[int, str] = {}  # by storage
        self._functions: dict[str, str] = {}
        self._constants = storages_made_once(program.statements, self.fresh | slots.keys())
        self._last_use = self._last_uses()
        self._in_range = self._index_values()
        self._into = self._stored_at_once()
        self._done = {at for _, at in self._into.values()}  # by the statement before
        self._filled: set[int] = set()  # the storages that were computed into their slots
        for i, statement in enumerate(program.statements):
            self._emit(i, statement)
            self._release(i)
        for array in program.outputs:
            storage = id(array.storage)
            if storage in slots and storage not in self._filled:
                self.body.append(f"copyto({slots[storage]}, {names[array]})")

    # What is known beforehand -----------------------------------------------------------------

    def _last_uses(self) -> dict[int, int]:
        last: dict[int, int] = {}
        for i, statement in enumerate(self.program.statements):
            for x in (*statement.operands, *statement.results, *statement.writes):
                if type(x) is Recorded:
                    last[id(x.storage)] = i
        return last

    def _index_values(self) -> set[int]:
        """Arrays whose elements are valid as indices, so that `take` needs no check."""
        found: set[int] = set()
        for statement in self.program.statements:
            if statement.name == "np.ravel_multi_index":
                found.update(id(r) for r in statement.results)
        return found

    def _stored_at_once(self) -> dict[int, tuple[Statement, int]]:
        """The results that the next statement only stores in an array, by their ids: `p[...] = x`.

        They are computed into that array.
        """
        found = {}
        statements = self.program.statements
        for i, (first, then) in enumerate(pairwise(statements)):
            if then.name != "[]=" or then.args[1] is not Ellipsis or len(first.results) != 1:
                continue
            value, target = first.results[0], then.args[0]
            if (
                then.args[2] is value
                and first.name in UFUNCS
                and first.name != "@"
                and self._last_use[id(value.storage)] == i + 1
                and id(value.storage) not in self.fresh | self.slots.keys() | self._constants
                and isinstance(value.value, np.ndarray)
                and value.shape == target.shape != ()
            ):
                found[id(value)] = then, i + 1
        return found

    # Statements -------------------------------------------------------------------------------

    def _emit(self, i: int, statement: Statement) -> None:
        results = [r for r in statement.results if type(r) is Recorded]
        if statement.name.startswith("raises "):
            copy = strip(statement)
            copy.name = copy.options.pop("_name")
            error = statement.name.removeprefix("raises ")
            self.body += [
                "try:", f"    {self.printer.expression(copy)}", f"except {error}:", "    pass",
                "else:", "    return MISS",
            ]  # fmt: skip
            return
        if is_guard(statement):
            wrong = "not " if statement.name == "is True" else ""
            self.body.append(f"if {wrong}{self.printer.text(statement.args[0])}: return MISS")
            return
        if i in self._done:
            return
        if is_made_of(statement, self._constants):
            self.setup.append(self.printer.line(statement))
            return
        statement = self._with_constants(statement)
        if len(results) == 1 and is_view(statement, results[0]):
            self._view(statement, results[0])
        elif len(results) == 1 and isinstance(results[0].value, np.ndarray) and results[0].ndim:
            self._computed(i, statement, results[0])
        else:
            self.body.append(self._line(statement))

    def _view(self, statement: Statement, result: Recorded) -> None:
        once = id(result.storage) in self.static or id(result.storage) in self._constants
        (self.setup if once else self.body).append(self.printer.line(statement))

    def _with_constants(self, statement: Statement) -> Statement:
        """A statement with an index array in place of a list."""
        if statement.name not in (".take", "[]") or type(statement.args[1]) is not list:
            return statement
        name = self._bind("index", np.array(statement.args[1], np.intp))
        copy = strip(statement)
        copy.use((statement.args[0], _Text(name), *statement.args[2:]), copy.options)
        return copy

    def _computed(self, i: int, statement: Statement, result: Recorded) -> None:
        name = self.names[result]
        form = self._form(statement, result)
        if form is not None and id(result) in self._into:
            target = self._into[id(result)][0].args[0]
            cast = "" if target.dtype == result.dtype else ", casting='unsafe'"
            (line,) = form[1]
            self.body.append(line.format(out=self._text(target))[:-1] + f"{cast})")
            return
        if form is None or (id(result.storage) in self.fresh and not is_like(result.value)):
            self.body.append(self._line(statement))
            return
        elementwise, template = form
        storage = id(result.storage)
        if storage in self.slots:
            self._filled.add(storage)
            self.body.append(f"{name} = {self.slots[storage]}")
            self.body += [t.format(out=name) for t in template]
            return
        if storage in self.fresh:
            self.body.append(
                f"{name} = empty_like({self._bind('like', np.empty_like(result.value))})"
            )
            self.body += [t.format(out=name) for t in template]
            return
        if elementwise:
            self._release(i, result)
        self._take_buffer(result)
        self.body += [t.format(out=name) for t in template]

    def _form(self, statement: Statement, result: Recorded) -> tuple[bool, list[str]] | None:
        """The lines that compute a result into `{out}`, and whether it may take an operand's."""
        name, args, options = statement.name, statement.args, statement.options
        text = self._text
        if name in UFUNCS and len(args) == 2 and _on_arrays(args):
            function = self._function(f"np.{UFUNCS[name].__name__}")
            return name != "@", [f"{function}({text(args[0])}, {text(args[1])}, {{out}})"]
        if name in UNARY and len(args) == 1 and _on_arrays(args):
            return True, [
                f"{self._function('np.' + UNARY[name].__name__)}({text(args[0])}, {{out}})"
            ]
        if (
            name == "**"
            and type(args[1]) in (int, float)
            and args[1] == 2
            and result.dtype.kind == "f"
        ):
            return True, [f"{self._function('np.square')}({text(args[0])}, {{out}})"]
        if name == ".dot" and len(args) == 2 and not options and args[0].ndim == args[1].ndim == 2:
            return False, [f"{self._function('np.dot')}({text(args[0])}, {text(args[1])}, {{out}})"]
        if name in _EMPTY:
            return True, []
        if name in _FILLS:
            return True, [f"{{out}}.fill({_FILLS[name]})"]
        if name == "np.full":
            return True, [f"{{out}}.fill({text(args[1])})"]
        if name in _COPIES and type(args[0]) is Recorded and args[0].ndim:
            if args[0].storage is result.storage:
                return None
            return False, [f"copyto({{out}}, {text(args[0])}, 'unsafe')"]
        if name == "np.where" and len(args) == 3:
            return False, [
                f"copyto({{out}}, {text(args[2])}, 'unsafe')",
                f"copyto({{out}}, {text(args[1])}, 'unsafe', {text(args[0])})",
            ]
        if name == ".take" and len(args) in (2, 3) and not options:
            index = args[1]
            if type(index) is _Text or id(index) in self._in_range or self._is_constant(index):
                axis = text(args[2]) if len(args) == 3 else "None"
                return False, [f"{text(args[0])}.take({text(index)}, {axis}, {{out}}, 'clip')"]
            return None
        if name == "np.concatenate" and "out" not in options:
            axis = options.get("axis", args[1] if len(args) > 1 else 0)
            return False, [f"{self._function(name)}({text(args[0])}, {text(axis)}, {{out}})"]
        if name.startswith("np."):
            return self._ufunc(statement, result)
        return None

    def _ufunc(self, statement: Statement, result: Recorded) -> tuple[bool, list[str]] | None:
        path = statement.name.split(".")[1:]
        ufunc = getattr(np, path[0], None)
        if not isinstance(ufunc, np.ufunc) or ufunc.nout != 1 or "out" in statement.options:
            return None
        function, text = self._function(f"np.{path[0]}"), self._text
        if len(path) == 1:
            if len(statement.args) != ufunc.nin:
                return None
            if path[0] == "multiply" and _widens(statement, result):
                x, factor = map(text, statement.args)  # converting first takes half the time
                return False, [
                    f"copyto({{out}}, {x})", f"{function}({{out}}, float({factor}), {{out}})"
                ]  # fmt: skip
            rest = "".join(f", {k}={text(v)}" for k, v in statement.options.items())
            # NumPy warns of a third positional argument of these.
            out = "out={out}" if path[0] in ("maximum", "minimum") else "{out}"
            return True, [f"{function}({', '.join(map(text, statement.args))}, {out}{rest})"]
        if path[1] == "reduce" and len(statement.args) == 1:
            options = dict(statement.options)
            function = self._function(statement.name)
            axis, kind = options.pop("axis", 0), options.pop("dtype", None)
            keep = options.pop("keepdims", False)
            rest = "".join(f", {k}={text(v)}" for k, v in options.items() if k != "initial")
            initial = f", {text(options['initial'])}" if "initial" in options else ""
            if rest:
                return None
            return False, [
                f"{function}({text(statement.args[0])}, {text(axis)}, {text(kind)}, {{out}}, "
                f"{keep}{initial})"
            ]
        return None

    def _line(self, statement: Statement) -> str:
        if statement.writes and statement.name[:-1] in UFUNCS and statement.name.endswith("="):
            target, other = statement.args
            if _on_arrays((target,)):
                function = self._function(f"np.{UFUNCS[statement.name[:-1]].__name__}")
                return (
                    f"{function}({self._text(target)}, {self._text(other)}, {self._text(target)})"
                )
        if statement.writes and statement.name == "**=":
            target, other = map(self._text, statement.args)
            return f"target = {target}; target **= {other}"
        if statement.name == "[]=" and statement.args[1] is Ellipsis:
            target, value = self._text(statement.args[0]), self._text(statement.args[2])
            return f"copyto({target}, {value}, 'unsafe')"
        if statement.name.startswith("np.") and "dtype" not in statement.name:
            self._function(statement.name)
        printer = self.printer
        text, printer.text = printer.text, self._text  # type: ignore[method-assign]
        try:
            return printer.line(statement)
        finally:
            printer.text = text  # type: ignore[method-assign]

    # Names and memory -------------------------------------------------------------------------

    def _is_constant(self, x: Any) -> bool:
        return type(x) is Recorded and id(x.storage) in self._constants

    def _text(self, thing: Any) -> str:
        if type(thing) is _Text:
            return thing.name
        if type(thing) in (tuple, list) and parts(thing):
            inner = ", ".join(map(self._text, thing))
            return f"({inner},)" if type(thing) is tuple else f"[{inner}]"
        return Printer.text(self.printer, thing)

    def _function(self, path: str) -> str:
        """A local name for a function of NumPy."""
        if path not in self._functions:
            name = path.replace("np.", "").replace(".", "_") + "_"
            self._functions[path] = name
            self.setup.insert(0, f"{name} = {path}")
        return self._functions[path]

    def _bind(self, name: str, thing: Any) -> str:
        name = f"{name}_{len(self.bound)}"
        self.bound[name] = thing
        return name

    def _take_buffer(self, result: Recorded) -> None:
        key = result.shape, result.dtype, result.strides
        free = self._pool.setdefault(key, [])
        buffer = free.pop() if free else self._bind("buffer", _like(result.value))
        self._buffer_of[id(result.storage)] = buffer
        self.static.add(id(result.storage))
        self.setup.append(f"{self.names[result]} = {buffer}")

    def _release(self, i: int, result: Recorded | None = None) -> None:
        """Give back the buffers that are not used after statement `i`.

        With `result`, only those which that result may take over: whole operands like it.
        """
        statement = self.program.statements[i]
        for x in (*statement.operands, *statement.results, *statement.writes):
            if type(x) is not Recorded or self._last_use[id(x.storage)] != i:
                continue
            if id(x.storage) not in self._buffer_of:
                continue
            key = x.storage.whole.shape, x.storage.whole.dtype, x.storage.whole.strides
            if result is not None:
                others = [
                    o for o in statement.operands if type(o) is Recorded and o.storage is x.storage
                ]
                if any(o is not x.storage.whole for o in others):
                    continue
            buffer = self._buffer_of.pop(id(x.storage))
            self._pool.setdefault(key, []).append(buffer)


def is_like(array: np.ndarray) -> bool:
    """Whether `np.empty_like` keeps the strides: it may not those of dimensions of size 1."""
    return np.empty_like(array).strides == array.strides


def _like(array: np.ndarray) -> np.ndarray:
    """New memory with the strides of an array that has no gaps."""
    new = np.empty_like(array)
    return new if is_like(array) else as_strided(new, strides=array.strides)


class _Text:
    """An operand that has a name in the setup."""

    def __init__(self, name: str) -> None:
        self.name = name


def _widens(statement: Statement, result: Recorded) -> bool:
    """Whether a product of a float32 array and a number is computed in float64."""
    x, factor = statement.args
    return (
        statement.options == {"dtype": np.float64}
        and type(x) is type(factor) is Recorded
        and isinstance(factor.value, np.float32)
        and isinstance(x.value, np.ndarray)
        and x.dtype == np.float32
        and x.shape == result.shape
    )


def _on_arrays(args: Any) -> bool:
    """Whether an operator on these operands is the ufunc: if one is an array."""
    return any(type(x) is Recorded and isinstance(x.value, np.ndarray) for x in args)
