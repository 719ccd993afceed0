"""The printed program: one statement per line, with NumPy and nothing else."""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from .recording import Statement
from .refusal import Place, Refused
from .values import Number, Recorded

_ROLES = {
    "np.maximum.reduce": "most", "np.minimum.reduce": "least", "np.add.reduce": "total",
    "np.exp": "e", "np.log": "log", "np.sqrt": "root", "np.tanh": "t", "np.zeros": "zeros",
    ".take": "picked", "np.where": "chosen", ".item": "n", "np.ravel_multi_index": "places",
    "np.arange": "rows", "np.multiply": "scaled", "constant": "c", "!=": "is_not", ">": "above",
    "<": "below", "==": "is_same",
}  # fmt: skip
# Names that the running form has for its own things.
_HELPERS = re.compile(r"[imrtv]\d+|(slot|buffer|blocks|index|like|made)_\d+")
_RESERVED = {
    "np", "step", "g", "args", "kwargs", "call", "target", "wrap", "writes", "copyto", "empty_like",
    "getrefcount", "grad_mode", "get_default_dtype", "leaf_hooks", "observation", "module_hooks",
    "all_same", "MISS", "ALONE", "OWNED", "root_of", "carray", "pointer", "floor_divided",
    "rest_of_integers", "program", "static", "starts", "kept", "moves", "workspace", "within",
    "n_steps", "may_share_memory", "done", "stacked", "unchanged", "part", *keyword.kwlist,
    *dir(builtins),
}  # fmt: skip


class Names:
    """The names of values: those of parameters and variables of the user's, else roles."""

    def __init__(self) -> None:
        self.of: dict[int, str] = {}
        self.used: set[str] = set(_RESERVED)

    def give(self, value: Any, wish: str) -> str:
        """Name a value, if it has no name yet."""
        if id(value) not in self.of:
            self.of[id(value)] = self.unused(wish)
        return self.of[id(value)]

    def unused(self, wish: str) -> str:
        """A name that nothing else has."""
        name = wish if wish.isidentifier() else re.sub(r"\W", "_", wish)
        name = name.strip("_") or "v"
        if name[0].isdigit() or _HELPERS.fullmatch(f"{name}_1"):
            name = f"v_{name}"
        free, n = name, 1
        while free in self.used or _HELPERS.fullmatch(free):
            n += 1
            free = f"{name}_{n}"
        self.used.add(free)
        return free

    def __getitem__(self, value: Any) -> str:
        return self.of[id(value)]


def parameter_name(path: str) -> str:
    """A short name for a parameter or buffer.

    >>> parameter_name("0_weight"), parameter_name("bias"), parameter_name("d_fc_weight")
    ('w_0', 'b', 'd_w_fc')
    """
    lead = "d_" if path.startswith("d_") else ""
    *outer, last = path.removeprefix("d_").split("_")
    short = {"weight": "w", "bias": "b"}.get(last)
    return f"{lead}{'_'.join([short, *outer])}" if short else path


def name_all(names: Names, statements: Iterable[Statement]) -> None:
    """Name the results of statements."""
    statements = list(statements)
    last: dict[Place, Any] = {}  # the last value that each line of the user's computes
    for statement in statements:
        value = statement.results[-1] if statement.results else None
        if statement.section == "forward" and type(value) is Recorded:
            last[statement.place] = value
    for place, value in last.items():
        if assigned := re.match(r"([A-Za-z_]\w*)\s*=[^=]", place.text):
            names.give(value, assigned[1])
    for statement in statements:
        for result in statement.results:
            names.give(result, _role(statement))


def _role(statement: Statement) -> str:
    if statement.name in (".T", ".transpose"):
        return "t"
    if statement.section == "backward":
        return f"d_{statement.label.split()[0]}" if statement.label else "d"
    if statement.section == "update":
        return _ROLES.get(statement.name, "u")
    if statement.name == "-" and len(statement.args) == 2 and "softmax" in statement.label:
        return "shifted"
    return _ROLES.get(statement.name) or (statement.label.split()[0] if statement.label else "h")


