"""benchmarks/compiled.py: the check before the timing, and the table."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks import compiled
from benchmarks.agreement import Disagreement
from benchmarks.compiled import MAKE, has_numba, measure, table
from benchmarks.measurement import Measurement
from benchmarks.settings import BenchmarkSettings
from minigrad.compiling.step import CompiledStep

QUICK = BenchmarkSettings(rounds=1, seconds=1e-5, quick=True)


def test_a_quick_run_measures_each_kind_of_step() -> None:
    found = measure(QUICK)
    engines = {m.engine for m in found if m.quantity == "step"}
    numbas = ("numba", "numba × 100") if has_numba() else ()
    kinds = [
        f"{who} {kind}" for who in ("minigrad", "PyTorch", "compiled", *numbas) for kind in MAKE
    ]
    assert engines == {"by hand", "preallocated", "Adam by hand", *kinds}
    lines = table(found).splitlines()
    assert len(lines) == 3 + len(engines) + 2 + (not numbas) + 1
    assert any(line.startswith("recording") for line in lines[-3:])
    recordings = {m.engine: len(m.rounds) for m in found if m.quantity == "recording"}
    assert recordings == {"first recording": 1, "recording": compiled.RECORDINGS - 1}
    assert any(line.startswith("numba: not installed") for line in lines) != bool(numbas)


def test_a_missed_target_is_named() -> None:
    def step(engine: str, seconds: float) -> Measurement:
        return Measurement("compiled", "6×2→5→3", 0, engine, "step", (seconds,))

    found = [step("by hand", 1.0), step("minigrad SGD, modules", 2.0)]
    found.append(step("compiled SGD, modules", 0.9))
    found.append(Measurement("compiled", "6×2→5→3", 0, "recording", "recording", (99.0,)))
    assert table(found).endswith("targets missed: compiled SGD, modules on 6×2→5→3")
    found.append(Measurement("compiled", "6×2→5→3", 0, "first recording", "recording", (101.0,)))
    assert table(found).endswith("; first recording on 6×2→5→3")


def test_a_step_with_other_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "has_numba", lambda: False)
    run = CompiledStep.__call__
    monkeypatch.setattr(CompiledStep, "__call__", lambda step, *args: run(step, *args) * 2)
    with pytest.raises(Disagreement, match=r"SGD, modules on .*: compiled computes"):
        measure(QUICK)


def test_a_loss_of_numba_that_is_far_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    run = CompiledStep.__call__

    def off(step: CompiledStep, *args: Any) -> Any:
        return run(step, *args) * (1 + 1e-3 * (step.backend == "numba"))

    monkeypatch.setattr(CompiledStep, "__call__", off)
    with pytest.raises(Disagreement, match=r"SGD, modules on .*: compiled computes"):
        measure(QUICK)
