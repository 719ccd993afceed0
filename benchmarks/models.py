"""The part "models": a training step of networks with convolutions, recurrence and attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tabulate import tabulate

from .agreement import check_agreement
from .chains_and_fans import NAMESPACES
from .measurement import Measurement, median, ratio
from .memory import NotMeasured, peak
from .model_zoo import MODELS, Model, TrainingStep, training_step
from .progress_bar import with_progress_bar
from .settings import BenchmarkSettings
from .steps import spread
from .turns import Contestant, take_turns

PART, STEP, MEMORY = "models", "step", "memory"
OURS, THEIRS = NAMESPACES
# The target for minigrad's peak memory, divided by PyTorch's.
MOST_MEMORY = 1.5
# The number of processes whose peak memory is measured, and of steps that are compared.
PROCESSES, STEPS = 3, 3


def measure(settings: BenchmarkSettings) -> list[Measurement]:
    """Measure a step of every model, in minigrad and in PyTorch, and the peak memory of a few.

    Raises Disagreement if the two don't compute the same.
    """
    found: list[Measurement] = []
    for model in with_progress_bar(list(MODELS.values()), PART):
        found += _measure_model(model, settings)
    return found


def _measure_model(model: Model, settings: BenchmarkSettings) -> Iterator[Measurement]:
    steps = {
        name: training_step(model, torch, settings.dtype, settings.quick)
        for name, torch in NAMESPACES.items()
    }
    check_models(model.name, steps, settings.dtype)
    contestants = {name: Contestant(step.run, prepare=step.reset) for name, step in steps.items()}
    times = take_turns(contestants, settings.rounds, settings.seconds)
    size = sum(p.size for p in steps[OURS].arrays().values())
    for name, rounds in times.items():
        yield Measurement(PART, model.name, size, name, STEP, rounds)
    if settings.quick:
        return
    case = list(MODELS).index(model.name)
    for name in steps:
        try:
            peaks = [
                float(peak("model", name, case, dtype=settings.dtype, threads=settings.threads))
                for _ in range(PROCESSES)
            ]
        except NotMeasured:
            continue
        yield Measurement(PART, model.name, size, name, MEMORY, tuple(peaks))


def check_models(case: str, steps: Mapping[str, TrainingStep], dtype: str) -> None:
    """Raise Disagreement unless minigrad trains the model as PyTorch does; then reset both.

    Compared are the gradients of the first step, and for a few steps the losses and how far each
    parameter has moved.
    """
    eps = float(np.finfo(dtype).eps)
    results = {name: _train_a_few_steps(step) for name, step in steps.items()}
    exact = {name for name in results[THEIRS] if name.startswith("the gradient")}
    # Adam divides a gradient by its size, so that the rounding of a small one moves a parameter.
    tolerance = {name: 1e3 * eps if name in exact else 1e5 * eps for name in results[THEIRS]}
    check_agreement(case, results, tolerance, reference=THEIRS)


def _train_a_few_steps(step: TrainingStep) -> dict[str, np.ndarray]:
    step.reset()
    initial, found = step.arrays(), {}
    for number in range(1, STEPS + 1):
        found[f"the loss of step {number}"] = np.array(step.run().detach().numpy())
        if number == 1:
            gradients = step.arrays(gradients=True)
            found |= {f"the gradient of {name}": array for name, array in gradients.items()}
    for name, array in step.arrays().items():
        distance = np.sqrt(np.sum((array - initial[name]) ** 2))
        found[f"the distance that {name} moved in {STEPS} steps"] = distance
    step.reset()
    return found


# Tables -------------------------------------------------------------------------------------------

COLUMNS = ("", OURS, THEIRS, "±", "÷ PyTorch", "target", "MB", "PyTorch's", "÷ PyTorch", "target")


def table(measurements: Sequence[Measurement]) -> str:
    """A line for each model: milliseconds of a step and peak megabytes, with the targets."""
    rounds = {(m.case, m.engine, m.quantity): m.rounds for m in measurements}
    missed, lines = list[str](), []
    for case in dict.fromkeys(m.case for m in measurements):
        ours, theirs = rounds[case, OURS, STEP], rounds[case, THEIRS, STEP]
        line = [case, *(f"{median(each) * 1e3:.2f}" for each in (ours, theirs)), spread(ours)]
        line += _against(f"time of {case}", median(ratio(ours, theirs)), MODELS[case].most, missed)
        if (case, OURS, MEMORY) in rounds and (case, THEIRS, MEMORY) in rounds:
            peaks = [median(rounds[case, name, MEMORY]) for name in (OURS, THEIRS)]
            line += [f"{each / 1e6:.1f}" for each in peaks]
            line += _against(f"memory of {case}", peaks[0] / peaks[1], MOST_MEMORY, missed)
        lines.append(line + [""] * (len(COLUMNS) - len(line)))
    alignment = ("left", *["right"] * (len(COLUMNS) - 1))
    text = tabulate(lines, COLUMNS, disable_numparse=True, colalign=alignment)
    outcome = f"targets missed: {'; '.join(missed)}" if missed else "all targets are met"
    return f"ms per training step, and the peak memory of a few\n{text}\n{outcome}"


def _against(what: str, found: float, target: float, missed: list[str]) -> list[str]:
    """The ratio and its target as text; a missed one is added to `missed`."""
    if found > target:
        missed.append(what)
    return [f"{found:.2f}", f"{target:g}"]
