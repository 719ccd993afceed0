"""Run a command's `main` in this process and look at how it ended."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest


class CommandResult(NamedTuple):
    status: int
    out: str
    err: str


Command = Callable[..., CommandResult]


def in_process(
    main: Callable[[Sequence[str]], int], capsys: pytest.CaptureFixture[str], *first: str
) -> Command:
    """Return a function that calls `main` with the arguments `first` and its own arguments."""

    def run(*arguments: object) -> CommandResult:
        status = main([*first, *map(str, arguments)])
        return CommandResult(status, *capsys.readouterr())

    return run


def fill_disk_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let every write of a file whose name contains `name` fail as on a full disk."""
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if name in str(target):
            raise OSError(28, "No space left on device", str(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)


def assert_refused(result: CommandResult, message: str, program: str = "minigrad") -> None:
    """Check for status 2, no training, and one line on standard error that matches `message`."""
    assert result.status == 2
    assert result.err.startswith(f"{program}: error: ")
    assert result.err.count("\n") == 1
    assert re.search(message, result.err), result.err
    assert "Epoch" not in result.out
