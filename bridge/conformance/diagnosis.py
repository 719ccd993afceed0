"""Name the mistake behind wrong values.

First by what the values are (a multiple, a transpose, a missing sum), then by the catalogue of
mistakes in `mutants.py`: one that makes minigrad compute the candidate's values is named.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

import minigrad
from bridge.drawing.operands import Case
from bridge.drawing.samples import Form

from .calls import Fault, close, cotangent_for
from .checker import called, leaves_of
from .mutants import CONTROL, MUTATIONS, Mutant, planted

# What each mutation is called in a report.
DESCRIPTIONS = {
    "scaled": "off by a factor of 1.0005",
    "negated": "the sign is wrong",
    "dropped": "the gradient is zero",
    "missing": "there is no gradient",
    "swapped": "the gradients of two operands are swapped",
    "cotangent-ignored": "the cotangent is ignored: it is taken as ones",
    "cotangent-written": "the cotangent is written to",
    "saved-written": "a saved array is written to",
    "one-array-for-two": "two gradients share an array",
    "kept-and-given-away": "the same array is returned again",
    "in-float32": "computed in float32",
    "first-leading-copy": "not summed over the leading dimensions of a broadcast",
    "first-place": "not summed over the dimensions of size 1 of a broadcast",
    "mean-for-sum": "averaged over a broadcast, not summed",
    "ties-in-full": "each of several equal elements gets the whole gradient",
    "row-major-cotangents": "assumes that a cotangent is in row-major order",
    "row-major-operands": "assumes that an operand is in row-major order",
    "ulps-off": "the value is off by more than rounding",
}


def diagnose(name: str, form: Form, case: Case, fault: Fault) -> str:
    """Return the likely mistake in one line, or ""."""
    if fault.what == "error" or fault.theirs is None:
        return ""
    if fault.ours is None:
        return "there is no gradient"
    return _by_values(fault.ours, fault.theirs) or _by_mutants(name, form, case, fault)


def _by_values(ours: np.ndarray, theirs: np.ndarray) -> str:
    if ours.shape != theirs.shape:
        if ours.size > theirs.size:
            return "not summed over a broadcast"
        return "transposed" if ours.shape == theirs.shape[::-1] else ""
    if ours.dtype != theirs.dtype and close(ours, theirs):
        return f"dtype drift: {theirs.dtype} becomes {ours.dtype}"
    if theirs.dtype.kind != "f" or not ours.size:
        return ""
    finite = np.isfinite(ours) & np.isfinite(theirs)
    if ours.size > 1 and not ours.any():
        return "all zeros"
    some = theirs != 0
    if finite.all() and some.sum() > 1 and not ours[~some].any():
        ratio = ours[some] / theirs[some]
        if close(ratio, np.full_like(ratio, ratio[0])):
            return f"scaled by {ratio[0]:.6g}"
    square = ours.ndim == 2 and ours.shape == ours.shape[::-1]
    return "transposed" if square and close(ours.T, theirs) else ""


def _by_mutants(name: str, form: Form, case: Case, fault: Fault) -> str:
    """Return the mutation that makes minigrad compute the candidate's values."""
    assert fault.ours is not None
    assert fault.theirs is not None
    if not close(_in_minigrad(form, case, fault.what), fault.theirs, everywhere=False):
        return ""
    for mutation in MUTATIONS:
        if mutation == CONTROL:
            continue
        for operand in range(len(case.operands)):
            with suppress(Exception), planted(name, Mutant(mutation, name, operand).forward()):
                found = _in_minigrad(form, case, fault.what)
                if close(found, fault.ours):
                    return _described(mutation)
    return ""


def _in_minigrad(form: Form, case: Case, what: str) -> np.ndarray:
    """Return the value, or the gradient that `what` names, in minigrad."""
    leaves = leaves_of(minigrad, case)
    result = called(minigrad, form, case, leaves)[0]
    value: np.ndarray = result.detach().numpy()
    if not what.startswith("gradient"):
        return value
    result.backward(minigrad.from_numpy(cotangent_for(case, value)))
    grad: Any = leaves[int(what.split()[-1])].grad
    return np.zeros(()) if grad is None else np.array(grad.numpy())


def _described(mutation: str) -> str:
    if mutation.startswith(("derivative-at-", "value-at-")):
        which, _, kind = mutation.partition("-at-")
        return f"the {which} at {kind} is wrong"
    return DESCRIPTIONS.get(mutation, mutation)


def diagnose_strict(library: Any, name: str, form: Form, case: Case) -> str:
    """Return the likely mistake of a library with all of PyTorch's names, or ""."""
    from .calls import Outcome, faults, in_torch  # the others of this module need less

    case = replace(case, finite=True)
    theirs = in_torch(form, case)
    if theirs is None:
        return ""
    with suppress(Exception):
        leaves = leaves_of(library, case)
        results = called(library, form, case, leaves)
        if results[0].requires_grad:
            g = cotangent_for(case, results[0].detach().numpy())
            results[0].backward(library.from_numpy(g))
        grads = tuple(
            None if getattr(x, "grad", None) is None else np.array(x.grad.detach().numpy())
            for x in leaves
        )
        ours = Outcome(tuple(y.detach().numpy() for y in results), grads)
        fault = next(faults(ours, theirs, case), None)
        if fault is not None and fault.theirs is not None:
            if fault.ours is None:
                return "there is no gradient"
            return _by_values(fault.ours, fault.theirs)
    return ""
