"""`python -m bridge --processes`: both libraries on several ranks."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")

from tests.distributed.processes import LIMIT, environment, run_ranks

OPTIONS = ["--processes", "2", "--epochs", "3"]


def test_the_tutorial_on_two_ranks() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bridge", *OPTIONS],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert ended.returncode == 0, ended.stderr
    for line in (
        "auto on 2 ranks, lockstep: both libraries drew the same parameters from the seed",
        "auto on 2 ranks, free: both libraries drew the same parameters from the seed",
        "all ranks have the same bits",
        "minigrad and PyTorch agree on 2 ranks",
    ):
        assert line in ended.stdout.splitlines()
    assert "from the run of one process on the whole batch" in ended.stdout


def test_a_wrong_average_is_found() -> None:
    program = f"""
import sys
from minigrad.distributed.reducer import Reducer
give = Reducer._give
def wrong(self, parameter, average):
    average *= average.dtype.type(1.0005)
    give(self, parameter, average)
Reducer._give = wrong
from bridge.cli import main
sys.exit(main({OPTIONS}))
"""
    first, second = run_ranks(2, program)
    assert (first.status, second.status) == (1, 1), first.errors
    assert "minigrad and PyTorch DIFFER on 2 ranks" in first.output
    assert "gradient of module.linear1.weight" in first.output
