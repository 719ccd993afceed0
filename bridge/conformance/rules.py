"""The suite `rules`: every op of the candidate over its domain, one property at a time.

`PROPERTIES` says how to draw the cases of each property. A candidate that claims to be PyTorch in
every detail goes through minigrad's own checks (`checks.py`) instead.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import minigrad
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import SAMPLES, Form, draw_case, form_takes, forms

from .adapter import Adapter, Missing
from .calls import Fault, Skipped, compare, script, shrunk
from .checks import FIRST, checks_of, together_of
from .diagnosis import diagnose, diagnose_strict
from .namespace import Namespace, library_of
from .verdicts import CONVENTION, ERROR, MISSING, RIGHT, WRONG, Verdict, one_line

SUITE = "rules"

# Properties ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Property:
    """How to draw the cases of a property: the style, which cases count, and what is changed."""

    style: str = "tame"
    where: Callable[[list[Operand]], bool] = lambda operands: True
    change: Callable[[Operand, np.random.Generator], Operand] = lambda x, rng: x


def _nonempty(operands: list[Operand]) -> bool:
    return all(x.values.size for x in operands)


def _planted(*values: float) -> Callable[[Operand, np.random.Generator], Operand]:
    """Return a change of about a third of the elements, but one at least."""

    def change(x: Operand, rng: np.random.Generator) -> Operand:
        if x.values.dtype.kind != "f" or not x.values.size:
            return x
        where = rng.random(x.values.shape) < 0.3
        where.reshape(-1)[rng.integers(where.size)] = True
        special = rng.choice(values, x.values.shape).astype(x.values.dtype)
        return replace(x, values=np.where(where, special, x.values))

    return change


def _laid_out(x: Operand, rng: np.random.Generator) -> Operand:
    if x.values.ndim == 0:
        return x
    return replace(
        x, layout="transposed" if x.values.ndim > 1 and rng.random() < 0.6 else "strided"
    )


def _float32(x: Operand, rng: np.random.Generator) -> Operand:
    return replace(x, values=x.values.astype(np.float32)) if x.values.dtype.kind == "f" else x


PROPERTIES: dict[str, Property] = {
    "plain": Property(where=_nonempty),
    "broadcasting": Property(
        where=lambda xs: _nonempty(xs) and len({x.values.shape for x in xs}) > 1
    ),
    "0-d": Property(where=lambda xs: any(x.values.ndim == 0 for x in xs)),
    "empty": Property(where=lambda xs: not _nonempty(xs)),
    "layout": Property(where=lambda xs: any(x.values.ndim for x in xs), change=_laid_out),
    "ties": Property("whole", _nonempty),
    "signed zeros": Property("whole", _nonempty, _planted(0.0, -0.0)),
    "infinities": Property("tame", _nonempty, _planted(np.inf, -np.inf)),
    "nan": Property("tame", _nonempty, _planted(np.nan)),
    "float32": Property(where=_nonempty, change=_float32),
}


def draw(name: str, kind: str, seed: int, tries: int = 30) -> Case | None:
    """Draw a case of a rule that has a property; None if `tries` seeds have none."""
    of = PROPERTIES[kind]
    rng = np.random.default_rng([seed, 1])
    for _ in range(tries):
        case = draw_case(name, int(rng.integers(2**12, 2**31)), of.style)
        operands = [x for x in case.operands if isinstance(x, Operand)]
        if not of.where(operands):
            continue
        changed = [of.change(x, rng) if isinstance(x, Operand) else x for x in case.operands]
        return replace(case, operands=tuple(changed), finite=True)
    return None


# The suite ----------------------------------------------------------------------------------------


def units(adapter: Adapter) -> list[str]:
    """Return the names of all ops."""
    return list(SAMPLES)


def kinds_of(adapter: Adapter) -> dict[str, list[str]]:
    """Return the properties, or checks, of each op that the candidate has."""
    library = library_of(adapter)
    if library is None:
        t = Namespace(adapter)
        return {name: list(PROPERTIES) for name in SAMPLES if _form(t, name) is not None}
    return {
        name: [key for key, c in checks_of(name).items() if c.of_calls or library is minigrad]
        for name in SAMPLES
    }


def judge(
    adapter: Adapter,
    name: str,
    *,
    examples: int = 12,
    seed: int = 0,
    deadline: float = float("inf"),
    note: Callable[[str], None] = lambda text: None,
    kinds: list[str] | None = None,
) -> Iterator[Verdict]:
    """Yield a verdict for each property of an op, from `examples` cases of each.

    `note` gets what identifies a case before it runs.
    """
    if library_of(adapter) is not None:
        yield from _judge_strictly(library_of(adapter), name, examples, seed, deadline, note, kinds)
        return
    t = Namespace(adapter)
    form = _form(t, name)
    if form is None:
        yield Verdict(SUITE, name, "plain", MISSING, message=f"no {name}")
        return
    for kind in kinds or PROPERTIES:
        if kind == "float32" and "float32" not in getattr(adapter, "dtypes", ("float32",)):
            yield Verdict(SUITE, name, kind, MISSING, message="no float32")
        else:
            yield _judge_property(adapter, t, name, form, kind, examples, seed, deadline, note)


def _form(t: Namespace, name: str) -> Form | None:
    """Return the first form of an op that the candidate has, or None."""
    for key, form in forms(name).items():
        case = draw(name, "plain", 0)
        if key == "named" or case is None or not form_takes(name, key, case):
            continue
        for attempt in range(8):
            case = draw(name, "plain", attempt)
            assert case is not None
            try:
                compare(t, form, case, name)
            except (Missing, Skipped):
                continue
            return form
    return None


def _judge_property(
    adapter: Adapter,
    t: Namespace,
    name: str,
    form: Form,
    kind: str,
    examples: int,
    seed: int,
    deadline: float,
    note: Callable[[str], None],
) -> Verdict:
    tried, lacking = 0, ""
    for i in range(4 * examples):  # for some the candidate lacks an option
        if tried == examples or time.monotonic() > deadline:
            break
        case = draw(name, kind, seed * 10007 + i)
        if case is None:
            break
        note(f"{SUITE} {name} {kind}: {case!r}")
        try:
            fault = compare(t, form, case, name)
        except Missing as error:
            lacking = str(error)
            continue
        except Skipped:
            continue
        tried += 1
        if fault is not None:
            return _reported(adapter, t, name, form, kind, case, fault, tried)
    if tried:
        return Verdict(SUITE, name, kind, RIGHT, examples=tried)
    return Verdict(SUITE, name, kind, MISSING, message=one_line(lacking or "no case applies"))


def _reported(
    adapter: Adapter,
    t: Namespace,
    name: str,
    form: Form,
    kind: str,
    case: Case,
    fault: Fault,
    tried: int,
) -> Verdict:
    def fails(other: Case) -> bool:
        found = compare(t, form, other, name)
        return found is not None and found.what == fault.what

    convention = _convention(adapter, name, kind)
    # More elements say more about a mistake than few do.
    mistake = convention or diagnose(name, form, case, fault)
    case = shrunk(case, fails)
    fault = compare(t, form, case, name) or fault
    verdict = ERROR if fault.what == "error" else WRONG
    return Verdict(
        SUITE,
        name,
        kind,
        CONVENTION if convention else verdict,
        what=fault.what,
        message=one_line(fault.message),
        script=script(form, case),
        ours="" if fault.ours is None else repr(fault.ours.tolist()),
        theirs="" if fault.theirs is None else repr(fault.theirs.tolist()),
        diagnosis=mistake or diagnose(name, form, case, fault),
        examples=tried,
    )


def _convention(adapter: Adapter, name: str, kind: str) -> str:
    known = getattr(adapter, "conventions", {})
    return known.get((name, kind)) or known.get(("*", kind)) or known.get((name, "*")) or ""


# Held to every detail -----------------------------------------------------------------------------


def _judge_strictly(
    library: Any,
    name: str,
    examples: int,
    seed: int,
    deadline: float,
    note: Callable[[str], None],
    kinds: list[str] | None,
) -> Iterator[Verdict]:
    tried: dict[str, int] = {}
    failed = set()
    for failure in failures(library, name, examples, seed, deadline, note, kinds, tried):
        failed.add(failure.check)
        yield _strict_fault(library, name, failure)
    for key, count in tried.items():
        if key not in failed:
            yield Verdict(SUITE, name, key, RIGHT if count else MISSING, examples=count)
    if library is minigrad and kinds is None:
        yield from declarations(name, examples, seed)


@dataclass(frozen=True)
class Failure:
    """A case that fails one of minigrad's own checks; `run` repeats the check."""

    check: str
    run: Callable[[Case], None]
    case: Case
    message: str
    examples: int


