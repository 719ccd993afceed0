"""Run one program in minigrad and in PyTorch: values, errors and warnings must be the same.

A program is a function of the namespace, `minigrad` or `torch`. Values are compared exactly, and
tensors by dtype, shape and elements. Errors and warnings are compared by type and first words.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]
FIRST_WORDS = 4


def plain(value: Any) -> Any:
    """Convert a value to numbers, strings, bytes, lists and dicts, which both sides share."""
    if isinstance(value, minigrad.Tensor | torch.Tensor):
        array = value.detach().numpy()
        return type(value).__name__, str(array.dtype), array.shape, array.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(item) for item in value]
    assert value is None or isinstance(value, bool | int | float | str), type(value)
    return value


@dataclass(frozen=True)
class Saying:
    """The type and the first words of an error or a warning."""

    kind: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, message: Any) -> Saying:
        # str() of a KeyError would add quotes.
        said = str(message.args[0]) if message.args else ""
        words = said.lower().replace("minigrad", "torch").split()[:FIRST_WORDS]
        return cls(type(message).__name__, tuple(word.rstrip(".,:;") for word in words))

    def begins_as(self, other: Saying) -> bool:
        """Tell whether the types are equal and the words begin with those of `other`."""
        return self.kind == other.kind and self.words[: len(other.words)] == other.words


@dataclass(frozen=True)
class Outcome:
    """What a program returned or raised, and its warnings."""

    value: Any
    error: Saying | None
    warned: tuple[Saying, ...]


def outcome(program: Program, namespace: Any) -> Outcome:
    value, raised = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = plain(program(namespace))
        except AssertionError:
            raise  # from the test, not from the program
        except Exception as error:
            raised = Saying.of(error)
    return Outcome(value, raised, tuple(Saying.of(warning.message) for warning in caught))


def check_same(program: Program) -> Outcome:
    """Run `program` in both libraries, compare the outcomes, and return PyTorch's."""
    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    both = f"\nminigrad: {ours}\nPyTorch:  {theirs}"
    assert ours.value == theirs.value, both
    assert (ours.error is None) == (theirs.error is None), both
    assert theirs.error is None or ours.error.begins_as(theirs.error), both
    assert len(ours.warned) == len(theirs.warned), both
    assert all(a.begins_as(b) for a, b in zip(ours.warned, theirs.warned, strict=True)), both
    return theirs


def both(program: Program) -> list[Any]:
    """Return what `program` returns in minigrad and in PyTorch; for an error, its type."""
    found: list[Any] = []
    for namespace in (minigrad, torch):
        try:
            found.append(program(namespace))
        except Exception as error:
            found.append(type(error))
    return found


def check_close(program: Program, rtol: float, atol: float = 0) -> None:
    """Check for tensors with close elements, or for errors of the same type.

    `program` returns a tensor, or a list of tensors and of values that must be equal.
    """
    ours, theirs = both(program)
    if isinstance(theirs, type):
        assert ours is theirs
        return
    assert not isinstance(ours, type), ours
    lists = [x if isinstance(x, list) else [x] for x in (ours, theirs)]
    for a, b in zip(*lists, strict=True):
        if isinstance(b, torch.Tensor):
            assert str(a.dtype) == str(b.dtype)
            assert tuple(a.shape) == tuple(b.shape)
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol, atol)
        else:
            assert a == b


def same(a: Any, b: Any) -> bool:
    """Tell whether two tensors have the same dtype, shape and elements."""
    return plain(a)[1:] == plain(b)[1:]


def translate(value: Any, namespace: Any) -> Any:
    """Copy `value`, such as a state_dict, with every tensor converted to `namespace`."""
    if isinstance(value, minigrad.Tensor | torch.Tensor):
        return namespace.from_numpy(np.array(value.detach().numpy()))
    if isinstance(value, dict):
        return {key: translate(item, namespace) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(translate(item, namespace) for item in value)
    return copy.deepcopy(value)
