"""Replay: each op that minigrad computes, computed again by PyTorch from the very same operands.

    with Replay() as replay:
        loss = criterion(model(x), y)
        loss.backward()
    replay.first  # the first op in program order whose result or gradient PyTorch does not share

Every rule is watched as it runs (`quiet.watched`), and so is every pullback when the tape calls it.
PyTorch gets copies of the arrays that went in, so that an op is judged by its own arithmetic alone:
strictly, by its line in `bounds.BOUNDS`, whatever rounding had done to its operands before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import minigrad
from minigrad.arithmetic import quiet
from minigrad.autograd.graph import walk
from minigrad.rules import REGISTRY
from minigrad.rules.rule import Pullback

from .bounds import SUMMED, bound, known_otherwise
from .closeness import Array, Difference, Exact, Scaled, Strength, Ulps, difference
from .convert import array_of, tensor_of
from .findings import Finding
from .spelling import arguments, spelling

_NAMES = {rule.forward: name for name, rule in REGISTRY.items()}
_WRITES = {rule.ufunc: name for name, rule in REGISTRY.items() if rule.ufunc is not None}
# Ops whose operands broadcast against each other.
_BROADCASTING = {
    name
    for name, rule in REGISTRY.items()
    if len(rule.operands) > 1 and (rule.promotion is not None or name == "where")
}


@dataclass
class Op:
    """One call of a rule in minigrad, and the same call in PyTorch."""

    name: str
    number: int
    where: str
    operands: tuple[Any, ...]  # in PyTorch: copies of the arrays as they were, or numbers
    options: dict[str, Any]
    value: Array  # minigrad's, as it was
    result: torch.Tensor | None  # PyTorch's, with its graph


class Event(NamedTuple):
    """Something that minigrad computed: an op's value, a gradient that arrived there, or (where
    there is no op) at a leaf."""

    what: str
    op: Op | None
    array: Array


class Replay(AbstractContextManager["Replay"]):
    """Watches what this thread computes in minigrad, and has PyTorch compute it on `device`.

    `ops` are the calls in program order, and `findings` where the two differ by more than the op's
    bounds allow, in the order in which they were met. `events` is all that was computed on the way,
    in the order of time. `overflowed` is whether a sum was finite in one of them alone, which
    depends on the order in which it is taken, so that no op is to blame for it.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.ops: list[Op] = []
        self.findings: list[Finding] = []
        self.events: list[Event] = []
        self.overflowed = False

    @property
    def first(self) -> Finding | None:
        """The finding of the op that the program called first: its value's before a gradient's."""
        return min(self.findings, key=lambda found: found.number, default=None)

    def __enter__(self) -> Replay:
        self._watching = quiet.watched(self._watch)
        self._watching.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._watching.__exit__(*exception)

    def _watch(self, run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        if isinstance(function, np.ufunc):
            before = [x.copy() for x in args[:2]]  # `args[0]` is about to be written
            result = run(function, *args, **options)
            if function in _WRITES:
                self._call(_WRITES[function], tuple(before), {}, (result, ()))
            return result
        result = run(function, *args, **options)
        if function is walk:
            self.events += [Event("gradient", None, np.array(g)) for g in result.values()]
        name = _NAMES.get(function)
        return result if name is None else self._call(name, args, options, result)

    # One op ---------------------------------------------------------------------------------------

    def _call(self, name: str, args: tuple[Any, ...], options: dict[str, Any], result: Any) -> Any:
        output, pullbacks = result
        outputs = output if isinstance(output, tuple) else (output,)
        operands, options = arguments(name, args, options)
        value = np.array(outputs[0])
        op = Op(name, len(self.ops) + 1, _caller(), operands, options, value, None)
        self.ops.append(op)
        self.events.append(Event("value", op, value))
        try:
            theirs = self._spelled(op, pullbacks)
        except Exception as error:
            self._find(op, "value", f"PyTorch raises {type(error).__name__}: {error}")
            return result
        op.result = theirs[0]
        allowed = bound(name, options.get("alpha", 1)).value
        for i, (ours, tensor) in enumerate(zip(outputs, theirs, strict=True)):
            what = "value" if i == 0 else "indices"
            terms = lambda: self._terms(op, None, None)  # noqa: E731
            self._check(op, what, np.asarray(ours), array_of(tensor), allowed, terms)
        return output, tuple(self._watched(op, i, pullback) for i, pullback in enumerate(pullbacks))

    def _spelled(self, op: Op, pullbacks: Sequence[Pullback | None]) -> tuple[torch.Tensor, ...]:
        """The op's results in PyTorch, of copies of its operands that it keeps."""
        shape = None
        if op.name in _BROADCASTING:
            # Each operand is spread out first, so that no gradient is a sum, with the freedom of
            # one. To sum it is the engine's work, and no part of the op's.
            shape = np.broadcast_shapes(*(x.shape for x in op.operands if hasattr(x, "shape")))
        leaves = []
        for i, x in enumerate(op.operands):
            if isinstance(x, np.ndarray):
                spread = x if shape is None else np.broadcast_to(x, shape)
                wanted = i < len(pullbacks) and pullbacks[i] is not None
                wanted = wanted and x.dtype.kind == op.value.dtype.kind == "f"
                leaves.append(self._tensor(spread).requires_grad_(wanted))
            else:
                leaves.append(x)
        op.operands = tuple(leaves)
        op.options = {name: self._option(value) for name, value in op.options.items()}
        return self._results(op, op.operands)

    def _results(self, op: Op, operands: Sequence[Any]) -> tuple[torch.Tensor, ...]:
        with torch.enable_grad():
            results = spelling(op.name)(torch, *operands, **op.options)
        return tuple(results) if isinstance(results, tuple) else (results,)

    def _tensor(self, array: Array) -> torch.Tensor:
        return tensor_of(array, self.device)

    def _option(self, option: Any) -> Any:
        if isinstance(option, np.dtype):
            return getattr(torch, option.name)
        if isinstance(option, np.ndarray):
            return self._tensor(option)
        if isinstance(option, tuple):
            return tuple(self._option(item) for item in option)
        return option

    # Its derivatives ------------------------------------------------------------------------------

    def _watched(self, op: Op, i: int, pullback: Pullback | None) -> Pullback | None:
        if pullback is None or not getattr(op.result, "requires_grad", False):
            return pullback

        def watched(g: Array) -> Array:
            d = pullback(g)
            self._derivative(op, i, g, d)
            return d

        return watched

    def _derivative(self, op: Op, i: int, g: Array, d: Array) -> None:
        leaf = op.operands[i]
        if not isinstance(leaf, torch.Tensor) or not leaf.requires_grad:
            return
        assert op.result is not None
        self.events.append(Event("gradient that arrives at the value", op, np.array(g)))
        theirs = array_of(_pulled_back(op.result, leaf, self._tensor(g)))
        strength = bound(op.name, op.options.get("alpha", 1)).gradient
        if d.shape != theirs.shape:  # the copies that broadcasting did not make are the op's to sum
            d, strength = _summed(d, theirs.shape), SUMMED
        coarse = min((theirs.dtype, op.value.dtype), key=lambda dtype: dtype.itemsize)
        with np.errstate(over="ignore"):
            # What was computed in float32 is no more exact for having been made float64 after.
            ours, theirs = (np.asarray(x, theirs.dtype).astype(coarse) for x in (d, theirs))
        what = f"gradient of {_operand_name(op, i)}"
        self._check(op, what, ours, theirs, strength, lambda: self._terms(op, i, g))

    # How close ------------------------------------------------------------------------------------

    def _check(
        self,
        op: Op,
        what: str,
        ours: Array,
        theirs: Array,
        strength: Strength,
        terms: Callable[[], Array],
    ) -> None:
        alike = ours.dtype == theirs.dtype and ours.shape == theirs.shape
        if alike and ours.tobytes() == theirs.tobytes():
            return  # as it is for most ops: so this is the short way
        found = difference(ours, theirs, Exact())
        if found is not None and found.index is not None and not isinstance(strength, Exact):
            scale = terms() if isinstance(strength, Scaled) else None
            found = difference(ours, theirs, strength, scale)
            if found is None and not np.isfinite([ours, theirs]).all():
                self.overflowed |= difference(ours, theirs, Ulps(np.finfo(float).max)) is not None
        if found is not None:
            self._find(op, what, found)

    def _find(self, op: Op, what: str, found: Difference | str) -> None:
        note = known_otherwise(op.name, op.operands, op.options, torch.__version__)
        self.findings.append(Finding(what, found, op.name, op.number, op.where, note=note))

    def _terms(self, op: Op, i: int | None, g: Array | None) -> Array:
        """Σ|terms| of the op's value, or with a cotangent of its gradient of operand `i`."""
        allowed = bound(op.name, op.options.get("alpha", 1))
        assert op.result is not None
        y = array_of(op.result).astype(np.float64)
        with np.errstate(all="ignore"):
            if g is None and allowed.value_terms is not None:
                return allowed.value_terms(y)
            if g is not None and allowed.gradient_terms is not None:
                return allowed.gradient_terms(y, g.astype(np.float64), op.options.get("dim", 0))
        return self._magnitudes(op, i, g)

    def _magnitudes(self, op: Op, i: int | None, g: Array | None) -> Array:
        """The same for an op that is linear in each operand: the op itself, of the magnitudes.

        What is not finite has no rounding error, so it counts for nothing.
        """
        name = {"sub": "add", "rsub": "add"}.get(op.name, op.name)
        options = dict(op.options) | (
            {"alpha": abs(op.options["alpha"])} if "alpha" in op.options else {}
        )
        if options.get("dtype") is not None:
            options["dtype"] = torch.float64
        operands = [_magnitude(x) for x in op.operands]
        result = self._results(Op(name, 0, "", (), options, op.value, None), operands)[0]
        if i is None or g is None:
            return np.abs(array_of(result))
        cotangent = _magnitude(self._tensor(np.asarray(g)))
        return np.abs(array_of(_pulled_back(result, operands[i], cotangent)))


def _pulled_back(result: torch.Tensor, leaf: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    (found,) = torch.autograd.grad(result, leaf, g, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


def _magnitude(x: Any) -> Any:
    if isinstance(x, torch.Tensor) and x.is_floating_point():
        finite = torch.nan_to_num(x.detach().double(), nan=0.0, posinf=0.0, neginf=0.0)
        return finite.abs().requires_grad_(x.requires_grad)
    return abs(x) if isinstance(x, float) else x


def _summed(d: Array, shape: tuple[int, ...]) -> Array:
    """A gradient summed over the copies of an operand of that shape."""
    lead = tuple(range(d.ndim - len(shape)))
    d = np.add.reduce(d, lead)
    stretched = tuple(k for k, size in enumerate(shape) if size != d.shape[k])
    return np.add.reduce(d, stretched, keepdims=True)


def _operand_name(op: Op, i: int) -> str:
    parameters = REGISTRY[op.name].parameters
    return parameters[i] if parameters else f"tensors[{i}]"


_ENGINE = Path(minigrad.__file__).parent
_PROGRAMS = _ENGINE / "programs.py"  # which are written as a user's are
_NOT_THE_CALLER = (f"{_ENGINE}/", f"{Path(__file__).parent}/")


def _caller() -> str:
    """The file and the line that called the op: the innermost that is not of the engine."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file == str(_PROGRAMS) or not file.startswith((*_NOT_THE_CALLER, "<frozen")):
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
