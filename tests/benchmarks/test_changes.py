"""benchmarks/changes.py: real changes are reported, noise is not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks.changes import describe_changes
from benchmarks.measurement import Measurement
from benchmarks.results import BenchmarkResults
from benchmarks.settings import BenchmarkSettings

ENVIRONMENT = {"cpu": "A", "cuda": None, "governor": None, "threads": {"torch": 1}, "versions": {}}
TIMES = {"NumPy by hand": 20.0, "minigrad, manual": 60.0, "PyTorch, manual": 70.0}


def results(seed: int, machine: float = 1.0, **factors: float) -> BenchmarkResults:
    """Return a run with 2% noise, on a machine slower by `machine`, with some engines slower."""
    rng = np.random.default_rng(seed)
    speeds = machine * rng.uniform(0.9, 1.1, 15)  # each round's, the same for all engines
    found = []
    for engine, time in TIMES.items():
        factor = factors.get(engine.split(",")[0].replace(" ", "_"), 1.0)
        noise = rng.normal(1, 0.02, 15)
        rounds = tuple(float(t) for t in time * factor * speeds * noise)
        found.append(Measurement("steps", "6×2 → 5 → 3", 780, engine, "step", rounds))
    return BenchmarkResults(ENVIRONMENT, BenchmarkSettings(), tuple(found))


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_no_change(seed: int) -> None:
    text = describe_changes(results(seed), results(seed + 100))
    assert "0 faster or less, 0 slower or more, 3 the same" in text


@pytest.mark.parametrize("seed", range(10))
def test_a_real_change_is_found(seed: int) -> None:
    slower = describe_changes(results(seed), results(seed + 100, minigrad=1.2))
    assert "0 faster or less, 1 slower or more, 2 the same" in slower
    assert re.search(r"slower × 1\.(1[5-9]|2[0-5])", slower)
    assert "minigrad, manual  step  ÷ NumPy by hand" in slower
    faster = describe_changes(results(seed, minigrad=1.2), results(seed + 100))
    assert re.search(r"faster × 0\.(7[89]|8[0-8])", faster)
    assert "1 faster or less, 0 slower" in faster


def test_a_slower_machine_changes_only_the_reference() -> None:
    text = describe_changes(results(0), results(1, machine=1.5))
    assert "1 slower or more, 2 the same" in text
    assert re.search("NumPy by hand +step", text)


def test_memory_is_more_or_less() -> None:
    def of(rounds: float) -> BenchmarkResults:
        each = Measurement("growth", "chain", 1e6, "minigrad", "memory", (rounds,))
        return BenchmarkResults(ENVIRONMENT, BenchmarkSettings(), (each,))

    text = describe_changes(of(2e9), of(3e9))
    assert "more × 1.50  growth  chain of 1,000,000  minigrad  memory" in text
    assert "1 the same" in describe_changes(of(2e9), of(2.05e9))


def test_measurements_of_one_run_only_are_counted() -> None:
    old, new = results(0), results(1)
    shorter = replace(old, measurements=old.measurements[:2])
    assert "2 compared with the old run" in describe_changes(shorter, new)
    text = describe_changes(old, replace(new, measurements=new.measurements[1:]))
    assert "1 only in the old run, 0 only in the new one" in text


def test_differing_conditions_are_listed() -> None:
    old, new = results(0), results(1)
    elsewhere = ENVIRONMENT | {"cpu": "B", "threads": {"torch": 2}}
    settings = replace(new.settings, dtype="float64", quick=True)
    lines = describe_changes(old, BenchmarkResults(elsewhere, settings, new.measurements))
    assert lines.splitlines()[:4] == [
        "cpu differs: A before, B now",
        "threads (torch) differs: 1 before, 2 now",
        "dtype differs: float32 before, float64 now",
        "the new run was a smoke run (--quick): its numbers mean nothing",
    ]
