"""Replay: PyTorch computes each op that minigrad computes, from the very same operands.

    with Replay() as replay:
        loss = criterion(model(x), y)
        loss.backward()
    replay.first  # the first op in program order whose value or gradient differs from PyTorch's

Every call of a rule is watched, and every pullback when the backward walk calls it. PyTorch gets
copies of the arrays that went in, so the rounding of earlier ops doesn't matter: each op is held to
its own tolerance in `minigrad/catalogue/accuracy.py`.
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
from bridge.libraries.convert import array_of, copy_with_strides
from bridge.libraries.op_calls import ONE_RESULT, split_arguments
from bridge.libraries.versions import version_note
from minigrad.catalogue.accuracy import SUMMED, Exact, Scaled, Tolerance, Ulps
from minigrad.rules import REGISTRY
from minigrad.rules.rule import BY_FORWARD, BY_WRITE, Pullback

from .closeness import Array, Difference, difference
from .findings import Finding
from .torch_call import TorchCall
from .watching import engine_watched, is_backward_walk


@dataclass(frozen=True)
class OpCall:
    """One call of a rule in minigrad, and the same call in PyTorch.

    `number` is its place in program order, from 1; `where` the line that called it; `value` a copy
    of minigrad's result; `torch_call` is None if PyTorch raised an error.
    """

    name: str
    number: int
    where: str
    value: Array
    torch_call: TorchCall | None


class Computed(NamedTuple):
    """An array that minigrad computed: an op's value, a cotangent that reached it, or (without an
    op) the gradient of a leaf."""

    what: str
    op: OpCall | None
    array: Array


class Replay(AbstractContextManager["Replay"]):
    """Watch what this thread computes in minigrad, and have PyTorch compute it on `device`.

    - `ops`: the calls, in program order.
    - `findings`: values and gradients that differ by more than the op's tolerance, in the order in
      which they were computed.
    - `computed`: every array computed on the way, in that order.
    - `overflowed`: whether a sum was finite in one library only. That depends on the order of
      summation, so no op is to blame.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.ops: list[OpCall] = []
        self.findings: list[Finding] = []
        self.computed: list[Computed] = []
        self.overflowed = False

    @property
    def first(self) -> Finding | None:
        """The first finding in program order; an op's value comes before its gradients."""
        return min(self.findings, key=lambda found: found.number, default=None)

    def __enter__(self) -> Replay:
        self._watching = engine_watched(self._watch)
        self._watching.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._watching.__exit__(*exception)

    def _watch(self, run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        if function in BY_WRITE or isinstance(function, np.ufunc):
            # The function writes into `args[0]`.
            before = tuple(map(_copied, args[:2]))
            result = run(function, *args, **options)
            if function in BY_WRITE:
                self._replay(BY_WRITE[function].name, before, {}, (result, ()))
            return result
        # float16 operands may be computed in float32, by a function around the rule's.
        forward = getattr(function, "__wrapped__", function)
        if forward in BY_FORWARD:
            before = tuple(map(_copied, args))
            result = run(function, *args, **options)
            result = self._replay(BY_FORWARD[forward].name, before, options, result)
            self._check_unwritten(self.ops[-1], args, before)
            return result
        result = run(function, *args, **options)
        if is_backward_walk(function):
            self.computed += [
                Computed("gradient", None, np.array(getattr(g, "_array", g)))
                for g in result.values()
            ]
        return result

    def _replay(
        self, name: str, args: tuple[Any, ...], options: dict[str, Any], result: Any
    ) -> Any:
        """Have PyTorch make the call that returned `result`; return it with watched pullbacks.

        `args` are the arguments as they were before the call.
        """
        output, pullbacks = result
        outputs = output if isinstance(output, tuple) else (output,)
        op = self._call_torch(name, args, options, np.array(outputs[0]), pullbacks)
        call = op.torch_call
        if call is None:
            return result
        compared = outputs[:1] if name in ONE_RESULT else outputs
        for i, (ours, theirs) in enumerate(zip(compared, call.results, strict=True)):
            what = "value" if i == 0 else "indices"
            tolerance = call.tolerance.value
            self._check(op, what, np.asarray(ours), array_of(theirs), tolerance, call.value_terms)
        watched = [
            self._watched(op, call, i, pullback)
            if pullback and call.differentiable(i)
            else pullback
            for i, pullback in enumerate(pullbacks)
        ]
        return output, tuple(watched)

    def _call_torch(
        self,
        name: str,
        args: tuple[Any, ...],
        options: dict[str, Any],
        value: Array,
        pullbacks: Sequence[Pullback | None],
    ) -> OpCall:
        operands, options = split_arguments(name, args, options)
        requires_grad = [False] * len(operands)
        for i, (x, pullback) in enumerate(zip(operands, pullbacks, strict=False)):
            kinds = getattr(x, "dtype", value.dtype).kind + value.dtype.kind
            requires_grad[i] = pullback is not None and kinds == "ff"
        call, error = None, ""
        try:
            call = TorchCall(name, operands, options, requires_grad, self.device, value)
        except Exception as raised:
            error = f"PyTorch raises {type(raised).__name__}: {raised}"
        op = OpCall(name, len(self.ops) + 1, _calling_line(), value, call)
        self.ops.append(op)
        self.computed.append(Computed("value", op, value))
        if error:
            self._add_finding(op, "value", error)
        return op

    def _watched(self, op: OpCall, call: TorchCall, i: int, pullback: Pullback) -> Pullback:
        def watched(g: Array) -> Array:
            before = np.array(g)
            d = pullback(g)
            self._check_gradient(op, call, i, before, d)
            if g.tobytes() != before.tobytes():
                what = f"cotangent for {_operand_name(op, i)}"
                self._add_finding(op, what, f"the pullback of {op.name} writes into it")
            return d

        # With create_graph=True the engine runs the pullback itself over tensors, and the ops of
        # that are watched too.
        watched.__wrapped__ = pullback  # type: ignore[attr-defined]
        return watched

    # Checks -----------------------------------------------------------------------------------

    def _check_unwritten(self, op: OpCall, operands: Sequence[Any], before: Sequence[Any]) -> None:
        for i, (x, y) in enumerate(zip(operands, before, strict=True)):
            if isinstance(x, np.ndarray) and x.tobytes() != y.tobytes():
                found = difference(x, y, Exact())
                if found is not None:
                    self._add_finding(op, f"operand {i + 1}", f"{op.name} writes into it: {found}")

    def _check_gradient(self, op: OpCall, call: TorchCall, i: int, g: Array, d: Array) -> None:
        """Compare the pullback's result `d` for operand `i` and cotangent `g` with PyTorch's."""
        self.computed.append(Computed("gradient that arrives at the value", op, g))
        theirs, tolerance = call.gradient(i, g), call.tolerance.gradient
        if d.shape != theirs.shape and _broadcasts(theirs.shape, d.shape):
            # The pullback left the sum over broadcast copies to the engine.
            d, tolerance = _sum_to(d, theirs.shape), SUMMED
        coarse = min((theirs.dtype, op.value.dtype), key=lambda dtype: dtype.itemsize)
        with np.errstate(over="ignore"):
            # A float32 result that was converted to float64 is only as exact as float32.
            ours, theirs = (np.asarray(x, theirs.dtype).astype(coarse) for x in (d, theirs))
        what = f"gradient of {_operand_name(op, i)}"
        self._check(op, what, ours, theirs, tolerance, lambda: call.gradient_terms(i, g))

    def _check(
        self,
        op: OpCall,
        what: str,
        ours: Array,
        theirs: Array,
        tolerance: Tolerance,
        terms: Callable[[], Array],
    ) -> None:
        alike = ours.dtype == theirs.dtype and ours.shape == theirs.shape
        if alike and ours.tobytes() == theirs.tobytes():
            return  # most ops end here, at the cheapest comparison
        found = difference(ours, theirs, Exact())
        if found is not None and found.index is not None and not isinstance(tolerance, Exact):
            scale = None
            if isinstance(tolerance, Scaled):
                with np.errstate(all="ignore"):
                    scale = terms()
            found = difference(ours, theirs, tolerance, scale)
            if found is None and not np.isfinite([ours, theirs]).all():
                self.overflowed |= difference(ours, theirs, Ulps(np.finfo(float).max)) is not None
        if found is not None:
            self._add_finding(op, what, found)

    def _add_finding(self, op: OpCall, what: str, found: Difference | str) -> None:
        note, call = "", op.torch_call
        if call is not None:
            note = version_note(op.name, call.operands, call.options, torch.__version__)
        self.findings.append(Finding(what, found, op.name, op.number, op.where, note=note))


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _sum_to(d: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the broadcast copies of an operand of that shape."""
    d = np.add.reduce(d, tuple(range(d.ndim - len(shape))))
    stretched = tuple(k for k, size in enumerate(shape) if size != d.shape[k])
    return np.add.reduce(d, stretched, keepdims=True)


def _copied(x: Any) -> Any:
    """An argument as it is now. The strides of an array decide the last digits of a sum."""
    return copy_with_strides(x) if isinstance(x, np.ndarray) else x


def _operand_name(op: OpCall, i: int) -> str:
    parameters = REGISTRY[op.name].parameters
    return parameters[i] if parameters else f"tensors[{i}]"


_ENGINE = Path(minigrad.__file__).parent
_BRIDGE = Path(__file__).parent.parent
_INTERNAL = (f"{_ENGINE}/", f"{_BRIDGE}/", "<frozen")
# These call ops as a user's program does.
_PROGRAMS = {str(_ENGINE / "app" / name) for name in ("models.py", "programs.py")}


def _calling_line() -> str:
    """Return the file and line that called the op: the innermost outside minigrad and bridge."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file in _PROGRAMS or not file.startswith(_INTERNAL):
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
