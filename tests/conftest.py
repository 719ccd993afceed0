"""What all tests share: hypothesis's profiles, one thread for PyTorch, and the count of mutants.

`pytest --hypothesis-profile=thorough` looks for new failures; the default profile repeats itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

with suppress(ImportError):
    import torch

    # One thread: sums are then taken in one order, and xdist's workers do not fight for cores.
    torch.set_num_threads(1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say, if mutants were run, how many were killed: in all, by mutation, and by op.

    What `tests/rules/test_mutants.py` found comes with the reports of its tests, from whichever
    process ran them.
    """
    found = [
        mutant
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for key, mutants in report.user_properties
        if key == "mutants"
        for mutant in mutants
    ]
    if not found:
        return
    killed = sum(verdict == "killed" for *_, verdict in found)
    terminalreporter.section(f"mutants killed {killed} of {len(found)}")
    for line in (
        *_columns(_counts((mutation, verdict) for mutation, _, _, verdict in found)),
        "",
        *_columns(_counts((op, verdict) for _, op, _, verdict in found)),
    ):
        terminalreporter.write_line(line)


def _counts(found: Iterable[tuple[str, str]]) -> list[str]:
    """For each name how many were killed of how many, and how many cannot be."""
    verdicts: dict[str, Counter[str]] = {}
    for name, verdict in found:
        verdicts.setdefault(name, Counter())[verdict] += 1
    return [
        f"{name} {count['killed']}/{count.total()}"
        + (f" ({count['equivalent']} equivalent)" if count["equivalent"] else "")
        for name, count in sorted(verdicts.items())
    ]


def _columns(entries: list[str], width: int = 100) -> list[str]:
    """The entries in as many columns as fit, read downwards."""
    column = max(map(len, entries)) + 2
    rows = -(-len(entries) // max(width // column, 1))
    return ["".join(e.ljust(column) for e in entries[i::rows]).rstrip() for i in range(rows)]
