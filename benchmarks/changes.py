"""What has changed between two runs, beyond the noise.

A machine is faster on one day than on another, so an engine is compared by its ratio to another
engine of the same run: to NumPy by hand or, where that is not, to PyTorch. Only the time of that
one itself is compared as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from .engines import BY_HAND
from .measurement import Measurement, median, middle_half, ratio
from .record import Record

# By less than this two runs of one program can differ on an idle machine: code and data come to lie
# elsewhere in memory.
LEAST = 0.05
REFERENCES = (BY_HAND, "PyTorch")

Key = tuple[str, str, float, str, str]


def compare(old: Record, new: Record) -> str:
    """What is faster and what slower in `new`, and in what else the two runs differ.

    A change is one where the middle halves of the rounds do not overlap and the medians are more
    than 5% apart.
    """
    before, after = _relative(old.measurements), _relative(new.measurements)
    common = [key for key in after if key in before]
    changes = []
    for key in common:
        (relative_to, old_rounds), (_, new_rounds) = before[key], after[key]
        factor = median(new_rounds) / median(old_rounds)
        if changed(old_rounds, new_rounds):
            changes.append((factor, key, relative_to))
    lines = [*_differences(old, new)]
    faster = sum(factor < 1 for factor, _, _ in changes)
    lines.append(
        f"{len(common)} compared with the old run: {faster} faster or less, "
        f"{len(changes) - faster} slower or more, "
        f"{len(common) - len(changes)} the same; {len(before) - len(common)} only in the old, "
        f"{len(after) - len(common)} only in the new"
    )
    if changes:
        lines.append(_table(sorted(changes, reverse=True)))
    return "\n".join(lines)


def changed(old: Sequence[float], new: Sequence[float]) -> bool:
    """Whether two lists of rounds differ by more than their noise.

    >>> changed([1.0, 1.1, 1.2], [1.3, 1.4, 1.5]), changed([1.0, 1.2, 1.4], [1.1, 1.3, 1.5])
    (True, False)
    """
    (old_low, old_high), (new_low, new_high) = middle_half(old), middle_half(new)
    apart = new_low > old_high or new_high < old_low
    return apart and abs(median(new) / median(old) - 1) > LEAST


def _relative(measurements: Sequence[Measurement]) -> dict[Key, tuple[str, Sequence[float]]]:
    """For each measurement what it is relative to, and its ratios to that, round by round."""
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


def _differences(old: Record, new: Record) -> list[str]:
    """A line for each thing that makes the two runs hard to compare."""
    lines = []
    for name in ("cpu", "cuda", "governor", "threads", "versions"):
        then, now = (_flat(record.environment.get(name)) for record in (old, new))
        lines += [
            f"another {name}{key}: {then.get(key)} then, {now.get(key)} now"
            for key in (then | now)
            if then.get(key) != now.get(key)
        ]
    if old.settings.dtype != new.settings.dtype:
        lines.append(f"another dtype: {old.settings.dtype} then, {new.settings.dtype} now")
    lines += [
        f"the {which} run was a smoke run (--quick), which measures nothing"
        for which, record in (("old", old), ("new", new))
        if record.settings.quick
    ]
    return lines


def _flat(value: Any) -> dict[str, Any]:
    return {f" ({k})": v for k, v in value.items()} if isinstance(value, dict) else {"": value}


def _table(changes: Sequence[tuple[float, Key, str]]) -> str:
    lines = [
        [
            f"{_word(factor, quantity)} × {factor:.2f}",
            part,
            case if part == "steps" else f"{case} of {size:,.0f}",
            engine,
            quantity,
            relative_to and f"÷ {relative_to}",
        ]
        for factor, (part, case, size, engine, quantity), relative_to in changes
    ]
    return tabulate(lines, tablefmt="plain", disable_numparse=True)


def _word(factor: float, quantity: str) -> str:
    if quantity == "memory":
        return "more" if factor > 1 else "less"
    return "slower" if factor > 1 else "faster"
