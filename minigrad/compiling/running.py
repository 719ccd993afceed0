"""The running form of a program: `out=` into reused buffers, and its checks as statements.

What doesn't change between calls is bound once: functions, parameters, buffers, views of these, and
constants. `call(args, kwargs)` is the program. Elementwise statements on large arrays run block by
block.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .blocks import Chain, chains
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
        self._buffer_of: dict[int, tuple[Any, str]] = {}  # its key in the pool, and its name
        self._functions: dict[str, str] = {}
        self._constants = storages_made_once(program.statements, self.fresh | slots.keys())
        self._last_use = self._last_uses()
        self._in_range = self._index_values()
        self._into = self._stored_at_once()
        self._done = {at for _, at in self._into.values()}  # by the statement before
        self._filled: set[int] = set()  # the storages that were computed into their slots
        self._chain: Chain | None = None
        chain_of = self._chains()
        for i, statement in enumerate(program.statements):
            self._chain = chain_of.get(i)
            self._emit(i, statement)
            self._release(i)
            if self._chain and i == self._chain.members[-1]:
                self._end_chain(self._chain)
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
                and value.dtype == target.dtype  # a call that also converts takes longer than two
            ):
                found[id(value)] = then, i + 1
        return found

    # Blocks -----------------------------------------------------------------------------------

    def _chains(self) -> dict[int, Chain]:
        """The chain of each statement that is computed block by block."""

        def skipped(i: int, statement: Statement) -> bool:
            return i in self._done or is_made_of(statement, self._constants)

        statements = self.program.statements
        found = chains(statements, self._is_elementwise, skipped, self._into)
        for chain in found:
            chain.temporaries = self._temporaries(chain)
        return {i: chain for chain in found for i in chain.members}

    def _is_elementwise(self, statement: Statement) -> bool:
        """Whether a statement becomes calls of NumPy that compute element by element."""
        name, results = statement.name, statement.results
        if statement.writes:
            return not results and _writes_by_element(statement)
        (result, *others) = results
        if others or not _is_by_element(name) or is_view(statement, result):
            return False
        if id(result.storage) in self.fresh and not is_like(result.value):
            return False
        return self._form(statement, result) is not None

    def _temporaries(self, chain: Chain) -> set[int]:
        """The storages that a chain makes, that nothing after it uses, and that have no views.

        Each needs memory for the rows of a block alone.
        """
        statements, end = self.program.statements, chain.members[-1]
        viewed = {id(r.storage) for s in statements for r in s.results if is_view(s, r)}
        made = [r for i in chain.members for r in statements[i].results if id(r) not in self._into]
        kept = self.fresh | self.slots.keys() | self._constants | viewed
        return {
            id(r.storage)
            for r in made
            if id(r.storage) not in kept
            and self._last_use[id(r.storage)] <= end
            and chain.row_by_row(r)
        }

    def _end_chain(self, chain: Chain) -> None:
        """Write the loop over the blocks of a chain."""
        self._chain = None
        self.body.append(f"for part, within in {self._bind('blocks', chain.blocks())}:")
        self.body += [f"    {line}" for line in (*chain.parts.values(), *chain.lines)]
        for i in chain.members:
            self._release(i)

    # Statements -------------------------------------------------------------------------------

    def _add(self, *lines: str) -> None:
        """Add lines that compute: to the chain, or to the body."""
        (self.body if self._chain is None else self._chain.lines).extend(lines)

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
            self._add(self._line(statement))

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
            self._add(*[t.format(out=self._text(target)) for t in form[1]])
            return
        if form is None or (id(result.storage) in self.fresh and not is_like(result.value)):
            self.body.append(self._line(statement))
            return
        elementwise, template = form
        storage = id(result.storage)
        if storage in self.slots:
            self._filled.add(storage)
            self.body.append(f"{name} = {self.slots[storage]}")
            self._add(*[t.format(out=self._text(result)) for t in template])
            return
        if storage in self.fresh:
            self.body.append(
                f"{name} = empty_like({self._bind('like', np.empty_like(result.value))})"
            )
            self._add(*[t.format(out=self._text(result)) for t in template])
            return
        if elementwise:
            self._release(i, result)
        self._take_buffer(result)
        self._add(*[t.format(out=self._text(result)) for t in template])

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
        if self._chain is not None and type(thing) is Recorded and self._chain.divides(thing):
            return self._part(self._chain, thing)
        return Printer.text(self.printer, thing)

    def _part(self, chain: Chain, x: Recorded) -> str:
        """The name of a block of an array's rows."""
        name = self.names[x]
        if name not in chain.parts:
            rows = "within" if id(x.storage) in chain.temporaries else "part"
            chain.parts[name] = f"{self.names.unused(f'{name}_part')} = {name}[{rows}]"
        return chain.parts[name].split(" ")[0]

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
        array = result.value
        if self._chain is not None and id(result.storage) in self._chain.temporaries:
            array = np.empty_like(array[: self._chain.rows])  # these rows without gaps
        key = array.shape, array.dtype, array.strides
        free = self._pool.setdefault(key, [])
        buffer = free.pop() if free else self._bind("buffer", _like(array))
        self._buffer_of[id(result.storage)] = key, buffer
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
            chain = self._chain
            if chain and not chain.row_by_row(x.storage.whole):
                continue  # its other rows are still used; the end of the chain gives it back
            if result is not None:
                others = [
                    o for o in statement.operands if type(o) is Recorded and o.storage is x.storage
                ]
                if any(o is not x.storage.whole for o in others):
                    continue
            key, buffer = self._buffer_of.pop(id(x.storage))
            self._pool[key].append(buffer)


def _is_by_element(name: str) -> bool:
    """Whether a function computes each element from those at the same place."""
    function = getattr(np, name[3:], None) if name.startswith("np.") else None
    if isinstance(function, np.ufunc):
        return function.signature is None and function.nout == 1
    return name != "@" and name in (*_COPIES, *UFUNCS, *UNARY, "np.where", "**")


def _writes_by_element(statement: Statement) -> bool:
    """Whether a statement writes into each element from those at the same place."""
    if statement.name == "[]=":
        return statement.args[1] is Ellipsis
    return statement.name in (".fill", "np.copyto") or _is_by_element(
        statement.name.removesuffix("=")
    )


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
