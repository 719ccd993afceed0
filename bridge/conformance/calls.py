"""One call with its backward, in PyTorch and in a candidate, and how the two differ.

A candidate is held to less than minigrad: values and gradients up to rounding, dtypes, and that
nothing is written to. Where PyTorch's value or gradient is NaN, the gradient may be anything.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from bridge.drawing.expressions import Expression, as_code
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import Form, InPlaceForm

from .adapter import Missing
from .checker import called, leaves_of
from .namespace import Tensor

# How far a result may be off, in eps of the largest element, or of 1. Library functions of
# different makers differ by less, and a wrong derivative by more.
SLACK = 2**13
# PyTorch's derivative of digamma has an error of 1e-9.
INEXACT_IN_PYTORCH = {"digamma": 2.0**28}


@dataclass
class Outcome:
    """The results and gradients of a call. A gradient is None if there is none."""

    results: tuple[np.ndarray, ...]
    gradients: tuple[np.ndarray | None, ...]
    written: str = ""  # what was modified although it belongs to someone else


@dataclass(frozen=True)
class Fault:
    """What is wrong with a call."""

    what: str
    message: str
    ours: np.ndarray | None = None
    theirs: np.ndarray | None = None


def cotangent_for(case: Case, y: np.ndarray) -> np.ndarray:
    """Return the case's cotangent: random numbers with two digits, or ones if the seed is 0."""
    if case.seed == 0:
        return np.ones(y.shape, y.dtype)
    drawn = np.random.default_rng(case.seed + 1).standard_normal(y.shape)
    return np.asarray(np.round(drawn, 2), y.dtype)


def in_torch(form: Form, case: Case) -> Outcome | None:
    """Return what PyTorch does, or None if the call is an error there."""
    with warnings.catch_warnings(action="ignore"):
        try:
            leaves = leaves_of(torch, case)
            results = called(torch, form, case, leaves)
            if results[0].requires_grad:
                g = cotangent_for(case, results[0].detach().numpy())
                results[0].backward(torch.from_numpy(g))
        except Exception:
            return None
    found = tuple(
        None if getattr(x, "grad", None) is None else x.grad.numpy(force=True) for x in leaves
    )
    return Outcome(tuple(y.detach().numpy() for y in results), found)


def in_candidate(t: Any, form: Form, case: Case, recorded: bool) -> Outcome:
    """Return what the candidate does, with a backward if `recorded`. Raises its errors."""
    given: list[Any] = [x.array() if isinstance(x, Operand) else x for x in case.operands]
    before = [x.copy() if isinstance(x, np.ndarray) else x for x in given]
    leaves: list[Any] = [
        t.from_numpy(x).requires_grad_(recorded and _wants(case, i))
        if isinstance(x, np.ndarray)
        else x
        for i, x in enumerate(given)
    ]
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        results = called(t, form, case, leaves)
        values = tuple(np.array(_array(y)) for y in results)
        gradients: list[Any] = [None] * len(leaves)
        written = ""
        if recorded:
            g = cotangent_for(case, values[0])
            kept = g.copy()
            results[0].backward(t.from_numpy(g))
            gradients = [
                _copy(x.grad) if isinstance(x, Tensor) and x.requires_grad else None for x in leaves
            ]
            written = "" if _same(g, kept) else "the cotangent"
        for i, (x, y) in enumerate(zip(given, before, strict=True)):
            if isinstance(x, np.ndarray) and not isinstance(form, InPlaceForm):
                changed = not _same(x, y) or not _same(leaves[i].array(), y, dtype=False)
                written = f"operand {i}" if changed else written
    return Outcome(values, tuple(gradients), written)


def _wants(case: Case, i: int) -> bool:
    x = case.operands[i]
    chosen = case.wanted is None or case.wanted[i]
    return isinstance(x, Operand) and x.differentiable and chosen


def _array(y: Any) -> np.ndarray:
    return y.array() if isinstance(y, Tensor) else np.asarray(y)


def _copy(x: Any) -> np.ndarray | None:
    return None if x is None else np.array(x)


def _same(a: np.ndarray, b: np.ndarray, dtype: bool = True) -> bool:
    alike = a.dtype == b.dtype or not dtype
    kind = a.dtype.kind == "f"
    return alike and a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=kind))


# Comparison ---------------------------------------------------------------------------------------


