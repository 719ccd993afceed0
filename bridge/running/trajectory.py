"""Trajectories: each library runs a program on its own, from the same first parameters.

Rounding errors add up, and a program may amplify them without limit, so the distance between two
correct float32 runs has no bound. Both are compared instead with the same program in float64, in
PyTorch on the CPU: minigrad's float32 run may be twice as far from it as PyTorch's, but no farther.
In float64, the two runs are compared with each other.

How far PyTorch's run gets depends on chance, for example on which side of its kink an activation
falls. So if minigrad's run is farther than twice PyTorch's, or than `FLOAT64` in float64, PyTorch's
run is repeated with the operands of every op perturbed (`comparing/rounding.py`), and the farthest
of these runs is the yardstick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

import minigrad
from bridge.comparing.closeness import Array, Difference, compare_arrays, finite_or_text
from bridge.comparing.findings import Finding
from bridge.comparing.rounding import PerturbedOperands
from bridge.libraries.environment import environment, prepared, synchronize
from bridge.reporting.report import ProgramReport
from bridge.reporting.rows import StepRow, farthest_apart
from minigrad.catalogue.accuracy import Scaled

from .program import SteppedProgram
from .run import COPIED, ProgramRun, origin_of_parameters

TIMES = 2
# Two float64 runs may be this far apart before anything is measured.
FLOAT64 = 1e-12
# PyTorch's run is repeated with perturbed operands at most this often.
REPEATS = 32


@dataclass(kw_only=True)
class Trajectory(ProgramReport):
    """What `trajectory` found.

    A distance is the largest over the parameters of max|a - b| / max|b|, where b is the float64
    run, or PyTorch's run if `dtype` is float64.

    - `farthest`: the largest distance of minigrad's run.
    - `torch_farthest`: the largest distance of PyTorch's run.
    - `yardstick`: the largest of that and of its `repeats` with perturbed operands.
    - `diverged`: whether PyTorch's or the float64 run stopped being finite, which ends the
      comparison.
    """

    mode: ClassVar[str] = "free"
    dtype: str
    farthest: float = 0
    torch_farthest: float = 0
    yardstick: float = 0
    repeats: int = 0
    diverged: bool = False

    @property
    def worst(self) -> Finding | None:
        """The fault or, if there is none, the parameter in which minigrad's run is farthest."""
        if self.fault is not None:
            return self.fault
        return max((row.farthest for row in self.rows if row.farthest), key=_distance, default=None)

    @property
    def bound(self) -> float:
        """The largest distance allowed for minigrad's run."""
        return _allowed(self.yardstick, self.dtype)

    def agreement(self) -> str:
        torch_distance = f"{self.torch_farthest:.3g}"
        if self.repeats:
            torch_distance += (
                f", and {self.yardstick:.3g} in {self.repeats} repeats with operands perturbed"
            )
        reference = "PyTorch's" if self.dtype == "float64" else "the float64 run"
        until = ", until PyTorch's stopped being finite" if self.diverged else ""
        known = self.dtype != "float64" or self.repeats
        return (
            f"agree over {len(self.rows)} steps{until}: minigrad's {self.dtype} run is at most "
            f"{self.farthest:.3g} off {reference} where {self.bound:.3g} is allowed"
            + (f" (PyTorch's own: {torch_distance})" if known else "")
        )

    def to_dict(self) -> dict[str, Any]:
        numbers = {
            "farthest": self.farthest,
            "torch_farthest": self.torch_farthest,
            "yardstick": self.yardstick,
            "bound": self.bound,
        }
        return super().to_dict() | {
            "dtype": self.dtype,
            **{name: finite_or_text(value) for name, value in numbers.items()},
            "repeats": self.repeats,
            "diverged": self.diverged,
        }


def trajectory(
    program: SteppedProgram,
    *,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    measure: Callable[[Any], Any] | None = None,
) -> Trajectory:
    """Run a program in both libraries, each on its own, from minigrad's first parameters.

    Does `steps` steps, or all; PyTorch runs on `device`. The program must have a parameter `dtype`,
    since a float32 run is compared with a float64 one. `seed` is for the perturbations. `measure`,
    DeviceError and TypeError are as in `lockstep`.

    >>> from bridge import training
    >>> x, y = np.float32([[0, 1], [1, 0]]), np.array([0, 1])
    >>> def setup(torch):
    ...     model = torch.nn.Linear(2, 2)
    ...     return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
    >>> trajectory(training(setup, (x, y), epochs=9)).ok
    True
    """
    with prepared(device):
        runs = _FreeRuns(program, device, dtype)
        report = Trajectory(dtype=dtype, start=runs.start, environment=environment(device, seed))
        while (steps is None or len(report.rows) < steps) and runs.step(report, measure):
            report.farthest = max(report.farthest, report.rows[-1].distance)
        report.yardstick = report.torch_farthest
        while report.ok and report.farthest > report.bound and report.repeats < REPEATS:
            perturbed = PerturbedOperands(seed + report.repeats)
            distance = runs.repeat(len(report.rows), perturbed)
            report.yardstick = max(report.yardstick, distance)
            report.repeats += 1
        # Every step was judged by the bound for the whole run.
        report.rows = [replace(row, bound=report.bound) for row in report.rows]
        if report.ok:
            report.faults = _first_step_beyond(report)
        return report


