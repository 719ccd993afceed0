"""What a step uses: the tensors, modules, optimisers and numbers that its code can reach.

They are found from the step's closure, the globals that its code names, the functions that it
calls and the attributes of objects. Each thing found leaves a *check*, which says whether the step
still finds the same: all of them run before each call. What a recorded call changed of Python's
objects is put back from the same places.
"""

from __future__ import annotations

import dis
import functools
import math
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from copy import copy
from io import IOBase
from itertools import chain
from operator import is_
from types import (
    BuiltinMethodType,
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..nn import module_hooks
from ..nn.module import Module
from ..nn.module_hooks import has_hooks
from ..optim.optimizer import Optimizer
from ..optim.optimizer_hooks import TABLES, Hookable
from .refusal import refused
from .surroundings import STREAMS

_SCALARS = (bool, int, float, str, type(None))
_LIBRARIES = frozenset(["minigrad", "numpy", "torch", *sys.stdlib_module_names])
_OF_DATA = frozenset(["_thread", "argparse", "collections", "queue", "types"])  # of attributes
_CONTAINERS = (list, tuple, dict, deque, set, frozenset)
_ARRAYS = (np.ndarray, array, bytearray)
_OF_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL")
_MISSING = object()
_MANY = 10_000  # objects to search, and bytes of an array


class Declared:
    """The things that a step can reach.

    - `tensors`: each tensor with a name, in the order in which they were found.
    - `optimizers`: each optimiser with a name.
    - `checks`: expressions that are true as long as the step finds the same things.
    - `places`: each place that was searched, as an expression, with what it held.
    - `unchecked`: the same of places about which no check says anything, such as options.
    - `names`: the objects that the expressions use.
    - `streams`: the random generators of Python and of NumPy.
    """

    def __init__(self, function: Any) -> None:
        self.tensors: dict[int, tuple[Any, str]] = {}
        self.optimizers: list[tuple[Optimizer, str]] = []
        self.checks: list[str] = []
        self.names: dict[str, Any] = {
            "all_same": _all_same,
            "is_empty": _is_empty,
            "bytes_of": _bytes_of,
        }
        self.streams: list[Any] = []
        self.of_optimizers: set[int] = set()  # the ids of tensors of optimisers' states
        self._seen: dict[int, Any] = {}
        self._ids: dict[int, str] = {}
        self.places: list[tuple[str, Any]] = []
        self.unchecked: list[tuple[str, Any]] = []
        self._contents: list[tuple[Any, Any]] = []  # lists and dicts with copies of them
        self._functions: dict[FunctionType, bool] = {}  # with whether each is a method
        self._last: list[Optimizer] = []
        self._objects: dict[int, Any] = {}  # of minigrad's, such as schedulers
        self._annotated: list[tuple[Any, str]] = []  # objects of minigrad's with users' attributes
        self._opaque: list[tuple[Any, str]] = []  # iterators and arrays, and where they are
        if isinstance(function, FunctionType):
            self._function(function)
        else:
            self._thing("step", function, "")
        self._names_read = self._read()
        for name in sorted(_NOT_RECORDED.keys() & self._names_read):
            raise refused(_NOT_RECORDED[name])
        for optimizer in self._last:
            self._optimizer(optimizer)
        for thing, name in self._annotated:
            self._named_attributes(thing, name)
        for thing, where in self._opaque:
            self._contents_of(thing, where)
        for thing in list(self._objects.values()):
            self._object(thing)

    def refer(self, thing: Any) -> str:
        """The name by which the checks refer to an object."""
        name = self._ids.get(id(thing))
        if name is None:
            name = self._ids[id(thing)] = f"_{type(thing).__name__}_{len(self._ids)}"
            self.names[name] = thing
        return name

    def put_back(self, is_unchanged: bool) -> str:
        """Undo what a call did to Python's objects. Returns the first place that it changed.

        With `is_unchanged`, the checks have found that each of `places` holds what it did.
        """
        changed = ""
        for container, before in self._contents:
            if not _same_contents(container, before):
                changed = changed or self.refer(container)
                _set_contents(container, before)
        places = self.unchecked if is_unchanged else self.places + self.unchecked
        for (where, thing), now in zip(places, self._now(places), strict=True):
            if now is not thing and not (isinstance(thing, _SCALARS) and repr(now) == repr(thing)):
                changed = changed or where
                exec(f"{where} = _before", self.names | {"_before": thing})
        return changed

    def first_changed(self) -> str:
        """The first check that isn't true, or "". It defines `unchanged`, which checks all."""
        every = " and ".join(self.checks) or "True"
        self.names["unchanged"] = self._evaluated(f"lambda: {every}")
        if self._evaluated("unchanged()") is True:
            return ""
        return next(check for check in self.checks if self._evaluated(check) is not True)

    def _now(self, places: list[tuple[str, Any]]) -> list[Any]:
        """What each place holds."""
        found = self._evaluated(f"[{', '.join(where for where, _ in places)}]")
        if found is _MISSING:
            return [self._evaluated(where) for where, _ in places]
        return list(found)

    def _evaluated(self, expression: str) -> Any:
        """The value of an expression, or `_MISSING`."""
        try:
            return eval(expression, self.names)
        except (LookupError, AttributeError, ValueError):
            return _MISSING

    def _found(self, where: str, thing: Any) -> None:
        """Check that a place still holds a thing."""
        self.places.append((where, thing))
        self.checks.append(is_same(where, thing, lambda: self.refer(thing)))

    def _thing(self, name: str, thing: Any, where: str) -> None:
        """Search a thing with a name, which the step finds at `where`."""
        if where:
            self._found(where, thing)
        if len(self.checks) > _MANY:
            raise refused(f"a step that reaches more than {_MANY} objects")
        if isinstance(thing, _SCALARS):
            return
        if _is_minigrads(thing):
            self._objects[id(thing)] = thing
        if isinstance(thing, STREAMS):
            self.streams.append(thing)
        elif _is_opaque(thing):
            self._opaque.append((thing, where))
        elif isinstance(thing, BuiltinMethodType | MethodWrapperType | MethodType):
            self._thing(name, thing.__self__, "")
        elif _is_wrapper(thing):
            self._thing(name, thing.__wrapped__, f"{self.refer(thing)}.__wrapped__")
        if not _is_searched(thing) or id(thing) in self._seen:
            return
        self._seen[id(thing)] = thing
        if isinstance(thing, Tensor):
            self.tensors[id(thing)] = (thing, name)
            if vars(thing):
                self._annotated.append((thing, name))
        elif isinstance(thing, Optimizer):
            self._last.append(thing)
            self._annotated.append((thing, name))
            self.optimizers.append((thing, name))
        elif isinstance(thing, FunctionType):
            self._function(thing)
        elif isinstance(thing, MethodType):
            self._function(thing.__func__)  # type: ignore[arg-type]
        elif isinstance(thing, functools.partial):
            for part in (thing.func, thing.args, thing.keywords):
                self._thing(name, part, "")
        elif isinstance(thing, _CONTAINERS):
            self._container(name, thing)
        elif isinstance(thing, Module):
            self._module(name, thing)
        elif isinstance(thing, type):
            self._class(thing)
        else:
            self._attributes(name, thing)

    def _container(self, name: str, thing: Any) -> None:
        own = self.refer(thing)
        if isinstance(thing, list | dict | deque | set):
            self._contents.append((thing, thing.copy()))
        if isinstance(thing, set | frozenset):
            self.checks.append(f"all_same([*{own}], {self.refer([*thing])})")
            for item in thing:
                self._thing(name, item, "")
            return
        if isinstance(thing, dict):  # a step may depend on the order
            self.checks.append(f"[*{own}] == {self.refer([*thing])}")
        else:
            self.checks.append(f"len({own}) == {len(thing)}")
        items = thing.items() if isinstance(thing, dict) else enumerate(thing)
        for key, item in items:
            place = repr(key) if type(key) in (str, int) else self.refer(key)
            self._thing(f"{name}_{key}", item, f"{own}[{place}]")
        if getattr(thing, "__dict__", None):
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
        self.checks.append(f"len({own}.__dict__) == {len(vars(module))}")
        read = _attributes_read(type(module))  # type: ignore[arg-type]
        for key, item in vars(module).items():
            if key not in _OF_MODULES and (read is None or key in read):
                self._thing(f"{name}_{key}", item, f"{own}.{key}")
        if read is not None:
            self._annotated.append((module, name))
        if has_hooks(module):
            raise refused(f"hooks of the module {name}")
        if module_hooks.ever_registered:
            self.names["has_hooks"] = has_hooks
            self.checks.append(f"not has_hooks({own})")
        self._thing(name, type(module), "")

    def _named_attributes(self, thing: Any, name: str) -> None:
        """Search what users added to an object of minigrad's, as far as the step reads it."""
        reads_any = self._names_read & _READING_ANY
        for key, item in list(vars(thing).items()):
            if key in _OF_MODULES | _OF_OPTIMIZERS:
                continue
            if reads_any or key in self._names_read:
                self._thing(f"{name}_{key}", item, f"{self.refer(thing)}.{key}")

    def _contents_of(self, thing: Any, where: str) -> None:
        """Check the bytes of an array. Refused for an iterator; both only if the step names it."""
        attribute = where.rpartition(".")[2]
        if attribute.isidentifier() and attribute not in self._names_read | {"cell_contents"}:
            return
        if not isinstance(thing, _ARRAYS):
            raise refused(f"an iterator that it may advance: {type(thing).__name__}")
        before = _bytes_of(thing)
        if len(before) > _MANY:
            raise refused(f"a step that may read an array of {len(before)} bytes")
        self._contents.append((thing, copy(thing)))
        self.checks.append(f"bytes_of({self.refer(thing)}) == {before!r}")

    def _attributes(self, name: str, thing: Any) -> None:
        own = self.refer(thing)
        if hasattr(thing, "__dict__"):
            self.checks.append(f"len({own}.__dict__) == {len(vars(thing))}")
        slots = [key for cls in type(thing).__mro__ for key in _slots(cls) if hasattr(thing, key)]
        for key in (*getattr(thing, "__dict__", {}), *slots):
            self._thing(f"{name}_{key}", getattr(thing, key), f"{own}.{key}")
        self._thing(name, type(thing), "")

    def _class(self, cls: type[Any]) -> None:
        """Search a class of the user's and its bases: their methods, and what they hold."""
        for each in cls.__mro__:
            if _is_library(each.__module__):
                continue
            own = self.refer(each)
            self.checks.append(f"len({own}.__dict__) == {len(vars(each))}")
            for key, item in list(vars(each).items()):
                inner = getattr(item, "__func__", None) or getattr(item, "fget", None)
                if isinstance(inner or item, FunctionType):
                    if key not in _NOT_IN_FORWARD:
                        self.checks.append(f"{own}.__dict__[{key!r}] is {self.refer(item)}")
                        self._function(inner or item, is_method=True)
                elif not key.startswith("__") and getattr(each, key, None) is item:
                    self._thing(key, item, f"{own}.{key}")

    def _function(self, function: FunctionType, is_method: bool = False) -> None:
        is_step = not self._functions  # which may be the command's, or a docstring's example
        if function in self._functions or (_is_library(function.__module__) and not is_step):
            return
        self._functions[function] = is_method
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                value = cell.cell_contents
            except ValueError:
                self.checks.append(f"is_empty({self.refer(cell)})")
                continue
            self._thing(name, value, f"{self.refer(cell)}.cell_contents")
        own, space = self.refer(function), function.__globals__
        for key in ("__code__", "__defaults__", "__kwdefaults__"):
            self._found(f"{own}.{key}", getattr(function, key))
        for default in (function.__defaults__, function.__kwdefaults__):
            self._thing("default", default, "")
        for key, thing in vars(function).items():
            self._thing(key, thing, f"{own}.{key}")
        attributes = frozenset(_attribute_names(function.__code__))
        for name in _global_names(function.__code__):
            if name not in space:
                self.checks.append(f"{name!r} not in {self.refer(space)}")
                continue
            self._thing(name, space[name], f"{self.refer(space)}[{name!r}]")
            if isinstance(space[name], ModuleType):
                self._python_module(space[name], attributes)

    def _python_module(self, module: ModuleType, attributes: frozenset[str]) -> None:
        """Search what a function may read of a module of the user's."""
        if not _is_library(module.__name__):
            for key in sorted(attributes & vars(module).keys()):
                thing = vars(module)[key]
                self._thing(key, thing, f"{self.refer(module)}.{key}")
                if isinstance(thing, ModuleType) and thing is not module:
                    self._python_module(thing, attributes - {key})

    def _read(self) -> set[str]:
        """The names in the code that may run: of functions, and of methods that it names."""
        found, more = {"forward"}, {"forward"}
        left = dict(self._functions)
        while more:
            runs = [
                f
                for f, is_method in left.items()
                if not is_method or f.__name__ in found or f.__name__.startswith("__")
            ]
            more = set().union(*[_attribute_names(f.__code__) for f in runs])
            found |= more
            left = {f: is_method for f, is_method in left.items() if f not in runs}
        return found

    def _object(self, thing: Any) -> None:
        """Note the attributes of an object of minigrad's, and check those that the step reads."""
        own, read = self.refer(thing), self._names_read
        for key, item in vars(thing).items():
            if key in read and isinstance(item, _SCALARS):
                self._found(f"{own}.{key}", item)
            else:
                self.unchecked.append((f"{own}.{key}", item))
            for each in item if isinstance(item, list | tuple) else (item,):
                if _is_minigrads(each) and id(each) not in self._objects:
                    self._objects[id(each)] = each
                    self._object(each)

    def _optimizer(self, optimizer: Optimizer) -> None:
        own = self.refer(optimizer)
        self.checks.append(f"{own}.param_groups is {self.refer(optimizer.param_groups)}")
        self.checks.append(f"{own}.state is {self.refer(optimizer.state)}")
        step = vars(optimizer).get("step")  # a scheduler watches whether it is called
        self.checks.append(f"{own}.__dict__.get('step') is {step and self.refer(step)}")
        if Hookable._steps_are_hooked:
            tables = [f"{own}.{key}" for key in vars(optimizer) if key in TABLES[:2]]
            if any(getattr(optimizer, key) for key in TABLES[:2]):
                raise refused("hooks of an optimiser")
            self.checks.append(f"not ({' or '.join(tables)})")
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
                if key == "params":
                    continue
                if not is_number(value):
                    self._option(f"{its}[{key!r}]", key, value)
                elif self._names_read & _READING_OPTIONS:
                    self._found(f"{its}[{key!r}]", value)
                else:
                    self.unchecked.append((f"{its}[{key!r}]", value))
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
    found = {"forward"}
    for base in cls.__mro__[: cls.__mro__.index(Module)]:
        for name, function in vars(base).items():
            if isinstance(function, FunctionType) and name not in _NOT_IN_FORWARD:
                found.update(_attribute_names(function.__code__))
    return None if found & _READING_ANY else frozenset(found)


# What modules have for themselves. `training` isn't among it, as layers read it.
_OF_MODULES = frozenset([key for key in vars(Module()) if key.startswith("_")])
_OF_OPTIMIZERS = frozenset(["defaults", "param_groups", "state", "step", *TABLES])
# By these names a step reads the options of an optimiser.
_READING_OPTIONS = frozenset(["param_groups", "defaults", "get_last_lr", "_last_lr"])
# With these a step may read any attribute.
_READING_ANY = frozenset(["getattr", "vars", "__dict__"])
_NOT_IN_FORWARD = ("__init__", "extra_repr", "reset_parameters", "__repr__", "__setstate__")


# What isn't the same for the copies that a recording works on, by the names that read it.
_NOT_RECORDED = {"_version": "the version of a tensor", "data_ptr": "the address of a tensor"}


def _is_empty(cell: CellType) -> bool:
    """Whether a variable of a closure has no value yet."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False


def _all_same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def is_same(where: str, thing: Any, refer: Callable[[], str]) -> str:
    """An expression that says whether a place holds a thing, for which `refer` gives a name.

    Numbers and strings must be equal and of one type, and zeros must have the same sign.

    >>> is_same("x", 2, lambda: "two"), is_same("x", -0.0, lambda: "zero")
    ('type(x) is int and x == 2', "repr(x) == '-0.0'")
    """
    if thing is None or type(thing) is bool:
        return f"{where} is {thing!r}"
    if type(thing) is float and (thing == 0 or not math.isfinite(thing)):
        return f"repr({where}) == {repr(thing)!r}"
    if type(thing) in (int, float, str):
        return f"type({where}) is {type(thing).__name__} and {where} == {thing!r}"
    return f"{where} is {refer()}"


def _bytes_of(thing: Any) -> bytes:
    """The elements of an array or a bytearray."""
    return bytes(thing) if isinstance(thing, bytearray) else thing.tobytes()


def _same_contents(container: Any, before: Any) -> bool:
    if isinstance(container, _ARRAYS):
        return _bytes_of(container) == _bytes_of(before)
    if isinstance(before, dict):
        return list(container) == list(before) and _all_same(
            [*container.values()], [*before.values()]
        )
    return _all_same([*container], [*before])


def _set_contents(container: Any, before: Any) -> None:
    if isinstance(container, _ARRAYS):
        everything: Any = ... if isinstance(container, np.ndarray) else slice(None)
        container[everything] = before
        return
    container.clear()
    (container.update if isinstance(before, dict | set) else container.extend)(before)


def _is_library(module: str | None) -> bool:
    """Whether a module is the engine, NumPy, or of Python's library."""
    return (module or "").partition(".")[0] in _LIBRARIES


def _is_minigrads(thing: Any) -> bool:
    """Whether a thing is an object of the engine's that may change, such as a scheduler."""
    if isinstance(thing, Tensor | Optimizer | Module | ModuleType | type | FunctionType):
        return False
    return type(thing).__module__.startswith("minigrad.") and hasattr(thing, "__dict__")


def _slots(cls: type[Any]) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return tuple(key for key in ((slots,) if isinstance(slots, str) else slots) if key[:2] != "__")


def _is_searched(thing: Any) -> bool:
    """Whether a thing may hold tensors: not modules of Python, classes, or the engine's code."""
    if isinstance(thing, (Tensor, Optimizer, Module, functools.partial, *_CONTAINERS)):
        return True
    if isinstance(thing, ModuleType | CodeType):
        return False
    if isinstance(thing, FunctionType | MethodType | type):
        return not _is_library(thing.__module__)
    has_attributes = hasattr(thing, "__dict__") or any(map(_slots, type(thing).__mro__))
    module = type(thing).__module__
    return has_attributes and (not _is_library(module) or module in _OF_DATA)


def _is_wrapper(thing: Any) -> bool:
    """Whether a thing wraps a function, as a compiled step does."""
    return not isinstance(thing, FunctionType) and "__wrapped__" in getattr(thing, "__dict__", ())


def _is_opaque(thing: Any) -> bool:
    """Whether a thing has contents that aren't searched: an array, or an iterator of a library."""
    if isinstance(thing, Iterator) and _is_library(type(thing).__module__):
        return not isinstance(thing, IOBase)
    return isinstance(thing, _ARRAYS)


@functools.lru_cache
def _attribute_names(code: CodeType) -> tuple[str, ...]:
    inner = (_attribute_names(each) for each in code.co_consts if isinstance(each, CodeType))
    return tuple(dict.fromkeys(chain(code.co_names, *inner)))


@functools.lru_cache
def _global_names(code: CodeType) -> tuple[str, ...]:
    own = (each.argval for each in dis.get_instructions(code) if each.opname in _OF_GLOBALS)
    inner = (_global_names(each) for each in code.co_consts if isinstance(each, CodeType))
    return tuple(dict.fromkeys(chain(own, *inner)))
