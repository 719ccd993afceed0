"""A program as one function that numba compiles, with the loops over elements written out.

It isn't equal to the step bit for bit: sums are taken in another order, and functions such as `exp`
are those of the C library. NaN and infinities are as in NumPy.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..printing import Names, Printer
from ..program import Program, is_made_of, storages_made_once
from ..recording import Statement
from ..running import is_like
from ..values import Number, Recorded
from .forms import Forms
from .functions import functions
from .loops import Loops, Map
from .memory import Memory, NoForm, Place
from .parts import split


def require_numba() -> None:
    """ImportError that names the extra, unless numba is installed."""
    try:
        functions()
    except ImportError as error:
        raise ImportError(
            "compile(backend='numba') needs numba: pip install 'minigrad[numba]'"
        ) from error


class Made(NamedTuple):
    """A new array for a result or a gradient: one like `like`, or a part of that."""

    like: np.ndarray
    part: Place | None
    is_result: bool

    def view(self, name: str) -> str:
        """The part as an expression."""
        place, size = self.part, self.like.itemsize
        assert place is not None
        strides = tuple([s * size for s in place.strides])
        kind = f"np.{place.dtype.name}"
        return f"np.ndarray({place.shape}, {kind}, {name}, {place.offset * size}, {strides})"

    def rows(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Memory for n results: an array like the first of them, and all, stacked."""
        like, part = self.like, self.part
        memory = np.empty((n, like.nbytes), np.uint8)
        first: np.ndarray = np.ndarray(like.shape, like.dtype, memory, 0, like.strides)
        if part is None:
            strides = (like.nbytes, *like.strides)
            return first, np.ndarray((n, *like.shape), like.dtype, memory, 0, strides)
        own = [s * like.itemsize for s in part.strides]
        at = part.offset * like.itemsize
        shape = (n, *part.shape)
        return first, np.ndarray(shape, like.dtype, memory, at, (like.nbytes, *own))


