"""Free-running trajectories: both libraries on their own, from the same first parameters.

Rounding adds up, and a program may amplify it without limit. So there is no bound on how far two
correct runs in float32 may be apart; the yardstick is the same program in float64, in PyTorch on
the CPU: minigrad's float32 run must be no farther from it than twice as far as PyTorch's own. In
float64 itself the two runs are compared with each other.

How far PyTorch's own run is, is not one number: if an activation happens to sit at its kink, which
of two correct runs is thrown off is chance. Where minigrad's is beyond twice the plain run's, or in
float64 beyond `FLOAT64`, PyTorch's is therefore run again with every op's operands moved by a
few units in the last place (`rounding.py`), and the farthest of those runs is the yardstick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.catalogue.accuracy import Scaled

from .closeness import Array, Difference, finite_or_text, measured
from .environment import environment, prepared, synchronize
from .findings import Finding
from .program import COPIED, Program, Run, same_start
from .rounding import Moved
from .rows import Row, farthest
from .tables import table

TIMES = 2
# The distance between two float64 runs before anyone asks how far rounding carries them.
FLOAT64 = 1e-12
# How often PyTorch's run is repeated with operands moved, at most.
REPEATS = 32


@dataclass
class Trajectory:
    """What `trajectory` found: a row for each step, and how far off each run was at most.

    A distance is the largest over the parameters of max|a - b| / max|b|, `farthest` that of
    minigrad's run from the float64 run (or, in float64, from PyTorch's). `plain` is how far
    PyTorch's own run was off, and `yardstick` the farthest of it and of its `repeats` with operands
    moved. `diverged` is whether PyTorch's run or the float64 run stopped being finite: there the
    comparison ends. `start` says where PyTorch's first parameters came from.
    """

    dtype: str
    rows: list[Row] = field(default_factory=list)
    farthest: float = 0
    plain: float = 0
    yardstick: float = 0
    repeats: int = 0
    diverged: bool = False
    start: str = ""
    fault: Finding | None = None
    environment: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether minigrad's run is as near as it must be."""
        return self.fault is None

    @property
    def ok_so_far(self) -> bool:
        """The same, before the last word on how far PyTorch's own run may be off."""
        return self.fault is not None or self.farthest <= self.bound

    @property
    def faults(self) -> list[Finding]:
        """The fault, if there is one."""
        return [] if self.fault is None else [self.fault]

    @property
    def worst(self) -> Finding | None:
        """The fault, or where minigrad's run was farthest off."""
        if self.fault is not None:
            return self.fault
        return max((row.off for row in self.rows if row.off), key=_distance, default=None)

    @property
    def bound(self) -> float:
        """How far off minigrad's run may be."""
        return _allowed(self.yardstick, self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        numbers = {"farthest": self.farthest, "torch_farthest": self.plain}
        numbers |= {"yardstick": self.yardstick, "bound": self.bound}
        return {
            "mode": "free",
            "ok": self.ok,
            "verdict": self.verdict(),
            "dtype": self.dtype,
            "steps": len(self.rows),
            **{name: finite_or_text(value) for name, value in numbers.items()},
            "repeats": self.repeats,
            "diverged": self.diverged,
            "start": self.start,
            "fault": None if self.fault is None else self.fault.to_dict(),
            "rows": [row.to_dict() for row in self.rows],
            "environment": self.environment,
        }

    def verdict(self) -> str:
        """One line that says how it ended."""
        if self.fault is not None:
            return f"DIFFER at {self.fault}"
        if not self.rows:
            return "nothing was compared: the program took no step that stayed finite"
        own = f"{self.plain:.3g}"
        if self.repeats:
            own += f", and {self.yardstick:.3g} in {self.repeats} repeats with operands moved"
        reference = "PyTorch's" if self.dtype == "float64" else "the float64 run"
        until = ", until PyTorch's stopped being finite" if self.diverged else ""
        return (
            f"agree over {len(self.rows)} steps{until}: minigrad's {self.dtype} run is at most "
            f"{self.farthest:.3g} off {reference} where {self.bound:.3g} is allowed"
            + ("" if self.dtype == "float64" and not self.repeats else f" (PyTorch's own: {own})")
        )

    def __str__(self) -> str:
        return f"{table(self.rows)}\n{self.verdict()}"


def trajectory(
    program: Program,
    *,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    measure: Callable[[Any], Any] | None = None,
) -> Trajectory:
    """Run a program in both libraries, each on its own, from minigrad's first parameters.

    For `steps` steps, or to its end; PyTorch on `device`. The program is told the dtype, and must
    have a parameter for it: a float32 run is judged by the float64 one. `seed` is that of the moved
    operands; `measure` is as in `lockstep`. Raises DeviceError and TypeError, as that does.

    >>> from bridge.program import training
    >>> x, y = np.float32([[0, 1], [1, 0]]), np.array([0, 1])
    >>> def setup(torch):
    ...     model = torch.nn.Linear(2, 2)
    ...     return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
    >>> trajectory(training(setup, (x, y), epochs=9)).ok
    True
    """
    with prepared(device):
        runs = _Free(program, device, dtype)
        report = Trajectory(dtype, start=runs.origin, environment=environment(device, seed))
        while (steps is None or len(report.rows) < steps) and runs.step(report, measure):
            report.farthest = max(report.farthest, report.rows[-1].distance)
        report.yardstick = report.plain
        while not report.ok_so_far and report.repeats < REPEATS:
            moved = runs.moved(len(report.rows), Moved(seed + report.repeats))
            report.yardstick = max(report.yardstick, moved)
            report.repeats += 1
        # What the whole run may be off is what each of its steps was judged by.
        report.rows = [replace(row, bound=report.bound) for row in report.rows]
        beyond = next((row for row in report.rows if row.distance > report.bound), None)
        if report.fault is None and beyond is not None and beyond.off is not None:
            off = beyond.off
            assert isinstance(off.difference, Difference)
            note = (
                f"PyTorch's own run is {report.plain:.3g} off, and with operands moved, "
                f"{report.repeats} times, {report.yardstick:.3g} at most"
            )
            allowed = replace(off.difference, bound=report.bound, wrong=1)
            report.fault = replace(off, difference=allowed, step=beyond.step, note=note)
        return report


class _Free:
    """A run in each library, and the run in float64 that both are measured by."""

    def __init__(self, program: Program, device: str, dtype: str) -> None:
        self.program, self.device, self.dtype = program, device, dtype
        self.ours = Run(program, minigrad, "cpu", dtype)
        self.start = self.ours.snapshot()
        self.theirs = Run(program, torch, device, dtype)
        self.origin = same_start(self.ours, self.theirs)
        if self.origin == COPIED:
            self.theirs.set(self.start)
        self.reference = self._reference(self.theirs)

    def _in_torch(self, device: str, dtype: str) -> Run:
        run = Run(self.program, torch, device, dtype)
        run.set(self.start)
        return run

    def _reference(self, theirs: Run | None = None) -> Run:
        """In float64 it is PyTorch's plain run itself."""
        if self.dtype == "float64":
            return theirs or self._in_torch(self.device, self.dtype)
        return self._in_torch("cpu", "float64")

    def step(self, report: Trajectory, measure: Callable[[Any], Any] | None) -> bool:
        """Do one step in each, and write down what came of it. False if the program has ended."""
        runs = dict.fromkeys((self.ours, self.theirs, self.reference))
        went_on = {run: run.step() for run in runs}
        if not all(went_on.values()):
            if any(went_on.values()):
                report.fault = Finding("the program", "ends in one run first", step=self.ours.count)
            return False
        synchronize(self.device)
        ours, theirs, reference = (run.values() for run in (self.ours, self.theirs, self.reference))
        if not (_finite(theirs) and _finite(reference)):
            report.diverged = True
            return False
        torch_off, off = _off(theirs, reference).distance, _off(ours, reference)
        report.plain = max(report.plain, torch_off)
        a, b = self.ours.outcome(), self.theirs.outcome()
        report.rows.append(
            Row(
                self.ours.count,
                self.ours.loss,
                self.theirs.loss,
                farthest(ours, a, b),
                farthest([f"gradient of {name}" for name in ours], a, b),
                off.distance,
                _allowed(report.plain, self.dtype),
                torch_off,
                off,
                measure and (measure(self.ours.now), measure(self.theirs.now)),
            )
        )
        return True

    def moved(self, steps: int, moved: Moved) -> float:
        """How far PyTorch's run gets from the reference with its operands moved."""
        run, reference = self._in_torch(self.device, self.dtype), self._reference()
        farthest_off = 0.0
        for _ in range(steps):
            reference.step()
            with moved:
                run.step()
            if not _finite(run.values()):
                break  # what becomes infinite for a few units is no measure of anything
            farthest_off = max(farthest_off, _off(run.values(), reference.values()).distance)
        return farthest_off


def _allowed(yardstick: float, dtype: str) -> float:
    least = FLOAT64 if dtype == "float64" else 2 * float(np.finfo(dtype).eps)
    return max(TIMES * yardstick, least)


def _distance(found: Finding) -> float:
    return found.distance


def _finite(values: dict[str, Array]) -> bool:
    return all(np.isfinite(x).all() for x in values.values())


def _off(found: dict[str, Array], reference: dict[str, Array]) -> Finding:
    """How far a run is off the reference, in the parameter where that is farthest for its size."""
    off = [Finding(name, _apart(found[name], b)) for name, b in reference.items()]
    return max(off, key=_distance, default=Finding("parameters", Difference()))


def _apart(ours: Array, theirs: Array) -> Difference:
    """max|ours - theirs| / max|theirs|; where `theirs` is all zeros, undivided."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    size = np.abs(theirs).max(initial=0) or 1.0
    apart = measured(ours, theirs, Scaled(np.inf), np.asarray(size))
    unit = "of the tensor's largest"
    return replace(apart, distance=float(apart.distance * np.finfo(np.float64).eps), unit=unit)
