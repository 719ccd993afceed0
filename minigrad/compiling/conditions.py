"""The conditions under which a recorded program is the step, as expressions that run before it.

The arguments must have the same structure, the tensors must be the same or have the same layout,
and the engine must be in the same mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.grad_mode import grad_mode
from ..core.hooks import leaf_hooks
from ..core.observer import observation
from ..nn import module_hooks
from ..optim.optimizer_hooks import Hookable, of_all_after, of_all_before
from ..rules.memory import root_of
from ..rules.promotion import get_default_dtype
from .declared import Declared, is_same
from .printing import Names
from .recorder import Recorder
from .refusal import Refused, refused


class Space(dict[str, Any]):
    """The global names of a program that runs."""

    def bind(self, name: str, thing: Any) -> str:
        """Give an object a name of its own."""
        name = f"_{len(self)}_{name}"
        self[name] = thing
        return name


def engine_checks(space: Space) -> list[str]:
    """The mode of the engine."""
    space.update(grad_mode=grad_mode, leaf_hooks=leaf_hooks, module_hooks=module_hooks)
    space.update(observation=observation, get_default_dtype=get_default_dtype)
    space.update(Hookable=Hookable, of_all_before=of_all_before, of_all_after=of_all_after)
    checks = [
        f"grad_mode.enabled is {grad_mode.enabled}",
        f"grad_mode.inference is {grad_mode.inference}",
        f"leaf_hooks.exist is {leaf_hooks.exist}",
        f"module_hooks.ever_registered is {module_hooks.ever_registered}",
        f"Hookable._steps_are_hooked is {Hookable._steps_are_hooked}",
        "observation.observer is None",
        f"get_default_dtype() is {space.bind('dtype', get_default_dtype())}",
    ]
    if Hookable._steps_are_hooked:
        checks.append("not (of_all_before or of_all_after)")
    return checks


class Arguments:
    """The arguments of a step.

    - `checks`: their structure, and the numbers among them.
    - `paths`: the expressions of the tensors among them, by their ids.
    """

    def __init__(self, args: Any, kwargs: Any, space: Space) -> None:
        self.space = space
        self.checks = [f"len(args) == {len(args)}", f"len(kwargs) == {len(kwargs)}"]
        self.paths: dict[int, str] = {}
        for i, thing in enumerate(args):
            self._look(f"args[{i}]", thing)
        for key, thing in kwargs.items():
            self.checks.append(f"{key!r} in kwargs")
            self._look(f"kwargs[{key!r}]", thing)

    def _look(self, where: str, thing: Any) -> None:
        checks, bind = self.checks, self.space.bind
        if isinstance(thing, Tensor):
            if id(thing) in self.paths:
                checks.append(f"{where} is {self.paths[id(thing)]}")
                return
            checks.append(f"type({where}) is {bind('type', type(thing))}")
            self.paths[id(thing)] = where
        elif type(thing) in (list, tuple, dict):
            checks.append(f"type({where}) is {type(thing).__name__}")
            checks.append(f"len({where}) == {len(thing)}")
            if type(thing) is dict:  # a step may depend on the order
                checks.append(f"[*{where}] == {bind('keys', list(thing))}")
            items = thing.items() if type(thing) is dict else enumerate(thing)
            for key, part in items:
                plain = type(key) in (int, str)
                self._look(f"{where}[{repr(key) if plain else bind('key', key)}]", part)
        elif thing is None or type(thing) in (bool, int, float, str):
            checks.append(is_same(where, thing, lambda: bind("value", thing)))
        else:
            raise refused(f"an argument of the type {type(thing).__name__}")


class Inputs:
    """The tensors whose arrays a program reads or writes.

    - `checks`: what must be so of the tensors.
    - `reads`: statements that name the arrays that may be others in each call.
    - `layouts`: what must be so of these arrays.
    - `static`: the ids of the storages of all other arrays.
    - `names`: the names of the arrays that the program reads.
    - `variables`: the names of the arrays that the program finds, which it reads or writes.

    Refused if two of them share memory that the program writes.
    """

    def __init__(
        self,
        recorder: Recorder,
        declared: Declared,
        arguments: Arguments,
        names: Names,
        space: Space,
        used: set[int],
        written: set[int],
    ) -> None:
        """`used` are the ids of the recorded arrays that the program uses, and `written` those of
        the storages that it writes."""
        self.recorder, self.declared, self.paths = recorder, declared, arguments.paths
        self._array_names, self.space = names, space
        self.checks: list[str] = []
        self.reads: list[str] = []
        self.layouts: list[str] = []
        self.static: set[int] = set()
        self.names: list[str] = []
        self.variables: set[str] = set()
        self._owners = {id(t._grad): t for t, _, _ in recorder.inputs if t._grad is not None}
        self._check_apart(written)
        self._check_distinct(written)
        owned = self._owned(written)
        space.update(OWNED=frozenset(owned), root_of=root_of)
        for tensor, _, array in recorder.inputs:
            if id(array) in used:
                self.names.append(names[array])
            if id(array) in used or id(array.storage) in written:
                self.variables.add(names[array])
            self._check_tensor(tensor)
            if id(tensor) not in self.paths and not self._is_found_as_grad(tensor):
                space[names[array]] = tensor._array
                self.checks.append(f"{self.place(tensor)}._array is {names[array]}")
                self.static.add(id(array.storage))
            elif id(array) in used or id(array.storage) in written or id(tensor) in self.paths:
                self._read(tensor, names[array], bool(owned))

    def place(self, tensor: Any) -> str:
        """The expression by which the program finds a tensor."""
        if id(tensor) in self.paths:
            return self.paths[id(tensor)]
        if self._is_found_as_grad(tensor):
            return f"{self.place(self._owners[id(tensor)])}._grad"
        return self.declared.refer(tensor)

    def _is_found_as_grad(self, tensor: Any) -> bool:
        return id(tensor) in self._owners and id(tensor) not in self.declared.tensors

    def _owned(self, written: set[int]) -> set[int]:
        """The ids of the memory that the program writes, which no argument may share."""
        return {
            id(root_of(tensor._array))
            for tensor, _, array in self.recorder.inputs
            if id(array.storage) in written and id(tensor) not in self.paths
        }

    def _check_tensor(self, tensor: Any) -> None:
        where, of_optimizers = self.place(tensor), self.declared.of_optimizers
        is_grad = self._is_found_as_grad(tensor)
        if leaf_hooks.exist:
            self.checks.append(f"{where}._attached is None")
        if id(tensor) in self.paths:
            self.checks.append(f"{where}._requires_grad is {tensor._requires_grad}")
            self.checks.append(f"{where}._node is None")
            if id(tensor) in self.declared.tensors:
                self.checks.append(f"{where} is {self.declared.refer(tensor)}")
            if vars(tensor):
                raise Refused(f"{where}, a tensor with attributes: {', '.join(vars(tensor))}")
        elif not is_grad and id(tensor) not in of_optimizers:
            self.checks.append(f"{where}._requires_grad is {tensor._requires_grad}")
        if not is_grad and id(tensor) not in of_optimizers and id(tensor) not in self._owners:
            self.checks.append(f"{where}._grad is {'not ' if tensor._grad is not None else ''}None")

    def _check_distinct(self, written: set[int]) -> None:
        """Check that arguments with gradients are other tensors, and those written have memory of
        their own."""
        self.space["may_share_memory"] = np.may_share_memory
        inputs = [(t, self.place(t), id(array.storage)) for t, _, array in self.recorder.inputs]
        arguments = [item for item in inputs if id(item[0]) in self.paths]
        others = [item for item in inputs if id(item[0]) not in self.paths]
        for i, (tensor, where, storage) in enumerate(arguments):
            for other, place, its in (*arguments[:i], *others):
                if tensor._requires_grad and other._requires_grad:
                    self.checks.append(f"{where} is not {place}")
                if tensor._counter is other._counter:  # their writes are counted together
                    self.checks.append(f"{where}._counter is {place}._counter")
                if storage in written or (its in written and id(other) in self.paths):
                    self.layouts.append(f"not may_share_memory({where}._array, {place}._array)")

    def _read(self, tensor: Any, name: str, others_are_owned: bool) -> None:
        self.reads.append(f"{name} = {self.place(tensor)}._array")
        dtype = self.space.bind("dtype", tensor._array.dtype)
        self.layouts += [
            f"{name}.shape == {tensor._array.shape}",
            f"{name}.dtype is {dtype}",
            f"{name}.strides == {tensor._array.strides}",
        ]
        if id(tensor) in self.paths and others_are_owned:
            owner = f"{name} if {name}.base is None else root_of({name})"
            self.layouts.append(f"id({owner}) not in OWNED")

    def _check_apart(self, written: set[int]) -> None:
        """Refused if an input that is written shares memory with another."""
        arrays = [(t._array, name, id(a.storage) in written) for t, name, a in self.recorder.inputs]
        for i, (a, name, is_written) in enumerate(arrays):
            for b, other, other_written in arrays[:i]:
                if (is_written or other_written) and np.may_share_memory(a, b):
                    raise Refused(f"{name} and {other}, which share memory that the step writes")

    def of_tensors(self) -> dict[str, Any]:
        """The arrays that the program reads as they are now, except those of the arguments."""
        return {
            self._array_names[array]: self._now(tensor)._array
            for tensor, _, array in self.recorder.inputs
            if id(tensor) not in self.paths and self._array_names[array] in self.names
        }

    def _now(self, tensor: Any) -> Any:
        """The tensor that is in the place of another: a gradient may be a new one."""
        now = self._owners[id(tensor)]._grad if self._is_found_as_grad(tensor) else None
        return tensor if now is None else now
