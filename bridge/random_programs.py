"""Random programs: computations drawn op by op from the registry, which run in both libraries.

A program is a text. What it runs as and what a failure prints are the same characters; all that
changes from one library to the other is the import. `drawing.py` draws them, and this module runs
and compares them: after each statement and at the end, whatever can be seen of every tensor.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

import minigrad
from minigrad.catalogue.accuracy import Exact, Ulps

from .closeness import difference
from .rounding import beside_rounding

Array = np.ndarray

# Running a program ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """One line of a program, and the names that it gives to what it computes."""

    text: str
    names: tuple[str, ...] = ()
    recording: bool = True  # False: in no_grad
    raises: str = ""  # the type of error that PyTorch raises

    @cached_property
    def _code(self) -> CodeType:
        return compile(self.text, "a random program", "exec")

    def source(self) -> str:
        """The statement as it stands in a program, which goes on after an error."""
        lines = [self.text]
        if not self.recording:
            lines = ["with torch.no_grad():", *_indented(lines)]
        if self.raises:
            lines = ["try:", *_indented(lines), f"except {self.raises} as error:"]
            lines += _indented(["print(type(error).__name__)"])
        return "\n".join(lines)

    def run(self, names: dict[str, Any]) -> Exception | None:
        """Run it where `names` are known. Returns the error that it raised."""
        mode = nullcontext() if self.recording else names["torch"].no_grad()
        try:
            with mode, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(self._code, names)
        except Exception as error:
            return error.with_traceback(None)  # which would keep everything alive
        return None


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


AT_THE_END = " at the end"


def values_of(x: Any) -> Array:
    """The elements of a tensor; of PyTorch's zeros that have no memory, too."""
    values: Array = x.detach().numpy(force=True)
    return values


class Facts(NamedTuple):
    """What can be seen of a tensor besides its elements."""

    dtype: str
    shape: tuple[int, ...]
    requires_grad: bool
    is_leaf: bool
    has_history: bool
    has_grad: bool


@dataclass
class Trace:
    """What a program did in one library.

    `errors` has the error of each statement, or None. `facts` and `values` are of each tensor
    when it had been computed ("c") and at the end ("c at the end", "c.grad").
    """

    errors: list[Exception | None] = field(default_factory=list)
    facts: dict[str, Facts | str] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)

    def look(self, label: str, x: Any) -> None:
        """Note what is seen of `x`, which may be None, or what error it is to look at it."""
        if x is None:
            self.facts[label] = "None"
            return
        self.values[label] = values_of(x).copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, at a look at the .grad of a non-leaf
            try:
                has_history, grad = x.grad_fn is not None, x.grad
                dtype = str(x.dtype).rpartition(".")[2]
                self.facts[label] = Facts(
                    dtype, tuple(x.shape), x.requires_grad, x.is_leaf, has_history, grad is not None
                )
            except RuntimeError:  # a view made in no_grad, of what was written to since
                self.facts[label] = "RuntimeError"
                return
        if grad is not None and label.endswith(AT_THE_END):
            self.look(f"{label.removesuffix(AT_THE_END)}.grad", grad)


class Execution:
    """A program that is being run in a library, statement by statement."""

    def __init__(self, namespace: ModuleType) -> None:
        self.names: dict[str, Any] = {"torch": namespace, "inf": np.inf, "nan": np.nan}
        self.trace = Trace()
        self.made: list[str] = []

    def run(self, statement: Statement) -> Exception | None:
        """Run the next statement. Returns its error."""
        error = statement.run(self.names)
        self.trace.errors.append(error)
        if error is None:
            for name in statement.names:
                self.trace.look(name, self.names[name])
                self.made.append(name)
        for name in self.made:
            # PyTorch takes a view whose base has just been given a history for a leaf, until asked.
            with suppress(RuntimeError, AttributeError):
                _ = self.names[name].grad_fn
        return error

    def forget(self, names: Sequence[str]) -> None:
        """As if the last statement, which made these names or failed to, had not been run."""
        self.trace.errors.pop()
        for name in names:
            if self.names.pop(name, None) is not None:
                self.made.remove(name)
                self.trace.facts.pop(name)
                self.trace.values.pop(name, None)

    def finished(self) -> Trace:
        """The trace, with what there is at the end."""
        for name in self.made:
            self.trace.look(f"{name}{AT_THE_END}", self.names[name])
        return self.trace


@dataclass(frozen=True)
class Program:
    """Statements, and what came of them in PyTorch when they were drawn."""

    statements: tuple[Statement, ...]
    theirs: Trace = field(compare=False)

    def source(self, library: str = "torch") -> str:
        """The program's text, for "torch" or "minigrad"."""
        head = "import torch" if library == "torch" else f"import {library} as torch"
        lines = [statement.source() for statement in self.statements]
        body = "\n".join(lines)
        if "inf" in body or "nan" in body:
            head += '\n\ninf, nan = float("inf"), float("nan")'
        return f"{head}\n\n{body}\n"

    def run(self, namespace: ModuleType) -> Trace:
        """Run it in a library."""
        execution = Execution(namespace)
        for statement in self.statements:
            execution.run(statement)
        return execution.finished()

    def __repr__(self) -> str:
        return f"\n{self.source('minigrad')}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # or hypothesis prints its fields


