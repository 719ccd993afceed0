"""Writing files so that a kill at any moment leaves either the old file or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path


def write_aside(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, flush it to disk, and rename it to `path`.

    A symbolic link goes on pointing at the file it names, an existing file keeps its permissions,
    and what is not a file at all (/dev/stdout, a pipe) is written to directly. On any exception
    the temporary file is removed. Raises OSError.
    """
    target = _target(path)
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    aside = _name_aside(target)
    try:
        with open(aside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, aside)
        os.replace(aside, target)
    except BaseException:  # a KeyboardInterrupt must not leave it behind either
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the OSError (or ValueError, for what cannot be a path) that `write_aside` would."""
    target = _target(path)
    if target.is_dir():
        raise IsADirectoryError("it is a directory")
    if os.path.lexists(target) and not os.access(target, os.W_OK):
        raise PermissionError("it is write-protected")
    if target.exists() and not target.is_file():
        return
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {target.parent}")
    aside = _name_aside(target)
    try:
        aside.touch(exist_ok=False)
    finally:
        aside.unlink(missing_ok=True)


def reason(error: Exception) -> str:
    """What went wrong, without the errno and the path that an OSError's text repeats."""
    return getattr(error, "strerror", None) or str(error)


def _target(path: str | os.PathLike[str]) -> Path:
    """The file that a path names in the end, through links; a pipe or a device as it is named."""
    named = Path(path)
    return named if named.exists() and not named.is_file() else Path(os.path.realpath(path))


def _name_aside(target: Path) -> Path:
    return target.with_name(f".minigrad-{uuid.uuid4().hex}.tmp")


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself last through a power cut, on systems that can."""
    with contextlib.suppress(OSError):  # Windows, and some network drives, sync no directories
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
