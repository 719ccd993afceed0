"""benchmarks/results.py: `--compare` reads what `--json` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.measurement import Measurement
from benchmarks.results import BenchmarkResults, read_results
from benchmarks.settings import BenchmarkSettings
from minigrad.app.command import UsageError


def test_results_are_read_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    settings = BenchmarkSettings(ops=("exp",), engines=("jax",), rounds=3)
    measurement = Measurement("steps", "6×2 → 5 → 3", 780, "minigrad, manual", "step", (1.0, 0.1))
    written = BenchmarkResults({"cpu": "A", "threads": {"torch": 1}}, settings, (measurement,))
    file.write_bytes(written.to_json())
    assert read_results(str(file)) == written


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
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="not a results file") as error:
        read_results(str(file))
    assert str(file) in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: .*[Nn]o such file"):
        read_results(str(tmp_path / "absent.json"))
