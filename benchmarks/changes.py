"""Report what changed between two runs by more than the noise.

A machine's speed varies from day to day, so each engine is compared by its ratio to a reference of
the same run: NumPy by hand, or else PyTorch. Only the reference itself is compared by its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from .by_hand import BY_HAND
from .measurement import Measurement, median, middle_half, ratio
from .results import BenchmarkResults

# On an idle machine, two runs of the same program can differ by almost this much, because code and
# data are at different addresses.
SMALLEST_CHANGE = 0.05
REFERENCES = (BY_HAND, "PyTorch")

Key = tuple[str, str, float, str, str]


def describe_changes(old: BenchmarkResults, new: BenchmarkResults) -> str:
    """Describe what is faster or slower in `new`, and how the conditions of the runs differ.

    A measurement has changed if the middle halves of its rounds don't overlap and its medians
    differ by more than 5%.
    """
    before, after = _relative(old.measurements), _relative(new.measurements)
    common = [key for key in after if key in before]
    changes = []
    for key in common:
        (reference, old_rounds), (_, new_rounds) = before[key], after[key]
        if has_changed(old_rounds, new_rounds):
            changes.append((median(new_rounds) / median(old_rounds), key, reference))
    faster = sum(factor < 1 for factor, _, _ in changes)
    lines = _differing_conditions(old, new)
    lines.append(
        f"{len(common)} compared with the old run: {faster} faster or less, "
        f"{len(changes) - faster} slower or more, {len(common) - len(changes)} the same; "
        f"{len(before) - len(common)} only in the old run, "
        f"{len(after) - len(common)} only in the new one"
    )
    if changes:
        lines.append(_table(sorted(changes, reverse=True)))
    return "\n".join(lines)


def has_changed(old: Sequence[float], new: Sequence[float]) -> bool:
    """Whether two lists of rounds differ by more than their noise.

    >>> has_changed([1.0, 1.1, 1.2], [1.3, 1.4, 1.5])
    True
    >>> has_changed([1.0, 1.2, 1.4], [1.1, 1.3, 1.5])
    False
    """
    (old_low, old_high), (new_low, new_high) = middle_half(old), middle_half(new)
    apart = new_low > old_high or new_high < old_low
    return apart and abs(median(new) / median(old) - 1) > SMALLEST_CHANGE


def _relative(measurements: Sequence[Measurement]) -> dict[Key, tuple[str, Sequence[float]]]:
    """Return each measurement's reference ("" for none), and its rounds divided by it."""
    rounds = {each.key: each.rounds for each in measurements}
    found: dict[Key, tuple[str, Sequence[float]]] = {}
    for key, own in rounds.items():
        part, case, size, engine, quantity = key
        found[key] = "", own
        for reference in REFERENCES:
            theirs = rounds.get((part, case, size, reference, quantity))
            if theirs is not None and quantity != "memory":
                if engine != reference:
                    found[key] = reference, ratio(own, theirs)
                break
    return found


def _differing_conditions(old: BenchmarkResults, new: BenchmarkResults) -> list[str]:
    """A line for each condition that makes the runs hard to compare."""
    lines = []
    for name in ("cpu", "cuda", "governor", "threads", "versions"):
        then, now = (_flattened(run.environment.get(name)) for run in (old, new))
        lines += [
            f"{name}{key} differs: {then.get(key)} before, {now.get(key)} now"
            for key in (then | now)
            if then.get(key) != now.get(key)
        ]
    if old.settings.dtype != new.settings.dtype:
        lines.append(f"dtype differs: {old.settings.dtype} before, {new.settings.dtype} now")
    lines += [
        f"the {which} run was a smoke run (--quick): its numbers mean nothing"
        for which, run in (("old", old), ("new", new))
        if run.settings.quick
    ]
    return lines


def _flattened(value: Any) -> dict[str, Any]:
    return {f" ({k})": v for k, v in value.items()} if isinstance(value, dict) else {"": value}


def _table(changes: Sequence[tuple[float, Key, str]]) -> str:
    lines = [
        [
            f"{_word(factor, quantity)} × {factor:.2f}",
            part,
            case if part in ("steps", "models", "compiled") else f"{case} of {size:,.0f}",
            engine,
            quantity,
            reference and f"÷ {reference}",
        ]
        for factor, (part, case, size, engine, quantity), reference in changes
    ]
    return tabulate(lines, tablefmt="plain", disable_numparse=True)


def _word(factor: float, quantity: str) -> str:
    if quantity == "memory":
        return "more" if factor > 1 else "less"
    return "slower" if factor > 1 else "faster"