class Printer:
    """Statements as text."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.arrays: dict[int, str] = {}  # names of large constants

    def text(self, thing: Any) -> str:
        """An operand as text."""
        kind = type(thing)
        if kind is Recorded or kind is Number:
            return self.names[thing]
        if kind is tuple:
            inner = ", ".join(map(self.text, thing))
            return f"({inner},)" if len(thing) == 1 else f"({inner})"
        if kind is list:
            return f"[{', '.join(map(self.text, thing))}]"
        if kind is slice:
            return (
                f"slice({self.text(thing.start)}, {self.text(thing.stop)}, {self.text(thing.step)})"
            )
        if kind is dict:
            return "{" + ", ".join(f"{k!r}: {self.text(v)}" for k, v in thing.items()) + "}"
        if thing is Ellipsis:
            return "..."
        return literal(thing)

    def expression(self, statement: Statement) -> str:
        """The right-hand side of a statement, or all of a write."""
        name, args = statement.name, statement.args
        options = dict(statement.options)
        if name == "constant":
            return literal(args[0])
        if name == "[]":
            return f"{self.text(args[0])}[{self._key(args[1])}]"
        if name == "[]=":
            return f"{self.text(args[0])}[{self._key(args[1])}] = {self.text(args[2])}"
        if name == ".T":
            return f"{self.text(args[0])}.T"
        if name.startswith("."):
            return f"{self.text(args[0])}{name}({self._arguments(args[1:], options)})"
        if name.startswith("np."):
            if name.endswith(".reduce") and args[1:] == () and "axis" in options:
                args = (*args, options.pop("axis"))
                options = {k: v for k, v in options.items() if (k, v) not in _DEFAULTS}
            return f"{name}({self._arguments(args, options)})"
        if name == "abs":
            return f"abs({self.text(args[0])})"
        if len(args) == 1:
            return f"{name}{self._operand(args[0])}"
        return f"{self._operand(args[0])} {name} {self._operand(args[1])}"

    def _operand(self, thing: Any) -> str:
        text = self.text(thing)
        return f"({text})" if text.startswith("-") else text

    def _arguments(self, args: Any, options: dict[str, Any]) -> str:
        return ", ".join(
            [*map(self.text, args), *(f"{k}={self.text(v)}" for k, v in options.items())]
        )

    def _key(self, key: Any) -> str:
        def part(each: Any) -> str:
            if type(each) is slice:
                ends = ["" if e is None else self.text(e) for e in (each.start, each.stop)]
                return ":".join(ends) + ("" if each.step is None else f":{self.text(each.step)}")
            return self.text(each)

        if type(key) is tuple and key:
            return ", ".join(map(part, key)) + ("," if len(key) == 1 else "")
        return part(key)

    def line(self, statement: Statement) -> str:
        """A statement as a line, without its comment."""
        if statement.name.startswith("is "):
            wrong = "not " if statement.name == "is True" else ""
            condition = self.text(statement.args[0])
            return f'if {wrong}{condition}: raise RuntimeError("recorded for another case")'
        expression = self.expression(statement)
        if statement.writes or not statement.results:
            return expression
        line = f"{', '.join(self.names[r] for r in statement.results)} = {expression}"
        if statement.writable is None:
            return line
        return f"{line}\n{self.names[statement.results[0]]}.flags.writeable = {statement.writable}"


_DEFAULTS = (("dtype", None), ("keepdims", False))


def literal(thing: Any) -> str:
    """A constant as Python text that gives the same bits."""
    if isinstance(thing, np.ndarray):
        kind = f"np.{thing.dtype.name}"
        if (
            thing.size > 1
            and thing.dtype.kind in "biuf"
            and len({x.tobytes() for x in thing.reshape(-1)}) == 1
        ):
            return f"np.full({thing.shape}, {literal(thing.reshape(-1)[0])}, {kind})"
        values = _nested(thing.tolist())
        return f"np.array({values}, {kind})" + (
            f".reshape({thing.shape})" if not thing.size else ""
        )
    if isinstance(thing, np.generic):
        if (
            thing.dtype.kind == "f"
            and thing != thing
            and thing.tobytes() != type(thing)(np.nan).tobytes()
        ):
            return f"np.frombuffer({thing.tobytes()!r}, np.{thing.dtype.name})[0]"
        return f"np.{thing.dtype.name}({_number(thing.item())})"
    if isinstance(thing, np.dtype):
        return f"np.{thing.name}" if hasattr(np, thing.name) else f"np.dtype({thing.str!r})"
    if isinstance(thing, type) and issubclass(thing, np.generic):
        return f"np.{np.dtype(thing).name}"
    if isinstance(thing, type):
        return thing.__name__
    if isinstance(thing, np.ufunc):
        return f"np.{thing.__name__}"
    return _number(thing)


def _number(thing: Any) -> str:
    if isinstance(thing, float) and not math.isfinite(thing):
        return "np.nan" if thing != thing else "np.inf" if thing > 0 else "-np.inf"
    if isinstance(thing, int) and type(thing) not in (int, bool):
        raise Refused(f"a number of the type {type(thing).__name__}")
    return repr(thing)


def _nested(values: Any) -> str:
    return f"[{', '.join(map(_nested, values))}]" if isinstance(values, list) else _number(values)


def comment(statement: Statement) -> str:
    """The op or pullback, the shape, and the user's line."""
    shape = ""
    targets = statement.results or statement.writes
    if targets and type(targets[0]) is Recorded:
        shape = f" {tuple(targets[0].shape)}"
    line = f"  | {statement.place.text}" if statement.place.text else ""
    label = statement.label or statement.name.strip(".")
    if statement.section == "backward" and label == "+=":
        label = "accumulate"
    return f"# {label}{shape}{line}"