def _first_step_beyond(report: Trajectory) -> list[Finding]:
    """Return the finding of the first step that is farther off than the bound, if there is one."""
    row = next((row for row in report.rows if row.distance > report.bound), None)
    if row is None or row.farthest is None:
        return []
    assert isinstance(row.farthest.difference, Difference)
    note = (
        f"PyTorch's own run is {report.torch_farthest:.3g} off, and with operands perturbed, "
        f"{report.repeats} times, {report.yardstick:.3g} at most"
    )
    difference = replace(row.farthest.difference, bound=report.bound, wrong=1)
    return [replace(row.farthest, difference=difference, step=row.step, note=note)]


class _FreeRuns:
    """A run in each library, and the float64 run that both are compared with."""

    def __init__(self, program: SteppedProgram, device: str, dtype: str) -> None:
        self.program, self.device, self.dtype = program, device, dtype
        self.ours = ProgramRun(program, minigrad, "cpu", dtype)
        self.first = self.ours.snapshot()
        self.theirs = ProgramRun(program, torch, device, dtype)
        self.start = origin_of_parameters(self.ours, self.theirs)
        if self.start == COPIED:
            self.theirs.restore(self.first)
        self.reference = self.theirs if dtype == "float64" else self._new_reference()

    def _torch_run(self, device: str, dtype: str) -> ProgramRun:
        run = ProgramRun(self.program, torch, device, dtype)
        run.restore(self.first)
        return run

    def _new_reference(self) -> ProgramRun:
        device = self.device if self.dtype == "float64" else "cpu"
        return self._torch_run(device, "float64")

    def step(self, report: Trajectory, measure: Callable[[Any], Any] | None) -> bool:
        """Do one step in each run and report it; return False if the program has ended."""
        runs = dict.fromkeys((self.ours, self.theirs, self.reference))
        went_on = {run: run.step() for run in runs}
        if not all(went_on.values()):
            if any(went_on.values()):
                fault = Finding("the program", "ends in one run first", step=self.ours.count)
                report.faults = [fault]
            return False
        synchronize(self.device)
        ours, theirs, reference = (
            run.parameter_values() for run in (self.ours, self.theirs, self.reference)
        )
        if not (_finite(theirs) and _finite(reference)):
            report.diverged = True
            return False
        farthest = _distance_from(reference, ours)
        torch_distance = _distance_from(reference, theirs).distance
        report.torch_farthest = max(report.torch_farthest, torch_distance)
        a, b = self.ours.results(), self.theirs.results()
        report.rows.append(
            StepRow(
                step=self.ours.count,
                ours=self.ours.loss,
                theirs=self.theirs.loss,
                parameter=farthest_apart(ours, a, b),
                gradient=farthest_apart([f"gradient of {name}" for name in ours], a, b),
                distance=farthest.distance,
                bound=_allowed(report.torch_farthest, self.dtype),
                torch_distance=torch_distance,
                farthest=farthest,
                measured=measure and (measure(self.ours.latest), measure(self.theirs.latest)),
            )
        )
        return True

    def repeat(self, steps: int, perturbed: PerturbedOperands) -> float:
        """Repeat PyTorch's run with perturbed operands; return its largest distance."""
        run, reference = self._torch_run(self.device, self.dtype), self._new_reference()
        largest = 0.0
        for _ in range(steps):
            reference.step()
            with perturbed:
                run.step()
            if not _finite(run.parameter_values()):
                break  # an infinite distance would allow anything
            found = _distance_from(reference.parameter_values(), run.parameter_values())
            largest = max(largest, found.distance)
        return largest


def _allowed(yardstick: float, dtype: str) -> float:
    least = FLOAT64 if dtype == "float64" else 2 * float(np.finfo(dtype).eps)
    return max(TIMES * yardstick, least)


def _distance(found: Finding) -> float:
    return found.distance


def _finite(values: dict[str, Array]) -> bool:
    return all(np.isfinite(x).all() for x in values.values())


def _distance_from(reference: dict[str, Array], values: dict[str, Array]) -> Finding:
    """Return the distance of a run from the reference, in the parameter where it is largest."""
    found = [Finding(name, _relative_difference(values[name], b)) for name, b in reference.items()]
    return max(found, key=_distance, default=Finding("parameters", Difference()))


def _relative_difference(ours: Array, theirs: Array) -> Difference:
    """Compare two arrays by max|ours - theirs| / max|theirs|, or undivided if `theirs` is zero."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    size = np.abs(theirs).max(initial=0) or 1.0
    found = compare_arrays(ours, theirs, Scaled(np.inf), np.asarray(size))
    distance = float(found.distance * np.finfo(np.float64).eps)
    return replace(found, distance=distance, unit="of the tensor's largest")
