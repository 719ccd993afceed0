"""The README's Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minigrad.app.ops_command import table
from minigrad.catalogue.op_table import TABLE

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
    assert capsys.readouterr().out or any(name.startswith("test_") for name in names)


def test_the_ops_are_as_the_command_prints_them() -> None:
    (block,) = re.findall(r"```\n(op  .*?)```", README, re.DOTALL)
    lines = block.splitlines()
    assert len(lines) > 5
    assert set(lines) <= set(table(TABLE).splitlines())


def test_there_are_such_blocks() -> None:
    assert len(BLOCKS) == 5
