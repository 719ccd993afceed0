"""Atomic file writes: after an interruption the file is the old one or the new one, never a mix."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ModuleNotFoundError:  # on Windows, which has no such locks
    fcntl = None  # type: ignore[assignment]

# A file's name may have 255 bytes, and a character takes up to four.
_KEPT_CHARACTERS = 50


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to a temporary file next to `path`, flush it to disk, and rename it to `path`.

    Symbolic links are followed, and an existing file keeps its permissions. A path that is not a
    regular file (/dev/stdout, a pipe) is written to directly. The temporary file is removed after
    any exception. A kill leaves it behind, and the next write of the same file removes it. Raises
    OSError, with `path` as its file name.
    """
    with _errors_naming(path):
        target, mode = _target(path)
        if mode is not None and not stat.S_ISREG(mode):
            target.write_bytes(data)
            return
        _remove_abandoned(target)
        with _temporary_file(target) as (temporary, file):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            if fcntl is None:
                file.close()  # Windows can't rename an open file
            os.replace(temporary, target)
        _sync_folder(target.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the OSError that `write_atomically` would raise; ValueError for an invalid path."""
    target, mode = _target(path)
    if mode is not None:
        if stat.S_ISDIR(mode):
            raise IsADirectoryError("it is a directory")
        if not os.access(target, os.W_OK):
            raise PermissionError("it is write-protected")
        if not stat.S_ISREG(mode):
            return
        if not _may_be_replaced(target):
            raise PermissionError("it is another user's, and its folder lets only them replace it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {target.parent}")
    with _temporary_file(target):
        pass


def short_message(error: Exception) -> str:
    """The error's message, without the errno and the path that `str` of an OSError adds."""
    return getattr(error, "strerror", None) or str(error)


def _target(path: str | os.PathLike[str]) -> tuple[Path, int | None]:
    """The path with its links resolved, and the file's mode, None if there is no such file.

    A pipe or a device keeps its name. Raises OSError for a path that no file can have.
    """
    if not os.fspath(path):
        raise FileNotFoundError(errno.ENOENT, "the name is empty")  # Path("") is this directory
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    is_special = mode is not None and not stat.S_ISREG(mode)
    return Path(path if is_special else os.path.realpath(path)), mode


def _may_be_replaced(target: Path) -> bool:
    """Whether the folder's sticky bit (as in /tmp) lets this user replace the file."""
    folder = target.parent.stat()
    if not folder.st_mode & stat.S_ISVTX or not hasattr(os, "geteuid"):
        return True
    return os.geteuid() in (0, folder.st_uid, target.stat().st_uid)


@contextlib.contextmanager
def _errors_naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Give OSErrors the name that the caller knows, and not that of the temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, short_message(error), os.fspath(path)) from None


# Temporary files ----------------------------------------------------------------------------------
#
# The writer holds a lock on its temporary file, and the system releases it when the process ends,
# however it ends. So an unlocked file is one that a killed process left behind. Without locks, on
# Windows and some network drives, nothing is removed.


@contextlib.contextmanager
def _temporary_file(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A new file next to `target`, locked and open. It is removed unless it is renamed."""
    while True:
        temporary = target.with_name(f"{_temporary_prefix(target)}{uuid.uuid4().hex}.tmp")
        try:
            with open(temporary, "xb") as file:
                _lock(file)
                if temporary.exists():  # else another process removed it before it was locked
                    yield temporary, file
                    return
        finally:
            temporary.unlink(missing_ok=True)


def _temporary_prefix(target: Path) -> str:
    return f".{target.name[:_KEPT_CHARACTERS]}."


def _remove_abandoned(target: Path) -> None:
    """Remove the temporary files that killed processes left while they wrote `target`."""
    name = re.compile(re.escape(_temporary_prefix(target)) + r"[0-9a-f]{32}\.tmp")
    with os.scandir(target.parent) as entries:
        left = [
            e.path for e in entries if name.fullmatch(e.name) and e.is_file(follow_symlinks=False)
        ]
    for path in left:
        with contextlib.suppress(OSError), open(path, "r+b") as file:
            if _lock(file, wait=False):
                os.unlink(path)


def _lock(file: IO[bytes], wait: bool = True) -> bool:
    """Lock the file; tell whether that was possible."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # it is locked, or this drive has no locks
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power failure."""
    with contextlib.suppress(OSError):  # Windows and some network drives can't sync a directory
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