def compare(t: Any, form: Form, case: Case, name: str = "") -> Fault | None:
    """Return what is wrong with the candidate's call, or None. Raises Missing, or Skipped."""
    theirs = in_torch(form, case)
    if theirs is None:
        raise Skipped
    recorded = any(g is not None for g in theirs.gradients)
    try:
        ours = in_candidate(t, form, case, recorded)
    except (Missing, NotImplementedError) as error:
        raise Missing(str(error)) from error
    except Exception as error:
        if is_lack(error, bool(case.options)):
            raise Missing(str(error)) from error
        return Fault("error", f"{type(error).__name__}: {error}")
    slack = INEXACT_IN_PYTORCH.get(name, SLACK)
    return next(faults(ours, theirs, case, slack), None)


class Skipped(Exception):
    """The call is an error in PyTorch."""


def is_lack(error: Exception, options: bool = False) -> bool:
    """Tell whether an error says that the candidate lacks an option or a name.

    In a call with options, any error about an argument counts as such.
    """
    said = str(error)
    words = ("unexpected keyword", "positional argument", "supported", "bad operand type")
    named = isinstance(error, TypeError) and any(word in said for word in words)
    option = isinstance(error, TypeError | ValueError) and options
    return named or option or isinstance(error, AttributeError | NotImplementedError)


def faults(ours: Outcome, theirs: Outcome, case: Case, slack: float = SLACK) -> Iterator[Fault]:
    """Yield how two outcomes of a case differ. The gradient of a NaN may be anything."""
    for i, (mine, other) in enumerate(zip(ours.results, theirs.results, strict=False)):
        what = "value" if i == 0 else f"result {i}"
        yield from _difference(what, mine, other, everywhere=True)
    if ours.written:
        yield Fault("a write", f"{ours.written} was modified")
    if theirs.results[0].dtype.kind == "f" and np.isnan(theirs.results[0]).any():
        return  # it has no derivative
    for i, (a, b) in enumerate(zip(ours.gradients, theirs.gradients, strict=True)):
        what = f"gradient of operand {i}"
        if b is None:
            continue
        x = case.operands[i]
        if isinstance(x, Operand) and x.values.shape == b.shape:
            b = np.where(np.isnan(x.values), np.nan, b).astype(b.dtype)
        if a is None:
            if np.any(np.nan_to_num(b) != 0):
                yield Fault(what, "there is none", None, b)
        else:
            yield from _difference(what, a, b, everywhere=False, slack=slack)


def _difference(
    what: str, a: np.ndarray, b: np.ndarray, everywhere: bool, slack: float = SLACK
) -> Iterator[Fault]:
    if a.shape != b.shape:
        yield Fault(what, f"shape {a.shape}, not {b.shape}", a, b)
        return
    if not close(a, b, everywhere, slack):
        yield Fault(what, _worst(a, b), a, b)
    elif a.dtype != b.dtype and b.dtype.kind == "f":
        yield Fault(f"dtype of the {what}", f"{a.dtype}, not {b.dtype}", a, b)


def close(a: np.ndarray, b: np.ndarray, everywhere: bool = True, slack: float = SLACK) -> bool:
    """Tell whether two arrays are equal up to rounding; unless `everywhere`, where b isn't NaN."""
    if a.shape != b.shape or b.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    return bool(_near(a, b, everywhere, slack).all())


def _near(a: np.ndarray, b: np.ndarray, everywhere: bool, slack: float = SLACK) -> np.ndarray:
    coarse = min((x.dtype for x in (a, b) if x.dtype.kind == "f"), key=lambda d: d.itemsize)
    finite = np.abs(b[np.isfinite(b)]).max(initial=1)
    with np.errstate(all="ignore"):
        same = np.abs(a - b) <= slack * np.finfo(coarse).eps * finite
        same |= (a == b) | (np.isnan(a) & np.isnan(b))
    return np.asarray(same if everywhere else same | np.isnan(b))


def _worst(a: np.ndarray, b: np.ndarray) -> str:
    wrong = ~_near(a, b, True) if b.dtype.kind == "f" else a != b
    place = tuple(int(i) for i in np.argwhere(np.atleast_1d(wrong))[0])
    x, y = (np.atleast_1d(z)[place].item() for z in (a, b))
    return f"{x!r}, not {y!r}, at {list(place)} ({wrong.sum()} of {wrong.size} elements differ)"