class NumbaRunning:
    """The lines of the form that numba compiles.

    - `compiled_source`: the text of the compiled function.
    - `setup`: statements that run once; `body`: those of every call.
    - `bound`: the objects that the setup uses, by their names.
    - `made`: the new arrays of each call, by their variables.

    NoForm if a statement has no form for numba.
    """

    def __init__(
        self,
        program: Program,
        names: Names,
        static: set[int],
        fresh: set[int],
        slots: dict[int, str],
        inputs: Sequence[tuple[Recorded, bool]],
        numbers: Sequence[Number],
        results: int,
    ) -> None:
        """`static`, `fresh` and `slots` are as for `Running`. `inputs` are the arrays that the
        program uses, each with whether it is an argument, and `numbers` the options. The first
        `results` outputs are those of the step, the others gradients."""
        self.program, self.names, self.numbers = program, names, numbers
        self.memory, self.printer = Memory(names), Printer(names)
        self.loops = Loops(self.memory)
        self.forms = Forms(self.memory, self.loops, self.printer)
        self._constants = storages_made_once(program.statements, fresh | slots.keys())
        self._constant_lines: list[str] = []
        self._static: list[str] = []
        self._passed: list[tuple[str, str]] = []  # buffers and the variables of the body
        self._types: dict[str, np.ndarray] = {}
        self._parts_named: list[object] = []
        self._results = {id(x) for x in program.outputs[:results]}
        self.made: dict[str, Made] = {}
        for array, is_argument in inputs:
            self._input(array, id(array.storage) in static, is_argument)
        direct = self._direct_outputs(slots)
        for statement in program.statements:
            try:
                self._statement(statement, direct)
            except NoForm as error:
                raise NoForm(f"{error} ({statement.label}, at {statement.place})") from None
        self._copied_outputs(direct)
        self._write()

    # Values -----------------------------------------------------------------------------------

    def _input(self, array: Recorded, is_static: bool, is_argument: bool) -> None:
        name = self.names[array]
        source = "static" if is_static else "batch" if is_argument else "argument"
        self.memory.add(array, name, source)
        if is_static:
            self._static.append(name)
        else:
            self._pass(name, name, array.value)

    def _pass(self, buffer: str, variable: str, value: np.ndarray) -> None:
        self._passed.append((buffer, variable))
        self._types[variable] = value

    def _direct_outputs(self, slots: dict[int, str]) -> dict[int, str]:
        """The variables of outputs that are computed in their own memory, by their ids."""
        return {
            id(array): slots.get(id(array.storage), self.names[array])
            for array in self.program.outputs
            if array.storage.whole is array and is_like(array.value)
        }

    def _statement(self, statement: Statement, direct: dict[int, str]) -> None:
        if is_made_of(statement, self._constants):
            self._constant_lines.append(self.printer.line(statement))
            for r in statement.results:
                self.memory.add(r, self.names[r], "static")
                self._static.append(self.names[r])
                if r.value.dtype.kind in "iu":
                    self.forms.indexing.is_constant(r)
            return
        for r in statement.results:
            if type(r) is Recorded and not self.memory.view(statement, r):
                self._made(r, direct)
        if not any(self._is_view(r) for r in statement.results):
            self.forms.add(statement)

    def _is_view(self, r: Any) -> bool:
        return type(r) is Recorded and self.memory[r].buffer != self.names[r]

    def _made(self, r: Recorded, direct: dict[int, str]) -> None:
        name = self.names[r]
        if id(r) not in direct:
            self.memory.add(r, name, "workspace")
            return
        self._output(r, name, direct[id(r)])

    def _output(self, r: Recorded, buffer: str, variable: str, is_dense: bool = True) -> None:
        """Memory for a result or a gradient, which the body passes to the program."""
        is_result = id(r) in self._results
        place = self.memory.add(r, buffer, "batch" if is_result else "argument")
        like = np.empty_like(r.value)
        if not is_dense:  # a view of this
            like = np.empty(self.memory.buffers[buffer].length, like.dtype)
        self._pass(buffer, variable, like)
        if variable == self.names[r]:
            self.made[variable] = Made(like, None if is_dense else place, is_result)

    def _copied_outputs(self, direct: dict[int, str]) -> None:
        """Copy the outputs that are views, or whose memory has gaps."""
        for i, array in enumerate(self.program.outputs):
            source = self.memory[array]
            if id(array) in direct and source.buffer == self.names[array]:
                continue
            variable = direct.get(id(array), self.names[array])
            self._output(array, f"r{i}", variable, id(array) in direct)
            target = self.memory[array]
            self.loops.map(Map(target.shape, target, (source,), lambda scope, values: values[0]))

    def repeated(self, paths: dict[str, str]) -> list[str]:
        """The body for `n_steps` steps. `paths` are the expressions of the stacked arguments.

        It leaves the number of the steps done in `done`.
        """
        moves, lines = [], []
        for i, (name, made) in enumerate(self.made.items()):
            if made.is_result:
                lines.append(f"{name}, {self.rows[name]} = made_{i}.rows(n_steps)")
            else:
                lines.append(f"{name} = empty_like(like_{i})")
        for buffer, variable in self._passed:
            source = self.memory.buffers[buffer].source
            if source != "batch":
                moves.append("0")
            elif variable in self.made:
                moves.append(str(self.made[variable].like.nbytes))
            else:
                moves.append(f"{paths[variable]}._array.strides[0]")
        table = f"np.array([{', '.join(moves)}], np.intp)"
        lines += [
            f"done = program(n_steps, static, {table}, {self.arguments})",
            "if not done: return MISS",
        ]
        return lines + self._parts(lambda made: not made.is_result)

    def _parts(self, wanted: Callable[[Made], bool]) -> list[str]:
        """Statements that take the parts of new arrays."""
        chosen = {name: made for name, made in self.made.items() if wanted(made) and made.part}
        return [f"{name} = {made.view(name)}" for name, made in chosen.items()]

    # Text -------------------------------------------------------------------------------------

    def _write(self) -> None:
        items = self.loops.lines()
        constants = self.forms.indexing.constants
        static = ["workspace", *self._static, *constants]
        places = {name: i for i, name in enumerate(static)}
        once, each = self._found(places)
        numbers = [self.names[x] for x in self.numbers]
        parameters = [*[f"m{i}" for i in range(len(self._passed))], *numbers]
        buffers = [line.partition(" = ")[0] for line in (*once, *each)]
        parts, lines = split(items, {*buffers, *numbers}, self._name_of_part)
        self.compiled_source = "\n".join(
            [
                *parts,
                "@njit(error_model='numpy')",
                f"def program({', '.join(['n_steps', 'static', 'moves', *parameters])}):",
                *[f"    {line}" for line in once],
                "    for step in range(n_steps):",
                *[f"        {line}" for line in (*each, *lines, "pass")],  # there may be none
                "    return n_steps\n\n\n",
            ]
        )
        self.bound: dict[str, Any] = {
            "workspace": np.empty(self.loops.workspace, np.uint8),
            "moves": np.zeros(max(len(self._passed), 1), np.intp), **constants,
        }  # fmt: skip
        self.bound |= {f"like_{i}": made.like for i, made in enumerate(self.made.values())}
        self.bound |= {f"made_{i}": made for i, made in enumerate(self.made.values())}
        self.bound["program"] = self._compiled()
        self.rows = {name: self.names.give(made, "rows") for name, made in self.made.items()}
        self.setup = [
            *self._constant_lines,
            f"kept = [np.asarray(each) for each in ({', '.join(static)},)]",
            "starts = [np.lib.array_utils.byte_bounds(each)[0] for each in kept]",
            "static = np.array(starts, np.intp)",
        ]
        variables = [variable for _, variable in self._passed]
        self.arguments = ", ".join([*variables, *[self.names[x] for x in self.numbers]])
        self.body = [
            *[f"{name} = empty_like(like_{i})" for i, name in enumerate(self.made)],
            f"if program(1, static, moves, {self.arguments}) != 1: return MISS",
            *self._parts(lambda made: True),
        ]

    def _name_of_part(self) -> str:
        self._parts_named.append(object())  # a name is that of an object that is alive
        return self.names.give(self._parts_named[-1], "part")

    def _found(self, places: dict[str, int]) -> tuple[list[str], list[str]]:
        """What names the buffers: once, and for each step."""
        passed = {buffer: i for i, (buffer, _) in enumerate(self._passed)}
        once: list[str] = []
        each: list[str] = []
        for name, dtype in sorted(self.loops.used, key=lambda item: (item[0], item[1].name)):
            buffer = self.memory.buffers[name]
            if buffer.source == "static":
                address = f"static[{places[name]}]"
            elif buffer.source == "workspace":
                if name not in self.loops.offsets:
                    continue
                address = f"static[0] + {self.loops.offsets[name]}"
            else:
                address = f"np.intp(m{passed[name]}.ctypes.data)"
            if buffer.source == "batch":
                address += f" + step * moves[{passed[name]}]"
            variable = self.loops.ref(Place(name, dtype, 0, (), ()))
            line = f"{variable} = carray(pointer({address}), {buffer.length}, np.{dtype.name})"
            (each if buffer.source == "batch" else once).append(line)
        return once, each

    def _compiled(self) -> Any:
        # Of the extra numba.
        from numba import typeof
        from numba.core.errors import NumbaError

        space = dict(functions())
        exec(builtins.compile(self.compiled_source, "<recorded step>", "exec"), space)
        compiled = space["program"]
        table = np.zeros(1, np.intp)
        values = [1, table, table, *[self._types[variable] for _, variable in self._passed]]
        values += [x.value for x in self.numbers]
        try:
            compiled.compile(tuple([typeof(value) for value in values]))
        except NumbaError as error:
            raise NoForm(f"a statement that numba refuses: {str(error)[:500]}") from None
        return compiled
