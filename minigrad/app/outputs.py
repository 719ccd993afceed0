"""The files that a command is asked to write, checked before it does anything else.

Each is given as its option's name, "plot" for `--plot`, and its path, or None if it is not given.
"""

from __future__ import annotations

import os
from pathlib import Path

from minigrad.api import files
from minigrad.app.plotting import FORMATS
from minigrad.app.settings import UsageError


def check_writable(outputs: dict[str, str | None]) -> None:
    """UsageError for a file that could not be written, and for a plot in no known format."""
    plot = outputs.get("plot")
    if plot is not None and Path(plot).suffix[1:].lower() not in FORMATS:
        raise UsageError(f"--plot {plot}: the name must end in .png or .svg")
    for option, path in outputs.items():
        if path is not None:
            try:
                files.check_writable(path)
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"--{option} {path} cannot be written: {files.reason(error)}"
                ) from None


def check_distinct(outputs: dict[str, str | None], inputs: dict[str, str | None]) -> None:
    """UsageError where a file would be written over another, or over one that is read.

    But a checkpoint may take the place of the one it went on from.
    """
    used = dict(inputs)
    for option in ("save", "plot", "json"):
        if (path := outputs.get(option)) is not None:
            for other, taken in used.items():
                same = taken is not None and os.path.realpath(path) == os.path.realpath(taken)
                if same and (option, other) != ("save", "load"):
                    raise UsageError(f"--{option} and --{other} are the same file, {path}")
            used[option] = path
