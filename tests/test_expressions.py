"""The public API, one line at a time: the same text as PyTorch's, or the same type of error."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from expressions import REFUSED, SECTIONS

import minigrad
import minigrad.nn.functional

torch = pytest.importorskip("torch")


def names(namespace: Any) -> dict[str, Any]:
    """Return the names that an expression may use, with fresh tensors."""
    tensor = namespace.tensor

    def put(target: Any, key: Any, value: Any) -> Any:
        target[key] = value
        return target

    def grads(function: Callable[..., Any], *tensors: Any) -> tuple[Any, ...]:
        leaves = [t.clone().requires_grad_() for t in tensors]
        out = function(*leaves)
        out.backward()
        return (out, *(t.grad for t in leaves))

    return {
        "torch": namespace,
        "F": namespace.nn.functional,
        "np": np,
        "inf": float("inf"),
        "nan": float("nan"),
        "put": put,
        "grads": grads,
        "x": tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]),
        "y": tensor([1.0, -2.0, 3.0]),
        "n": tensor([[1, 2], [3, 4]]),
        "m": tensor([True, False, True]),
        "s": tensor(2.5),
        "d": tensor([0.5, 1.5, -2.5], dtype=namespace.float64),
        "e": namespace.zeros(0, 3),
        "w": tensor([1.0, 2.0, 3.0], requires_grad=True),
    }


def evaluated(expression: str, namespace: Any) -> tuple[str | None, Exception | None]:
    """Return the repr of an expression's value, or its error."""
    with warnings.catch_warnings(action="ignore"):
        try:
            value = eval(expression, names(namespace))
        except Exception as error:
            return None, error
        return re.sub("0x[0-9a-f]+", "0x", repr(value)), None


def lines(section: str) -> list[str]:
    return SECTIONS[section].strip().splitlines()


@pytest.mark.parametrize("section", SECTIONS)
def test_expressions(section: str) -> None:
    differing = []
    for expression in lines(section):
        ours, theirs = (evaluated(expression, namespace) for namespace in (minigrad, torch))
        if ours[0] != theirs[0] or type(ours[1]).__name__ != type(theirs[1]).__name__:
            differing.append(
                f"{expression}\n    minigrad: {said(ours)}\n    PyTorch:  {said(theirs)}"
            )
    assert not differing, "\n" + "\n".join(differing)


def said(outcome: tuple[str | None, Exception | None]) -> str:
    text, error = outcome
    return str(text) if error is None else f"{type(error).__name__}: {str(error)[:200]}"


@pytest.mark.parametrize("expression", REFUSED)
def test_an_error_names_what_is_refused(expression: str) -> None:
    text, error = evaluated(expression, minigrad)
    assert isinstance(error, Exception), text
    assert REFUSED[expression] in str(error)


def test_no_expression_is_repeated() -> None:
    every = [line for section in SECTIONS for line in lines(section)] + list(REFUSED)
    assert len(set(every)) == len(every) > 1500


def test_a_difference_is_found() -> None:
    """A difference in a digit, a dtype, a shape, a flag or a type of error counts."""
    pairs = [
        ("y", "y + 1e-3"),
        ("y", "y.double()"),
        ("y", "y[None]"),
        ("w", "y"),
        ("x[9]", "x + e"),
    ]
    for first, second in pairs:
        one, other = evaluated(first, torch), evaluated(second, torch)
        assert one[0] != other[0] or type(one[1]) is not type(other[1])
