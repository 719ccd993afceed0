"""Refusals: why a step can't be recorded, with the line of the user's program."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from types import FrameType
from typing import NamedTuple

_ENGINE = f"{Path(__file__).parent.parent}{os.sep}"
_PROGRAMS = f"{_ENGINE}app{os.sep}"  # the command's own programs count as a user's


_NOT_USERS = (_ENGINE, "<recorded", "<frozen", "<__array_function__")


class Refused(BaseException):
    """The step does something that a recorded program can't do.

    It isn't an Exception, because the engine and users catch these to try another way.
    """


class HasGraph(Refused):
    """The step returns a tensor whose `backward` is called outside, as PyTorch's programs may."""


class Incomplete(BaseException):
    """The step made state that later calls will find, so this call is not one to record."""


class Place(NamedTuple):
    """A line of the user's program."""

    file: str
    line: int

    @property
    def text(self) -> str:
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


def users_place() -> Place:
    """The innermost line outside minigrad."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PROGRAMS) or not file.startswith(_NOT_USERS):
            return Place(file, frame.f_lineno)
        frame = frame.f_back
    return Place("", 0)


def called_by_user() -> str:
    """The name of the engine's function that the user's line called."""
    frame, name = sys._getframe(1), ""
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_ENGINE, "<recorded")):
        frame, name = frame.f_back, frame.f_code.co_name
    return name


def refused(what: str) -> Refused:
    """A refusal that names `what`, and the user's line."""
    place = users_place()
    return Refused(f"{what} (at {place}: {place.text})" if place.file else what)
