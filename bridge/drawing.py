"""How a random program is drawn: slots, each of which becomes a statement.

A slot is what hypothesis draws of a statement: an action and a seed. Everything else follows from
these and from the tensors that there are by then. PyTorch runs each statement as it is written,
which tells what there is for the next one.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from minigrad.rules import REGISTRY

from .operands import LAYOUTS, Operand, laid_out
from .random_programs import Execution, Program, Statement, values_of
from .samples import SAMPLES, Writing, forms, takes
from .source import SHAPES, Source
from .text import Text, written

Array = np.ndarray


class Slot(NamedTuple):
    """What hypothesis draws of a statement: what it does, what it does it to, whether recorded."""

    action: str
    seed: int
    recording: bool = True


@dataclass(frozen=True)
class Variable(Operand):
    """A tensor of the program, as an operand of the next statement."""

    name: str = ""
    origin: tuple[int, int] = (0, 0)  # its slot's number, and its place among what that made
    requires_grad: bool = False
    is_leaf: bool = True


class Pool(Source):
    """Draws a case's operands from among a program's tensors.

    Which one is drawn must not depend on those that are not: else a failing program would become
    another when hypothesis leaves a statement out. So each candidate draws a number of its own,
    from its origin and the seed, and the largest wins.
    """

    def __init__(self, slot: Slot, variables: Sequence[Variable], texture: str, dtype: Any) -> None:
        super().__init__(slot.seed, "wild")
        self.variables, self.seed, self.texture = variables, slot.seed, texture
        self.dtype = self.main = np.dtype(dtype)
        # One statement in four may be wrong, and others may have operands of any dtypes; but not
        # both: of two things wrong with a call, which is found first is nobody's concern.
        self.was_odd = self.integer(1, 4) > 1
        self.mixes = self.was_odd and self.integer(1, 4) == 1
        self.calls = 0

    def choose(self, candidates: Sequence[Variable]) -> Variable | None:
        """One of the candidates, later ones more often than earlier ones."""
        self.calls += 1
        newest = self.variables[-1].origin[0] if self.variables else 0

        def drawn_by(x: Variable) -> float:
            uniform = (hash((self.seed, self.calls, *x.origin)) % 9973 + 1) / 9974
            return float(uniform ** (1 + 0.15 * (newest - x.origin[0])))

        return max(candidates, key=drawn_by, default=None)

    def shape(self, least: int = 0, most: int = 3) -> tuple[int, ...]:
        fitting = [x for x in self.variables if least <= x.values.ndim <= most]
        chosen = self.choose(fitting)
        if chosen is not None:
            return chosen.values.shape
        return self.pick(*(s for s in SHAPES if least <= len(s) <= most))

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
        fitting = [x for x in self.variables if x.values.shape == tuple(shape)]
        kind = dtype if dtype is not None else self.dtype
        alike = [x for x in fitting if x.values.dtype == kind]
        if dtype is None and self.dtype == self.main and self.mixes:
            alike = fitting
        if moderate:
            with np.errstate(invalid="ignore"):
                alike = [x for x in alike if (np.abs(x.values) < 1e6).all()]
        found = self.choose(alike)
        return self.new(tuple(shape), kind) if found is None else found

    def new(self, shape: tuple[int, ...], dtype: np.dtype) -> Operand:
        """What is not there yet: a leaf."""
        self.calls += 1
        rng = np.random.default_rng([self.seed, self.calls])
        if dtype.kind == "b":
            values = np.asarray(rng.random(shape) < 0.5)
        else:
            values = np.asarray(rng.integers(-3, 4, shape), dtype)
        if dtype.kind == "f" and self.texture != "whole":
            values = np.asarray(np.round(rng.normal(0, 1.5, shape), 2), dtype)
            if self.texture == "special":
                special = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 1e5], shape)
                values = np.asarray(np.where(rng.random(shape) < 0.2, special, values), dtype)
        layout = "contiguous" if rng.random() < 0.7 else str(rng.choice(LAYOUTS))
        return laid_out(values, layout)


# The forms of each rule that a user writes: not those that are there for a gradient's sake.
_FORMS = {
    name: {form: call for form, call in forms(name).items() if form != "gradient"}
    for name in SAMPLES
}
OPS = tuple(sorted(name for name, found in _FORMS.items() if found))
SMOOTH = tuple(name for name in OPS if REGISTRY[name].differentiable)
NOTHING, LEAF = "nothing", "leaf"
# What a slot may do. An op that has a derivative is drawn three times as often as one that has not.
ACTIONS = (NOTHING, LEAF, LEAF, "detach", "backward", "grad", "retain_grad", *OPS, *SMOOTH, *SMOOTH)
TEXTURES = ("whole", "normal", "special")


def program_of(
    slots: Sequence[Slot], texture: str = "whole", dtype: str = "float64", ends: bool = True
) -> Program:
    """The program that these slots make; where it `ends`, with a walk back.

    >>> print(program_of([Slot("leaf", seed=11), Slot("relu", seed=2)]).source("minigrad"), end="")
    import minigrad as torch
    <BLANKLINE>
    a = torch.tensor([-1.0], dtype=torch.float64).expand((2,)).requires_grad_()
    b = a.relu()
    b.backward(torch.tensor([0.0, 2.0], dtype=torch.float64))
    """
    return _Writer(texture, dtype).program(slots, ends)


class _Writer:
    """A program that is being written, statement by statement, and run in PyTorch meanwhile."""

    def __init__(self, texture: str, dtype: str) -> None:
        self.texture, self.dtype = texture, dtype
        self.execution = Execution(torch)
        self.statements: list[Statement] = []
        self.origins: dict[str, tuple[int, int]] = {}
        self.count = 0
        self.over = False

    def program(self, slots: Sequence[Slot], ends: bool) -> Program:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number, slot in enumerate(slots):
                if slot.action != NOTHING and not self.over:
                    self._add(number, slot)
            if ends and not self.over:
                self._add(len(slots), Slot("backward", len(slots)))
        return Program(tuple(self.statements), self.execution.finished())

    def _name(self) -> str:
        self.count += 1
        letters = "abcdefghijklmnopqrstuvwxyz"
        return letters[self.count - 1] if self.count <= 26 else f"x{self.count}"

    def _variables(self) -> list[Variable]:
        found = []
        for name in self.execution.made:
            x = self.execution.names[name]
            if x is None:
                continue
            flags = (False, True)
            with suppress(RuntimeError):  # of a view made in no_grad
                flags = x.requires_grad, x.is_leaf
                if flags == (True, True) and x._is_view() and x._base.requires_grad:
                    # Such a view, too: what is computed from it has a history that leads nowhere.
                    continue
            values = values_of(x)
            found.append(Variable(values, "contiguous", False, name, self.origins[name], *flags))
        return found

    def _run(self, number: int, statement: Statement) -> Exception | None:
        error = self.execution.run(statement)
        raises = "" if error is None else type(error).__name__
        self.statements.append(replace(statement, raises=raises))
        for name in statement.names:
            place = sum(origin[0] == number for origin in self.origins.values())
            self.origins[name] = number, place
        return error

    def _leaf(self, number: int, operand: Operand, tracked: bool) -> Variable:
        text = written(operand)
        if tracked and operand.differentiable:
            text = (
                f"{text[:-1]}, requires_grad=True)"
                if text.startswith("torch.tensor(") and operand.layout == "contiguous"
                else f"{text}.requires_grad_()"
            )
        name = self._name()
        self._run(number, Statement(f"{name} = {text}", (name,)))
        return Variable(operand.values, name=name)

    def _add(self, number: int, slot: Slot) -> None:
        pool = Pool(slot, self._variables(), self.texture, self.dtype)
        action = {
            LEAF: self._new_leaf,
            "detach": self._detached,
            "backward": self._backward,
            "grad": self._grad,
            "retain_grad": self._watched,
        }.get(slot.action)
        if action is not None:
            action(number, slot, pool)
        else:
            self._op(number, slot, pool)

    def _new_leaf(self, number: int, slot: Slot, pool: Pool) -> None:
        shape = pool.pick((2,), (2, 3), (), (3,), (3, 2), (1, 3), (2, 1), (2, 2, 3), (0,), (2, 0))
        dtype = pool.pick(*(self.dtype,) * 6, "float32", "float64", "int64", "bool")
        self._leaf(number, pool.new(shape, np.dtype(dtype)), pool.integer(1, 4) > 1)

    def _detached(self, number: int, slot: Slot, pool: Pool) -> None:
        x = pool.choose(pool.variables)
        if x is not None:
            name, end = self._name(), pool.pick("", "", ".requires_grad_()")
            self._run(number, Statement(f"{name} = {x.name}.detach(){end}", (name,)))

    def _watched(self, number: int, slot: Slot, pool: Pool) -> None:
        x = pool.choose([x for x in pool.variables if x.requires_grad])
        if x is not None:
            self._run(number, Statement(f"{x.name}.retain_grad()"))

    def _backward(self, number: int, slot: Slot, pool: Pool) -> None:
        tracked = [x for x in pool.variables if x.requires_grad]
        y = pool.choose([x for x in tracked if not x.is_leaf] or tracked)
        if y is None:
            return
        given = [written(self._cotangent(pool, y)), *pool.pick([], ["retain_graph=True"])]
        if self._run(number, Statement(f"{y.name}.backward({', '.join(given)})")):
            self.over = True  # how far PyTorch came before it found the error is nobody's business

    def _grad(self, number: int, slot: Slot, pool: Pool) -> None:
        tracked = [x for x in pool.variables if x.requires_grad]
        y, x = pool.choose(tracked), pool.choose(tracked)
        if y is None or x is None:
            return
        name = self._name()
        g = written(self._cotangent(pool, y))
        text = f"({name},) = torch.autograd.grad({y.name}, {x.name}, {g}, create_graph=True, "
        self._run(number, Statement(f"{text}allow_unused=True)", (name,)))

    def _cotangent(self, pool: Pool, y: Variable) -> Array:
        return pool.new(y.values.shape, y.values.dtype).values

    def _op(self, number: int, slot: Slot, pool: Pool) -> None:
        case = SAMPLES[slot.action].case(pool)
        able = {f: c for f, c in _FORMS[slot.action].items() if takes(slot.action, f, case)}
        if not able:
            return
        form = able[pool.pick(*able)]
        operands = [
            self._leaf(number, x, pool.integer(1, 4) > 1)
            if isinstance(x, Operand) and not isinstance(x, Variable)
            else x
            for x in case.operands
        ]
        texts = [Text(x.name) if isinstance(x, Variable) else x for x in operands]
        options = {
            name: Text(written(value)) if isinstance(value, np.dtype) else value
            for name, value in case.options.items()
        }
        if isinstance(form, Writing):
            self._write(number, slot, str(form.write(*texts, **options)), operands)
        else:
            self._compute(number, slot, pool, str(form(Text("torch"), *texts, **options)))

    def _compute(self, number: int, slot: Slot, pool: Pool, text: str) -> None:
        """A statement that computes something new, unless it is of no use."""
        count = _results(slot.action)
        names = tuple(self._name() for _ in range(count))
        statement = Statement(f"{', '.join(names)} = {text}", names, slot.recording)
        error = self._run(number, statement)
        results = [] if error else [self.execution.names[name] for name in names]
        useful = self.texture == "special" or all(map(_moderate, results))
        if (error and pool.integer(1, 4) > 1) or not useful:
            self._forget(names)

    def _forget(self, names: Sequence[str]) -> None:
        """Take back the last statement, which computed something new or failed to."""
        self.statements.pop()
        self.count -= len(names)
        for name in names:
            del self.origins[name]
        self.execution.forget(names)

    def _write(self, number: int, slot: Slot, text: str, operands: Sequence[Any]) -> None:
        """A statement that writes into its first operand, unless that is of no use."""
        target = self.execution.names[operands[0].name]
        others = [self.execution.names[x.name] for x in operands[1:] if isinstance(x, Variable)]
        if any(_overlap(target, y, slot.action) for y in others):
            return  # of which PyTorch makes no promise
        x = operands[0]
        scatters = slot.action in ("index_put", "masked_fill")
        if 0 in target.stride() and (scatters or x.requires_grad):
            return  # PyTorch warns of the one, and its backward of the other fails
        if x.is_leaf and x.requires_grad and slot.recording and slot.seed % 4:
            return  # an error that would come too often
        self._run(number, Statement(text, recording=slot.recording))


def _results(op: str) -> int:
    """How many results an op has."""
    return 2 if op in ("max_dim", "min_dim") else 1


def _moderate(x: torch.Tensor) -> bool:
    values = x.detach()
    return not values.is_floating_point() or bool((values.abs() < 1e4).all())


def _overlap(x: torch.Tensor, y: torch.Tensor, op: str) -> bool:
    """Whether a write into `x` changes what is still to be read of `y`."""
    if x is y:
        return op in ("copy", "index_put")
    return bool(np.may_share_memory(values_of(x), values_of(y)))
