"""The file of a campaign: one JSON object per line, appended and flushed, for each finished range.

A line that was cut when the process was killed is removed when the file is opened again.
"""

from __future__ import annotations

import json
import os
from typing import Any

from minigrad.app.command import UsageError


class Records:
    """The lines of a file when it was opened, and more of them. Raises OSError and UsageError."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines = _read(path)
        with open(path, "a"):
            pass  # it can be written

    def append(self, record: dict[str, Any]) -> None:
        """Write one line, and flush it to the disk."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _read(path: str) -> list[dict[str, Any]]:
    if not os.path.exists(path):
        return []
    with open(path, "rb+") as file:
        whole = file.read()
        complete = whole[: whole.rfind(b"\n") + 1]
        lines = []
        for number, line in enumerate(complete.splitlines(), 1):
            try:
                record = json.loads(line)
                if not {"subject", "script"} & record.keys():
                    raise ValueError
            except (ValueError, AttributeError):
                raise UsageError(f"{path}: line {number} is not of a campaign") from None
            lines.append(record)
        if whole and not complete:
            raise UsageError(f"{path}: it is not the file of a campaign")
        file.truncate(len(complete))
    return lines
