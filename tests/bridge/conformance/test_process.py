"""A candidate that crashes, hangs or takes all memory is stopped and named; the rest goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from bridge.conformance import conform
from bridge.conformance.command import command
from bridge.conformance.report import Report
from bridge.conformance.verdicts import Verdict
from tests.bridge.conformance.toys import written

CHAIN = "y = np.exp(x.data)"
ENDINGS = {
    "crash": ("import os; os.abort()", "crashes: SIGABRT"),
    "exit": ("import os; os._exit(7)", "ends the process with status 7"),
    "hang": ("\n    while True: pass", "hangs: no progress"),
    "memory": ("kept = [np.ones(2**25) for _ in range(100)]", "emory"),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_a_bad_op_is_stopped_and_named_and_the_rest_goes_on(what: str, tmp_path: Path) -> None:
    body, message = ENDINGS[what]
    path = written(tmp_path, (CHAIN, f"{CHAIN}; {body}".replace("; \n", "\n")))
    suites = ["rules", "tape"] if what == "crash" else ["rules"]
    report = conform(
        path, suites=suites, examples=2, patience=3 if what == "hang" else 60, memory=2**30
    )
    ops = report.ops()["rules"]
    assert ops["exp"] == "error"
    assert ops["relu"] == ops["mul"] == "right"
    if "tape" in suites:
        assert report.ops()["tape"]["diamond"] == "right"
    fault = next(f.first for f in report.faults() if f.first.op == "exp")
    assert message in fault.message
    assert "exp" in fault.script


def test_what_the_candidate_prints_is_not_in_the_report(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, also="\nprint('noise')\n")
    assert command([path, "--suite", "tape", "--json", str(tmp_path / "r.json")]) == 0
    out, err = capfd.readouterr()
    assert "noise" not in out + err
    assert "nothing is wrong" in out
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["ok"] is True
    assert data["ops"]["tape"]["diamond"] == "right"


def test_ctrl_c_ends_with_the_report_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bridge.conformance.process import WorkerProcess

    right: Callable[..., object] = WorkerProcess.judge

    def interrupted(self: WorkerProcess, suite: str, unit: str, **options: object) -> object:
        if unit == "accumulation":
            raise KeyboardInterrupt
        return right(self, suite, unit, **options)

    monkeypatch.setattr(WorkerProcess, "judge", interrupted)
    assert command([written(tmp_path), "--suite", "tape"]) == 130
    out = capsys.readouterr().out
    assert "interrupted" in out
    assert "tape              4" in out


def test_the_report_says_what_did_not_run(tmp_path: Path) -> None:
    report = conform(written(tmp_path), suites=["tape"], minutes=1e-9)
    assert report.stopped.startswith("out of time: 0 of")


def test_the_page_escapes_everything() -> None:
    bad = "<script>&\"'"
    verdict = Verdict("rules", bad, bad, "wrong", bad, bad, bad, bad, bad, bad)
    page = Report(bad, bad, [verdict], stopped=bad).to_html().decode()
    assert "<script>" not in page
    assert page.count("&lt;script&gt;&amp;") >= 8
    assert "http" not in page


def test_one_fault_is_one_entry() -> None:
    verdicts = [
        Verdict("rules", "relu", kind, "wrong", "value", "2, not 1", "x = 1", diagnosis="scaled")
        for kind in ("plain", "ties")
    ]
    report = Report("toy", "PyTorch", [*verdicts, Verdict("rules", "exp", "plain", "right")])
    (fault,) = report.faults()
    assert fault.checks == ["plain", "ties"]
    assert not report.ok
    assert "1. rules, relu, wrong: value (plain, ties)" in str(report)
    assert report.counts()["rules"] == {"wrong": 1, "right": 1}


# As a plugin of pytest ----------------------------------------------------------------------------


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    if "--engine" in arguments:
        command[3:3] = ["-p", "bridge.conformance.plugin"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(root)}
    )


def test_each_property_of_each_op_is_a_test(tmp_path: Path) -> None:
    path = written(tmp_path, ("g * (x.data > 0)", "g * (x.data >= 0)"))
    (tmp_path / "test_other.py").write_text("def test_other(): raise ImportError")
    ended = run_pytest(tmp_path, "--engine", path, "-k", "relu or diamond", "-rA")
    assert "FAILED ::" in ended.stdout
    assert "relu::ties" in ended.stdout
    assert "rules, relu, wrong: gradient of operand 0 (ties)" in ended.stdout
    assert "PASSED" in ended.stdout
    assert "tape::diamond" in ended.stdout
    assert "test_other" not in ended.stdout
    assert ended.returncode == 1


def test_a_bad_engine_is_a_usage_error(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, "--engine", "nonsense_engine")
    assert ended.returncode == 4
    assert "ERROR: nonsense_engine: can't be imported" in ended.stderr
