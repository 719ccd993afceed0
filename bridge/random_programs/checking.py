"""Check that a random program does the same in minigrad as in PyTorch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

import minigrad
from bridge.comparing.closeness import Difference, difference
from bridge.comparing.rounding import judge_by_rounding
from minigrad.catalogue.accuracy import Exact, Ulps

from .program import AT_THE_END, Array, Program, Statement, TensorFacts, Trace


class Fault(NamedTuple):
    """One difference between the traces: what differs, the statement to blame, and a message.

    `what` has no names and numbers, so that faults of one cause have the same.
    """

    what: str
    statement: Statement
    message: str

    def __str__(self) -> str:
        return self.message


def check(program: Program) -> None:
    """Raise AssertionError if the program behaves differently in minigrad and in PyTorch.

    The message says what differs and prints the program.
    """
    for fault in faults(program, program.run(minigrad)):
        raise AssertionError(f"{fault}\n{program!r}")


def faults(program: Program, ours: Trace) -> Iterator[Fault]:
    """Yield where minigrad's trace differs from PyTorch's: errors, then facts, then elements."""
    theirs = program.theirs
    for statement, a, b in zip(program.statements, ours.errors, theirs.errors, strict=True):
        if type(a) is not type(b):
            if not _is_known_exception(a, b, program):
                types = f"{_type_of(a)} here, {_type_of(b)} in PyTorch"
                message = f"{statement.text}: {_describe(a)} here, {_describe(b)} in PyTorch"
                yield Fault(types, statement, message)
            return
    yield from itertools.islice(_warning_faults(program, ours, theirs), 1)
    if theirs.errors and theirs.errors[-1] is not None and _is_backward(program.statements[-1]):
        # How far PyTorch's walk got before the error is undocumented.
        ours, theirs = _without_gradients(ours), _without_gradients(theirs)
    if "autograd.grad(" in program.source():
        # Gradients that are recorded are other ops here, with other names.
        ours, theirs = _without_names(ours), _without_names(theirs)
    for label, facts in theirs.facts.items():
        mine = ours.facts.get(label)
        if mine != facts:
            message = f"{label}: {mine} here, {facts} in PyTorch"
            yield Fault(_differing_facts(mine, facts), _maker(program, label), message)
            return
    yield from _value_faults(program, ours, theirs)


def _maker(program: Program, label: str) -> Statement:
    """Return the statement that made the tensor with this label."""
    name = label.removesuffix(AT_THE_END).removesuffix(".grad")
    return next(s for s in program.statements if name in s.names)


def _place(label: str) -> str:
    """Return what a label stands for, without the name."""
    if label.endswith(".grad"):
        return "gradient"
    return f"value{AT_THE_END}" if label.endswith(AT_THE_END) else "value"


def _differing_facts(ours: TensorFacts | str | None, theirs: TensorFacts | str) -> str:
    if not (isinstance(ours, TensorFacts) and isinstance(theirs, TensorFacts)):
        return "one of them is None or an error"
    pairs = zip(TensorFacts._fields, ours, theirs, strict=True)
    return ", ".join(name for name, a, b in pairs if a != b)


def _warning_faults(program: Program, ours: Trace, theirs: Trace) -> Iterator[Fault]:
    of_statements = zip(
        program.statements, ours.warnings, theirs.warnings, theirs.errors, strict=True
    )
    for statement, mine, other, error in of_statements:
        # PyTorch's backward of an op with a uint8 mask warns of the mask again. Whether an error
        # comes before a warning is undocumented.
        again = set(other) <= _OF_MASKS and _is_backward(statement)
        if mine != other and error is None and not again:
            message = f"{statement.text}: warns {mine} here, {other} in PyTorch"
            yield Fault("warnings", statement, message)


_OF_MASKS = {"UserWarning indexing with dtype", "UserWarning where received a"}


_RANGE = re.compile(r"torch\.(arange|linspace)\(")


def _value_faults(program: Program, ours: Trace, theirs: Trace) -> Iterator[Fault]:
    differing = [
        label for label, values in theirs.values.items() if not _same(ours.values[label], values)
    ]
    if not differing:
        return
    # Small multiples of a power of two are not rounded, whatever the order of summation. But a
    # factorisation has steps that are.
    exact = "linalg." not in program.source() and all(map(_is_exact, theirs.values.values()))
    # These depend on no tensor, and have PyTorch's last digits.
    ranges = {name for s in program.statements if _RANGE.search(s.text) for name in s.names}
    if _reads_signs_of_nan(program):
        return
    suspects = []
    for label in differing:
        found = difference(ours.values[label], theirs.values[label], Ulps(0) if exact else Exact())
        if found is not None and (exact or label in ranges):
            yield _value_fault(program, label, found)
        elif found is not None:
            suspects.append(label)
    if not suspects:
        return

    def rerun(context: AbstractContextManager[Any]) -> dict[str, Array]:
        with context:
            values = program.run(torch, suspects).values
        return {label: _comparable(values.get(label), theirs.values[label]) for label in suspects}

    # The sign of a sum of zeros depends on the order of summation, and so does that of 1 / x then.
    zeros = any(
        difference(ours.values[label], theirs.values[label], Ulps(0)) is None for label in suspects
    )
    judged = judge_by_rounding(ours.values, theirs.values, suspects, rerun, overflowed=zeros)
    for label in suspects:
        if not judged[label].ok:
            yield _value_fault(program, label, judged[label])


def _reads_signs_of_nan(program: Program) -> bool:
    """Tell whether the program may read the sign of a NaN, which is undocumented.

    It differs between two ways to compute the logarithm of a negative number.
    """
    reads = any(name in program.source() for name in ("copysign", "signbit"))
    return reads and any(np.isnan(x).any() for x in program.theirs.values.values())


def _value_fault(program: Program, label: str, found: Difference) -> Fault:
    what = found.kind or _place(label)
    return Fault(what, _maker(program, label), f"{label}: {found}")


def _same(a: Array, b: Array) -> bool:
    """Tell whether two arrays have the same bits, which is the cheapest comparison."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _type_of(error: Exception | None) -> str:
    return "no error" if error is None else type(error).__name__


