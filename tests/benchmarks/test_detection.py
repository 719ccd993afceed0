"""`conform` finds planted mistakes: a share of the mutants, drawn from a seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from profiles import examples

pytest.importorskip("torch")

from benchmarks import detection
from benchmarks.detection import all_mutants, detect, main, report, share
from bridge.conformance import checker
from bridge.conformance.mutants import CONTROL, Mutant

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")


@pytest.mark.parametrize(
    "mutant", share(all_mutants(), examples(24), 0), ids=lambda m: "-".join(map(str, m))
)
def test_a_mutant_is_found(mutant: Mutant) -> None:
    assert detect(mutant).found_by


def test_without_a_mistake_nothing_is_found() -> None:
    assert not detect(Mutant(CONTROL, "relu", 0), budget=3).found_by


def test_the_command_reports_medians(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "MISTAKES", {})
    path = tmp_path / "found.json"
    mutants = [Mutant("scaled", "relu", 0), Mutant("negated", "relu", 0)]
    monkeypatch.setattr(detection, "all_mutants", lambda: mutants)
    assert main(["--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "mutants of rules: 2 of 2 found" in out
    assert "examples: median" in out
    assert len(json.loads(path.read_text())) == 2


def test_a_survivor_is_named() -> None:
    found = [detection.Detection("a mistake", "", 5, 1.0)]
    assert list(report(found, "x")) == ["x: 0 of 1 found", "  not found: a mistake"]
