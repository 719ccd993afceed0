"""benchmarks/machine.py: the limit on cores, and the description of the machine."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks import machine


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_the_process_is_limited_to_as_many_cores_as_threads() -> None:
    with machine.limited_threads(1):
        assert len(os.sched_getaffinity(0)) == 1


def test_the_description_has_the_governor_and_the_load() -> None:
    environment = machine.environment()
    idle = {"load": [0.0, 0.0, 0.0], "governor": "powersave"}
    text = machine.describe(environment | idle)
    assert "governor powersave" in text
    assert "busy" not in text
    busy = {"load": [99.0, 0.0, 0.0]}
    assert "busy (load 99.0" in machine.describe(environment | busy)
