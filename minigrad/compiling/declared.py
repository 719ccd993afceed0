"""What a step uses: the tensors, modules, optimisers and numbers that its code can reach.

They are found from the step's closure, the globals that its code names, the functions that it
calls and the attributes of objects. Each thing found leaves a *check*, which says whether the step
still finds the same: `check_source` writes them as one function, which runs before each call.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterator
from operator import is_
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from .refusal import refused

_SCALARS = (bool, int, float, str, type(None))
_MANY = 10_000  # objects to search


class Declared:
    """The things that a step can reach.

    - `tensors`: each tensor with a name, in the order in which they were found.
    - `optimizers`: each optimiser with a name.
    - `checks`: expressions that are true as long as the step finds the same things.
    - `names`: the objects that the expressions use.
    """

    def __init__(self, function: Any) -> None:
        self.tensors: dict[int, tuple[Any, str]] = {}
        self.optimizers: list[tuple[Optimizer, str]] = []
        self.checks: list[str] = []
        self.names: dict[str, Any] = {"all_same": _all_same, "is_": is_}
        self.of_optimizers: set[int] = set()  # the ids of tensors of optimisers' states
        self._seen: dict[int, Any] = {}
        self._ids: dict[int, str] = {}
        self._code: set[CodeType] = set()
        self._last: list[Optimizer] = []
        if isinstance(function, FunctionType):
            self._function(function)
        else:
            self._thing("step", function, "")
        for optimizer in self._last:
            self._optimizer(optimizer)

    def refer(self, thing: Any) -> str:
        """The name by which the checks refer to an object."""
        name = self._ids.get(id(thing))
        if name is None:
            name = self._ids[id(thing)] = f"_{type(thing).__name__}_{len(self._ids)}"
            self.names[name] = thing
        return name

    def _found(self, where: str, thing: Any) -> None:
        """Check that a place still holds a thing."""
        if isinstance(thing, _SCALARS):
            if thing is None or isinstance(thing, bool):
                self.checks.append(f"{where} is {thing!r}")
            elif isinstance(thing, float) and thing != thing:
                self.checks.append(f"{where} is {self.refer(thing)}")
            else:
                value = repr(thing) if abs_finite(thing) else self.refer(thing)
                self.checks.append(f"{where} == {value}")
        elif where:
            self.checks.append(f"{where} is {self.refer(thing)}")

    def _thing(self, name: str, thing: Any, where: str) -> None:
        """Search a thing with a name, which the step finds at `where`."""
        if isinstance(thing, _SCALARS):
            if where:
                self._found(where, thing)
            return
        if not _is_searched(thing):
            return
        if where:
            self._found(where, thing)
        if id(thing) in self._seen:
            return
        self._seen[id(thing)] = thing
        if len(self._seen) > _MANY:
            raise refused(f"a step that reaches more than {_MANY} objects")
        if isinstance(thing, Tensor):
            self.tensors[id(thing)] = (thing, name)
        elif isinstance(thing, Optimizer):
            self._last.append(thing)
            self.optimizers.append((thing, name))
        elif isinstance(thing, FunctionType):
            self._function(thing)
        elif isinstance(thing, MethodType):
            self._thing("self", thing.__self__, "")
            self._function(thing.__func__)  # type: ignore[arg-type]
        elif isinstance(thing, list | tuple):
            self.checks.append(f"len({self.refer(thing)}) == {len(thing)}")
            for i, item in enumerate(thing):
                self._thing(f"{name}_{i}", item, f"{self.refer(thing)}[{i}]")
        elif isinstance(thing, dict):
            self.checks.append(f"len({self.refer(thing)}) == {len(thing)}")
            for key, item in thing.items():
                place = repr(key) if isinstance(key, str | int) else self.refer(key)
                self._thing(f"{name}_{key}", item, f"{self.refer(thing)}[{place}]")
        elif isinstance(thing, Module):
            self._module(name, thing)
        else:
            self._attributes(name, thing)

    def _module(self, name: str, module: Module) -> None:
        own = self.refer(module)
        for table in ("_parameters", "_buffers", "_modules"):
            entries = getattr(module, table)
            if not entries:
                continue
            self.checks.append(f"len({own}.{table}) == {len(entries)}")
            for key, item in entries.items():
                plain = name in ("model", "net", "network", "self", "module", "step")
                self._thing(key if plain else f"{name}_{key}", item, f"{own}.{table}[{key!r}]")
        read = _attributes_read(type(module))  # type: ignore[arg-type]
        for key, item in vars(module).items():
            if not key.startswith("_") and (read is None or key in read):
                self._thing(f"{name}_{key}", item, f"{own}.{key}")
        if _has_hooks(module):
            raise refused(f"hooks of the module {name}")
        forward = type(module).forward
        if isinstance(forward, FunctionType) and not forward.__module__.startswith("minigrad."):
            self._function(forward)

    def _attributes(self, name: str, thing: Any) -> None:
        own = self.refer(thing)
        for key, item in getattr(thing, "__dict__", {}).items():
            self._thing(f"{name}_{key}", item, f"{own}.{key}")
        for cls in type(thing).__mro__:
            if not cls.__module__.startswith(("minigrad.", "builtins")):
                for item in vars(cls).values():
                    if isinstance(item, FunctionType):
                        self._function(item)

    def _function(self, function: FunctionType) -> None:
        if function.__code__ in self._code and not function.__closure__:
            return
        self._code.add(function.__code__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            self._thing(name, value, f"{self.refer(cell)}.cell_contents")
        for default in (function.__defaults__ or ()) + tuple(
            (function.__kwdefaults__ or {}).values()
        ):
            self._thing("default", default, "")
        space = function.__globals__
        for name in _global_names(function.__code__):
            if name in space:
                self._thing(name, space[name], f"{self.refer(space)}[{name!r}]")

    def _optimizer(self, optimizer: Optimizer) -> None:
        own = self.refer(optimizer)
        self.checks.append(f"{own}.param_groups is {self.refer(optimizer.param_groups)}")
        self.checks.append(f"{own}.state is {self.refer(optimizer.state)}")
        self.checks.append(f"len({own}.param_groups) == {len(optimizer.param_groups)}")
        for i, group in enumerate(optimizer.param_groups):
            its = self.refer(group)
            self.checks.append(f"{own}.param_groups[{i}] is {its}")
            params = self.refer(list(group["params"]))
            self._seen[id(self.names[params])] = self.names[params]
            self.checks.append(f"all_same({params}, {its}['params'])")
            for j, param in enumerate(group["params"]):
                self._thing(f"p{i}_{j}" if i else f"p{j}", param, "")
            for key, value in group.items():
                if key != "params" and not is_number(value):
                    self._option(f"{its}[{key!r}]", key, value)
        for param, state in optimizer.state.items():
            if not state:
                continue
            its = self.refer(state)
            name = self.tensors[id(param)][1] if id(param) in self.tensors else "p"
            self.checks.append(f"{self.refer(optimizer.state)}.get({self.refer(param)}) is {its}")
            for key, value in state.items():
                self._thing(f"{key}_{name}", value, f"{its}[{key!r}]")
                self.of_optimizers.add(id(value))

    def _option(self, where: str, name: str, value: Any) -> None:
        if isinstance(value, tuple) and all(is_number(v) for v in value):
            return
        if isinstance(value, Tensor):
            raise refused(f"the option {name} that is a Tensor")
        if isinstance(value, _SCALARS):
            self._found(where, value)
        elif isinstance(value, list | tuple):
            self.checks.append(f"{where} == {value!r}")


@functools.cache
def _attributes_read(cls: type[Module]) -> frozenset[str] | None:
    """The attributes that the code of one of minigrad's layers may read; None for a user's."""
    if not cls.__module__.startswith("minigrad."):
        return None
    found: set[str] = set()
    for base in cls.__mro__[: cls.__mro__.index(Module)]:
        for name, function in vars(base).items():
            if isinstance(function, FunctionType) and name not in _NOT_IN_FORWARD:
                found.update(function.__code__.co_names)
    return frozenset(found)


_NOT_IN_FORWARD = ("__init__", "extra_repr", "reset_parameters", "__repr__", "__setstate__")


def _all_same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def abs_finite(value: Any) -> bool:
    return not isinstance(value, float) or np.isfinite(value)


def _is_searched(thing: Any) -> bool:
    """Whether a thing may hold tensors: not modules of Python, classes, or the engine's code."""
    if isinstance(thing, Tensor | Optimizer | Module | list | tuple | dict):
        return True
    if isinstance(thing, ModuleType | type | np.ndarray | np.generic | CodeType):
        return False
    if isinstance(thing, FunctionType | MethodType):
        return not (thing.__module__ or "").startswith(("minigrad.", "numpy"))
    module = type(thing).__module__
    return hasattr(thing, "__dict__") and not module.startswith(
        ("minigrad.", "numpy", "builtins", "collections", "functools", "torch", "random")
    )


def _global_names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _has_hooks(module: Module) -> bool:
    return any(
        getattr(module, name, None)
        for name in (
            "_forward_hooks",
            "_forward_pre_hooks",
            "_backward_hooks",
            "_backward_pre_hooks",
        )
    )
