"""What all tests share: hypothesis's profiles, and one thread for PyTorch.

The default profile repeats itself. `pytest --hypothesis-profile=deep` looks for new failures, and
draws random programs for as many `--minutes` as one says.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from campaign import PROGRAMS, Campaign
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("deep", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("repeatable")

with suppress(ImportError):
    import torch

    # One thread: sums are then taken in one order, and xdist's workers do not fight for cores.
    torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("random programs, in the profile deep")
    group.addoption("--minutes", type=float, default=10, help="how long to draw them (10)")
    group.addoption("--first-seed", type=int, default=0, help="the seed to begin with (0)")


@pytest.fixture
def campaign(request: pytest.FixtureRequest, record_property: Any) -> Campaign:
    """The random programs that this run is to draw."""
    options = request.config.option
    return Campaign(options.minutes, options.first_seed, record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [r for group in terminalreporter.stats.values() for r in group if _is_report(r)]
    count = sum(value for name, value in _recorded(reports) if name == PROGRAMS)
    if count:
        terminalreporter.write_line(f"{PROGRAMS}: {count:,} were run in both libraries")


def _is_report(thing: Any) -> bool:
    return isinstance(thing, pytest.TestReport) and thing.when == "call"


def _recorded(reports: Iterable[pytest.TestReport]) -> Iterable[tuple[str, Any]]:
    """What tests told of themselves with `record_property`."""
    return (entry for report in reports for entry in report.user_properties)
