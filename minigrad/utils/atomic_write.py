"""Atomic file writes: after an interruption the file is the old one or the new one, never a mix."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to a temporary file next to `path`, flush it to disk, and rename it to `path`.

    Symbolic links are followed, and an existing file keeps its permissions. A path that is not a
    regular file (/dev/stdout, a pipe) is written to directly. The temporary file is removed after
    any exception. Raises OSError.
    """
    target = _target(path)
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    temporary = _temporary_name(target)
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:  # KeyboardInterrupt included
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the OSError that `write_atomically` would raise; ValueError for an invalid path."""
    target = _target(path)
    if target.is_dir():
        raise IsADirectoryError("it is a directory")
    if os.path.lexists(target) and not os.access(target, os.W_OK):
        raise PermissionError("it is write-protected")
    if target.exists() and not target.is_file():
        return
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {target.parent}")
    temporary = _temporary_name(target)
    try:
        temporary.touch(exist_ok=False)
    finally:
        temporary.unlink(missing_ok=True)


def short_message(error: Exception) -> str:
    """The error's message, without the errno and the path that `str` of an OSError adds."""
    return getattr(error, "strerror", None) or str(error)


def _target(path: str | os.PathLike[str]) -> Path:
    """The path with its links resolved. A pipe or a device keeps its name."""
    named = Path(path)
    return named if named.exists() and not named.is_file() else Path(os.path.realpath(path))


def _temporary_name(target: Path) -> Path:
    return target.with_name(f".minigrad-{uuid.uuid4().hex}.tmp")


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power failure."""
    with contextlib.suppress(OSError):  # Windows and some network drives can't sync a directory
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