# Comparing ----------------------------------------------------------------------------------------


def check(program: Program) -> None:
    """AssertionError where the program does something else in minigrad than in PyTorch."""
    for fault in faults(program, program.run(minigrad)):
        raise AssertionError(f"{fault}\n{program!r}")


def faults(program: Program, ours: Trace) -> Iterator[str]:
    """Where minigrad's trace of a program is not PyTorch's: errors, flags, and then elements."""
    theirs = program.theirs
    for statement, a, b in zip(program.statements, ours.errors, theirs.errors, strict=True):
        if type(a) is not type(b):
            if not _granted(a, b, program):
                yield f"{statement.text}: {_said(a)} here, {_said(b)} in PyTorch"
            return
    if theirs.errors and theirs.errors[-1] is not None and _walks_back(program.statements[-1]):
        # How far PyTorch came before it found the error is nobody's business.
        ours, theirs = _without_gradients(ours), _without_gradients(theirs)
    for label, facts in theirs.facts.items():
        if ours.facts.get(label) != facts:
            yield f"{label}: {ours.facts.get(label)} here, {facts} in PyTorch"
            return
    # Whole numbers that are not large are not rounded, whatever the order they are added up in.
    exact = all(map(_whole, theirs.values.values()))
    suspects = []
    for label, theirs_there in theirs.values.items():
        apart = difference(ours.values[label], theirs_there, Ulps(0) if exact else Exact())
        if apart is not None and exact:
            yield f"{label}: {apart}"
        elif apart is not None:
            suspects.append(label)

    def moved(within: AbstractContextManager[Any]) -> dict[str, Array]:
        with within:
            values = program.run(torch).values
        return {label: _fitting(values.get(label), theirs.values[label]) for label in suspects}

    if suspects:
        # Which zero a sum of zeros gives is up to its order, and so is then the sign of 1 / x.
        zeros = any(
            difference(ours.values[label], theirs.values[label], Ulps(0)) is None
            for label in suspects
        )
        found = beside_rounding(ours.values, theirs.values, suspects, moved, overflowed=zeros)
        yield from (f"{label}: {found[label]}" for label in suspects if not found[label].ok)


def _said(error: Exception | None) -> str:
    return "no error" if error is None else f"{type(error).__name__} ({error})"


def _granted(ours: Exception | None, theirs: Exception | None, program: Program) -> bool:
    """Whether one library may refuse what the other, by an accident, does not."""
    mine, other = str(ours), str(theirs)
    if "view size is not compatible" in mine + other:
        return True  # how results lie in memory, of operands that are not contiguous
    if ours is None:
        # What some of PyTorch's ops return is a view, without need; and its pow saves the result,
        # even where only the base wants a gradient.
        of_pow = "modified by an inplace" in other and "output 0 of Pow1" in other
        return of_pow or "created in no_grad mode and is being modified" in other
    if theirs is None:
        # PyTorch's loops look at no dtype where there are no elements; it folds and copies some
        # operands of products of stacks, and then saves the copies; and of an affine map of which
        # only the bias wants a gradient it saves nothing, so that there is nothing to be freed.
        of_dtype = "not implemented for '" in mine or "same dtype" in mine
        of_nothing = of_dtype and any(x.size == 0 for x in program.theirs.values.values())
        of_matmul = "modified by an inplace" in mine and "UnsafeViewBackward0 saved it" in mine
        of_bias = "a second time" in mine and "functional.linear(" in program.source()
        return of_nothing or of_matmul or of_bias
    return False


def _walks_back(statement: Statement) -> bool:
    return ".backward(" in statement.text or "autograd.grad(" in statement.text


def _without_gradients(trace: Trace) -> Trace:
    facts = {
        label: known._replace(has_grad=False) if isinstance(known, Facts) else known
        for label, known in trace.facts.items()
        if not label.endswith(".grad")
    }
    values = {label: x for label, x in trace.values.items() if not label.endswith(".grad")}
    return replace(trace, facts=facts, values=values)


def _whole(x: Array) -> bool:
    if x.dtype.kind != "f":
        return True
    steps, most = (8, 2.0**8) if x.dtype.itemsize == 4 else (1024, 2.0**16)
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(((x * steps == np.floor(x * steps)) & (np.abs(x) <= most)).all())


def _fitting(x: Array | None, like: Array) -> Array:
    """What rounding has moved; if it is not there at all, or of another shape, infinitely far."""
    if x is not None and x.shape == like.shape:
        return x
    return np.full(like.shape, np.inf) if like.dtype.kind == "f" else ~like
