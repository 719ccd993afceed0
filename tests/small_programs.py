"""Small programs with views and in-place writes, drawn by hypothesis, for minigrad and PyTorch.

A program is a list of instructions over a list of tensors that grows as it runs. An instruction
picks its operands by number, modulo the number of tensors. So every list of instructions is a
program, and hypothesis can shorten a failing one. All elements are small integers in float64: the
comparison is about which elements went where, not about rounding.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st


class Instruction(NamedTuple):
    """An op, the numbers of its target and its other operand, and a number that varies it."""

    op: str
    to: int
    other: int
    vary: int
    recording: bool  # False: runs in no_grad

    def __repr__(self) -> str:
        suffix = "" if self.recording else ", no_grad"
        return f"({self.op} {self.to} {self.other} {self.vary}{suffix})"


Action = Callable[[Any, Any, Any, int], Any]  # namespace, tensor, other tensor, vary


def _key(x: Any, vary: int) -> Any:
    """Return a key into `x`: an int, a slice, a pair, or one with None or `...`."""
    keys = [0, -1, slice(1, None), slice(None, None, 2), (..., 0), (slice(None), 1), None, ...]
    return keys[vary % len(keys)]


def _gather_key(x: Any, vary: int) -> Any:
    """Return a key that copies: a list of indices, with a repeat, or a mask."""
    return [[0], [0, 0], [-1, 0], x > 0][vary % 4]


MAKE: dict[str, Action] = {
    "leaf": lambda torch, x, y, k: _leaf(torch, k, True),
    "constant": lambda torch, x, y, k: _leaf(torch, k, False),
}
COMPUTE: dict[str, Action] = {
    "add": lambda torch, x, y, k: x + y,
    "mul": lambda torch, x, y, k: x * y,
    "double": lambda torch, x, y, k: x * 2,
    "square": lambda torch, x, y, k: x * x,
    "relu": lambda torch, x, y, k: x.relu(),
    "maximum": lambda torch, x, y, k: torch.maximum(x, y),
    "clone": lambda torch, x, y, k: x.clone(),
    "sum": lambda torch, x, y, k: x.sum(0) if x.ndim else x.sum(),
    "gather": lambda torch, x, y, k: x[_gather_key(x, k)],
    "where": lambda torch, x, y, k: torch.where(x > 0, x, y),
    "stack": lambda torch, x, y, k: torch.stack([x, y], k % 2),
    "constant mul": lambda torch, x, y, k: x * y.detach(),
}
VIEW: dict[str, Action] = {
    "index": lambda torch, x, y, k: x[_key(x, k)],
    "transpose": lambda torch, x, y, k: x.T if k % 2 else x.transpose(0, -1),
    "flatten": lambda torch, x, y, k: x.reshape(-1),
    "view": lambda torch, x, y, k: x.view(-1, 2),
    "expand": lambda torch, x, y, k: x.expand(2, *x.shape),
    "unsqueeze": lambda torch, x, y, k: x.unsqueeze(k % 2),
    "squeeze": lambda torch, x, y, k: x.squeeze(),
    "detach": lambda torch, x, y, k: x.detach(),
    "data": lambda torch, x, y, k: x.data,
}
WRITE_OTHER: dict[str, Action] = {
    "add_": lambda torch, x, y, k: x.add_(y),
    "mul_": lambda torch, x, y, k: x.mul_(y),
    "copy_": lambda torch, x, y, k: x.copy_(y),
    "set": lambda torch, x, y, k: x.__setitem__(_key(x, k), y),
    "scatter": lambda torch, x, y, k: x.__setitem__(_gather_key(x, k), y),
}
WRITE: dict[str, Action] = WRITE_OTHER | {
    "sub_": lambda torch, x, y, k: x.sub_(1),
    "mul_ 3": lambda torch, x, y, k: x.mul_(3),
    "square_": lambda torch, x, y, k: x.mul_(x),
    "relu_": lambda torch, x, y, k: x.relu_(),
    "neg_": lambda torch, x, y, k: x.neg_(),
    "zero_": lambda torch, x, y, k: x.zero_(),
    "fill_": lambda torch, x, y, k: x.fill_(2),
    "set number": lambda torch, x, y, k: x.__setitem__(_key(x, k), k),
    "scatter number": lambda torch, x, y, k: x.__setitem__(_gather_key(x, k), k),
    "data write": lambda torch, x, y, k: x.data.mul_(2),
    "detached write": lambda torch, x, y, k: x.detach().mul_(2),
}
FLAG: dict[str, Action] = {
    "leaf again": lambda torch, x, y, k: x.detach().clone().requires_grad_(),
    "retain_grad": lambda torch, x, y, k: x.retain_grad(),
    "forget grad": lambda torch, x, y, k: setattr(x, "grad", None),
    "backward": lambda torch, x, y, k: x.backward(cotangent(torch, x, k)),
    "backward, retaining": lambda torch, x, y, k: x.backward(
        cotangent(torch, x, k), retain_graph=True
    ),
}
ACTIONS = MAKE | COMPUTE | VIEW | WRITE | FLAG


def _leaf(torch: Any, vary: int, requires_grad: bool) -> Any:
    shape = [(2, 2), (3,), (2, 3), (), (1, 2), (2,)][vary % 6]
    values = np.resize([1.0, -2.0, 3.0, 0.0, 2.0, -1.0, 4.0][vary % 7 :], shape)
    return torch.from_numpy(np.array(values)).requires_grad_(requires_grad)


def cotangent(torch: Any, x: Any, seed: int) -> Any:
    """Return integers in the shape of `x`, with no two neighbours equal."""
    values = np.random.default_rng(seed).integers(-3, 4, tuple(x.shape))
    return torch.from_numpy(np.array(values, np.float64))


def instructions(*kinds: dict[str, Action]) -> st.SearchStrategy[Instruction]:
    """Draw instructions of the given kinds."""
    number = st.integers(0, 7)
    recording = st.integers(0, 7).map(bool)  # one in eight is not recorded
    names = st.one_of(*(st.sampled_from(sorted(kind)) for kind in kinds))
    return st.builds(Instruction, names, number, number, number, recording)


@dataclass
class Run:
    """A program's run in one library: its tensors, and the type of each instruction's error."""

    torch: Any
    tensors: list[Any] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tensors += [_leaf(self.torch, 0, True), _leaf(self.torch, 0, True) * 1]

    def execute(self, instruction: Instruction) -> None:
        """Execute one instruction. Note its error, if any, and continue."""
        x = self.tensors[instruction.to % len(self.tensors)]
        y = self.tensors[instruction.other % len(self.tensors)]
        if instruction.op in WRITE:
            if _tangled(x, y, instruction.op in WRITE_OTHER):
                return
            # PyTorch reports a view as a leaf after its base got a history, until grad_fn is read.
            _seen(lambda x: x.grad_fn, x)
        recording = instruction.recording or instruction.op in VIEW
        context = contextlib.nullcontext() if recording else self.torch.no_grad()
        try:
            with context, warnings.catch_warnings(action="ignore"):
                result = ACTIONS[instruction.op](self.torch, x, y, instruction.vary)
        except Exception as error:
            self.errors.append(type(error).__name__)
            if instruction.op.startswith("backward"):
                # It is unspecified how far PyTorch gets before it finds the error.
                for tensor in self.tensors:
                    tensor.grad = None
            return
        self.errors.append(None)
        if result is not None and all(result is not tensor for tensor in self.tensors):
            self.tensors.append(result)

    def state(self) -> list[list[Any]]:
        """Return what is visible of each tensor, in terms that both libraries share."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns about .grad of a non-leaf
            return [[_seen(look, x) for look in _LOOKS] for x in self.tensors]


_LOOKS: list[Callable[[Any], Any]] = [
    lambda x: plain(x),
    lambda x: x.requires_grad,
    lambda x: x.is_leaf,
    lambda x: x.grad_fn is None,
    lambda x: x.retains_grad,
    lambda x: None if x.grad is None else plain(x.grad),
]


def _tangled(x: Any, y: Any, uses_y: bool) -> bool:
    """Tell whether PyTorch leaves the result of writing `y` into `x` undefined.

    It does where elements of `x` share memory with each other or with elements of `y`.
    """
    if 0 in x.stride():
        return True
    return uses_y and np.may_share_memory(x.detach().numpy(), y.detach().numpy())


def _seen(look: Callable[[Any], Any], x: Any) -> Any:
    """Return `look(x)`, or RuntimeError, which a view of an overwritten tensor may raise."""
    try:
        return look(x)
    except RuntimeError:
        return RuntimeError


def plain(x: Any) -> Any:
    """Return the elements, with -0 as 0: the sign of a zero sum is arithmetic, not history."""
    return (x.detach().numpy() + 0.0).tolist()
