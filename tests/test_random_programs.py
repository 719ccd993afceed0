"""Whole programs, drawn: each does in minigrad what it does in PyTorch (`bridge/drawing.py`).

`pytest tests/test_random_programs.py --hypothesis-profile=deep --minutes=30` goes on for as long as
that, on every core, and says how many programs it ran.
"""

from __future__ import annotations

import os

import pytest
from campaign import PROGRAMS, Campaign, deep
from hypothesis import given, seed, settings

torch = pytest.importorskip("torch")

from bridge.random_programs import Program, check
from bridge.strategies import programs

BATCH = 500
LANES = range(os.cpu_count() or 1) if deep() else range(1)


@pytest.mark.parametrize("lane", LANES)
def test_random_programs(lane: int, campaign: Campaign) -> None:
    count = 0

    def examples(program: Program) -> None:
        nonlocal count
        count += 1
        check(program)

    for batch in campaign.seeds(lane):
        test = given(programs())(examples)
        if batch is not None:
            test = seed(batch)(settings(max_examples=BATCH, database=None)(test))
        try:
            test()
        except BaseException as error:
            campaign.tell(error, batch)
            raise
        finally:
            campaign.record(PROGRAMS, count)
            count = 0
