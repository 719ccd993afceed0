"""ProgramWriter: a program while it is written, and run in PyTorch, statement by statement."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

import torch

from bridge.drawing.expressions import as_code
from bridge.drawing.operands import Operand

from .pool import ProgramTensor, Slot, TensorPool
from .program import Execution, OpCall, Program, Statement, values_of


class ProgramWriter:
    """A program that grows, and what its next statement is drawn from.

    `slot` is the current slot, `number` its number, and `pool` the tensors that exist. A program
    that is `over` gets no more statements.
    """

    number: int
    slot: Slot
    pool: TensorPool

    def __init__(self, texture: str, dtype: str) -> None:
        self.texture, self.dtype = texture, dtype
        self.execution = Execution(torch)
        self.statements: list[Statement] = []
        self.origins: dict[str, tuple[int, int]] = {}
        self.count = 0
        self.over = False

    def write(self, slots: Sequence[Slot], kind_of: Callable[[str], StatementKind]) -> Program:
        """Write what each slot draws, by the function for its action, and return the program."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for self.number, self.slot in enumerate(slots):
                if not self.over:
                    tensors = self._tensors()
                    self.pool = TensorPool(self.slot, tensors, self.texture, self.dtype)
                    kind_of(self.slot.action)(self)
        return Program(tuple(self.statements), self.execution.finished())

    # Tensors that exist -----------------------------------------------------------------------

    def _tensors(self) -> list[ProgramTensor]:
        found = []
        for name in self.execution.made:
            x = self.execution.names[name]
            if x is None:
                continue
            flags = (False, True)
            with suppress(RuntimeError):  # x is a view made in no_grad
                flags = x.requires_grad, x.is_leaf
                if flags == (True, True) and x._is_view() and x._base.requires_grad:
                    continue  # another such view; results computed from it lead nowhere
            values = values_of(x)
            found.append(
                ProgramTensor(values, "contiguous", False, name, self.origins[name], *flags)
            )
        return found

    def value(self, x: ProgramTensor) -> torch.Tensor:
        """Return the tensor itself."""
        found: torch.Tensor = self.execution.names[x.name]
        return found

    def choose_tracked(self, prefer_computed: bool = False) -> ProgramTensor | None:
        """Choose a tensor that requires grad; if `prefer_computed`, rather not a leaf."""
        tracked = [x for x in self.pool.tensors if x.requires_grad]
        computed = [x for x in tracked if not x.is_leaf]
        return self.pool.choose(computed if prefer_computed and computed else tracked)

    def cotangent(self, y: ProgramTensor) -> str:
        """Return the text of a new tensor like `y`."""
        return as_code(self.pool.new(y.values.shape, y.values.dtype).values)

    # Adding and removing statements -----------------------------------------------------------

    def _new_names(self, count: int = 1) -> tuple[str, ...]:
        first, self.count = self.count, self.count + count
        letters = "abcdefghijklmnopqrstuvwxyz"
        return tuple(letters[i] if i < 26 else f"x{i}" for i in range(first, self.count))

    def run(
        self, text: str, names: tuple[str, ...] = (), recording: bool = True
    ) -> Exception | None:
        """Add a statement to the program, run it, and return its error."""
        statement = Statement(text, names, recording)
        error = self.execution.run(statement)
        raises = "" if error is None else type(error).__name__
        self.statements.append(replace(statement, raises=raises))
        for name in names:
            place = sum(origin[0] == self.number for origin in self.origins.values())
            self.origins[name] = self.number, place
        return error

    def assign(self, text: str, count: int = 1, recording: bool = True) -> Exception | None:
        """Add a statement that assigns `text` to new names, run it, and return its error."""
        names = self._new_names(count)
        return self.run(f"{', '.join(names)} = {text}", names, recording)

    def leaf(self, operand: Operand) -> ProgramTensor:
        """Write a leaf, which requires grad in three of four cases if it can."""
        text = as_code(operand)
        if self.pool.integer(1, 4) > 1 and operand.differentiable:
            plain = text.startswith("torch.tensor(") and operand.layout == "contiguous"
            text = f"{text[:-1]}, requires_grad=True)" if plain else f"{text}.requires_grad_()"
        self.assign(text)
        return ProgramTensor(operand.values, name=self.statements[-1].names[0])

    def mark(self, call: OpCall) -> None:
        """Say which op the last statement calls."""
        self.statements[-1] = replace(self.statements[-1], call=call)

    def maker(self, name: str) -> str:
        """Return the op that made the tensor, or "" for a leaf and for other statements."""
        made = next(s for s in self.statements if name in s.names)
        return "" if made.call is None else made.call.op

    def forget(self) -> None:
        """Remove the last statement, which assigned to new names or failed."""
        names = self.statements.pop().names
        self.count -= len(names)
        for name in names:
            del self.origins[name]
        self.execution.forget(names)


StatementKind: TypeAlias = Callable[[ProgramWriter], None]
