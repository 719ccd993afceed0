"""Write calls as program text, by calling functions on expressions instead of tensors.

A form of a rule (`samples.py`) is a function of a namespace and operands. Called with
`Expression("torch")`, `Expression("a")` and so on, it returns the text of the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .operands import Operand


class Expression:
    """The text of an expression; operations on it return longer expressions.

    >>> torch, a, b = Expression("torch"), Expression("a"), Expression("b")
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

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("__"):  # others probe for protocols
            raise AttributeError(name)
        return Expression(f"{_parenthesised(self)}.{name}")

    def __call__(self, *args: Any, **options: Any) -> Expression:
        given = [as_code(x) for x in args]
        given += [f"{name}={as_code(value)}" for name, value in options.items()]
        return Expression(f"{_parenthesised(self)}({', '.join(given)})")

    def __getitem__(self, key: Any) -> Expression:
        return Expression(f"{_parenthesised(self)}[{_key(key)}]")

    def __setitem__(self, key: Any, value: Any) -> None:
        self._text = f"{_parenthesised(self)}[{_key(key)}] = {as_code(value)}"

    def __iter__(self) -> NoReturn:
        raise TypeError("an expression doesn't know how many results it has")

    def __abs__(self) -> Expression:
        return Expression(f"abs({self})")


def _infix(symbol: str, reflected: bool = False) -> Callable[[Expression, Any], Expression]:
    def method(self: Expression, other: Any) -> Expression:
        a, b = (other, self) if reflected else (self, other)
        return Expression(f"{_parenthesised(a)} {symbol} {_parenthesised(b)}", compound=True)

    return method


def _prefix(symbol: str) -> Callable[[Expression], Expression]:
    return lambda self: Expression(f"{symbol}{_parenthesised(self)}", compound=True)


_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "matmul": "@"}
_WHOLE = {"floordiv": "//", "mod": "%"}
_BITS = {"and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>"}
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
for _name, _symbol in (_ARITHMETIC | _WHOLE | _BITS).items():
    setattr(Expression, f"__{_name}__", _infix(_symbol))
    setattr(Expression, f"__r{_name}__", _infix(_symbol, reflected=True))
    setattr(Expression, f"__i{_name}__", _infix(f"{_symbol}="))
for _name, _symbol in _COMPARISONS.items():
    setattr(Expression, f"__{_name}__", _infix(_symbol))
for _name, _symbol in {"neg": "-", "invert": "~"}.items():
    setattr(Expression, f"__{_name}__", _prefix(_symbol))


def _parenthesised(x: Any) -> str:
    """Return the text of an operand, in parentheses if an operator could bind more tightly."""
    negative = isinstance(x, int | float) and not x >= 0
    text = as_code(x)
    return f"({text})" if negative or getattr(x, "_compound", False) else text


def as_code(value: Any) -> str:
    """Return a value as code for a program that has the names `torch`, `inf` and `nan`.

    >>> print(as_code((1, None, float("-inf"), np.dtype("float32"), np.array([True, False]))))
    (1, None, -inf, torch.float32, torch.tensor([True, False]))
    """
    if isinstance(value, tuple):
        items = [as_code(item) for item in value]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(as_code, value))}]"
    if isinstance(value, np.dtype):
        return f"torch.{value.name}"
    if isinstance(value, np.ndarray):
        return _tensor_code(value)
    if isinstance(value, Operand):
        return _operand_code(value)
    return "..." if value is ... else repr(value)


def _key(key: Any) -> str:
    """Return a key as it stands between brackets."""
    if isinstance(key, tuple) and key:
        parts = ", ".join(map(_key_part, key))
        return parts if len(key) > 1 else f"{parts},"
    return _key_part(key)


def _key_part(part: Any) -> str:
    if not isinstance(part, slice):
        return as_code(part)
    start, stop, step = ("" if x is None else str(x) for x in (part.start, part.stop, part.step))
    return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"


def _tensor_code(x: np.ndarray) -> str:
    dtype = f", dtype=torch.{x.dtype.name}"
    if x.size == 0:
        return f"torch.zeros({x.shape}{dtype})"
    # PyTorch infers these dtypes from such a list.
    inferred = x.dtype.name in ("float32", "int64", "bool")
    return f"torch.tensor({as_code(x.tolist())}{'' if inferred else dtype})"


def _operand_code(x: Operand) -> str:
    """Return code for a tensor with the operand's elements and memory layout."""
    values = x.values
    if x.layout == "transposed" and values.ndim > 1:
        back = "T" if values.ndim == 2 else f"permute({tuple(range(values.ndim))[::-1]})"
        return f"{_tensor_code(values.T)}.{back}"
    if x.layout == "expanded":
        return f"{_tensor_code(values[:1])}.expand({values.shape})"
    if x.layout == "strided" and values.size:
        return f"{_tensor_code(np.repeat(values, 2, -1))}[..., ::2]"
    return _tensor_code(values)
