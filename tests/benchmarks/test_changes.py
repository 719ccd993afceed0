"""benchmarks/changes.py and record.py: real changes are reported, noise is not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks.changes import compare
from benchmarks.measurement import Measurement
from benchmarks.record import Record, read
from benchmarks.settings import Settings
from minigrad.app.command import UsageError

ENVIRONMENT = {"cpu": "A", "cuda": None, "governor": None, "threads": {"torch": 1}, "versions": {}}
TIMES = {"NumPy by hand": 20.0, "minigrad, manual": 60.0, "PyTorch, manual": 70.0}


def record(seed: int, mood: float = 1.0, **factors: float) -> Record:
    """A run on a machine in some mood, with noise of 2%."""
    rng = np.random.default_rng(seed)
    moods = mood * rng.uniform(0.9, 1.1, 15)  # of a round, for all engines alike
    found = []
    for engine, time in TIMES.items():
        factor = factors.get(engine.split(",")[0].replace(" ", "_"), 1.0)
        noise = rng.normal(1, 0.02, 15)
        rounds = tuple(float(t) for t in time * factor * moods * noise)
        found.append(Measurement("steps", "6×2 → 5 → 3", 780, engine, "step", rounds))
    return Record(ENVIRONMENT, Settings(), tuple(found))


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_no_change(seed: int) -> None:
    text = compare(record(seed), record(seed + 100))
    assert "0 faster or less, 0 slower or more, 3 the same" in text


@pytest.mark.parametrize("seed", range(10))
def test_a_real_change_is_found(seed: int) -> None:
    slower = compare(record(seed), record(seed + 100, minigrad=1.2))
    assert "0 faster or less, 1 slower or more, 2 the same" in slower
    assert re.search(r"slower × 1\.(1[5-9]|2[0-5])", slower)
    assert "minigrad, manual  step  ÷ NumPy by hand" in slower
    faster = compare(record(seed, minigrad=1.2), record(seed + 100))
    assert re.search(r"faster × 0\.(7[89]|8[0-8])", faster)
    assert "1 faster or less, 0 slower" in faster


def test_the_mood_of_a_machine_changes_but_the_reference() -> None:
    text = compare(record(0), record(1, mood=1.5))
    assert "1 slower or more, 2 the same" in text
    assert "NumPy by hand     step" in text or "NumPy by hand  step" in text


def test_memory_is_more_or_less() -> None:
    def of(rounds: float) -> Record:
        each = Measurement("growth", "chain", 1e6, "minigrad", "memory", (rounds,))
        return Record(ENVIRONMENT, Settings(), (each,))

    assert "more × 1.50  growth  chain of 1,000,000  minigrad  memory" in compare(of(2e9), of(3e9))
    assert "1 the same" in compare(of(2e9), of(2.05e9))


def test_what_is_in_one_run_alone() -> None:
    old, new = record(0), record(1)
    assert "2 compared with the old run" in compare(
        replace(old, measurements=old.measurements[:2]), new
    )
    text = compare(old, replace(new, measurements=new.measurements[1:]))
    assert "1 only in the old, 0 only in the new" in text


def test_other_machines_and_settings_are_told() -> None:
    old, new = record(0), record(1)
    elsewhere = ENVIRONMENT | {"cpu": "B", "threads": {"torch": 2}}
    new = Record(elsewhere, replace(new.settings, dtype="float64", quick=True), new.measurements)
    lines = compare(old, new).splitlines()
    assert lines[:4] == [
        "another cpu: A then, B now",
        "another threads (torch): 1 then, 2 now",
        "another dtype: float32 then, float64 now",
        "the new run was a smoke run (--quick), which measures nothing",
    ]


# Records ------------------------------------------------------------------------------------------


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    written = record(0)
    written = replace(written, settings=Settings(ops=("exp",), engines=("jax",), rounds=3))
    file.write_bytes(written.to_json())
    assert read(str(file)) == written


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"environment": {}, "settings": {}, "measurements": 1}',
        b"\xff",
    ],
)
def test_what_is_no_record(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="this is no record of a run") as error:
        read(str(file))
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: .*[Nn]o such file"):
        read(str(tmp_path / "absent.json"))
