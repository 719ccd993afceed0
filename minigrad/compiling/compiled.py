"""A recorded step: its program for reading, and the function that runs it."""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.errstate import quiet
from ..core.tensor import wrap
from ..core.versions import writes
from ..core.walk import reachable
from .conditions import Arguments, Inputs, Space, engine_checks
from .declared import Declared
from .numba.memory import NoForm
from .numba.running import NumbaRunning
from .printing import Names, literal, name_all, parameter_name, source
from .program import Program
from .recorder import Recorder
from .refusal import HasGraph, Refused
from .repeating import repeats
from .running import Running, is_like
from .surroundings import Surroundings
from .values import Recorded

MISS: Any = object()  # what a program returns for a call that it wasn't recorded for


def _references(thing: Any) -> int:
    kept = [thing]
    (local,) = kept
    del thing
    return sys.getrefcount(local)


_ALONE = _references(object())  # the references to an object in a list and in a variable


class Compiled:
    """A step that was recorded once.

    - `run(args, kwargs)`: run it, or return MISS if it is another step now. `call` is the same,
      but may warn.
    - `repeat(n_steps, args, kwargs, stacked)`: run it for each row of the `stacked` arguments, of
      which `args` are the first. Returns the number of steps done, and their results, stacked; or
      MISS. None if it isn't compiled as a loop.
    - `running_source`: the text of these.
    - `shortfall`: why the backend "numba" wasn't used, if it was asked for.
    """

    call: Callable[..., Any]
    run: Callable[..., Any]
    repeat: Callable[..., Any] | None
    shortfall = ""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, backend: str = "numpy"
    ) -> None:
        self.backend = backend
        self.declared = Declared(function)
        self.recorder = recorder = Recorder(self.declared, args, kwargs)
        self.draws = recorder.recording.draws
        surroundings, is_unchanged = Surroundings(self.declared.streams), False
        try:
            recorder.run(function)
            self._check_unchanged()
            is_unchanged = True
        finally:
            changes = self.declared.put_back(is_unchanged), surroundings.put_back()
            changed = " and ".join(filter(None, changes))
        if changed:
            raise Refused(f"a step that changes what it uses, other than tensors: {changed}")
        self.results: list[tuple[Any, Recorded]] = []
        self._collect(recorder.result)
        self.new_grads = [
            (tensor, recorder.grads[id(tensor)], name)
            for tensor, name, _ in recorder.inputs
            if recorder.grads[id(tensor)].kind == "new"
        ]
        outputs = [x for _, x in self.results] + [grad.array for _, grad, _ in self.new_grads]
        _check_own_memory(outputs)
        self.program = Program(recorder.recording, outputs)
        self.outputs = self.program.outputs
        self.grad_outputs = self.outputs[len(self.results) :]
        self.names = self._named()
        self.space = Space()
        arguments = Arguments(args, kwargs, self.space)
        self.used, written = self._used_and_written()
        self.inputs = Inputs(
            recorder, self.declared, arguments, self.names, self.space, self.used, written
        )
        self.shape = self._shape_of(recorder.result)
        self.read_numbers = self._numbers()
        self._make_call(arguments)

    # What was recorded ------------------------------------------------------------------------

    def _check_unchanged(self) -> None:
        if check := self.declared.first_changed():
            raise Refused(f"a step that changes what it uses, other than tensors: not {check}")

    def _collect(self, result: Any) -> None:
        """Check what the step returns, and note the tensors that it has computed."""
        if isinstance(result, Tensor):
            self._collect_tensor(result)
        elif type(result) in (list, tuple):
            for part in result:
                self._collect(part)
        elif type(result) is dict and all(isinstance(key, str) for key in result):
            for part in result.values():
                self._collect(part)
        elif result is not None and type(result) not in (bool, int, float, str):
            raise Refused(f"a result of the type {type(result).__name__}")

    def _collect_tensor(self, result: Tensor) -> None:
        for tensor, name, _ in self.recorder.inputs:
            if tensor is result:
                self._check_is_kept(tensor, name)
                return
        if type(result) is not Tensor or type(result._array) is not Recorded:
            raise Refused("a result that isn't a tensor computed by the step")
        if result._grad is not None or result._attached is not None:
            raise Refused("a result with a gradient or with hooks of its own")
        node = result._node
        if node is not None and all(n.pullbacks is not None for n in reachable([(node, None)])):
            raise HasGraph(
                "a result that still has a graph: call backward in the step, or return "
                "result.detach()"
            )
        if node is not None:
            node.pullbacks = None
        if not any(other is result for other, _ in self.results):
            self.results.append((result, result._array))

    def _check_is_kept(self, tensor: Tensor, name: str) -> None:
        """Refused for a `.grad` of before the step, in whose place the step has put another."""
        for owner, _, _ in self.recorder.inputs:
            if owner._grad is tensor and self.recorder.grads[id(owner)].kind != "kept":
                raise Refused(f"a result that is {name} of before the step")

    def _shape_of(self, result: Any) -> Any:
        """The structure of the result, as an expression of the tensors `r0`, `r1`, …"""
        if isinstance(result, Tensor):
            places = [f"r{i}" for i, (other, _) in enumerate(self.results) if other is result]
            return places[0] if places else self.inputs.place(result)
        if type(result) in (list, tuple):
            inner = ", ".join(map(self._shape_of, result))
            if type(result) is list:
                return f"[{inner}]"
            return f"({inner}{',' if len(result) == 1 else ''})"
        if type(result) is dict:
            return "{" + ", ".join(f"{k!r}: {self._shape_of(v)}" for k, v in result.items()) + "}"
        return literal(result)

    def _named(self) -> Names:
        names = Names()
        for _, name, array in self.recorder.inputs:
            names.give(array, parameter_name(name))
        for _, _, number in self.recorder.numbers:
            names.give(number, number.name)
        for draw in self.draws:
            names.give(draw.array, draw.array.name)
        for (_, _, name), array in zip(self.new_grads, self.grad_outputs, strict=True):
            names.give(array, f"d_{parameter_name(name)}")
        name_all(names, self.program.statements)
        return names

    def _used_and_written(self) -> tuple[set[int], set[int]]:
        """The ids of the recorded values that the program uses, and of the storages it writes."""
        used = {id(x) for x in self.outputs}
        written: set[int] = set()
        for statement in self.program.statements:
            used.update(id(x) for x in (*statement.operands, *statement.writes))
            written.update(id(x.storage) for x in statement.writes)
        return used, written

    # The running form -------------------------------------------------------------------------

    def _make_call(self, arguments: Arguments) -> None:
        """Write and define `call(args, kwargs)`."""
        before, after, slots = self._slots()
        fresh = {id(x.storage) for x in self.outputs} - set(slots)
        running = self._running(fresh, slots)
        engine = engine_checks(self.space)
        conditions = [*engine, *arguments.checks, "unchanged()", *self.inputs.checks]
        found = [
            _unless(conditions),
            *self.inputs.reads,
            *([_unless(self.inputs.layouts)] if self.inputs.layouts else []),
            *self.read_numbers,
            *self._drawn(),
            *before,
        ]
        made = [*self._wrapped_results(), f"return {self.shape}"]
        after += self._cleared()
        definitions = _defined(
            "call(args, kwargs)", [*found, *running.body, *self._counted(), *after, *made]
        )
        if isinstance(running, NumbaRunning) and repeats(self):
            counted = self._counted(" * done")
            body = [*running.repeated(self._stacked()), *counted, *after, *self._rows(running)]
            definitions += _defined("repeat(n_steps, args, kwargs, stacked)", [*found, *body])
        source = "\n".join([*running.setup, *definitions])
        checks = "\n    and ".join(self.declared.checks) or "True"
        unchanged = "\n".join(_defined("unchanged()", [f"return (\n    {checks}\n)"]))
        self.running_source = f"{running.compiled_source}{unchanged.lstrip()}\n\n\n{source}"
        self.space.update(self.declared.names)
        self.space.update(running.bound)
        self.space.update(np=np, empty_like=np.empty_like, copyto=np.copyto)
        self.space.update(MISS=MISS, wrap=wrap, writes=writes)
        self.space.update(getrefcount=sys.getrefcount, ALONE=_ALONE)
        space = dict(self.space)  # a plain dict, in which Python finds names faster
        exec(builtins.compile(source, "<recorded step>", "exec"), space)
        self.call, self.repeat = space["call"], space.get("repeat")
        # The compiled function never warns.
        compiled = isinstance(running, NumbaRunning)
        run = self.call if compiled else functools.partial(quiet.call, self.call)
        self.run = self._with_streams(run) if self.draws else run

    def _drawn(self) -> list[str]:
        """Statements that draw the random numbers, in the order of the step."""
        return [
            f"{self.names[draw.array]} = {self.space.bind('draw', draw.again)}()"
            for draw in self.draws
        ]

    def _with_streams(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """`run`, after which a call that the program doesn't fit has drawn nothing."""
        generators = list({id(draw.generator): draw.generator for draw in self.draws}.values())

        def run_or_put_back(args: Any, kwargs: Any) -> Any:
            before = [generator.snapshot() for generator in generators]
            result = MISS
            try:
                result = run(args, kwargs)
            finally:
                if result is MISS:
                    for generator, snapshot in zip(generators, before, strict=True):
                        generator.put_back(snapshot)
            return result

        return run_or_put_back

    def _stacked(self) -> dict[str, str]:
        """The expressions of the stacked arguments, by the names of their arrays."""
        paths = self.inputs.paths
        return {
            self.names[array]: f"stacked{paths[id(tensor)].removeprefix('args')}"
            for tensor, _, array in self.recorder.inputs
            if id(tensor) in paths
        }

    def _rows(self, running: NumbaRunning) -> list[str]:
        """Statements that return the number of steps done and their stacked results."""
        pairs = zip(self.results, self.outputs, strict=False)
        lines = [
            f"r{i} = wrap({running.rows[self.names[array]]}[:done])"
            for i, (_, array) in enumerate(pairs)
        ]
        return [*lines, f"return done, {self.shape}"]

    def _running(self, fresh: set[int], slots: dict[int, str]) -> Running | NumbaRunning:
        if self.backend == "numba":
            inputs = [
                (array, id(tensor) in self.inputs.paths)
                for tensor, _, array in self.recorder.inputs
                if self.names[array] in self.inputs.variables
            ]
            inputs += [(draw.array, False) for draw in self.draws if id(draw.array) in self.used]
            numbers = [n for _, _, n in self.recorder.numbers if id(n) in self.used]
            try:
                return NumbaRunning(
                    self.program, self.names, self.inputs.static, fresh, slots, inputs, numbers,
                    len(self.results),
                )  # fmt: skip
            except NoForm as error:
                self.shortfall = str(error)
        return Running(self.program, self.names, self.inputs.static, fresh, slots)

    def _slots(self) -> tuple[list[str], list[str], dict[int, str]]:
        """Statements before and after the program that give the leaves their new gradients.

        A gradient's tensor and its memory are kept in a slot, and used again in the next call if
        nothing else refers to them. Also returns the names of that memory, by the storage's id.
        """
        slots: dict[int, str] = {}
        before: list[str] = []
        after: list[str] = []
        pairs = zip(self.new_grads, self.grad_outputs, strict=True)
        for i, ((tensor, grad, _), array) in enumerate(pairs):
            where = self.inputs.place(tensor)
            whole = array is array.storage.whole and is_like(array.value)
            if not whole or self.reads_old_grad(tensor):
                after.append(f"g = wrap({self.names[array]})")
            else:
                pattern = np.empty_like(array.value)
                self.space[f"slot_{i}"] = [wrap(pattern), pattern]
                slots[id(array.storage)] = f"m{i}"
                before += [
                    f"t{i}, m{i} = slot_{i}",
                    f"if (getrefcount(t{i}) != ALONE + ({where}._grad is t{i}) "
                    f"or getrefcount(m{i}) != ALONE + 1 or t{i}._array is not m{i}):",
                    f"    m{i} = empty_like(m{i})",
                    f"    t{i} = wrap(m{i})",
                    f"    slot_{i}[:] = t{i}, m{i}",
                ]
                after.append(f"g = t{i}")
            after += [f"{where}._grad = g", f"g._counter[0] = {grad.version}"]
        return before, after, slots

    def reads_old_grad(self, tensor: Any) -> bool:
        old = tensor._grad
        return old is not None and any(
            id(a) in self.used for t, _, a in self.recorder.inputs if t is old
        )

    def _cleared(self) -> list[str]:
        """Statements that set gradients to None."""
        grads = self.recorder.grads
        cleared = [t for t, _, _ in self.recorder.inputs if grads[id(t)].kind == "none"]
        return [f"{self.inputs.place(tensor)}._grad = None" for tensor in cleared]

    def _counted(self, times: str = "") -> list[str]:
        """Statements that count the writes, multiplied by `times`.

        They come before `.grad` is another tensor, as they count the writes to the one before.
        """
        versions, lines = self.recorder.versions, []
        # Views of one tensor have one counter.
        counters = {id(t._counter): t for t, _, _ in self.recorder.inputs if versions[id(t)]}
        for tensor in counters.values():
            moved = versions[id(tensor)]
            lines.append(f"{self.inputs.place(tensor)}._counter[0] += {moved}{times}")
        if total := sum(versions[id(tensor)] for tensor in counters.values()):
            lines.append(f"writes.count += {total}{times}")
        return lines

    def _wrapped_results(self) -> list[str]:
        """Statements that make the tensors of the results."""
        lines = []
        for i, ((tensor, _), array) in enumerate(zip(self.results, self.outputs, strict=False)):
            lines.append(f"r{i} = wrap({self.names[array]})")
            if tensor._requires_grad:
                node = self.space.bind("node", tensor._node)
                lines += [f"r{i}._requires_grad = True", f"r{i}._node = {node}"]
            if tensor._counter[0]:
                lines.append(f"r{i}._counter[0] = {tensor._counter[0]}")
        return lines

    def _numbers(self) -> list[str]:
        """Statements that read the optimisers' options."""
        lines = []
        for group, (key, place), number in self.recorder.numbers:
            if id(number) not in self.used:
                continue
            name, its = self.names[number], self.declared.refer(group)
            self.inputs.names.append(name)
            lines.append(f"{name} = {its}[{key!r}]" + (f"[{place}]" if place >= 0 else ""))
            kind = self.space.bind("type", type(number.value))
            lines.append(f"if type({name}) is not {kind}: return MISS")
        return lines

    # The form for reading ---------------------------------------------------------------------

    @property
    def source(self) -> str:
        """The program for reading."""
        names = self.names
        grads = [
            f"{parameter_name(name)!r}: {names[array]}"
            for (_, _, name), array in zip(self.new_grads, self.grad_outputs, strict=True)
        ]
        results = [names[x] for x in self.outputs[: len(self.results)]]
        returned = ", ".join([*results, "{" + ", ".join(grads) + "}"])
        notes = [
            "It writes into the arrays that it is given, as the step writes into its tensors.",
            "It returns the step's results and a dict of the gradients.",
        ]
        drawn = [draw for draw in self.draws if id(draw.array) in self.used]
        notes += [
            f"{names[draw.array]}: random numbers, `{draw.function.__name__}{draw.args}`."
            for draw in drawn
        ]
        inputs = [*self.inputs.names, *[names[draw.array] for draw in drawn]]
        return source(
            self.program, names, list(dict.fromkeys(inputs)), returned,
            "A recorded step: NumPy only.", notes,
        )  # fmt: skip

    def options(self) -> dict[str, Any]:
        """The numbers that the program reads from optimisers, by their names in it."""
        found = {}
        for group, (key, place), number in self.recorder.numbers:
            if self.names.of.get(id(number)) in self.inputs.names:
                found[self.names[number]] = group[key] if place < 0 else group[key][place]
        return found

    def read_inputs(self) -> dict[str, Any]:
        """The program's inputs as they are now, except the arguments of the step.

        Random numbers are drawn, as a call would draw them.
        """
        drawn = [(draw.array, draw.again()) for draw in self.draws]
        numbers = {self.names[array]: x for array, x in drawn if id(array) in self.used}
        return self.inputs.of_tensors() | self.options() | numbers


def _unless(conditions: list[str]) -> str:
    """A statement that leaves the program if not all conditions hold."""
    return "if not (\n    " + "\n    and ".join(conditions) + "\n):\n    return MISS"


def _defined(head: str, body: list[str]) -> list[str]:
    """The lines of a function."""
    return ["", "", f"def {head}:", *[f"    {part}" for line in body for part in line.split("\n")]]


def _check_own_memory(outputs: list[Recorded]) -> None:
    """Refused if a result or a gradient shares memory with another, an input or a constant."""
    seen: set[int] = set()
    for array in outputs:
        if array.storage.external or id(array.storage) in seen:
            raise Refused("a result, or a gradient, that shares memory with another tensor")
        seen.add(id(array.storage))
