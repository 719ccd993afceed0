"""TensorPool: what a statement is drawn from: its slot, and the tensors that exist by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bridge.drawing.draws import SHAPES, RandomDraws
from bridge.drawing.operands import LAYOUTS, Operand, laid_out, layout_of


class Slot(NamedTuple):
    """What hypothesis draws for a statement. It runs in `no_grad` unless it is `recording`."""

    action: str
    seed: int
    recording: bool = True


@dataclass(frozen=True)
class ProgramTensor(Operand):
    """A tensor of the program, as an operand of the next statement.

    `origin` is the number of its slot, and its place among the tensors made for that slot.
    """

    name: str = ""
    origin: tuple[int, int] = (0, 0)
    requires_grad: bool = False
    is_leaf: bool = True


class TensorPool(RandomDraws):
    """Draw the operands of a case from a program's tensors.

    The choice must not depend on the tensors that are not chosen, or a failing program would become
    a different one when hypothesis leaves out a statement. So each candidate draws its own number,
    from its origin and the seed, and the largest wins.
    """

    def __init__(
        self, slot: Slot, tensors: Sequence[ProgramTensor], texture: str, dtype: Any
    ) -> None:
        super().__init__(slot.seed, "wild")
        self.tensors, self.seed, self.texture = tensors, slot.seed, texture
        self.dtype = self.main = np.dtype(dtype)
        # One statement in four may be wrong, and others may mix dtypes, but not both: if a call
        # had two mistakes, the libraries might report different ones.
        self.was_odd = self.integer(1, 4) > 1
        self.mixes = self.was_odd and self.integer(1, 4) == 1
        self.calls = 0
        self.layout = ""  # of the operand that was drawn last

    def choose(self, candidates: Sequence[ProgramTensor]) -> ProgramTensor | None:
        """Choose one of the candidates, later ones more often than earlier ones."""
        self.calls += 1
        newest = self.tensors[-1].origin[0] if self.tensors else 0

        def priority(x: ProgramTensor) -> float:
            uniform = (hash((self.seed, self.calls, *x.origin)) % 9973 + 1) / 9974
            return float(uniform ** (1 + 0.15 * (newest - x.origin[0])))

        return max(candidates, key=priority, default=None)

    def shape(self, least: int = 0, most: int = 3) -> tuple[int, ...]:
        fitting = [x for x in self.tensors if least <= x.values.ndim <= most]
        chosen = self.choose(fitting)
        if chosen is not None:
            return chosen.values.shape
        return self.pick(*(s for s in SHAPES if least <= len(s) <= most))

    def number(self, *choices: float) -> float:
        """Draw a number, rarely one that not every dtype can hold."""
        if self.integer(1, 6) == 1:
            return self.pick(-1, 300, 2**31, 2**63, 1e39, 0.5, True)
        return super().number(*choices)

    def size(self) -> int:
        return self.pick(2, 2, 3, 3, 1) if not self.odd(6) else 0

    def array(
        self,
        shape: tuple[int, ...],
        *,
        positive: bool = False,
        moderate: bool = False,
        dtype: np.dtype | None = None,
    ) -> Operand:
        fitting = [x for x in self.tensors if x.values.shape == tuple(shape)]
        kind = dtype if dtype is not None else self.dtype
        if kind.kind == "b" and self.integer(1, 4) == 1:
            kind = np.dtype(np.uint8)  # PyTorch reads it as a mask, too
        alike = [x for x in fitting if x.values.dtype == kind]
        if dtype is None and self.dtype == self.main and self.mixes:
            alike = fitting
        if moderate:
            with np.errstate(invalid="ignore"):
                alike = [x for x in alike if (np.abs(x.values) < 1e6).all()]
        found: Operand | None = self.choose(alike)
        if found is None:
            found = self.new(tuple(shape), kind, moderate)
        self.layout = layout_of(found.values) if found.layout == "contiguous" else found.layout
        return found

    def new(self, shape: tuple[int, ...], dtype: np.dtype, moderate: bool = False) -> Operand:
        """Draw a new leaf, without special values if `moderate`."""
        self.calls += 1
        rng = np.random.default_rng([self.seed, self.calls])
        if dtype.kind == "b":
            values = np.asarray(rng.random(shape) < 0.5)
        else:
            values = np.asarray(rng.integers(-3, 4, shape)).astype(dtype)
        if dtype.kind == "f" and self.texture != "whole":
            values = np.asarray(np.round(rng.normal(0, 1.5, shape), 2), dtype)
            if self.texture == "special" and not moderate:
                special = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 1e5], shape)
                values = np.asarray(np.where(rng.random(shape) < 0.4, special, values), dtype)
        # Many ops keep a layout only if all of their operands have it.
        if self.layout in ("transposed", "strided") and rng.random() < 0.5:
            return laid_out(values, self.layout)
        others = (*LAYOUTS[1:], "transposed")
        if rng.random() < 0.5 or max(shape, default=0) == values.size:
            return laid_out(values, "contiguous")
        return laid_out(values, str(rng.choice(others)))
