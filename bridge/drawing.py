"""How a random program is drawn: slots, each of which becomes a statement.

A slot is what hypothesis draws of a statement: an action and a seed. Everything else follows from
these and from the tensors that there are by then. PyTorch runs each statement as it is written,
which tells what there is for the next one.
"""

from __future__ import annotations

import functools
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
from .samples import SAMPLES, Writing, case_of, forms, takes
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

    >>> print(program_of([Slot("leaf", seed=2), Slot("relu", seed=2)]).source("minigrad"), end="")
    import minigrad as torch
    <BLANKLINE>
    a = torch.tensor([-1.0, 3.0, -1.0], dtype=torch.float64, requires_grad=True)
    b = a.relu()
    b.backward(torch.tensor([0.0, 2.0, -2.0], dtype=torch.float64))
    """
    return _Writer(texture, dtype).program(slots, ends)


class _Writer:
    """A program that is being written, statement by statement, and run in PyTorch meanwhile."""

    number: int  # of the slot that becomes a statement
    slot: Slot
    pool: Pool

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
                if slot.action != NOTHING:
                    self._add(number, slot)
            if ends:
                self._add(len(slots), Slot("backward", len(slots)))
        return Program(tuple(self.statements), self.execution.finished())

    def _add(self, number: int, slot: Slot) -> None:
        """Write the statement that a slot becomes, and the leaves that it needs."""
        if self.over:
            return
        self.number, self.slot = number, slot
        self.pool = Pool(slot, self._variables(), self.texture, self.dtype)
        others = {
            LEAF: self._new_leaf,
            "detach": self._detached,
            "backward": self._backward,
            "grad": self._grad,
            "retain_grad": self._watched,
        }
        others.get(slot.action, self._op)()

    # What there is ----------------------------------------------------------------------------

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

    def _choose_tracked(self, but_leaves: bool = False) -> Variable | None:
        """A tensor that requires grad; of those that are no leaves, if there are any."""
        tracked = [x for x in self.pool.variables if x.requires_grad]
        computed = [x for x in tracked if not x.is_leaf]
        return self.pool.choose(computed if but_leaves and computed else tracked)

    def _cotangent(self, y: Variable) -> str:
        return written(self.pool.new(y.values.shape, y.values.dtype).values)

    # Writing ----------------------------------------------------------------------------------

    def _names(self, count: int = 1) -> tuple[str, ...]:
        first, self.count = self.count, self.count + count
        letters = "abcdefghijklmnopqrstuvwxyz"
        return tuple(letters[i] if i < 26 else f"x{i}" for i in range(first, self.count))

    def _run(
        self, text: str, names: tuple[str, ...] = (), recording: bool = True
    ) -> Exception | None:
        """Add a statement to the program, and run it. Returns its error."""
        statement = Statement(text, names, recording)
        error = self.execution.run(statement)
        raises = "" if error is None else type(error).__name__
        self.statements.append(replace(statement, raises=raises))
        for name in names:
            place = sum(origin[0] == self.number for origin in self.origins.values())
            self.origins[name] = self.number, place
        return error

    def _assign(self, text: str, count: int = 1, recording: bool = True) -> Exception | None:
        names = self._names(count)
        return self._run(f"{', '.join(names)} = {text}", names, recording)

    def _forget(self) -> None:
        """Take back the last statement, which computed something new or failed to."""
        names = self.statements.pop().names
        self.count -= len(names)
        for name in names:
            del self.origins[name]
        self.execution.forget(names)

    # Statements -------------------------------------------------------------------------------

    def _new_leaf(self) -> None:
        sizes = (2,), (2, 3), (), (3,), (3, 2), (1, 3), (2, 1), (2, 2, 3), (0,), (2, 0)
        dtype = self.pool.pick(*(self.dtype,) * 6, "float32", "float64", "int64", "bool")
        self._leaf(self.pool.new(self.pool.pick(*sizes), np.dtype(dtype)))

    def _leaf(self, operand: Operand) -> Variable:
        """A new leaf, which in three cases of four requires grad if it can."""
        text = written(operand)
        if self.pool.integer(1, 4) > 1 and operand.differentiable:
            plain = text.startswith("torch.tensor(") and operand.layout == "contiguous"
            text = f"{text[:-1]}, requires_grad=True)" if plain else f"{text}.requires_grad_()"
        self._assign(text)
        return Variable(operand.values, name=self.statements[-1].names[0])

    def _detached(self) -> None:
        x = self.pool.choose(self.pool.variables)
        if x is not None:
            self._assign(f"{x.name}.detach(){self.pool.pick('', '', '.requires_grad_()')}")

    def _watched(self) -> None:
        x = self._choose_tracked()
        if x is not None:
            self._run(f"{x.name}.retain_grad()")

    def _backward(self) -> None:
        y = self._choose_tracked(but_leaves=True)
        if y is not None:
            end = self.pool.pick("", ", retain_graph=True")
            error = self._run(f"{y.name}.backward({self._cotangent(y)}{end})")
            # How far PyTorch came before it found the error is nobody's business.
            self.over = error is not None

    def _grad(self) -> None:
        y, x = self._choose_tracked(), self._choose_tracked()
        if x is not None and y is not None:
            given = f"{y.name}, {x.name}, {self._cotangent(y)}"
            options = "create_graph=True, allow_unused=True"
            self._assign(f"torch.autograd.grad({given}, {options})[0]")

    def _op(self) -> None:
        op = self.slot.action
        case = SAMPLES[op].case(self.pool)
        able = [form for name, form in _FORMS[op].items() if takes(op, name, case)]
        if not able:
            return
        form = self.pool.pick(*able)
        operands = [
            x if isinstance(x, Variable) or not isinstance(x, Operand) else self._leaf(x)
            for x in case.operands
        ]
        texts = [Text(x.name) if isinstance(x, Variable) else x for x in operands]
        options = {
            name: Text(written(value)) if isinstance(value, np.dtype) else value
            for name, value in case.options.items()
        }
        if isinstance(form, Writing):
            self._write(str(form.write(*texts, **options)), operands)
        else:
            self._compute(str(form(Text("torch"), *texts, **options)))

    def _compute(self, text: str) -> None:
        """A statement that computes something new, unless it is of no use."""
        error = self._assign(text, _results(self.slot.action), self.slot.recording)
        if error is not None:
            useful = self.pool.integer(1, 4) == 1
        else:
            results = [self.execution.names[name] for name in self.statements[-1].names]
            useful = self.texture == "special" or all(map(_moderate, results))
        if not useful:
            self._forget()

    def _write(self, text: str, operands: Sequence[Any]) -> None:
        """A statement that writes into its first operand, unless that is of no use."""
        op, x = self.slot.action, operands[0]
        target, *others = (
            self.execution.names[y.name] for y in operands if isinstance(y, Variable)
        )
        if any(_overlap(target, y, op) for y in others):
            return  # of which PyTorch makes no promise
        if 0 in target.stride() and (op in ("index_put", "masked_fill") or x.requires_grad):
            return  # PyTorch warns of the one, and its backward of the other fails
        if x.is_leaf and x.requires_grad and self.slot.recording and self.slot.seed % 4:
            return  # an error that would come too often
        self._run(text, recording=self.slot.recording)


@functools.cache
def _results(op: str) -> int:
    """How many results an op has."""
    case = case_of(op, 0, "tame")
    operands = [x.array() if isinstance(x, Operand) else x for x in case.operands]
    output, _ = REGISTRY[op].forward(*operands, **case.options)
    return len(output) if isinstance(output, tuple) else 1


def _moderate(x: torch.Tensor) -> bool:
    values = x.detach()
    return not values.is_floating_point() or bool((values.abs() < 1e4).all())


def _overlap(x: torch.Tensor, y: torch.Tensor, op: str) -> bool:
    """Whether a write into `x` changes what is still to be read of `y`."""
    if x is y:
        return op in ("copy", "index_put")
    return bool(np.may_share_memory(values_of(x), values_of(y)))
