"""Lockstep: before each step PyTorch gets minigrad's state, and after it the two are compared.

So no difference accumulates, and each step is judged by itself: every op from the same operands
(`comparing/replay.py`), the optimiser's update from the same gradients and state, and the results
of the step up to how far rounding carries them (`comparing/rounding.py`). The report names the
first difference: an op if one is to blame, else what the optimiser wrote, else a tensor.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

import minigrad
from bridge.comparing.closeness import Array, difference, normwise
from bridge.comparing.findings import Finding, missing_on_one_side
from bridge.comparing.localise import RecordedTensors, first_unmatched
from bridge.comparing.replay import Replay
from bridge.comparing.rounding import judge_by_rounding
from bridge.libraries.environment import environment, prepared, synchronize
from bridge.reporting.report import ProgramReport
from bridge.reporting.rows import StepRow, farthest_apart
from minigrad.catalogue.accuracy import SUMMED, Exact, Scaled

from .program import SteppedProgram
from .run import ProgramRun, Snapshot, origin_of_parameters

Results = dict[str, Array]

# An update that is off by less is not a suspect: 2 eps of the result plus 16 eps of the change.
_UPDATE_TOLERANCE = Scaled(16)


@dataclass(kw_only=True)
class Lockstep(ProgramReport):
    """What `lockstep` found. `faults` has all that differs in the first step that does.

    `ops` is how many calls of ops were compared, in all steps together.
    """

    mode: ClassVar[str] = "lockstep"
    ops: int = 0

    @property
    def worst(self) -> Finding | None:
        """The first fault or, if there is none, the parameter or gradient farthest apart."""
        if self.fault is not None:
            return self.fault
        found = [f for row in self.rows for f in (row.parameter, row.gradient) if f is not None]
        return max(found, key=lambda f: f.distance, default=None)

    def agreement(self) -> str:
        return f"agree in {len(self.rows)} steps: {self.ops} ops one by one, and their results"

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"ops": self.ops}


def lockstep(
    program: SteppedProgram,
    *,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str | None = None,
    seed: int = 0,
    measure: Callable[[Any], Any] | None = None,
) -> Lockstep:
    """Run a program in both libraries, and give PyTorch minigrad's state before each step.

    Does `steps` steps, or all; PyTorch runs on `device`. `dtype` ("float32" or "float64") is passed
    to the program if given. `seed` is for the perturbations that measure rounding. `measure` is
    called with what the program yields in each library, and the row keeps what it returns.

    After the first step that differs, the rows go on but nothing more is judged. Raises DeviceError
    if PyTorch can't compute on the device, and TypeError if `program` is not a program.

    >>> from bridge import training
    >>> x, y = np.float32([[0, 1], [1, 0]]), np.array([0, 1])
    >>> def setup(torch):
    ...     model = torch.nn.Linear(2, 2)
    ...     return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
    >>> lockstep(training(setup, (x, y), epochs=3)).verdict()
    'agree in 3 steps: 9 ops one by one, and their results'
    """
    with prepared(device):
        runs = _LockstepRuns(program, device, dtype, seed)
        report = Lockstep(start=runs.start, environment=environment(device, seed))
        while (steps is None or len(report.rows) < steps) and runs.step(report, measure):
            pass
        return report


class _LockstepRuns:
    """A run in each library, and further runs in PyTorch that repeat a step or an update."""

    def __init__(self, program: SteppedProgram, device: str, dtype: str | None, seed: int) -> None:
        self.program, self.device, self.dtype, self.seed = program, device, dtype, seed
        self.ours = ProgramRun(program, minigrad, "cpu", dtype)
        self.theirs = self._torch_run()
        self.repeats: list[ProgramRun] = []
        self.updater = self._torch_run() if self.ours.makes_one_update else None
        ours, theirs = (
            {name: (p.dtype, p.shape) for name, p in run.parameter_values().items()}
            for run in (self.ours, self.theirs)
        )
        if ours != theirs:
            raise TypeError(
                "the program has other parameters in each library: "
                f"{ours} in minigrad and {theirs} in PyTorch"
            )
        self.start = origin_of_parameters(self.ours, self.theirs)

    def _torch_run(self) -> ProgramRun:
        return ProgramRun(self.program, torch, self.device, self.dtype)

    def step(self, report: Lockstep, measure: Callable[[Any], Any] | None) -> bool:
        """Do one step in both libraries and report it; return False if the program has ended."""
        before = self.ours.snapshot()
        self.theirs.restore(before)
        settings = [] if self.updater is None else self.theirs.settings()
        with Replay(self.device) as replay:
            went_on = self.ours.step()
        if self.theirs.step() != went_on:
            ended = "minigrad" if self.theirs.count > self.ours.count else "PyTorch"
            fault = Finding("the program", f"ends first in {ended}", step=self.ours.count)
            report.faults.insert(0, fault)
            return False
        if not went_on:
            return False
        synchronize(self.device)
        ours, theirs = self.ours.results(), self.theirs.results()
        bound = SUMMED.bound
        if report.ok:
            faults, bound = self._judge(before, settings, ours, theirs, replay)
            report.faults = [replace(found, step=self.ours.count) for found in faults]
            report.ops += len(replay.ops)
        report.rows.append(self._row(ours, theirs, bound, measure))
        return True

    def _row(
        self, ours: Results, theirs: Results, bound: float, measure: Callable[[Any], Any] | None
    ) -> StepRow:
        parameters = list(self.ours.parameters)
        distances = [
            Finding(name, normwise(ours[name], theirs[name])).distance
            for name in ours
            if name in theirs
        ]
        return StepRow(
            step=self.ours.count,
            ours=self.ours.loss,
            theirs=self.theirs.loss,
            parameter=farthest_apart(parameters, ours, theirs),
            gradient=farthest_apart([f"gradient of {name}" for name in parameters], ours, theirs),
            distance=max(distances),
            bound=bound,
            measured=measure and (measure(self.ours.latest), measure(self.theirs.latest)),
        )

    # Judging a step ---------------------------------------------------------------------------

    def _judge(
        self,
        before: Snapshot,
        settings: list[dict[str, Any]],
        ours: Results,
        theirs: Results,
        replay: Replay,
    ) -> tuple[list[Finding], float]:
        """Return the faults of the last step, and the bound that its results were held to."""
        faults = sorted(replay.findings, key=lambda found: found.number)
        faults += self._update_faults(before, settings, ours)
        result_faults, bound = self._result_faults(before, ours, theirs, replay, bool(faults))
        return faults + result_faults, bound

    def _result_faults(
        self, before: Snapshot, ours: Results, theirs: Results, replay: Replay, blamed: bool
    ) -> tuple[list[Finding], float]:
        """Return the results of the step that rounding doesn't explain, and their bound.

        Unless an op or the update is `blamed` already, the first unmatched array leads the list.
        """
        faults = missing_on_one_side(ours, theirs)
        common = [name for name in ours if name in theirs]
        suspects = [n for n in common if not normwise(ours[n], theirs[n], SUMMED.bound).ok]
        bound = SUMMED.bound
        if not suspects:
            return faults, bound
        numbers = itertools.count()

        def rerun(context: AbstractContextManager[Any]) -> Results:
            return self._repeat_step(before, next(numbers), context)

        judged = judge_by_rounding(ours, theirs, suspects, rerun, self.seed, replay.overflowed)
        for name, found in judged.items():
            if not found.ok:
                faults.append(Finding(name, found))
            elif found.distance:  # convert the bound to eps of the largest element
                unit = normwise(ours[name], theirs[name]).distance / found.distance
                bound = max(bound, found.bound * unit)
        if faults and not blamed:
            rerun(recorded := RecordedTensors())
            unmatched = first_unmatched(replay.computed, recorded)
            faults = [unmatched, *faults] if unmatched is not None else faults
        return faults, bound

    def _repeat_step(
        self, before: Snapshot, number: int, context: AbstractContextManager[Any]
    ) -> Results:
        """Repeat the last step in PyTorch within `context`, in the run of that number.

        Each repetition needs its own run, since a generator can't repeat a step.
        """
        while len(self.repeats) <= number:
            self.repeats.append(self._torch_run())
        run = self.repeats[number]
        run.advance_to(self.ours.count - 1)
        run.restore(before)
        with context:
            run.step()
        return run.results()

    # Judging the update -----------------------------------------------------------------------

    def _update_faults(
        self, before: Snapshot, settings: list[dict[str, Any]], ours: Results
    ) -> list[Finding]:
        """Compare what minigrad's optimiser wrote with PyTorch's update by the same gradients."""
        if self.updater is None:
            return []
        gradients = self.ours.gradients()
        theirs = self._update(before, settings, gradients)
        suspects = [
            name
            for name in theirs
            if name in ours and self._is_suspect(name, before, ours[name], theirs[name])
        ]
        if not suspects or not self._is_one_update(before, settings):
            return []

        def rerun(context: AbstractContextManager[Any]) -> Results:
            return self._update(before, settings, gradients, context)

        judged = judge_by_rounding(ours, theirs, suspects, rerun, self.seed)
        op = f"{type(self.ours.optimizer).__name__}.step"
        return [Finding(name, found, op) for name, found in judged.items() if not found.ok]

    def _update(
        self,
        before: Snapshot,
        settings: list[dict[str, Any]],
        gradients: dict[str, Array | None],
        context: AbstractContextManager[Any] | None = None,
    ) -> Results:
        assert self.updater is not None
        self.updater.restore(before)
        with context or nullcontext():
            self.updater.update(gradients, settings)
        return self.updater.after_update()

    def _is_suspect(self, name: str, before: Snapshot, ours: Array, theirs: Array) -> bool:
        """Tell whether an updated value is off by more than a few roundings."""
        size = np.abs(theirs.astype(np.float64))
        terms = size / 4
        if name in before.parameters:
            terms = size / 8 + np.abs(theirs.astype(np.float64) - before.parameters[name])
        return difference(ours, theirs, _UPDATE_TOLERANCE, terms) is not None

    def _is_one_update(self, before: Snapshot, settings: list[dict[str, Any]]) -> bool:
        """Tell whether the program's step is one update by the gradients it left.

        In PyTorch, repeating that update then gives the same bits as the step.
        """
        updated = self._update(before, settings, self.theirs.gradients())
        return all(
            difference(x, updated[name], Exact()) is None
            for name, x in self.theirs.after_update().items()
        )
