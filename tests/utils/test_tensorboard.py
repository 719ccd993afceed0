"""tensorboard.py: the curves in the files that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

import minigrad
from minigrad.utils.tensorboard import SummaryWriter

pytest.importorskip("tensorboard")


def test_the_curves_are_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", minigrad.tensor(step / 2), step)
        writer.add_scalars("both", {"first": 1.0, "second": 2}, 5)
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in read.Scalars("loss")] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    for name, value in (("first", 1.0), ("second", 2.0)):
        read = EventAccumulator(str(tmp_path / f"both_{name}")).Reload()
        assert [(e.step, e.value) for e in read.Scalars("both")] == [(5, value)]


def test_options_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="purge_step"):
        SummaryWriter(tmp_path, purge_step=1)
    with SummaryWriter(tmp_path) as writer, pytest.raises(NotImplementedError, match="new_style"):
        writer.add_scalar("loss", 1, new_style=True)
