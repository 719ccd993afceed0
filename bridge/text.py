"""Calls as they are written: the text of a program, made by running it on names.

A form of a rule is a function of a namespace and of operands (`bridge/samples.py`). Run on
`Text("torch")`, `Text("a")` and so on it computes nothing, but says how the call is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .operands import Operand


class Text:
    """An expression. What is done to it is not done, but written down.

    >>> torch, a, b = Text("torch"), Text("a"), Text("b")
    >>> torch.maximum(a + (2 * b), (-a)[:, 1:])
    torch.maximum(a + (2 * b), (-a)[:, 1:])
    >>> a += b
    >>> a
    a += b
    """

    def __init__(self, text: str, compound: bool = False) -> None:
        self._text, self._compound = text, compound

    def __repr__(self) -> str:
        return self._text

    def __getattr__(self, name: str) -> Text:
        if name.startswith("__"):  # a protocol, which others look for
            raise AttributeError(name)
        return Text(f"{_operand(self)}.{name}")

    def __call__(self, *args: Any, **options: Any) -> Text:
        given = [written(x) for x in args]
        given += [f"{name}={written(value)}" for name, value in options.items()]
        return Text(f"{_operand(self)}({', '.join(given)})")

    def __getitem__(self, key: Any) -> Text:
        return Text(f"{_operand(self)}[{_key(key)}]")

    def __setitem__(self, key: Any, value: Any) -> None:
        self._text = f"{_operand(self)}[{_key(key)}] = {written(value)}"

    def __abs__(self) -> Text:
        return Text(f"abs({self})")


def _infix(symbol: str, reflected: bool = False) -> Callable[[Text, Any], Text]:
    def method(self: Text, other: Any) -> Text:
        a, b = (other, self) if reflected else (self, other)
        return Text(f"{_operand(a)} {symbol} {_operand(b)}", compound=True)

    return method


def _prefix(symbol: str) -> Callable[[Text], Text]:
    return lambda self: Text(f"{symbol}{_operand(self)}", compound=True)


_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "matmul": "@"}
_BITS = {"and": "&", "or": "|", "xor": "^"}
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
for _name, _symbol in (_ARITHMETIC | _BITS).items():
    setattr(Text, f"__{_name}__", _infix(_symbol))
    setattr(Text, f"__r{_name}__", _infix(_symbol, reflected=True))
    setattr(Text, f"__i{_name}__", _infix(f"{_symbol}="))
for _name, _symbol in _COMPARISONS.items():
    setattr(Text, f"__{_name}__", _infix(_symbol))
for _name, _symbol in {"neg": "-", "invert": "~"}.items():
    setattr(Text, f"__{_name}__", _prefix(_symbol))


def _operand(x: Any) -> str:
    """An operand of an operator, which binds more closely than anything else."""
    negative = isinstance(x, int | float) and not x >= 0
    text = written(x)
    return f"({text})" if negative or getattr(x, "_compound", False) else text


def written(value: Any) -> str:
    """How a value is written in a program that has `torch`, `inf` and `nan`.

    >>> print(written((1, None, float("-inf"), np.dtype("float32"), np.array([True, False]))))
    (1, None, -inf, torch.float32, torch.tensor([True, False]))
    """
    if isinstance(value, tuple):
        items = [written(item) for item in value]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, np.dtype):
        return f"torch.{value.name}"
    if isinstance(value, np.ndarray):
        return _tensor(value)
    if isinstance(value, Operand):
        return _laid_out(value)
    return "..." if value is ... else repr(value)


def _key(key: Any) -> str:
    """A key as it stands between brackets."""
    if isinstance(key, tuple) and key:
        parts = ", ".join(map(_part, key))
        return parts if len(key) > 1 else f"{parts},"
    return _part(key)


def _part(part: Any) -> str:
    if not isinstance(part, slice):
        return written(part)
    start, stop, step = ("" if x is None else str(x) for x in (part.start, part.stop, part.step))
    return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"


def _tensor(x: np.ndarray) -> str:
    """A tensor with these elements."""
    dtype = f", dtype=torch.{x.dtype.name}"
    if x.size == 0:
        return f"torch.zeros({x.shape}{dtype})"
    # What PyTorch makes of such a list by itself.
    understood = x.dtype.name in ("float32", "int64", "bool")
    return f"torch.tensor({written(x.tolist())}{'' if understood else dtype})"


def _laid_out(x: Operand) -> str:
    """A tensor with these elements, which lies in memory in the operand's layout."""
    values = x.values
    if x.layout == "transposed" and values.ndim > 1:
        back = "T" if values.ndim == 2 else f"permute({tuple(range(values.ndim))[::-1]})"
        return f"{_tensor(values.T)}.{back}"
    if x.layout == "expanded":
        return f"{_tensor(values[:1])}.expand({values.shape})"
    if x.layout == "strided" and values.size:
        return f"{_tensor(np.repeat(values, 2, -1))}[..., ::2]"
    return _tensor(values)
