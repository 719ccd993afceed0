"""Shared by all tests: Hypothesis profiles, one thread for PyTorch, and a summary of the counts.

The default profile draws the same examples in every run. `pytest --hypothesis-profile=deep` draws
new ones, and random programs for the time that `--minutes` sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from campaign import PROGRAMS, Campaign
from hypothesis import settings
from hypothesis.internal.conjecture import providers

import minigrad

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("deep", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("repeatable")
# Hypothesis also draws constants that it finds in the modules that are loaded at that time. Without
# them, a test draws the same examples whichever tests ran before it.
if hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants

try:
    import torch
except ImportError:
    # These helpers import torch, so collecting their doctests would fail.
    shared = ("bridge/mistakes", "rules/checks")
    collect_ignore = [f"{name}.py" for name in shared]
else:
    # One thread sums in a fixed order, and keeps xdist's workers from competing for cores.
    torch.set_num_threads(1)
    torch.set_warn_always(True)
# A warning that is given once per process would be given to whichever test comes first.
minigrad.set_warn_always(True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the documents' commands first: they take longest, and at the end a worker would idle."""
    items.sort(key=lambda item: "test_shell_commands_run" not in item.nodeid)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("random programs, with --hypothesis-profile=deep")
    group.addoption("--minutes", type=float, default=10, help="time to spend (default: 10)")
    group.addoption("--first-seed", type=int, default=0, help="first seed (default: 0)")


@pytest.fixture
def campaign(request: pytest.FixtureRequest, record_property: Any) -> Campaign:
    """The random programs of this run."""
    options = request.config.option
    return Campaign(options.minutes, options.first_seed, record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of all workers recorded: random programs and mutants."""
    recorded = [
        entry
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for entry in report.user_properties
    ]
    programs = sum(value for name, value in recorded if name == PROGRAMS)
    if programs:
        terminalreporter.write_line(f"{PROGRAMS}: {programs:,} were run in both libraries")
    found = [mutant for name, mutants in recorded if name == "mutants" for mutant in mutants]
    if found:
        _summarise_mutants(terminalreporter, found)


def _summarise_mutants(
    terminalreporter: pytest.TerminalReporter, found: list[tuple[str, str, Any, str]]
) -> None:
    """Print how many mutants were killed: in all, by mutation, and by op."""
    killed = sum(verdict == "killed" for *_, verdict in found)
    terminalreporter.section(f"mutants killed {killed} of {len(found)}")
    for line in (
        *_columns(_counts((mutation, verdict) for mutation, _, _, verdict in found)),
        "",
        *_columns(_counts((op, verdict) for _, op, _, verdict in found)),
    ):
        terminalreporter.write_line(line)


def _counts(found: Iterable[tuple[str, str]]) -> list[str]:
    """For each name: killed/total, and the number of equivalent mutants."""
    verdicts: dict[str, Counter[str]] = {}
    for name, verdict in found:
        verdicts.setdefault(name, Counter())[verdict] += 1
    return [
        f"{name} {count['killed']}/{count.total()}"
        + (f" ({count['equivalent']} equivalent)" if count["equivalent"] else "")
        for name, count in sorted(verdicts.items())
    ]


def _columns(entries: list[str], width: int = 100) -> list[str]:
    """The entries in as many columns as fit, filled downwards."""
    column = max(map(len, entries)) + 2
    rows = -(-len(entries) // max(width // column, 1))
    return ["".join(e.ljust(column) for e in entries[i::rows]).rstrip() for i in range(rows)]