def failures(
    library: Any,
    name: str,
    examples: int,
    seed: int = 0,
    deadline: float = float("inf"),
    note: Callable[[str], None] = lambda text: None,
    kinds: list[str] | None = None,
    tried: dict[str, int] | None = None,
) -> Iterator[Failure]:
    """Yield the first failure of each check, from a case of each in turn: any may find most.

    There are `examples` turns, in which a check gets one case or `times` cases. `tried` gets the
    number of cases of each check.
    """
    checks = {
        key: check
        for key, check in checks_of(name).items()
        if (check.of_calls or library is minigrad) and (kinds is None or key in kinds)
    }
    tried = {} if tried is None else tried
    tried.update(dict.fromkeys(checks, 0))
    turns = max((check.times for check in checks.values()), default=0)
    for i in range(examples * turns):
        for key, check in list(checks.items()):
            if i % turns >= check.times:
                continue
            if time.monotonic() > deadline:
                return
            case = draw_case(name, _seed(seed, i), check.style)
            note(f"{SUITE} {name} {key}: {case!r}")
            tried[key] += 1
            extra = (library,) if check.of_calls else ()

            def run(case: Case, function: Any = check.function, extra: Any = extra) -> None:
                function(name, FIRST[name], copy.deepcopy(case), *extra)  # a fault may write to it

            if message := _failure(run, case):
                yield Failure(key, run, case, message, tried[key])
                del checks[key]


