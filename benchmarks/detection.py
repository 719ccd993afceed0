"""How soon `conform` finds a planted mistake: `python -m benchmarks.detection`.

Every mutant of every rule that isn't equivalent is planted in minigrad, and so is every mistake in
the tape. The checks of `conform` run until one fails. The report has the number of examples until
then and the time, and the mutants that survive. The exit status is 1 if any does.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from bridge.conformance import rules, tape
from bridge.conformance.adapter import load
from bridge.conformance.mutants import CONTROL, EQUIVALENT, Mutant, mutants_of, planted
from bridge.conformance.programs import judge as judge_programs
from bridge.conformance.tape_mistakes import MISTAKES
from bridge.drawing.samples import SAMPLES
from minigrad.app.command import CommandParser, check_output_files, run_command
from minigrad.utils.atomic_write import write_atomically

from .progress_bar import with_progress_bar

BUDGET = 40  # cases of each check


@dataclass(frozen=True)
class Detection:
    """A planted mistake, the check that found it or "", and what that took."""

    mistake: str
    found_by: str
    examples: int
    seconds: float


def all_mutants() -> list[Mutant]:
    """Return the mutants of all rules that aren't equivalent to the rule."""
    return [
        mutant
        for name in SAMPLES
        for mutant in mutants_of(name)
        if mutant.mutation != CONTROL and mutant not in EQUIVALENT
    ]


def detect(mutant: Mutant, budget: int = BUDGET, seed: int = 0) -> Detection:
    """Plant a mutant, and run the checks of its op until one fails."""
    import minigrad  # planted there

    count = 0

    def counted(text: str) -> None:
        nonlocal count
        count += 1

    label = f"{mutant.mutation} of {mutant.op}, operand {mutant.operand}"
    start = time.perf_counter()
    with planted(mutant.op, mutant.forward()):
        found = next(rules.failures(minigrad, mutant.op, budget, seed, note=counted), None)
        by = found.check if found is not None else ""
        if found is None:
            count += 2 * budget
            wrong = [v for v in rules.declarations(mutant.op, budget, seed) if v.verdict == "wrong"]
            by = wrong[0].check if wrong else ""
    return Detection(label, by, count, time.perf_counter() - start)


def detect_in_tape(mistake: str) -> Detection:
    """Plant a mistake in the tape, and run the suite `tape`, then random programs."""
    adapter, count, start = load("minigrad"), 0, time.perf_counter()
    with MISTAKES[mistake]():
        for check in tape.units(adapter):
            count += 1
            for verdict in tape.judge(adapter, check):
                if verdict.verdict in ("wrong", "error"):
                    return Detection(mistake, check, count, time.perf_counter() - start)
        for verdict in judge_programs(adapter, "whole", examples=BUDGET):
            count += verdict.examples
            by = "programs" if verdict.verdict in ("wrong", "error") else ""
            return Detection(mistake, by, count, time.perf_counter() - start)
    raise AssertionError("a suite has a verdict")


def report(found: Sequence[Detection], what: str) -> Iterator[str]:
    """Yield the lines of a report: medians, and what survives."""
    caught = [each for each in found if each.found_by]
    yield f"{what}: {len(caught)} of {len(found)} found"
    if len(caught) > 1:
        for name, unit in (("examples", ""), ("seconds", " s")):
            values = sorted(getattr(each, name) for each in caught)
            tenths = quantiles(values, n=10)
            yield (
                f"  {name}: median {median(values):.3g}{unit}, nine of ten within "
                f"{tenths[-1]:.3g}{unit}, most {values[-1]:.3g}{unit}"
            )
    yield from (f"  not found: {each.mistake}" for each in found if not each.found_by)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, and return its exit status."""
    return run_command("benchmarks.detection", _command, argv)


def _command(argv: list[str]) -> int:
    parser = CommandParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--share", type=int, help="how many mutants, drawn from the seed (all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the share and examples (0)")
    parser.add_argument("--json", metavar="FILE", help="write each detection")
    options = parser.parse_args(argv)
    check_output_files({"json": options.json})
    mutants = all_mutants()
    if options.share is not None:
        mutants = share(mutants, options.share, options.seed)
    of_rules = [detect(m, seed=options.seed) for m in with_progress_bar(mutants, "mutants")]
    of_tape = [detect_in_tape(mistake) for mistake in MISTAKES]
    print(*report(of_rules, "mutants of rules"), sep="\n")
    print(*report(of_tape, "mistakes in the tape"), sep="\n")
    if options.json:
        data = [asdict(each) for each in (*of_rules, *of_tape)]
        write_atomically(options.json, json.dumps(data, indent=1).encode() + b"\n")
    return 0 if all(each.found_by for each in (*of_rules, *of_tape)) else 1


def share(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return some mutants, drawn from a seed."""
    return random.Random(seed).sample(list(mutants), min(count, len(mutants)))


if __name__ == "__main__":
    sys.exit(main())
