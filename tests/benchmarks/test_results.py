"""benchmarks/results.py: `--compare` reads what `--json` writes."""

from __future__ import annotations

import json
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
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="not a results file") as error:
        read_results(str(file))
    assert str(file) in str(error.value)


GOOD = BenchmarkResults({}, BenchmarkSettings(), (Measurement("a", "b", 1, "c", "d", (1.0, 2.0)),))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("environment", []),
        ("environment", None),
        ("measurements/0/rounds", []),
        ("measurements/0/rounds", ["1"]),
        ("measurements/0/rounds", 3),
        ("measurements/0/rounds", [0.0, 1.0]),
        ("measurements/0/rounds", [float("nan")]),
        ("measurements/0/size", [1]),
        ("measurements/0/more", 1),
        ("settings/more", 1),
        ("settings/ops", 1),
    ],
)
def test_a_damaged_file_is_refused_before_anything_is_measured(
    path: str, value: object, tmp_path: Path
) -> None:
    content = json.loads(GOOD.to_json())
    *outer, last = path.split("/")
    place = content
    for key in outer:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    file = tmp_path / "run.json"
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"run\.json: not a results file"):
        read_results(str(file))


def test_engines_with_different_rounds_cannot_be_compared(tmp_path: Path) -> None:
    ours = Measurement("steps", "b", 1, "minigrad", "step", (1.0, 2.0))
    theirs = Measurement("steps", "b", 1, "PyTorch", "step", (1.0,))
    file = tmp_path / "run.json"
    file.write_bytes(BenchmarkResults({}, BenchmarkSettings(), (ours, theirs)).to_json())
    with pytest.raises(UsageError, match="not a results file"):
        read_results(str(file))


def test_a_file_without_measurements_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(BenchmarkResults({}, BenchmarkSettings(), ()).to_json())
    with pytest.raises(UsageError, match=r"run\.json has no measurements to compare with"):
        read_results(str(file))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: .*[Nn]o such file"):
        read_results(str(tmp_path / "absent.json"))