def declarations(name: str, examples: int, seed: int) -> Iterator[Verdict]:
    """Yield the verdicts on what a rule declares of itself, from all cases together."""
    cases = [draw_case(name, _seed(seed, i), "tame") for i in range(max(examples, 24))]
    for key, check in together_of(name).items():
        try:
            check(name, cases)
        except Exception as error:
            said = one_line(error)
            yield Verdict(SUITE, name, key, WRONG, "declaration", said, examples=len(cases))
        else:
            yield Verdict(SUITE, name, key, RIGHT, examples=len(cases))


def _seed(seed: int, i: int) -> int:
    return int(np.random.default_rng([seed, i]).integers(2**32))


def _failure(run: Callable[[Case], None], case: Case) -> str:
    try:
        run(case)
    except AssertionError as error:
        return one_line(error) or "a check fails"
    except Exception as error:
        return one_line(f"{type(error).__name__}: {error}")
    return ""


def _strict_fault(library: Any, name: str, failure: Failure) -> Verdict:
    run, first = failure.run, failure.message.split(":")[0]
    case = shrunk(failure.case, lambda other: _failure(run, other).split(":")[0] == first, 60)
    found = _failure(run, case) or failure.message
    text = script(FIRST[name], replace(case, finite=True))
    mistake = diagnose_strict(library, name, FIRST[name], case)
    what, check = first[:60], failure.check
    return Verdict(SUITE, name, check, WRONG, what, found, text, "", "", mistake, failure.examples)
