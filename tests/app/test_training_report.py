"""`minigrad train --json`: the report is strict JSON and complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Command


def test_the_report_is_complete(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "run.json"
    train("--data", "iris", "--update", "both", "--epochs", 20, "--json", path)
    report = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert set(report["versions"]) == {
        "minigrad",
        "python",
        "numpy",
        "scikit-learn",
        "platform",
    }
    assert report["settings"]["data"] == "iris"
    assert report["outcome"] == "finished"
    assert report["data"]["held_out_samples"] == 30
    for program in ("manual", "auto"):
        found = report["programs"][program]
        assert [p["epoch"] for p in found["curve"]] == list(range(1, 21))
        assert all(0 < p["loss"] < 100 for p in found["curve"])
        assert found["curve"][-1]["train_accuracy"] == found["result"]["accuracy"]
        assert found["curve"][-1]["test_accuracy"] == found["result"]["test_accuracy"]
        assert len(found["result"]["test_predicted"]) == 30
