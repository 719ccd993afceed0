"""`compile`: a step that runs as one NumPy program."""

from __future__ import annotations

import builtins
import functools
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.errstate import quiet
from ..core.grad_mode import grad_mode
from ..core.hooks import leaf_hooks
from ..core.observer import observation
from ..core.tensor import wrap
from ..core.versions import writes
from ..nn import module_hooks
from ..rules.promotion import get_default_dtype
from .declared import Declared
from .printing import Names, name_all, parameter_name, source
from .program import Program
from .recorder import Recorder, argument_tensors, recording_lock
from .recording import Storage
from .refusal import Incomplete, Refused, refused
from .running import Running
from .values import Recorded

MISS: Any = object()  # what a program returns for a call that it wasn't recorded for
_MOST_PROGRAMS = 16


def _references(thing: Any) -> int:
    kept = [thing]
    (local,) = kept
    del thing
    return sys.getrefcount(local)


_ALONE = _references(object())  # the references to an object in a list and in a variable


class Compiled:
    """A step that was recorded once: its programs, for reading and for running."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.declared = Declared(function)
        self.recorder = recorder = Recorder(self.declared, args, kwargs)
        recorder.run(function)
        self._check_unchanged()
        self.names = Names()
        self.lines: list[str] = []
        self.space: dict[str, Any] = {}
        self.results: list[tuple[Any, Recorded]] = []
        self.shape = self._shape_of(recorder.result)
        self.new_grads = [
            (tensor, recorder.grads[id(tensor)], name)
            for tensor, name, _ in recorder.inputs
            if recorder.grads[id(tensor)].kind == "new"
        ]
        self._give_own_memory()
        outputs = [x for _, x in self.results] + [grad.array for _, grad, _ in self.new_grads]
        self.program = Program(recorder.recording, outputs)
        self.outputs = self.program.outputs
        self._name()
        self._write(args, kwargs)

    # What was recorded ------------------------------------------------------------------------

    def _check_unchanged(self) -> None:
        space = dict(self.declared.names)
        for check in self.declared.checks:
            try:
                same = eval(check, space)
            except (KeyError, IndexError, AttributeError, ValueError):
                same = False
            if not same:
                raise Refused(f"a step that changes what it uses, other than tensors: not {check}")

    def _shape_of(self, result: Any) -> Any:
        """The structure of the result, as an expression of the tensors `r0`, `r1`, …"""
        if isinstance(result, Tensor):
            for tensor, _, _ in self.recorder.inputs:
                if tensor is result:
                    return self.declared.refer(tensor)
            if type(result) is not Tensor or type(result._array) is not Recorded:
                raise Refused("a result that isn't a tensor computed by the step")
            node = result._node
            if node is not None and node.pullbacks is not None and not node.keeps:
                raise Refused(
                    "a result that still has a graph: call backward in the step, or return "
                    "result.detach()"
                )
            if node is not None:
                node.pullbacks = None
            for i, (other, _) in enumerate(self.results):
                if other is result:
                    return f"r{i}"
            self.results.append((result, result._array))
            return f"r{len(self.results) - 1}"
        if type(result) in (list, tuple):
            inner = ", ".join(map(self._shape_of, result))
            if type(result) is list:
                return f"[{inner}]"
            return f"({inner}{',' if len(result) == 1 else ''})"
        if type(result) is dict and all(isinstance(key, str) for key in result):
            return "{" + ", ".join(f"{k!r}: {self._shape_of(v)}" for k, v in result.items()) + "}"
        if result is None or type(result) in (bool, int, float, str):
            return repr(result)
        raise Refused(f"a result of the type {type(result).__name__}")

    def _give_own_memory(self) -> None:
        """Copy results and gradients that share memory with each other, an input or a constant."""
        seen: set[int] = set()
        recording = self.recorder.recording
        written = {id(w.storage) for s in recording.statements for w in s.writes}
        for array in [x for _, x in self.results] + [g.array for _, g, _ in self.new_grads]:
            if array.storage.external or id(array.storage) in seen:
                raise Refused("a result, or a gradient, that shares memory with another tensor")
            seen.add(id(array.storage))
        del written

    def _name(self) -> None:
        names = self.names
        for tensor, name, array in self.recorder.inputs:
            del tensor
            names.give(array, parameter_name(name))
        for _, _, number in self.recorder.numbers:
            names.give(number, number.name)
        count = len(self.results)
        for (_, _, name), array in zip(self.new_grads, self.outputs[count:], strict=True):
            names.give(array, f"d_{parameter_name(name)}")
        name_all(names, self.program.statements)

    # The running form -------------------------------------------------------------------------

    def _write(self, args: Any, kwargs: Any) -> None:
        recorder, names = self.recorder, self.names
        used = {id(x) for s in self.program.statements for x in s.operands()}
        used |= {id(w) for s in self.program.statements for w in s.writes}
        used |= {id(x) for x in self.outputs}
        written = {id(w.storage) for s in self.program.statements for w in s.writes}
        arguments = {id(t) for _, t in argument_tensors(args, kwargs)}
        grads_of = {id(t._grad): t for t, _, _ in recorder.inputs if t._grad is not None}
        refer, checks = self.declared.refer, self.declared.checks
        space = self.space
        static: set[int] = set()
        reads: list[str] = []
        dynamic: list[str] = []
        checks = list(checks)
        self._check_apart(written)
        paths = self._argument_checks(args, kwargs, checks)
        self.inputs: list[str] = []
        # The memory that the program writes, which no argument may share.
        owned = {
            id(owner)
            for tensor, _, array in recorder.inputs
            if id(array.storage) in written and id(tensor) not in arguments
            for owner in (tensor._array, tensor._array.base)
            if owner is not None
        }
        space["OWNED"] = frozenset(owned)
        for tensor, _, array in recorder.inputs:
            is_grad = id(tensor) in grads_of and id(tensor) not in self.declared.tensors
            own = names[array]
            if id(tensor) in arguments:
                where = paths[id(tensor)]
                checks += [
                    f"{where}._requires_grad is {tensor._requires_grad}",
                    f"{where}._node is None",
                ]
                if id(tensor) in self.declared.tensors:
                    checks.append(f"{where} is {refer(tensor)}")
            elif is_grad:
                owner = grads_of[id(tensor)]
                where = f"{paths.get(id(owner)) or refer(owner)}._grad"
            else:
                where = refer(tensor)
                if id(tensor) not in self.declared.of_optimizers:
                    checks.append(f"{where}._requires_grad is {tensor._requires_grad}")
            if (
                not is_grad
                and id(tensor) not in self.declared.of_optimizers
                and id(tensor) not in grads_of
            ):
                checks.append(f"{where}._grad is {'not ' if tensor._grad is not None else ''}None")
            is_used = id(array) in used or id(array.storage) in written
            if id(array) in used:
                self.inputs.append(own)
            if id(tensor) not in arguments and not is_grad:
                space[own] = tensor._array
                checks.append(f"{where}._array is {own}")
                static.add(id(array.storage))
            elif is_used or id(tensor) in arguments:
                reads.append(f"{own} = {where}._array")
                dynamic.append(own)
                kind = self._bind("kind", tensor._array.dtype)
                dynamic[-1] = (
                    f"{own}.shape == {tensor._array.shape} and {own}.dtype is {kind} "
                    f"and {own}.strides == {tensor._array.strides}"
                )
                if id(tensor) in arguments and owned:
                    dynamic[-1] += f" and not (id({own}) in OWNED or id({own}.base) in OWNED)"
        self.reused = set(grads_of)
        self._assemble(checks, reads, dynamic, static, used, written)

    def _bind(self, name: str, thing: Any) -> str:
        name = f"_{name}_{len(self.space)}"
        self.space[name] = thing
        return name

    def _check_apart(self, written: set[int]) -> None:
        """Refused if an input that is written shares memory with another."""
        arrays = [(t._array, name, id(a.storage) in written) for t, name, a in self.recorder.inputs]
        for i, (a, name, is_written) in enumerate(arrays):
            for b, other, other_written in arrays[:i]:
                if (is_written or other_written) and np.may_share_memory(a, b):
                    raise Refused(f"{name} and {other}, which share memory that the step writes")

    def _argument_checks(self, args: Any, kwargs: Any, checks: list[str]) -> dict[int, str]:
        """Checks of the structure of the arguments; returns the tensors' expressions."""
        paths: dict[int, str] = {}

        def look(where: str, thing: Any) -> None:
            if isinstance(thing, Tensor):
                if id(thing) in paths:
                    checks.append(f"{where} is {paths[id(thing)]}")
                    return
                checks.append(f"type({where}) is {self._bind('type', type(thing))}")
                paths[id(thing)] = where
            elif type(thing) in (list, tuple, dict):
                checks.append(f"type({where}) is {type(thing).__name__}")
                checks.append(f"len({where}) == {len(thing)}")
                items = thing.items() if type(thing) is dict else enumerate(thing)
                for key, part in items:
                    look(f"{where}[{key!r}]", part)
            elif thing is None or type(thing) in (bool, int, float, str):
                checks.append(f"type({where}) is {self._bind('type', type(thing))}")
                checks.append(f"{where} == {self._bind('value', thing)}")
            else:
                raise refused(f"an argument of the type {type(thing).__name__}")

        checks.append(f"len(args) == {len(args)}")
        checks.append(f"len(kwargs) == {len(kwargs)}")
        for i, thing in enumerate(args):
            look(f"args[{i}]", thing)
        for key, thing in kwargs.items():
            checks.append(f"{key!r} in kwargs")
            look(f"kwargs[{key!r}]", thing)
        checks.sort(key=lambda c: not c.startswith(("len(args)", "len(kwargs)")))
        return paths

    def _assemble(
        self,
        checks: list[str],
        reads: list[str],
        dynamic: list[str],
        static: set[int],
        used: set[int],
        written: set[int],
    ) -> None:
        recorder, names = self.recorder, self.names
        count = len(self.results)
        slots: dict[int, str] = {}
        before: list[str] = []
        after: list[str] = []
        for i, ((tensor, grad, _), array) in enumerate(
            zip(self.new_grads, self.outputs[count:], strict=True)
        ):
            where = self._place(tensor)
            old = tensor._grad
            old_used = old is not None and any(
                id(a) in used for t, _, a in recorder.inputs if t is old
            )
            whole = array.storage.whole
            if old_used or array is not whole:
                after += [f"g = wrap({names[array]})", f"{where}._grad = g"]
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
                after += [f"g = t{i}", f"{where}._grad = g"]
            after.append(f"g._counter[0] = {grad.version}")
        fresh = {id(x.storage) for x in self.outputs} - set(slots)
        running = Running(self.program, names, static, fresh, slots)
        self._fix_slots(running, slots)
        for tensor, _, _ in recorder.inputs:
            kind = recorder.grads[id(tensor)].kind
            if kind == "none":
                after.append(f"{self._place(tensor)}._grad = None")
            moved = recorder.versions[id(tensor)]
            if moved:
                after.append(f"{self._place(tensor)}._counter[0] += {moved}")
        total = sum(recorder.versions.values())
        if total:
            after.append(f"writes.count += {total}")
        for i, ((tensor, _), array) in enumerate(zip(self.results, self.outputs, strict=False)):
            after.append(f"r{i} = wrap({names[array]})")
            if tensor._requires_grad:
                after += [
                    f"r{i}._requires_grad = True",
                    f"r{i}._node = {self._bind('node', tensor._node)}",
                ]
            if tensor._counter[0]:
                after.append(f"r{i}._counter[0] = {tensor._counter[0]}")
        numbers = self._numbers()
        conditions = [*self._conditions(), *checks]
        lines = [
            "if not (",
            "    " + "\n    and ".join(conditions),
            "):",
            "    return MISS",
            *reads,
            *([f"if not ({' and '.join(dynamic)}): return MISS"] if dynamic else []),
            *numbers,
            *running.body[:0],
        ]
        body = [*lines, *before, *running.body, *after, f"return {self.shape}"]
        text = "\n".join(
            [
                *running.setup,
                "",
                "",
                "def call(args, kwargs):",
                *(f"    {part}" for line in body for part in line.split("\n")),
            ]
        )
        self.running_source = text
        self.space.update(self.declared.names)
        self.space.update(running.bound)
        self.space.update(
            np=np, MISS=MISS, wrap=wrap, writes=writes, getrefcount=sys.getrefcount, ALONE=_ALONE,
            empty_like=np.empty_like, copyto=np.copyto, grad_mode=grad_mode, leaf_hooks=leaf_hooks,
            observation=observation, module_hooks=module_hooks, get_default_dtype=get_default_dtype,
        )  # fmt: skip
        exec(builtins.compile(text, "<recorded step>", "exec"), self.space)
        self.call: Callable[..., Any] = self.space["call"]

    def _fix_slots(self, running: Running, slots: dict[int, str]) -> None:
        """A gradient that wasn't computed into its slot is copied there."""
        for array in self.outputs[len(self.results) :]:
            slot = slots.get(id(array.storage))
            if slot and f"{self.names[array]} = {slot}" not in running.body:
                running.body.append(f"copyto({slot}, {self.names[array]})")

    def _place(self, tensor: Any) -> str:
        for path, argument in argument_tensors(self.recorder._args, self.recorder._kwargs):
            del path
            if argument is tensor:
                return self._arg_path(tensor)
        for owner, _, _ in self.recorder.inputs:
            if owner._grad is tensor:
                return (
                    f"{self._place(owner)}._grad"
                    if id(tensor) not in self.declared.tensors
                    else self.declared.refer(tensor)
                )
        return self.declared.refer(tensor)

    def _arg_path(self, tensor: Any) -> str:
        return self._argument_checks(self.recorder._args, self.recorder._kwargs, [])[id(tensor)]

    def _conditions(self) -> list[str]:
        return [
            f"grad_mode.enabled is {grad_mode.enabled}",
            f"grad_mode.inference is {grad_mode.inference}",
            f"leaf_hooks.exist is {leaf_hooks.exist}",
            f"module_hooks.ever_registered is {module_hooks.ever_registered}",
            "observation.observer is None",
            f"get_default_dtype() is {self._bind('dtype', get_default_dtype())}",
        ]

    def _numbers(self) -> list[str]:
        """Statements that read the optimisers' options."""
        lines = []
        used = {id(x) for s in self.program.statements for x in s.operands()}
        for group, (key, place), number in self.recorder.numbers:
            if id(number) not in used:
                continue
            name, its = self.names[number], self.declared.refer(group)
            self.inputs.append(name)
            lines.append(f"{name} = {its}[{key!r}]" + (f"[{place}]" if place >= 0 else ""))
            lines.append(f"if type({name}) is not {type(number.value).__name__}: return MISS")
        return lines

    def options(self) -> dict[str, Any]:
        """The numbers that the program reads from optimisers, by their names in it."""
        found = {}
        for group, (key, place), number in self.recorder.numbers:
            if self.names.of.get(id(number)) in self.inputs:
                found[self.names[number]] = group[key] if place < 0 else group[key][place]
        return found

    def read_inputs(self) -> dict[str, Any]:
        """The program's inputs as they are now, except the arguments of the step."""
        arguments = {id(t) for _, t in argument_tensors(self.recorder._args, self.recorder._kwargs)}
        arrays = {
            self.names[array]: tensor._array
            for tensor, _, array in self.recorder.inputs
            if id(tensor) not in arguments and self.names[array] in self.inputs
        }
        return arrays | self.options()

    # The form for reading ---------------------------------------------------------------------

    @property
    def source(self) -> str:
        """The program for reading."""
        names = self.names
        count = len(self.results)
        grads = [
            f"{parameter_name(name)!r}: {names[array]}"
            for (_, _, name), array in zip(self.new_grads, self.outputs[count:], strict=True)
        ]
        results = [names[x] for x in self.outputs[:count]]
        returned = ", ".join([*results, "{" + ", ".join(grads) + "}"])
        notes = [
            "It writes into the arrays that it is given, as the step writes into its tensors.",
            "It returns the step's results and a dict of the gradients.",
        ]
        return source(
            self.program, names, list(dict.fromkeys(self.inputs)), returned,
            "A recorded step: NumPy only.", notes,
        )  # fmt: skip


