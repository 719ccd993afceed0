"""Where in the user's program an op was called, and what the program calls its tensors."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from ..api.tensor import Tensor
from ..nn.module import Module

_ENGINE = f"{Path(__file__).parent.parent}/"
_LIBRARY = f"{Path(os.__file__).parent}/"
_NEAR = 3  # how many of the program's frames are searched for names at every op
_ITEMS = 100  # how many items of a list are searched


class Stack:
    """The frames of the user's program, the innermost first, and the module calls around them."""

    def __init__(self) -> None:
        self.frames: list[FrameType] = []
        self.modules: list[Module] = []
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if _is_users(frame.f_code.co_filename):
                self.frames.append(frame)
            if frame.f_code.co_name == "forward" and frame.f_code.co_argcount:
                owner = frame.f_locals.get(frame.f_code.co_varnames[0])
                if isinstance(owner, Module):
                    self.modules.insert(0, owner)
            frame = frame.f_back


class Names:
    """The names that a program gives to arrays, nodes and modules, by the ids of these."""

    def __init__(self) -> None:
        self.of_array: dict[int, str] = {}
        self.of_node: dict[int, str] = {}
        self.of_module: dict[int, str] = {}
        self.parameters: dict[int, str] = {}  # those of parameters and buffers
        self._alive: list[Any] = []  # so that no other object gets the same id

    def look(self, stack: Stack, everywhere: bool = False) -> None:
        """Note the names of the tensors and modules in the variables of these frames."""
        self.of_array.clear()
        self.of_node.clear()
        frames = stack.frames if everywhere else stack.frames[:_NEAR]
        scopes = [frame.f_globals for frame in frames] if everywhere else []
        for scope in (*reversed(scopes), *(frame.f_locals for frame in reversed(frames))):
            for name, value in _variables(scope):
                if isinstance(value, Tensor):
                    self.of_array[id(value._array)] = name
                    if value._node is not None:
                        self.of_node[id(value._node)] = name
                elif isinstance(value, Module) and name != "self" and _is_made(value):
                    self._add_module(name, value)
        if everywhere:
            for module in stack.modules:
                self._add_module("self", module)

    def _add_module(self, name: str, module: Module) -> None:
        if id(module) in self.of_module:
            return
        self._alive.append(module)
        for path, part in module.named_modules():
            self.of_module[id(part)] = f"{name}.{path}" if path else name
        for path, tensor in (*module.named_parameters(), *module.named_buffers()):
            self._alive.append(tensor._array)
            self.parameters[id(tensor._array)] = f"{name}.{path}"

    def of(self, array: Any) -> str:
        """Return the name of an array: a variable, or a module's parameter; "" if there is none."""
        return self.of_array.get(id(array)) or self.parameters.get(id(array), "")


def _is_made(module: Module) -> bool:
    """Whether a module and its parts are past `__init__`, as far as that of Module."""
    return "_modules" in vars(module) and all(
        part is None or _is_made(part) for part in module._modules.values()
    )


def _is_users(path: str) -> bool:
    """Whether a file is neither the engine's nor the standard library's."""
    if path.startswith((_ENGINE, "<frozen ")):
        return False
    return not path.startswith(_LIBRARY) or "site-packages" in path


def _variables(scope: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the variables of a scope, and the items of its lists, tuples and dicts."""
    for name, value in tuple(scope.items()):
        if name.startswith("__"):
            continue
        if isinstance(value, list | tuple) and len(value) <= _ITEMS:
            yield from ((f"{name}[{i}]", item) for i, item in enumerate(value))
        elif isinstance(value, dict) and len(value) <= _ITEMS:
            yield from ((f"{name}[{key!r}]", item) for key, item in tuple(value.items()))
        else:
            yield name, value


# How formulas show an op.
_INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "pow": "**",
    "matmul": "@",
    "mm": "@",
    "mv": "@",
    "dot": "@",
    "bmm": "@",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}


def formula(op: str, operands: list[str], options: dict[str, str], write: bool) -> str:
    """Return an op as Python would write it.

    >>> formula("matmul", ["x", "W1"], {}, False), formula("sum", ["h"], {"dim": "0"}, False)
    ('x @ W1', 'sum(h, dim=0)')
    """
    shown = {key: text for key, text in options.items() if text not in ("None", "()")}
    if op in _INFIX and len(operands) == 2 and not shown:
        return f"{operands[0]} {_INFIX[op]}{'= ' if write else ' '}{operands[1]}"
    if op == "neg" and not write:
        return f"-{operands[0]}"
    arguments = ", ".join([*operands, *(f"{key}={text}" for key, text in shown.items())])
    return f"{op}{'_' if write else ''}({arguments})"
