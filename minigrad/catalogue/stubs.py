"""Type stubs for the functions and methods that are made from rules.

`python -m minigrad.catalogue.stubs` writes `api/functions.pyi` and `api/op_methods.pyi`. A test
fails if they are out of date.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..api import op_methods
from ..api.functions import PUBLIC
from ..core.dispatch import OPS
from ..rules import REGISTRY, Rule

_HEADER = """\
# Written by `python -m minigrad.catalogue.stubs`. Don't edit.
from builtins import bool as bool_
from builtins import float as float_
from builtins import int as int_
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from ..rules import Rule
from ..rules.dtypes import dtype as dtype_
from .compositions.registry import Composition
from .tensor import Tensor

Number: TypeAlias = float_  # or int, or bool
"""

# The types of a rule's parameters, over Tensors.
_TYPES = {
    "Array": "Tensor",
    "Constant": "Tensor",
    "Operand": "Tensor | Number",
    "Array | None": "Tensor | None",
    "Constant | None": "Tensor | None",
    "Operand | None": "Tensor | Number | None",
    "np.dtype": "dtype_",
    "np.dtype | None": "dtype_ | None",
    "Result": "Tensor",  # of a rule that is public under another name
}


def function_stubs() -> str:
    """The text of `api/functions.pyi`."""
    lines = [_HEADER, "PUBLIC: dict[str, Callable[..., Any]]", "__all__: list[str]", ""]
    for name, function in sorted(PUBLIC.items()):
        signature = inspect.signature(function)
        result = "Tensor" if name in OPS and function is OPS[name] else _result(signature)
        lines.append(f"def {name}({_parameters(signature)}) -> {result}: ...")
    return "\n".join([*lines, ""])


def method_stubs() -> str:
    """The text of `api/op_methods.pyi`."""
    lines = [
        _HEADER,
        "CONVERSIONS: dict[str, dtype_]",
        "def methods(rule: Rule) -> Iterator[tuple[str, Callable[..., Any]]]: ...",
        "def composed_methods() -> Iterator[tuple[str, Composition]]: ...",
        "",
        "class OpMethods:",
    ]
    composed = {name for name, _ in op_methods.composed_methods()}
    for rule in REGISTRY.values():
        for name, _ in op_methods.methods(rule):
            if name in composed:
                continue
            lines.append(f"    def {name}({_method_parameters(rule, name)}) -> Tensor: ...")
    for name, composition in op_methods.composed_methods():
        signature = inspect.signature(composition.function)
        parameters = _composed_parameters(signature, composition.spread_sizes)
        lines.append(f"    def {name}({parameters}) -> {_result(signature)}: ...")
    lines += [f"    def {name}(self) -> Tensor: ..." for name in op_methods.CONVERSIONS]
    return "\n".join([*lines, ""])


def _method_parameters(rule: Rule, name: str) -> str:
    """The parameters of a method, with `self` for the first operand."""
    first, *others = rule.signature.parameters.values()
    if name.startswith("__"):
        return ", ".join(["self", *(f"{p.name}: Tensor | Number, /" for p in others[:1])])
    if rule.presentation.spread_sizes and name == rule.name:
        return f"self, *{others[0].name}: int_ | Sequence[int_]"
    return _parameters(rule.signature.replace(parameters=[first.replace(name="self"), *others]))


def _composed_parameters(signature: inspect.Signature, spread_sizes: bool) -> str:
    first, *others = signature.parameters.values()
    if spread_sizes:
        return f"self, *{others[0].name}: int_ | Sequence[int_]"
    return _parameters(signature.replace(parameters=[first.replace(name="self"), *others]))


def _result(signature: inspect.Signature) -> str:
    return _type(signature.return_annotation)


def _parameters(signature: inspect.Signature) -> str:
    return ", ".join(_spelled(signature))


def _spelled(signature: inspect.Signature) -> Iterator[str]:
    star = False
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        stars = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        star = star or stars == "*"
        annotation = "" if p.name == "self" else f": {_type(p.annotation)}"
        default = "" if p.default is p.empty else f" = {p.default!r}"
        yield f"{stars}{p.name}{annotation}{default}"


def _type(annotation: Any) -> str:
    """A type, spelled for a class that has methods named `int`, `float` and `bool`."""
    if annotation in _TYPES:
        return _TYPES[annotation]
    return re.sub(r"\b(int|float|bool)\b", r"\1_", annotation)


STUBS = {"functions.pyi": function_stubs, "op_methods.pyi": method_stubs}
FOLDER = Path(op_methods.__file__).parent

if __name__ == "__main__":
    for _file, _text in STUBS.items():
        (FOLDER / _file).write_text(_text())
