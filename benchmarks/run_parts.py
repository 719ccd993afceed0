"""Measure the requested parts, all in the same conditions, and print their tables."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from minigrad.app.command import UsageError

from . import machine
from .agreement import check_engines
from .all_engines import all_engines
from .measurement import Measurement
from .networks import Network
from .results import BenchmarkResults
from .settings import BenchmarkSettings
from .turns import imports_frozen


def run_parts(parts: Sequence[str], settings: BenchmarkSettings) -> BenchmarkResults:
    """Measure the parts and print a heading and the tables.

    Raises UsageError if there are fewer cores than threads, and Disagreement if the engines don't
    compute the same.
    """
    cores = len(machine.usable_cores())
    if not 1 <= settings.threads <= cores:
        raise UsageError(f"--threads {settings.threads}: use 1 to {cores}, this process's cores")
    modules = [importlib.import_module(f"{__package__}.{part}") for part in parts]
    measurements: list[Measurement] = []
    with machine.limited_threads(settings.threads):
        environment = machine.environment(settings.engines)
        print(heading(environment, settings))
        # Libraries import more in their first step. Take it before freezing what is imported.
        network = Network.tutorial(settings.dtype)
        check_engines(network, all_engines(network, settings.engines))
        with imports_frozen():
            for module in modules:
                found = module.measure(settings)
                measurements += found
                print(f"\n{module.table(found)}", flush=True)
    return BenchmarkResults(environment, settings, tuple(measurements))


def heading(environment: dict[str, Any], settings: BenchmarkSettings) -> str:
    """The machine and the method, in a few lines."""
    if settings.quick:
        method = "a smoke run: its numbers mean nothing"
    else:
        rounds = settings.rounds
        method = f"{settings.dtype}, medians of {rounds} rounds, ± half of the middle half"
    return f"{machine.describe(environment)}\n{method}"
