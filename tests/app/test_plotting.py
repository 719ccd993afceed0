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


def test_a_plot_doesnt_need_pyplot() -> None:
    """It would choose a window system. Another test may have imported it in this process."""
    code = "import sys, minigrad.app.plotting; print('matplotlib.pyplot' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
