"""What `minigrad train` printed and saved, read back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import minigrad

LOG_LINE = re.compile(
    r"Epoch: (\d+), loss: (\d+\.\d{4}), train_acc: ([01]\.\d{3})(, test_acc: .*)?"
)


def saved_tensors(path: Path) -> dict[str, list[Any]]:
    """The tensors of a checkpoint as lists, by their names."""
    return {k: v.tolist() for k, v in minigrad.load(path).items() if hasattr(v, "tolist")}
