"""Lockstep: before each step both libraries are set to the same state, and after it compared.

So nothing adds up, and each step is judged by itself: every op, from the same operands
(`replay.py`); the optimiser's update, from the same gradients and state; and what comes out, up to
what rounding alone does there (`rounding.py`). The first thing that differs is named: an op if
one can be, else what the optimiser wrote, else a tensor.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.catalogue.accuracy import SUMMED, Exact, Scaled

from .closeness import Array, difference, normwise
from .environment import environment, prepared, synchronize
from .findings import Finding, one_sided
from .localise import Recorded, first_stranger
from .program import Program, Run, Snapshot, same_start
from .replay import Replay
from .rounding import beside_rounding
from .rows import Row, farthest
from .tables import table

# What an update may be off before anyone asks why: 2 eps of the result and 16 of the change.
_UPDATED = Scaled(16)


@dataclass
class Lockstep:
    """What `lockstep` found: a row for each step, and what differs first."""

    rows: list[Row] = field(default_factory=list)
    fault: Finding | None = None
    faults: list[Finding] = field(default_factory=list)  # all that differs in that step
    environment: dict[str, Any] = field(default_factory=dict, repr=False)
    ops: int = 0  # how many were compared, all steps together
    start: str = ""  # where PyTorch's first parameters came from

    @property
    def ok(self) -> bool:
        """Whether the two libraries agree."""
        return self.fault is None

    @property
    def worst(self) -> Finding | None:
        """The fault; where there is none, the parameter or gradient that was farthest apart."""
        if self.fault is not None:
            return self.fault
        found = [f for row in self.rows for f in (row.parameter, row.gradient) if f is not None]
        return max(found, key=lambda f: f.distance, default=None)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "mode": "lockstep",
            "ok": self.ok,
            "verdict": self.verdict(),
            "steps": len(self.rows),
            "ops": self.ops,
            "start": self.start,
            "fault": None if self.fault is None else self.fault.to_dict(),
            "faults": [found.to_dict() for found in self.faults],
            "rows": [row.to_dict() for row in self.rows],
            "environment": self.environment,
        }

    def verdict(self) -> str:
        """One line that says how it ended."""
        if self.fault is not None:
            return f"DIFFER at {self.fault}"
        if not self.rows:
            return "nothing was compared: the program took no step"
        return f"agree in {len(self.rows)} steps: {self.ops} ops one by one, and what came of them"

    def __str__(self) -> str:
        return f"{table(self.rows)}\n{self.verdict()}"


def lockstep(
    program: Program,
    *,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str | None = None,
    seed: int = 0,
    measure: Callable[[Any], Any] | None = None,
) -> Lockstep:
    """Run a program in both libraries, PyTorch set to minigrad's state before each step.

    For `steps` steps, or to its end; PyTorch on `device`. `dtype` ("float32", "float64") is told to
    the program, if it is given. `seed` is that of what rounding is measured with. `measure` is
    called with what the program yields in each library, and its answers are kept in the row.

    Raises DeviceError for a device that is not there, TypeError for what is no program. After the
    first step that differs nothing is judged any more; the rows go on.

    >>> from bridge.program import training
    >>> x, y = np.float32([[0, 1], [1, 0]]), np.array([0, 1])
    >>> def setup(torch):
    ...     model = torch.nn.Linear(2, 2)
    ...     return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
    >>> lockstep(training(setup, (x, y), epochs=3)).verdict()
    'agree in 3 steps: 9 ops one by one, and what came of them'
    """
    with prepared(device):
        pair = _Pair(program, device, dtype, seed)
        report = Lockstep(start=pair.start, environment=environment(device, seed))
        while (steps is None or len(report.rows) < steps) and pair.step(report, measure):
            pass
        return report


class _Pair:
    """A run in each library, and further ones in PyTorch to try a step with once more."""

    def __init__(self, program: Program, device: str, dtype: str | None, seed: int) -> None:
        self.program, self.device, self.dtype, self.seed = program, device, dtype, seed
        self.ours = Run(program, minigrad, "cpu", dtype)
        self.theirs = Run(program, torch, device, dtype)
        self.spares: list[Run] = []
        self.updater = (
            Run(program, torch, device, dtype) if self.ours.optimizer is not None else None
        )
        shapes = [
            {name: (p.dtype, p.shape) for name, p in run.values().items()}
            for run in (self.ours, self.theirs)
        ]
        if shapes[0] != shapes[1]:
            raise TypeError(
                "the program has other parameters in each library: "
                f"{shapes[0]} in minigrad and {shapes[1]} in PyTorch"
            )
        self.start = same_start(self.ours, self.theirs)

    def step(self, report: Lockstep, measure: Callable[[Any], Any] | None) -> bool:
        """Do one step in both, and write down what came of it. False if the program has ended."""
        before = self.ours.snapshot()
        self.theirs.set(before)
        settings = [] if self.updater is None else self.theirs.settings()
        with Replay(self.device) as replay:
            went_on = self.ours.step()
        if self.theirs.step() != went_on:
            ended = "minigrad" if self.theirs.count > self.ours.count else "PyTorch"
            report.fault = Finding("the program", f"ends first in {ended}", step=self.ours.count)
            return False
        if not went_on:
            return False
        synchronize(self.device)
        ours, theirs = self.ours.outcome(), self.theirs.outcome()
        apart = {name: normwise(ours[name], theirs[name]) for name in ours if name in theirs}
        bound = SUMMED.bound
        if report.ok:
            faults = sorted(replay.findings, key=lambda found: found.number)
            faults += self._updates(before, settings, ours)
            strangers, bound = self._outcomes(before, ours, theirs, replay, bool(faults))
            faults += strangers
            report.faults = [replace(found, step=self.ours.count) for found in faults]
            report.fault = report.faults[0] if faults else None
            report.ops += len(replay.ops)

        parameters = list(self.ours.parameters)
        report.rows.append(
            Row(
                self.ours.count,
                self.ours.loss,
                self.theirs.loss,
                farthest(parameters, ours, theirs),
                farthest([f"gradient of {name}" for name in parameters], ours, theirs),
                max(Finding(name, d).distance for name, d in apart.items()),
                bound,
                measured=measure and (measure(self.ours.now), measure(self.theirs.now)),
            )
        )
        return True

    def _outcomes(
        self,
        before: Snapshot,
        ours: dict[str, Array],
        theirs: dict[str, Array],
        replay: Replay,
        blamed: bool,
    ) -> tuple[list[Finding], float]:
        """What came out otherwise than rounding explains, and how much of it rounding explains."""
        faults = one_sided(ours, theirs)
        common = [name for name in ours if name in theirs]
        suspects = [n for n in common if not normwise(ours[n], theirs[n], SUMMED.bound).ok]
        bound = SUMMED.bound
        if suspects:
            tries = itertools.count()

            def again(within: AbstractContextManager[Any]) -> dict[str, Array]:
                return self._again(before, next(tries), within)

            apart = beside_rounding(ours, theirs, suspects, again, self.seed, replay.overflowed)
            for name, found in apart.items():
                if not found.ok:
                    faults.append(Finding(name, found))
                elif found.distance:  # what is allowed, in the unit of the rows
                    times = normwise(ours[name], theirs[name]).distance / found.distance
                    bound = max(bound, found.bound * times)
            if faults and not blamed:
                again(recorded := Recorded())
                stranger = first_stranger(replay.events, recorded)
                faults = [stranger, *faults] if stranger is not None else faults
        return faults, bound

    def _again(
        self, before: Snapshot, which: int, within: AbstractContextManager[Any]
    ) -> dict[str, Array]:
        """What PyTorch gives for the step that was just done: by the spare run of that number.

        A generator cannot be asked for the same step twice.
        """
        while len(self.spares) <= which:
            self.spares.append(Run(self.program, torch, self.device, self.dtype))
        spare = self.spares[which]
        spare.catch_up(self.ours.count - 1)
        spare.set(before)
        with within:
            spare.step()
        return spare.outcome()

    # The update by itself ---------------------------------------------------------------------

    def _updates(
        self, before: Snapshot, settings: list[dict[str, Any]], ours: dict[str, Array]
    ) -> list[Finding]:
        """What minigrad's optimiser wrote otherwise than PyTorch's does from the same gradients."""
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

        def again(within: AbstractContextManager[Any]) -> dict[str, Array]:
            return self._update(before, settings, gradients, within)

        apart = beside_rounding(ours, theirs, suspects, again, self.seed)
        op = f"{type(self.ours.optimizer).__name__}.step"
        return [Finding(name, found, op) for name, found in apart.items() if not found.ok]

    def _update(
        self,
        before: Snapshot,
        settings: list[dict[str, Any]],
        gradients: dict[str, Array | None],
        within: AbstractContextManager[Any] | None = None,
    ) -> dict[str, Array]:
        assert self.updater is not None
        self.updater.set(before)
        with within or nullcontext():
            self.updater.update(gradients, settings)
        return self.updater.updated()

    def _is_suspect(self, name: str, before: Snapshot, ours: Array, theirs: Array) -> bool:
        """Whether an updated value is farther off than a few roundings of the update explain."""
        size = np.abs(theirs.astype(np.float64))
        terms = size / 4
        if name in before.parameters:
            terms = size / 8 + np.abs(theirs.astype(np.float64) - before.parameters[name])
        return difference(ours, theirs, _UPDATED, terms) is not None

    def _is_one_update(self, before: Snapshot, settings: list[dict[str, Any]]) -> bool:
        """Whether the program's step is a single update by the gradients that it left: in PyTorch,
        where such an update then gives what the step gave."""
        updated = self._update(before, settings, self.theirs.gradients())
        return all(
            difference(x, updated[name], Exact()) is None
            for name, x in self.theirs.updated().items()
        )
