"""Replay: each op that minigrad computes, computed again by PyTorch from the very same operands.

    with Replay() as replay:
        loss = criterion(model(x), y)
        loss.backward()
    replay.first  # the first op in program order whose result or gradient PyTorch does not share

Every rule is watched as it runs (`quiet.watched`), and so is every pullback when the tape calls it.
PyTorch gets copies of the arrays that went in, so that an op is judged by its own arithmetic alone:
strictly, by its line in `minigrad.accuracy`, whatever rounding had done to its operands before.
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
from minigrad.catalogue.accuracy import SUMMED, Exact, Scaled, Strength, Ulps
from minigrad.core.errstate import quiet
from minigrad.core.walk import walk
from minigrad.rules import REGISTRY
from minigrad.rules.rule import Pullback

from .closeness import Array, Difference, difference
from .convert import array_of
from .findings import Finding
from .spelling import arguments
from .twin import Twin
from .versions import known_otherwise

_NAMES = {rule.forward: name for name, rule in REGISTRY.items()}
_WRITES = {rule.write: name for name, rule in REGISTRY.items() if rule.write is not None}


@dataclass(frozen=True)
class Op:
    """One call of a rule in minigrad, the same in PyTorch, and its place in the program."""

    name: str
    number: int
    where: str
    value: Array  # minigrad's, as it was
    twin: Twin | None  # None where PyTorch raised an error


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
        if function in _WRITES or isinstance(function, np.ufunc):
            before = tuple(x.copy() for x in args[:2])  # `args[0]` is about to be written
            result = run(function, *args, **options)
            if function in _WRITES:
                self._call(_WRITES[function], before, {}, (result, ()))
            return result
        name = _NAMES.get(function)
        if name is not None:
            before = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in args)
            result = self._call(name, before, options, run(function, *args, **options))
            self._unwritten(self.ops[-1], args, before)
            return result
        result = run(function, *args, **options)
        if function is walk:
            self.events += [
                Event("gradient", None, np.array(getattr(g, "_array", g))) for g in result.values()
            ]
        return result

    def _unwritten(self, op: Op, operands: Sequence[Any], before: Sequence[Any]) -> None:
        """A rule never writes into its operands, nor a pullback into its cotangent."""
        for i, (x, y) in enumerate(zip(operands, before, strict=True)):
            if isinstance(x, np.ndarray) and x.tobytes() != y.tobytes():
                found = difference(x, y, Exact())
                if found is not None:
                    self._find(op, f"operand {i + 1}", f"{op.name} writes into it: {found}")

    def _call(self, name: str, args: tuple[Any, ...], options: dict[str, Any], result: Any) -> Any:
        """Have PyTorch make the call that `result` came of, and watch its pullbacks too.

        The arguments are as they were before the call.
        """
        output, pullbacks = result
        outputs = output if isinstance(output, tuple) else (output,)
        operands, options = arguments(name, args, options)
        value = np.array(outputs[0])
        wanted = [False] * len(operands)
        for i, (x, pullback) in enumerate(zip(operands, pullbacks, strict=False)):
            kinds = getattr(x, "dtype", value.dtype).kind + value.dtype.kind
            wanted[i] = pullback is not None and kinds == "ff"
        twin, said = None, ""
        try:
            twin = Twin(name, operands, options, wanted, self.device)
        except Exception as error:
            said = f"PyTorch raises {type(error).__name__}: {error}"
        op = Op(name, len(self.ops) + 1, _caller(), value, twin)
        self.ops.append(op)
        self.events.append(Event("value", op, value))
        if twin is None:
            self._find(op, "value", said)
            return result
        for i, (ours, theirs) in enumerate(zip(outputs, twin.results, strict=True)):
            what = "value" if i == 0 else "indices"
            strength = twin.bound.value
            self._check(op, what, np.asarray(ours), array_of(theirs), strength, twin.value_terms)
        watched = [
            self._watched(op, twin, i, pullback)
            if pullback and twin.differentiable(i)
            else pullback
            for i, pullback in enumerate(pullbacks)
        ]
        return output, tuple(watched)

    def _watched(self, op: Op, twin: Twin, i: int, pullback: Pullback) -> Pullback:
        def watched(g: Array) -> Array:
            before = np.array(g)
            d = pullback(g)
            self._derivative(op, twin, i, before, d)
            if g.tobytes() != before.tobytes():
                what = f"cotangent for {_operand_name(op, i)}"
                self._find(op, what, f"the pullback of {op.name} writes into it")
            return d

        # What a graph of the gradient is made of is the pullback itself, whose ops are watched.
        watched.__wrapped__ = pullback  # type: ignore[attr-defined]
        return watched

    def _derivative(self, op: Op, twin: Twin, i: int, g: Array, d: Array) -> None:
        """Compare what the pullback of operand `i` made of `g` with what PyTorch makes of it."""
        self.events.append(Event("gradient that arrives at the value", op, g))
        theirs, strength = twin.gradient(i, g), twin.bound.gradient
        if d.shape != theirs.shape and _spreads(theirs.shape, d.shape):
            # The copies that broadcasting did not make: to sum over them is left to the engine.
            d, strength = _summed(d, theirs.shape), SUMMED
        coarse = min((theirs.dtype, op.value.dtype), key=lambda dtype: dtype.itemsize)
        with np.errstate(over="ignore"):
            # What was computed in float32 is no more exact for having been made float64 after.
            ours, theirs = (np.asarray(x, theirs.dtype).astype(coarse) for x in (d, theirs))
        what = f"gradient of {_operand_name(op, i)}"
        self._check(op, what, ours, theirs, strength, lambda: twin.gradient_terms(i, g))

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
            scale = None
            if isinstance(strength, Scaled):
                with np.errstate(all="ignore"):
                    scale = terms()
            found = difference(ours, theirs, strength, scale)
            if found is None and not np.isfinite([ours, theirs]).all():
                self.overflowed |= difference(ours, theirs, Ulps(np.finfo(float).max)) is not None
        if found is not None:
            self._find(op, what, found)

    def _find(self, op: Op, what: str, found: Difference | str) -> None:
        note = ""
        if op.twin is not None:
            version = torch.__version__
            note = known_otherwise(op.name, op.twin.operands, op.twin.options, version)
        self.findings.append(Finding(what, found, op.name, op.number, op.where, note=note))


def _spreads(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of one shape can be broadcast to the other."""
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _summed(d: Array, shape: tuple[int, ...]) -> Array:
    """A gradient summed over the copies of an operand of that shape."""
    d = np.add.reduce(d, tuple(range(d.ndim - len(shape))))
    stretched = tuple(k for k, size in enumerate(shape) if size != d.shape[k])
    return np.add.reduce(d, stretched, keepdims=True)


def _operand_name(op: Op, i: int) -> str:
    parameters = REGISTRY[op.name].parameters
    return parameters[i] if parameters else f"tensors[{i}]"


_ENGINE = Path(minigrad.__file__).parent
_PROGRAMS = _ENGINE / "app" / "programs.py"  # which are written as a user's are
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
