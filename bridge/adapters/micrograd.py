"""micrograd 0.1.0, an engine of scalars."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

from micrograd.engine import Value

from bridge.conformance.adapter import Missing

name, version, scalar, dtypes = "micrograd", version_of("micrograd"), True, ("float64",)


def tensor(number: float, requires_grad: bool) -> Value:
    return Value(number)


def backward(result: Value, cotangent: Any) -> None:
    (result * float(cotangent)).backward()


def grad(leaf: Value) -> float:
    return leaf.grad


def to_numpy(value: Value) -> float:
    return value.data


def power(a: Value, b: Any) -> Value:
    if not isinstance(b, int | float):
        raise Missing("pow takes a number only")
    return a**b


ops = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sub": lambda a, b: a - b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": power,
    "relu": lambda a: a.relu(),
}
