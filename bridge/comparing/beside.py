"""PyTorch beside a record of `minigrad.explain`: each row and each pullback, computed by PyTorch.

PyTorch gets the operands that the row had, so the rounding of earlier rows doesn't matter, and the
first row that differs is the one to blame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bridge.libraries.convert import array_of
from bridge.libraries.op_calls import split_arguments
from minigrad.catalogue.accuracy import SUMMED, Scaled, Tolerance, Ulps
from minigrad.explaining.calls import Call, places_of
from minigrad.explaining.record import Contribution, Row
from minigrad.explaining.recorder import Recorder

from .closeness import compare_arrays
from .torch_call import TorchCall


def pytorch_beside(recorder: Recorder) -> None:
    """Note in the `pytorch` of a record what PyTorch computes in each row, and how far it is."""
    rows: dict[str, Any] = {}
    pullbacks: dict[int, tuple[TorchCall, Any]] = {}
    for row in recorder.record.rows:
        call = recorder.calls.get(row.number)
        if call is None:
            continue
        try:
            rows[str(row.number)], made = _row_beside(recorder, row, call)
            pullbacks[row.number] = made
        except Exception as error:  # PyTorch has no such call, for example of the engine's own ops
            message = str(error).partition("\n")[0]
            rows[str(row.number)] = {"reason": f"{type(error).__name__}: {message}", "ok": True}
    gradients = [
        {"walk": w, "step": s, "contribution": c, **found}
        for w, walk in enumerate(recorder.record.walks)
        for s, step in enumerate(walk.steps)
        for c, one in enumerate(step.contributions)
        if step.row in pullbacks and step.cotangent is not None
        if (found := _gradient_beside(recorder, one, step.cotangent, *pullbacks[step.row]))
    ]
    compared = [r for r in rows.values() if "ulps" in r] + gradients
    wrong = sum(not each["ok"] for each in compared)
    exact = sum(each["ulps"] == 0 for each in compared)
    recorder.record.pytorch = {
        "version": torch.__version__,
        "rows": rows,
        "gradients": gradients,
        "text": f"PyTorch {torch.__version__}, from the same operands: {exact} of {len(compared)} "
        f"values and gradients are equal bit for bit, {wrong} are outside the bounds.",
    }


def _row_beside(
    recorder: Recorder, row: Row, call: Call
) -> tuple[dict[str, Any], tuple[TorchCall, Any]]:
    values, pullbacks = call.repeated()
    operands, options = split_arguments(call.rule.name, tuple(call.args), call.options)
    requires_grad = [
        i < len(pullbacks)
        and pullbacks[i] is not None
        and getattr(x, "dtype", values[0].dtype).kind + values[0].dtype.kind == "ff"
        for i, x in enumerate(operands)
    ]
    theirs = TorchCall(call.rule.name, operands, options, requires_grad, "cpu", values[0])
    value = array_of(theirs.results[0])
    found = _distance(values[0], value, theirs.tolerance.value, theirs.value_terms)
    return {"array": recorder.copies.add(value), **found}, (theirs, pullbacks)


def _gradient_beside(
    recorder: Recorder, one: Contribution, cotangent: int, theirs: TorchCall, pullbacks: Any
) -> dict[str, Any] | None:
    ours, g = recorder.copies[one.returned], recorder.copies[cotangent]
    best: dict[str, Any] | None = None
    for i in places_of(
        recorder.codes[id(one)], pullbacks
    ):  # several have the same code in `cat`, or if the cotangent is passed on
        if not theirs.differentiable(i):
            continue
        try:
            value = theirs.gradient(i, g)
        except RuntimeError:
            continue
        mine, tolerance = ours, theirs.tolerance.gradient
        if mine.shape != value.shape:
            if one.summed is None or recorder.copies[one.summed].shape != value.shape:
                continue
            mine, tolerance = recorder.copies[one.summed], SUMMED
        found = _distance(
            mine.astype(value.dtype), value, tolerance, lambda i=i: theirs.gradient_terms(i, g)
        )
        if best is None or float(found["ulps"]) < float(best["ulps"]):
            best = {"array": recorder.copies.add(value), **found}
    return best


def _distance(ours: Any, theirs: Any, tolerance: Tolerance, terms: Any) -> dict[str, Any]:
    """How far two arrays are apart in ULPs, and whether that is within the tolerance."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    apart = compare_arrays(ours, theirs, Ulps(float(np.finfo(float).max)))
    if apart.kind:
        return {"ulps": "inf", "ok": False, "reason": str(apart)}
    with np.errstate(all="ignore"):
        scale = terms() if isinstance(tolerance, Scaled) and apart.distance else None
        ok = apart.distance == 0 or compare_arrays(ours, theirs, tolerance, scale).ok
    ulps = apart.distance if np.isfinite(apart.distance) else "inf"
    return {"ulps": ulps, "ok": bool(ok), "reason": ""}