def _describe(error: Exception | None) -> str:
    return "no error" if error is None else f"{type(error).__name__} ({error})"


def _is_known_exception(ours: Exception | None, theirs: Exception | None, program: Program) -> bool:
    """Tell whether only one library raises an error for a reason that is known and accepted."""
    mine, other = str(ours), str(theirs)
    if "returned an invalid gradient" in other:  # a mask was changed through a shallow copy
        return True
    if "INTERNAL ASSERT FAILED" in other:  # a fault of PyTorch: the derivative of pow(True, x)
        return True
    if ours is None:
        # Some of PyTorch's ops return a view without need. Its pow saves the result even if only
        # the base requires grad.
        of_pow = "modified by an inplace" in other and "output 0 of Pow1" in other
        return of_pow or "created in no_grad mode and is being modified" in other
    if theirs is None:
        # PyTorch ignores the dtypes of empty tensors. Its matmul of stacks copies some operands and
        # saves the copies. Its linear saves nothing if only the bias requires grad, so there is
        # nothing to be freed.
        parts = "not implemented for '", "same dtype", "expected scalar type"
        of_dtype = any(part in mine for part in parts)
        of_empty = of_dtype and any(x.size == 0 for x in program.theirs.values.values())
        of_matmul = "modified by an inplace" in mine and "UnsafeViewBackward0 saved it" in mine
        of_bias = "a second time" in mine and "functional.linear(" in program.source()
        return of_empty or of_matmul or of_bias
    return False


def _is_backward(statement: Statement) -> bool:
    return ".backward(" in statement.text or "autograd.grad(" in statement.text


def _without_gradients(trace: Trace) -> Trace:
    facts = {
        label: known._replace(has_grad=False) if isinstance(known, TensorFacts) else known
        for label, known in trace.facts.items()
        if not label.endswith(".grad")
    }
    values = {label: x for label, x in trace.values.items() if not label.endswith(".grad")}
    return replace(trace, facts=facts, values=values)


def _without_names(trace: Trace) -> Trace:
    """Keep only whether a tensor has a history."""
    facts = {
        label: known._replace(history="" if known.history == "None" else "some")
        if isinstance(known, TensorFacts)
        else known
        for label, known in trace.facts.items()
    }
    return replace(trace, facts=facts)


def _is_exact(x: Array) -> bool:
    """Tell whether all elements are small multiples of 1/8 (float32) or 1/1024 (float64)."""
    if x.dtype.kind != "f":
        return True
    steps, most = (8, 2.0**8) if x.dtype.itemsize == 4 else (1024, 2.0**16)
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(((x * steps == np.floor(x * steps)) & (np.abs(x) <= most)).all())


def _comparable(x: Array | None, like: Array) -> Array:
    """Return `x`; if it is missing or of a different shape, an array infinitely far from `like`."""
    if x is not None and x.shape == like.shape:
        return x
    return np.full(like.shape, np.inf) if like.dtype.kind == "f" else ~like