def strip(statement: Statement) -> Statement:
    """A copy of a statement, to be changed."""
    copy = Statement(
        statement.name,
        statement.compute,
        statement.args,
        dict(statement.options),
        statement.writes,
    )
    copy.results, copy.writable = list(statement.results), statement.writable
    copy.section, copy.label, copy.place = statement.section, statement.label, statement.place
    return copy


def source(
    program: Any, names: Names, inputs: list[str], returned: str, title: str, notes: list[str]
) -> str:
    """The program for reading: a function of its inputs that returns what the step computed."""
    printer = Printer(names)
    lines = []
    section = ""
    for i, statement in enumerate(program.statements):
        heading = "guards" if i < program.guards else statement.section
        if heading != section:
            section = heading
            lines += ["", f"# {section} {'-' * (88 - len(section))}"]
        if statement.name.startswith("raises "):
            lines += _raising(printer, statement)
            continue
        text, *more = printer.line(statement).split("\n")
        lines += [f"{text:<58}  {comment(statement)}", *more]
    body = "\n".join(f"    {line}".rstrip() for line in [*lines, "", f"return {returned}"])
    about = "\n".join(notes)
    return (
        f'"""{title}\n\n{about}\n"""\n\nimport numpy as np\n\n\n'
        f'@np.errstate(all="ignore")\ndef step({", ".join(inputs)}):\n{body.lstrip(chr(10))}\n'
    )


def _raising(printer: Printer, statement: Statement) -> list[str]:
    error = statement.name.removeprefix("raises ")
    copy = strip(statement)
    copy.name = copy.options.pop("_name")
    return [
        "try:",
        f"    {printer.expression(copy)}",
        f"except {error}:",
        "    pass",
        "else:",
        '    raise RuntimeError("recorded for another case")',
    ]
