"""The part "distributed": its table and what it calls missed."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from benchmarks.distributed import OURS, THEIRS, hidden, table
from benchmarks.measurement import Measurement

OPTIMUM = 1_628_200.0  # bytes of the parameters


def measured(step_of_two: float, theirs: float = 1.0, kind: str = "weak") -> list[Measurement]:
    found = []
    for ranks, ours in ((1, 1.0), (2, step_of_two)):
        quantities = {
            (OURS, "step"): ours,
            (THEIRS, "step"): theirs,
            (OURS, "bytes"): (ranks - 1) * OPTIMUM * 2,
            (THEIRS, "bytes"): (ranks - 1) * OPTIMUM * 2,
            (OURS, "waited"): 0.1,
            (OURS, "transfer"): 0.4,
            (OURS, "apart"): 1.1 * ranks - 0.1,
            (OURS, "parameters"): OPTIMUM,
        }
        for (engine, quantity), value in quantities.items():
            found.append(Measurement("distributed", kind, ranks, engine, quantity, (value,)))
    return found


def test_the_table() -> None:
    text = table(measured(1.0))
    line = next(line for line in text.splitlines() if line.startswith("weak        2"))
    assert line.split() == [
        *("weak", "2", "1000.00", "1000.00", "1.00", "2.00", "2.00", "0.95"),
        *("1.63", "1.63", "1.63", "75%"),
    ]
    assert text.endswith("all targets are met")


def test_missed_targets_are_named() -> None:
    assert table(measured(1.2)).endswith(
        "targets missed: a speed-up of 1.8 with 2 ranks over gloo; "
        "no slower than PyTorch in weak scaling with 2 ranks over gloo"
    )
    by_mpi = measured(1.2, theirs=2.0, kind="weak, MPI")
    assert table(by_mpi).endswith("missed: a speed-up of 1.8 with 2 ranks over MPI")


def test_a_wait_longer_than_the_transfer_hides_nothing() -> None:
    assert hidden([2.0], [1.0]) == 0
