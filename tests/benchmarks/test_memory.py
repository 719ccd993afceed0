"""benchmarks/memory.py: the peak counts, in this process and in a separate one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks import growth, memory
from benchmarks.memory import NotMeasured, peak, rise_of_peak
from benchmarks.settings import BenchmarkSettings

linux = pytest.mark.skipif(not memory._CLEAR.exists(), reason="only Linux can reset the peak")


@linux
def test_the_peak_rises_by_what_is_allocated() -> None:
    size = 64 * 2**20
    rise = rise_of_peak(lambda: np.ones(size, np.uint8))
    assert size <= rise + 2**20
    assert rise < 1.5 * size


@linux
def test_memory_that_is_freed_in_between_counts_once() -> None:
    def work() -> None:
        for _ in range(5):
            np.ones(32 * 2**20, np.uint8)

    assert 31 * 2**20 < rise_of_peak(work) < 48 * 2**20


@linux
@pytest.mark.parametrize("engine", ["minigrad", "PyTorch"])
def test_the_memory_of_a_chain(engine: str) -> None:
    bytes_per_op = peak("chain", engine, 20_000) / 20_000
    assert 100 < bytes_per_op < 4000


@linux
def test_the_memory_of_a_step() -> None:
    parameters = 4 * (784 * 256 + 256 * 10)
    assert parameters < peak("step", "minigrad, modules", 64, 784, 256, 10) < 40 * parameters


@linux
def test_a_failure_of_the_child_process_is_reported() -> None:
    with pytest.raises(NotMeasured, match="KeyError: 'nothing'"):
        peak("chain", "nothing", 10)


def test_without_linux_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "absent")
    with pytest.raises(NotMeasured, match="can't reset a process's peak memory"):
        peak("chain", "minigrad", 10)
    settings = BenchmarkSettings()
    assert not [*growth._measure_memory("chain", 1, "minigrad", "chain", 1, settings=settings)]
