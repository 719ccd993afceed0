"""The commands `minigrad train` and `minigrad ops` as fixtures."""

from __future__ import annotations

import pytest
from commands import Command, in_process

from minigrad.app import cli


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str]) -> Command:
    """`minigrad train` with the given arguments, in this process."""
    for needed in ("sklearn", "safetensors", "tqdm", "matplotlib"):
        pytest.importorskip(needed)
    return in_process(cli.main, capsys, "train")


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str]) -> Command:
    """`minigrad ops` with the given arguments, in this process."""
    return in_process(cli.main, capsys, "ops")
