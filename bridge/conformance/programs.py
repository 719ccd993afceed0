"""The suite `programs`: random programs, shrunk to the smallest one that disagrees.

A library that claims to be PyTorch runs programs of every kind (`bridge.random_programs`). Another
candidate runs programs of the ops that it has; a statement that needs something else is left out.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from bridge.drawing.samples import SAMPLES
from bridge.random_programs.checking import faults
from bridge.random_programs.ops import OPS
from bridge.random_programs.program import Program
from bridge.random_programs.writing import ACTIONS, LEAF, NOTHING
from bridge.strategies import programs
from minigrad.rules import REGISTRY

from .adapter import Adapter, Missing
from .calls import SLACK
from .namespace import Namespace, Tensor, library_of
from .rules import _form
from .verdicts import ERROR, MISSING, RIGHT, WRONG, Verdict, one_line

SUITE = "programs"
TEXTURES = ("whole", "normal", "special")


def units(adapter: Adapter) -> list[str]:
    """Return the kinds of leaves that programs have."""
    return [*TEXTURES] if library_of(adapter) is not None else [*TEXTURES[:2]]


def judge(
    adapter: Adapter,
    name: str,
    *,
    examples: int = 12,
    seed: int = 0,
    deadline: float = float("inf"),
    note: Callable[[str], None] = lambda text: None,
    actions: tuple[str, ...] | None = None,
) -> Iterator[Verdict]:
    """Yield the verdict on random programs whose leaves have one texture."""
    library = library_of(adapter)
    t = library if library is not None else Namespace(adapter)
    chosen = actions or (ACTIONS if library is not None else _actions(t))
    count = 0
    found: tuple[Program, str] | None = None

    @seeded(seed)
    @settings(
        max_examples=10 * examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(
        programs(
            12 if library is not None else 6,
            actions=chosen,
            textures=(name,),
            dtypes=("float64", "float32") if library is not None else ("float64",),
            recording=library is None,
        )
    )
    def run(program: Program) -> None:
        nonlocal count, found
        if time.monotonic() > deadline:
            return
        note(f"{SUITE} {name}:\n{program.source()}")
        if library is not None:
            fault = next(map(str, faults(program, program.run(library))), "")
            compared = True
        else:
            compared, fault = run_partly(t, program)
        count += compared and found is None
        if fault:
            found = program, fault
            raise AssertionError(fault)

    try:
        run()
    except BaseException as error:
        if found is None or isinstance(error, KeyboardInterrupt | SystemExit):
            raise
    if found is None:
        yield Verdict(SUITE, name, name, RIGHT if count else MISSING, examples=count)
        return
    program, fault = found
    blamed = _blamed(program, fault)
    text = program.source()
    verdict = ERROR if ": raises " in fault else WRONG
    yield Verdict(SUITE, blamed, name, verdict, "program", one_line(fault), text, examples=count)


def _actions(t: Namespace) -> tuple[str, ...]:
    """Return what programs of the candidate do: make leaves, and call the ops that it has."""
    there = [op for op in OPS if op in SAMPLES and _form(t, op) is not None]
    smooth = [op for op in there if REGISTRY[op].differentiable]
    return (NOTHING, LEAF, *there, *smooth, *smooth)


def run_partly(t: Namespace, program: Program) -> tuple[bool, str]:
    """Run what the candidate can of a program; return whether it is something, and the fault."""
    names: dict[str, Any] = {"torch": t, "inf": np.inf, "nan": np.nan}
    theirs, compared = program.theirs, False
    for statement, error in zip(program.statements, theirs.errors, strict=True):
        if error is not None:
            continue  # conventions about errors are PyTorch's
        if not statement.names and ".backward(" not in statement.text:
            return compared, ""  # a write in place, which few engines have
        try:
            with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
                exec(statement.text, names)
                made = {n: names[n] for n in statement.names if isinstance(names.get(n), Tensor)}
                arrays = {n: x.array() for n, x in made.items()}
        except (Missing, NotImplementedError, AttributeError, NameError, TypeError):
            for each in statement.names:
                names.pop(each, None)
            if not statement.names:
                return compared, ""  # the rest depends on what was written or walked
            continue
        except Exception as error:
            return True, f"{statement.text}: raises {type(error).__name__}: {error}"
        for name, x in arrays.items():
            compared = True
            if fault := _differs(name, x, theirs.values.get(name), program):
                return True, fault
    for label, b in theirs.values.items():
        x = names.get(label.removesuffix(".grad"))
        if label.endswith(".grad") and isinstance(x, Tensor) and x.requires_grad:
            a = x.grad
            a = np.zeros_like(b) if a is None else a
            if fault := _differs(label, a, b, program):
                return True, fault
    return compared, ""


def _differs(label: str, a: np.ndarray, b: np.ndarray | None, program: Program) -> str:
    """Return how two arrays differ, with the largest number of the program as the scale."""
    if b is None:
        return ""
    if a.shape != b.shape:
        return f"{label}: shape {a.shape}, not {b.shape}"
    if b.dtype.kind != "f":
        return "" if np.array_equal(a, b) else f"{label}: {a.tolist()}, not {b.tolist()}"
    arrays = [x for x in program.theirs.values.values() if x.dtype.kind == "f"]
    largest = max((np.abs(x[np.isfinite(x)]).max(initial=1) for x in arrays), default=1)
    eps = np.finfo(np.float32 if any(x.itemsize == 4 for x in arrays) else np.float64).eps
    with np.errstate(all="ignore"):
        near = (np.abs(a - b) <= SLACK * eps * largest) | (a == b) | np.isnan(b)
    return "" if near.all() else f"{label}: {a.tolist()}, not {b.tolist()}"


def _blamed(program: Program, fault: str) -> str:
    """Return the op of the statement that a fault is about, or the last op of the program."""
    label = re.split(r"[.: ]", fault)[0]
    texts = [s.text for s in program.statements if label in s.names and "tensor(" not in s.text]
    texts += [s.text for s in reversed(program.statements) if "backward" not in s.text]
    known = [word for text in texts for word in re.findall(r"(\w+)\(", text) if word in REGISTRY]
    return known[0] if known else "program"