class CompiledStep:
    """A step that runs as a NumPy program from its third call on.

    - `source`: the program, for reading; "" before it was recorded.
    """

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False) -> None:
        self.function, self.fullgraph = function, fullgraph
        self._programs: list[Compiled] = []
        self._calls = 0
        self._lock = threading.RLock()
        self.refusal = ""
        self._incomplete = 0  # calls that made state of an optimiser
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            for program in self._programs:
                try:
                    result = quiet.call(program.call, args, kwargs)
                except (ValueError, IndexError, KeyError, AttributeError, np.linalg.LinAlgError):
                    break  # before any write; the step raises its own error
                if result is not MISS:
                    return result
            return self._otherwise(args, kwargs)

    def _otherwise(self, args: Any, kwargs: Any) -> Any:
        self._calls += 1
        if self._calls == 1 or self.refusal:
            return self.function(*args, **kwargs)
        if len(self._programs) >= _MOST_PROGRAMS:
            self._refuse(f"a step that needs more than {_MOST_PROGRAMS} programs")
            return self.function(*args, **kwargs)
        failed: Exception | None = None
        try:
            with recording_lock:
                program = Compiled(self.function, args, kwargs)
        except Refused as refusal:
            self._refuse(str(refusal))
        except Incomplete:
            self._incomplete += 1
            if self._incomplete > _MOST_PROGRAMS:
                self._refuse("a step that makes new state in each call")
        except Exception as error:
            failed = error
        else:
            result = quiet.call(program.call, args, kwargs)
            if result is not MISS:
                self._programs.insert(0, program)
                return result
            self._refuse("a step that finds other things in each call")
        result = self.function(*args, **kwargs)  # may raise an error of its own
        if failed is not None:
            self._refuse(f"the step: {type(failed).__name__}: {failed}")
        return result

    def _refuse(self, reason: str) -> None:
        message = f"minigrad.compile can't record {reason}"
        if self.fullgraph:
            raise RuntimeError(message) from None
        self.refusal = reason
        warnings.warn(f"{message}; the step runs without it", UserWarning, stacklevel=4)

    @property
    def source(self) -> str:
        return self._programs[0].source if self._programs else ""

    @property
    def running_source(self) -> str:
        """The program that runs, with its checks and buffers."""
        return self._programs[0].running_source if self._programs else ""

    def save(self, path: str | Path) -> None:
        """Write the program to a file, which runs with nothing but NumPy."""
        if not self._programs:
            raise RuntimeError(f"the step isn't recorded: {self.refusal or 'call it twice first'}")
        Path(path).write_text(self.source, encoding="utf-8")


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "numpy",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Make a step, a function of tensors, run as one NumPy program.

    `model` is the step: a forward pass, `backward`, and an update by hand or by an optimiser; or
    only a part of these. Its first call runs as it is, and its second is recorded. From then on the
    recorded program runs, which gives the same bits. `step.source` is the program for reading, and
    `step.save(path)` writes it to a file that needs nothing but NumPy.

    A step is recorded again for other shapes, dtypes, strides and Python numbers. One that can't be
    recorded, for example because it calls `item`, runs as it is, with one warning. With `fullgraph`
    that is a RuntimeError. Without `model` this is a decorator; with `disable` it does nothing.

    TypeError for a `model` that can't be called; NotImplementedError for other values of `dynamic`,
    `backend`, `mode` and `options`.

    >>> w = nn.Parameter(minigrad.ones(2))
    >>> @minigrad.compile
    ... def step(x):
    ...     w.grad = None
    ...     loss = (w * x).sum()
    ...     loss.backward()
    ...     with minigrad.no_grad():
    ...         w.sub_(w.grad, alpha=0.5)
    ...     return loss
    >>> [step(minigrad.tensor([1.0, 2.0])).item() for _ in range(3)]
    [3.0, 0.5, -2.0]
    >>> "import numpy as np" in step.source
    True
    """
    given = {"dynamic": dynamic, "mode": mode, "options": options}
    for name, value in given.items():
        if value is not None and not (name == "dynamic" and value is False):
            raise NotImplementedError(f"compile({name}={value!r}) is not implemented: leave it out")
    if backend != "numpy":
        raise NotImplementedError(f"compile(backend={backend!r}) is not implemented: use 'numpy'")
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, backend=backend, disable=disable)
    if not callable(model):
        raise TypeError(f"compile() takes a function, not {type(model).__name__}")
    return model if disable else CompiledStep(model, fullgraph)


__all__ = ["CompiledStep", "Storage", "compile"]
