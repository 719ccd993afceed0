"""Program: the text of a computation, and what it does in either library, statement by statement.

The text that runs is the text that a failure prints; only the import differs between libraries.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Collection, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from bridge.comparing.closeness import strides_of

Array = np.ndarray

AT_THE_END = " at the end"


class OpCall(NamedTuple):
    """Which op a statement calls, and how: what the coverage of programs is measured in.

    `dtype` and `layout` are those of the first tensor. `after` are the ops that made the operands.
    """

    op: str
    form: str
    dtype: str
    layout: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """One line of a program.

    It assigns to `names`, and runs in `no_grad` unless it is `recording`. `raises` is the type of
    its error in PyTorch, or "". `call` says which op of the registry it calls, if any.
    """

    text: str
    names: tuple[str, ...] = ()
    recording: bool = True
    raises: str = ""
    call: OpCall | None = field(default=None, compare=False)

    def source(self) -> str:
        """Return the statement as it stands in a program, which continues after an error."""
        lines = [self.text]
        if not self.recording:
            lines = ["with torch.no_grad():", *_indented(lines)]
        if self.raises:
            lines = ["try:", *_indented(lines), f"except {self.raises} as error:"]
            lines += _indented(["print(type(error).__name__)"])
        return "\n".join(lines)

    def run(self, names: dict[str, Any]) -> tuple[Exception | None, tuple[str, ...]]:
        """Run the statement in the namespace `names`. Returns its error and sorted warnings."""
        torch = names["torch"]
        grad_mode = nullcontext() if self.recording else torch.no_grad()
        always, raised = torch.is_warn_always_enabled(), None
        torch.set_warn_always(True)
        try:
            with grad_mode, warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                exec(_compiled(self.text), names)
        except Exception as error:
            raised = error.with_traceback(None)  # the traceback would keep all tensors alive
        finally:
            torch.set_warn_always(always)
        warned = sorted(_words(warning.message) for warning in caught)
        return raised, tuple(words for words in warned if words != _OF_PERFORMANCE)


@lru_cache(maxsize=256)  # a program runs at least twice, and compiling costs more than running
def _compiled(text: str) -> CodeType:
    return compile(text, "a random program", "exec")


# The strides of a gradient and of its leaf differ, of which minigrad doesn't warn: it is slower in
# PyTorch, but not wrong.
_OF_PERFORMANCE = "UserWarning grad and param"


def _words(message: Warning | str) -> str:
    """The type of a warning and its first words, which both libraries share."""
    return " ".join([type(message).__name__, *str(message).split()[:3]])


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def values_of(x: Any) -> Array:
    """Return the elements of a tensor, also of PyTorch's zeros that have no memory."""
    values: Array = x.detach().numpy(force=True)
    return values


def _history(node: Any, depth: int = 3) -> str:
    """Return the names of a node and of the nodes behind it, as a program sees them.

    >>> import minigrad as torch
    >>> _history((torch.ones(2, requires_grad=True) * 2).exp().grad_fn)
    'ExpBackward0(MulBackward0(AccumulateGrad(), None))'
    """
    if node is None:
        return "None"
    if depth == 0:
        return "..."
    behind = ", ".join(_history(parent, depth - 1) for parent, _ in node.next_functions)
    return f"{type(node).__name__}({behind})"


class TensorFacts(NamedTuple):
    """What a program can see of a tensor other than its elements."""

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    is_leaf: bool
    history: str
    has_grad: bool


@dataclass
class Trace:
    """What a program did in one library.

    `errors` has the error of each statement, or None, and `warnings` its warnings. `facts` and
    `values` describe each tensor after its statement ("c") and at the end of the program ("c at the
    end", "c.grad").
    """

    errors: list[Exception | None] = field(default_factory=list)
    warnings: list[tuple[str, ...]] = field(default_factory=list)
    facts: dict[str, TensorFacts | str] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)

    def record(self, label: str, x: Any) -> None:
        """Record the facts and values of `x`, which may be None."""
        if x is None:
            self.facts[label] = "None"
            return
        self.values[label] = values_of(x).copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns about the .grad of a non-leaf
            try:
                history, grad = _history(x.grad_fn), x.grad
                dtype = str(x.dtype).rpartition(".")[2]
                self.facts[label] = TensorFacts(
                    dtype,
                    tuple(x.shape),
                    strides_of(x),
                    x.requires_grad,
                    x.is_leaf,
                    history,
                    grad is not None,
                )
            except RuntimeError:  # x is a view made in no_grad whose base was written to
                self.facts[label] = "RuntimeError"
                return
        if grad is not None and label.endswith(AT_THE_END):
            self.record(f"{label.removesuffix(AT_THE_END)}.grad", grad)


class Execution:
    """A program that runs in one library, statement by statement.

    It records every tensor, or only those with one of the given labels.
    """

    def __init__(self, namespace: ModuleType, labels: Collection[str] | None = None) -> None:
        self.labels = labels
        self.names: dict[str, Any] = {
            "torch": namespace,
            "inf": np.inf,
            "nan": np.nan,
            "copy": copy,
            "pickle": pickle,
        }
        self.trace = Trace()
        self.made: list[str] = []  # names of tensors

    def run(self, statement: Statement) -> Exception | None:
        """Run the next statement, and return its error."""
        error, warned = statement.run(self.names)
        self.trace.errors.append(error)
        self.trace.warnings.append(warned)
        if error is None:
            for name in statement.names:
                if self.labels is None or name in self.labels:
                    self.trace.record(name, self.names[name])
                self.made.append(name)
        for name in self.made:
            # PyTorch updates is_leaf of a view whose base got a history only when grad_fn is read.
            with suppress(RuntimeError, AttributeError):
                _ = self.names[name].grad_fn
        return error

    def forget(self, names: Sequence[str]) -> None:
        """Undo the last statement, which assigned to `names` or failed."""
        self.trace.errors.pop()
        self.trace.warnings.pop()
        for name in names:
            if self.names.pop(name, None) is not None:
                self.made.remove(name)
                self.trace.facts.pop(name)
                self.trace.values.pop(name, None)

    def finished(self) -> Trace:
        """Record every tensor at the end of the program, and return the trace."""
        for name in self.made:
            label = f"{name}{AT_THE_END}"
            if self.labels is None or not {label, f"{name}.grad"}.isdisjoint(self.labels):
                self.trace.record(label, self.names[name])
        return self.trace


@dataclass(frozen=True)
class Program:
    """Statements, and PyTorch's trace of them."""

    statements: tuple[Statement, ...]
    theirs: Trace = field(compare=False)

    def source(self, library: str = "torch") -> str:
        """Return the program's text for "torch" or "minigrad"."""
        head = "import torch" if library == "torch" else f"import {library} as torch"
        body = "\n".join(statement.source() for statement in self.statements)
        for module in ("pickle", "copy"):
            if f" {module}." in body:
                head = f"import {module}\n\n{head}".replace("\n\nimport copy", "\nimport copy")
        if "inf" in body or "nan" in body:
            head += '\n\ninf, nan = float("inf"), float("nan")'
        return f"{head}\n\n{body}\n"

    def run(self, namespace: ModuleType, labels: Collection[str] | None = None) -> Trace:
        """Run the program in a library, and record all tensors, or those with these labels."""
        execution = Execution(namespace, labels)
        for statement in self.statements:
            execution.run(statement)
        return execution.finished()

    def __repr__(self) -> str:
        return f"\n{self.source('minigrad')}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # or hypothesis prints the fields