# Text ---------------------------------------------------------------------------------------------


def script(form: Form, case: Case, recorded: bool = True) -> str:
    """Return a program that makes the call; it runs with PyTorch and with the candidate."""
    lines = ["inf, nan = float('inf'), float('nan')"]
    names: list[Any] = []
    for i, x in enumerate(case.operands):
        if not isinstance(x, Operand):
            names.append(x)
            continue
        text, name = as_code(x), "abcdefgh"[i % 8] + ("" if i < 8 else str(i))
        wanted = recorded and _wants(case, i)
        lines.append(f"{name} = {text}{'.requires_grad_()' if wanted else ''}")
        names.append(Expression(name))
    try:
        if isinstance(form, InPlaceForm):
            call = str(form.write(Expression(f"{names[0]}.clone()"), *names[1:], **case.options))
        else:
            call = str(form(Expression("torch"), *names, **case.options))
    except Exception:  # it computes with its operands
        return f"# {case!r}"
    lines.append(f"y = {call}")
    theirs = in_torch(form, case)
    if recorded and theirs is not None and any(g is not None for g in theirs.gradients):
        g = cotangent_for(case, theirs.results[0])
        lines.append(f"y.backward({as_code(g)})")
        graded = [x for i, x in enumerate(names) if theirs.gradients[i] is not None]
        lines.append(f"print({', '.join(['y', *(f'{x}.grad' for x in graded)])})")
    else:
        lines.append("print(y)")
    if not any("inf" in line or "nan" in line for line in lines[1:]):
        del lines[0]
    return "\n".join(lines)


# Shrinking ----------------------------------------------------------------------------------------


def shrunk(case: Case, fails: Callable[[Case], bool], attempts: int = 150) -> Case:
    """Return a simpler case for which `fails` is still true."""
    progress = True
    while progress and attempts > 0:
        progress = False
        for simpler in _simpler(case):
            attempts -= 1
            if attempts <= 0:
                break
            try:
                failing = fails(simpler)
            except Exception:
                failing = False
            if failing:
                case, progress = simpler, True
                break
    return case


def _simpler(case: Case) -> Iterator[Case]:
    """Yield simpler cases: fewer dimensions and elements, fewer options, simpler numbers."""
    arrays = {i: x for i, x in enumerate(case.operands) if isinstance(x, Operand)}

    def with_values(changed: dict[int, np.ndarray]) -> Case:
        operands = list(case.operands)
        for i, values in changed.items():
            operands[i] = replace(arrays[i], values=np.array(values))
        return replace(case, operands=tuple(operands))

    most = max((x.values.ndim for x in arrays.values()), default=0)
    if most and all(x.values.shape[:1] != (0,) for x in arrays.values()):
        yield with_values({i: x.values[0] for i, x in arrays.items() if x.values.ndim == most})
    for axis in range(1, most + 1):
        for part in (slice(0, 1), slice(1, None)):
            cut = {
                i: np.moveaxis(np.moveaxis(x.values, -axis, 0)[part], 0, -axis)
                for i, x in arrays.items()
                if x.values.ndim >= axis and x.values.shape[-axis] > 1
            }
            if cut:
                yield with_values(cut)
    for name in case.options:
        yield replace(case, options={k: v for k, v in case.options.items() if k != name})
    for i, x in arrays.items():
        if x.layout != "contiguous":
            plain = replace(x, layout="contiguous")
            yield replace(case, operands=(*case.operands[:i], plain, *case.operands[i + 1 :]))
    if case.seed:
        yield replace(case, seed=0)
    for i, x in arrays.items():
        yield from (with_values({i: v}) for v in _simpler_values(x.values))


def _simpler_values(values: np.ndarray) -> Iterator[np.ndarray]:
    if values.dtype.kind != "f" or not values.size:
        return
    finite = np.isfinite(values)
    with np.errstate(all="ignore"):
        rounded = np.where(finite, np.round(values), values)
    for other in (np.ones_like(values), np.where(finite, np.ones_like(values), values), rounded):
        if not np.array_equal(other, values, equal_nan=True):
            yield other
    tenths = np.where(finite, np.round(values, 1), values)
    if not np.array_equal(tenths, values, equal_nan=True) and not np.array_equal(
        rounded, values, equal_nan=True
    ):
        yield tenths
