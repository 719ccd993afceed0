"""The README's Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = [
    block
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    if "import" in block  # else it is an excerpt
]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    block = BLOCKS[number]
    if "bridge" in block:
        pytest.importorskip("torch")
    names: dict[str, object] = {}
    exec(compile(block, f"README block {number}", "exec"), names)
    for name, value in names.items():
        if name.startswith("test_") and callable(value):
            value()
    assert capsys.readouterr().out


def test_there_are_such_blocks() -> None:
    assert len(BLOCKS) == 2
