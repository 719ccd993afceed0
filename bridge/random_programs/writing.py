"""Write a random program from slots, one statement for each.

A slot is what hypothesis draws: an action and a seed. The statement follows from the slot and the
tensors that exist by then. PyTorch runs each statement as soon as it is written, to know which
tensors the next one can use.
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

from bridge.drawing.draws import SHAPES, RandomDraws
from bridge.drawing.expressions import Expression, as_code
from bridge.drawing.operands import LAYOUTS, Operand, laid_out
from bridge.drawing.samples import SAMPLES, InPlaceForm, draw_case, form_takes, forms
from minigrad.rules import REGISTRY

from .program import Execution, Program, Statement, values_of


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
        alike = [x for x in fitting if x.values.dtype == kind]
        if dtype is None and self.dtype == self.main and self.mixes:
            alike = fitting
        if moderate:
            with np.errstate(invalid="ignore"):
                alike = [x for x in alike if (np.abs(x.values) < 1e6).all()]
        found = self.choose(alike)
        return self.new(tuple(shape), kind) if found is None else found

    def new(self, shape: tuple[int, ...], dtype: np.dtype) -> Operand:
        """Draw a new leaf."""
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


# The forms of each rule that a program can use; "gradient" is for other rules' pullbacks.
_FORMS = {
    name: {form: call for form, call in forms(name).items() if form != "gradient"}
    for name in SAMPLES
}
OPS = tuple(sorted(name for name, found in _FORMS.items() if found))
SMOOTH = tuple(name for name in OPS if REGISTRY[name].differentiable)
NOTHING, LEAF = "nothing", "leaf"
# What a slot may do. Ops with a derivative are drawn three times as often as the others.
_OTHERS = ("detach", "backward", "grad", "retain_grad", "copies", "copies", "zero_grad", "T")
ACTIONS = (NOTHING, LEAF, LEAF, *_OTHERS, *_OTHERS, *OPS, *SMOOTH, *SMOOTH)
TEXTURES = ("whole", "normal", "special")


def write_program(
    slots: Sequence[Slot], texture: str = "whole", dtype: str = "float64", ends: bool = True
) -> Program:
    """Write the program for these slots; if `ends`, it ends with a `backward`.

    >>> program = write_program([Slot("leaf", seed=2), Slot("relu", seed=2)])
    >>> print(program.source("minigrad"), end="")
    import minigrad as torch
    <BLANKLINE>
    a = torch.tensor([-1.0, 3.0, -1.0], dtype=torch.float64, requires_grad=True)
    b = a.relu()
    b.backward(torch.tensor([0.0, 2.0, -2.0], dtype=torch.float64))
    """
    return _ProgramWriter(texture, dtype).program(slots, ends)


class _ProgramWriter:
    """A program while it is written, and run in PyTorch, statement by statement."""

    number: int  # of the current slot
    slot: Slot
    pool: TensorPool

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
        """Write the statement for a slot, and the leaves that it needs."""
        if self.over:
            return
        self.number, self.slot = number, slot
        self.pool = TensorPool(slot, self._tensors(), self.texture, self.dtype)
        actions = {
            LEAF: self._write_new_leaf,
            "detach": self._write_detach,
            "backward": self._write_backward,
            "grad": self._write_grad,
            "retain_grad": self._write_retain_grad,
            "copies": self._write_copies,
            "zero_grad": self._write_zero_grad,
            "T": self._write_transpose,
        }
        actions.get(slot.action, self._write_op)()

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

    def _choose_tracked(self, prefer_computed: bool = False) -> ProgramTensor | None:
        """Choose a tensor that requires grad; if `prefer_computed`, rather not a leaf."""
        tracked = [x for x in self.pool.tensors if x.requires_grad]
        computed = [x for x in tracked if not x.is_leaf]
        return self.pool.choose(computed if prefer_computed and computed else tracked)

    def _cotangent(self, y: ProgramTensor) -> str:
        return as_code(self.pool.new(y.values.shape, y.values.dtype).values)

    # Adding and removing statements -----------------------------------------------------------

    def _new_names(self, count: int = 1) -> tuple[str, ...]:
        first, self.count = self.count, self.count + count
        letters = "abcdefghijklmnopqrstuvwxyz"
        return tuple(letters[i] if i < 26 else f"x{i}" for i in range(first, self.count))

    def _run(
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

    def _assign(self, text: str, count: int = 1, recording: bool = True) -> Exception | None:
        names = self._new_names(count)
        return self._run(f"{', '.join(names)} = {text}", names, recording)

    def _forget(self) -> None:
        """Remove the last statement, which assigned to new names or failed."""
        names = self.statements.pop().names
        self.count -= len(names)
        for name in names:
            del self.origins[name]
        self.execution.forget(names)

    # Statements -------------------------------------------------------------------------------

    def _write_new_leaf(self) -> None:
        sizes = (2,), (2, 3), (), (3,), (3, 2), (1, 3), (2, 1), (2, 2, 3), (0,), (2, 0)
        dtype = self.pool.pick(*(self.dtype,) * 6, "float32", "float64", "int64", "bool")
        self._write_leaf(self.pool.new(self.pool.pick(*sizes), np.dtype(dtype)))

    def _write_leaf(self, operand: Operand) -> ProgramTensor:
        """Write a leaf, which requires grad in three of four cases if it can."""
        text = as_code(operand)
        if self.pool.integer(1, 4) > 1 and operand.differentiable:
            plain = text.startswith("torch.tensor(") and operand.layout == "contiguous"
            text = f"{text[:-1]}, requires_grad=True)" if plain else f"{text}.requires_grad_()"
        self._assign(text)
        return ProgramTensor(operand.values, name=self.statements[-1].names[0])

    def _write_detach(self) -> None:
        x = self.pool.choose(self.pool.tensors)
        if x is not None:
            self._assign(f"{x.name}.detach(){self.pool.pick('', '', '.requires_grad_()')}")

    def _write_retain_grad(self) -> None:
        x = self._choose_tracked()
        if x is not None:
            self._run(f"{x.name}.retain_grad()")

    def _write_copies(self) -> None:
        """Write a copy of two leaves, which share memory if any do, and a write to the copy."""
        leaves = [x for x in self.pool.tensors if x.is_leaf]
        x = self.pool.choose(leaves)
        if x is None:
            return
        array = values_of(self.execution.names[x.name])
        others = [y for y in leaves if y.name != x.name]
        sharing = [
            y for y in others if np.may_share_memory(array, values_of(self.execution.names[y.name]))
        ]
        y = self.pool.choose(sharing or others) or x
        how = self.pool.pick("copy.deepcopy([{}])", "pickle.loads(pickle.dumps([{}]))", "{}")
        parts = [f"copy.copy({each.name})" if how == "{}" else each.name for each in (x, y)]
        self._assign(how.format(", ".join(parts)), 2)
        self._run(f"{self.statements[-1].names[0]}.detach().zero_()")

    def _write_zero_grad(self) -> None:
        """Write that a gradient, which may be a view, is cleared."""
        x = self.pool.choose([x for x in self.pool.tensors if x.is_leaf and x.requires_grad])
        if x is not None:
            if self.pool.integer(1, 2) == 1:
                self._run(f"{x.name}.grad = {x.name}.detach().clone()[...]")
            end = self.pool.pick("set_to_none=False", "set_to_none=False", "")
            self._run(f"torch.optim.SGD([{x.name}]).zero_grad({end})")

    def _write_transpose(self) -> None:
        x = self.pool.choose(self.pool.tensors)
        if x is not None:
            self._assign(
                f"{x.name}.{self.pool.pick('T', 'T', 'mT' if x.values.ndim != 1 else 'T')}"
            )

    def _write_backward(self) -> None:
        y = self._choose_tracked(prefer_computed=True)
        if y is not None:
            end = self.pool.pick("", ", retain_graph=True")
            error = self._run(f"{y.name}.backward({self._cotangent(y)}{end})")
            # How far PyTorch's walk got before an error is undocumented, so the program ends here.
            self.over = error is not None

    def _write_grad(self) -> None:
        y, x = self._choose_tracked(), self._choose_tracked()
        if x is not None and y is not None:
            given = f"{y.name}, {x.name}, {self._cotangent(y)}"
            options = "create_graph=True, allow_unused=True"
            self._assign(f"torch.autograd.grad({given}, {options})[0]")

    def _write_op(self) -> None:
        op = self.slot.action
        case = SAMPLES[op].case(self.pool)
        usable = [form for name, form in _FORMS[op].items() if form_takes(op, name, case)]
        if not usable:
            return
        form = self.pool.pick(*usable)
        operands = [
            x if isinstance(x, ProgramTensor) or not isinstance(x, Operand) else self._write_leaf(x)
            for x in case.operands
        ]
        texts = [Expression(x.name) if isinstance(x, ProgramTensor) else x for x in operands]
        options = {
            name: Expression(as_code(value)) if isinstance(value, np.dtype) else value
            for name, value in case.options.items()
        }
        if isinstance(form, InPlaceForm):
            self._write_in_place(str(form.write(*texts, **options)), operands)
        else:
            self._write_computation(str(form(Expression("torch"), *texts, **options)))

    def _write_computation(self, text: str) -> None:
        """Write a statement that computes something new, unless it is useless."""
        error = self._assign(text, _result_count(self.slot.action), self.slot.recording)
        if error is not None:
            useful = self.pool.integer(1, 4) == 1
        else:
            results = [self.execution.names[name] for name in self.statements[-1].names]
            useful = self.texture == "special" or all(map(_is_moderate, results))
        if not useful:
            self._forget()

    def _write_in_place(self, text: str, operands: Sequence[Any]) -> None:
        """Write a statement that writes into its first operand, unless it is useless."""
        op, x = self.slot.action, operands[0]
        target, *others = (
            self.execution.names[y.name] for y in operands if isinstance(y, ProgramTensor)
        )
        if any(_overlap(target, y, op) for y in others):
            return  # PyTorch leaves the result undefined
        if 0 in target.stride() and (op in ("index_put", "masked_fill") or x.requires_grad):
            return  # PyTorch warns about those ops, and its backward fails for the others
        if x.is_leaf and x.requires_grad and self.slot.recording and self.slot.seed % 4:
            return  # the error would be too frequent
        self._run(text, recording=self.slot.recording)


@functools.cache
def _result_count(op: str) -> int:
    case = draw_case(op, 0, "tame")
    operands = [x.array() if isinstance(x, Operand) else x for x in case.operands]
    output, _ = REGISTRY[op].forward(*operands, **case.options)
    return len(output) if isinstance(output, tuple) else 1


def _is_moderate(x: torch.Tensor) -> bool:
    values = x.detach()
    return not values.is_floating_point() or bool((values.abs() < 1e4).all())


def _overlap(x: torch.Tensor, y: torch.Tensor, op: str) -> bool:
    """Tell whether a write into `x` changes elements of `y` that are read later."""
    if x is y:
        return op in ("copy", "index_put")
    return bool(np.may_share_memory(values_of(x), values_of(y)))
