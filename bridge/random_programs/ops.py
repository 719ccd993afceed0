"""Statements that call an op of the registry, as a function, a method, an operator, or in place."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bridge.drawing.expressions import Expression, as_code
from bridge.drawing.operands import Case, Operand, layout_of
from bridge.drawing.samples import SAMPLES, InPlaceForm, draw_case, form_takes, forms
from bridge.libraries.op_calls import ONE_RESULT
from minigrad.catalogue.accuracy import FEW_DIGITS_IN_PYTORCH
from minigrad.rules import REGISTRY

from .pool import ProgramTensor
from .program import OpCall, values_of
from .writer import ProgramWriter

# Ops that programs don't call.
_LEFT_OUT = {
    **dict.fromkeys(
        ("cofactors", "gelu_backward"), "it isn't a function of PyTorch, but the gradient of one"
    ),
    **dict.fromkeys(
        ("eigh", "qr", "slogdet", "svd"),
        "each result with a derivative has a node of its own here, and one for all in PyTorch",
    ),
    "lstm": "PyTorch's layer of an LSTM calls one of a library",
    **dict.fromkeys(FEW_DIGITS_IN_PYTORCH, "PyTorch's has 12 digits at most"),
    "igamma": "PyTorch's has 10 digits if both operands are near 1e5",
    "igammac": "PyTorch's loses all digits if `input` is tiny",
}
# The forms of each rule that a program can use; "gradient" is for other rules' pullbacks.
FORMS = {
    name: {form: call for form, call in forms(name).items() if form != "gradient"}
    for name in SAMPLES
    if name not in _LEFT_OUT
}
OPS = tuple(sorted(name for name, found in FORMS.items() if found))
SMOOTH = tuple(name for name in OPS if REGISTRY[name].differentiable)

# PyTorch has no derivative of these by some operand, and `backward` raises an error. So they get
# operands that don't require grad.
_DETACHED = ("floor_divide", "heaviside", "special_zeta")
# The same, in place only.
_DETACHED_IN_PLACE = [
    name for name, rule in REGISTRY.items() if not rule.presentation.in_place_derivative
]


def write_op(writer: ProgramWriter) -> None:
    """Write a call of the op that the slot names, of the program's tensors and new leaves."""
    write_case(writer, SAMPLES[writer.slot.action].case(writer.pool))


def write_case(writer: ProgramWriter, case: Case) -> None:
    """Write this call of the op that the slot names, and the leaves that it needs."""
    op, pool = writer.slot.action, writer.pool
    if case.finite and writer.texture == "special":
        return  # a cotangent might be infinite
    if op == "pow" and case.operands[0] == 2**63:
        return  # PyTorch's derivative takes the logarithm of a negative number
    usable = [name for name in FORMS[op] if form_takes(op, name, case)]
    if not usable:
        return
    name = pool.pick(*usable)
    form = FORMS[op][name]
    operands = [
        x if isinstance(x, ProgramTensor) or not isinstance(x, Operand) else writer.leaf(x)
        for x in case.operands
    ]
    dtypes = {x.values.dtype for x in operands[1:] if isinstance(x, Operand)}
    if op == "where" and len(dtypes) > 1:
        return  # PyTorch converts inside of the op, without a node
    detached = op in _DETACHED or (op in _DETACHED_IN_PLACE and isinstance(form, InPlaceForm))
    end = ".detach()" if detached else ""
    texts = [Expression(x.name + end) if isinstance(x, ProgramTensor) else x for x in operands]
    given = dict(case.options)
    if op in ("sum", "mean") and given.get("dim", 0) is None and not given.get("keepdim"):
        del given["dim"]  # PyTorch's node has another name if `dim=None` is written
        given.pop("keepdim", None)
    options = {key: _option(writer, key, value) for key, value in given.items()}
    if isinstance(form, InPlaceForm):
        kept = _write_in_place(writer, str(form.write(*texts, **options)), operands)
    else:
        kept = _write_computation(writer, str(form(Expression("torch"), *texts, **options)))
    if kept:
        writer.mark(_call_of(writer, name, operands))


def _call_of(writer: ProgramWriter, form: str, operands: Sequence[Any]) -> OpCall:
    tensors = [x for x in operands if isinstance(x, ProgramTensor)]
    first = tensors[0].values if tensors else np.zeros(())
    after = tuple(dict.fromkeys(filter(None, (writer.maker(x.name) for x in tensors))))
    return OpCall(writer.slot.action, form, first.dtype.name, layout_of(first), after)


def _option(writer: ProgramWriter, name: str, value: Any) -> Any:
    """Return an option for the text. Indices and masks get names, so that others can write to them.

    PyTorch reads uint8 masks as well as bool ones.
    """
    if isinstance(value, np.dtype):
        return Expression(as_code(value))
    if name != "key":
        return value
    parts: list[Any] = []
    for part in value:
        if isinstance(part, np.ndarray) and part.dtype.kind == "b":
            part = part.astype(writer.pool.pick(bool, bool, "uint8"))
        array = isinstance(part, np.ndarray)
        parts.append(Expression(writer.leaf(Operand(part)).name) if array else part)
    return tuple(parts)


def _write_computation(writer: ProgramWriter, text: str) -> bool:
    """Write a statement that computes something new, and tell whether it is useful, and so kept."""
    error = writer.assign(text, _result_count(writer.slot.action), writer.slot.recording)
    if error is not None:
        useful = writer.pool.integer(1, 4) == 1
    else:
        results = [writer.execution.names[name] for name in writer.statements[-1].names]
        useful = writer.texture == "special" or all(map(_is_moderate, results))
    if not useful:
        writer.forget()
    return useful


def _write_in_place(writer: ProgramWriter, text: str, operands: Sequence[Any]) -> bool:
    """Write a statement that writes into its first operand, unless it is useless; tell which."""
    slot, x = writer.slot, operands[0]
    target, *others = (
        writer.execution.names[y.name] for y in operands if isinstance(y, ProgramTensor)
    )
    if any(_overlap(target, y, slot.action) for y in others):
        return False  # PyTorch leaves the result undefined
    if 0 in target.stride() and any(y.requires_grad for y in (target, *others)):
        return False  # PyTorch's backward raises an error or counts an element several times
    if x.is_leaf and x.requires_grad and slot.recording and slot.seed % 4:
        return False  # the error would be too frequent
    writer.run(text, recording=slot.recording)
    return True


@functools.cache
def _result_count(op: str) -> int:
    case = draw_case(op, 0, "tame")
    operands = [x.array() if isinstance(x, Operand) else x for x in case.operands]
    output, _ = REGISTRY[op].forward(*operands, **case.options)
    return len(output) if isinstance(output, tuple) and op not in ONE_RESULT else 1


def _is_moderate(x: torch.Tensor) -> bool:
    values = x.detach()
    return not values.is_floating_point() or bool((values.abs() < 1e4).all())


def _overlap(x: torch.Tensor, y: torch.Tensor, op: str) -> bool:
    """Tell whether a write into `x` changes elements of `y` that are read later."""
    if x is y:
        return op in ("copy", "index_put")
    return bool(np.may_share_memory(values_of(x), values_of(y)))
