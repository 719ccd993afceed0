"""`minigrad train --plot`: pictures in both formats, without pyplot."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from commands import Command


@pytest.mark.parametrize("epochs", [0, 1, 40])
def test_the_curves_are_drawn(epochs: int, tmp_path: Path, train: Command) -> None:
    png, svg = tmp_path / "a.PNG", tmp_path / "a.svg"
    for path in (png, svg):
        result = train("--data", "iris", "--update", "both", "--epochs", epochs, "--plot", path)
        assert (result.status, result.err) == (0, "")
    assert png.read_bytes().startswith(b"\x89PNG")
    root = ET.fromstring(svg.read_text())
    assert root.tag.endswith("svg")


def test_a_plot_doesnt_need_pyplot(tmp_path: Path) -> None:
    """It would choose a window system. Another test may have imported it in this process."""
    code = "import sys; from minigrad.app.cli import main\nmain(sys.argv[1:])\n"
    code += "print('matplotlib.pyplot' in sys.modules)"
    command = [sys.executable, "-c", code, "train", "--epochs", "0", "--plot", "a.png"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "False"
