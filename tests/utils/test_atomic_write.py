"""Atomic writes: failures, kills, links, permissions and devices."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from minigrad.utils import atomic_write
from minigrad.utils.atomic_write import check_writable, short_message, write_atomically


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(atomic_write.os, step, fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import itertools\n"
        "from minigrad.utils.atomic_write import write_atomically\n"
        "for n in itertools.count():\n"
        f"    write_atomically({str(path)!r}, b'%9d' % n * 100_000)\n"
        "    print(n, flush=True)\n"
    )
    for wait in (0.0, 0.0003, 0.001, 0.002):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert len(content) == 900_000
        assert content == content[:9] * 100_000


# Runs forever inside a write of the path in argv, after it printed the temporary file's name.
WRITER = """
import os, sys, time
from minigrad.utils import atomic_write

def wait(*arguments):
    print(*os.listdir(os.path.dirname(sys.argv[1])), sep="\\n", end="\\n.\\n", flush=True)
    time.sleep(3600)

atomic_write.os.replace = wait
atomic_write.write_atomically(sys.argv[1], b"unfinished")
"""


def unfinished_write(path: Path) -> tuple[subprocess.Popen[str], set[str]]:
    """A process in the middle of a write, and what its folder contains."""
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, set(iter(lambda: process.stdout.readline().strip(), "."))


@pytest.mark.skipif(sys.platform == "win32", reason="needs file locks")
@pytest.mark.parametrize("name", ["net.st", "*[a].{2}", "é" * 120, ".hidden"])
def test_the_next_write_removes_what_a_killed_one_left(name: str, tmp_path: Path) -> None:
    path, other = tmp_path / name, tmp_path / "other"
    dead, _ = unfinished_write(path)
    dead.kill()
    dead.communicate()
    (left,) = os.listdir(tmp_path)
    assert left.startswith(f".{name[:50]}.")
    alive, content = unfinished_write(path)  # removes the dead one's file, and has its own
    try:
        assert left not in content
        (its_file,) = content
        write_atomically(other, b"2")
        write_atomically(path, b"3")
        check_writable(path)
        assert set(os.listdir(tmp_path)) == {name, "other", its_file}
    finally:
        alive.kill()
        alive.communicate()
    write_atomically(other, b"4")
    assert its_file in os.listdir(tmp_path)  # it is not of this target
    write_atomically(path, b"5")
    assert set(os.listdir(tmp_path)) == {name, "other"}
    assert path.read_bytes() == b"5"


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path, errors = tmp_path / "file", []

    def write(content: bytes) -> None:
        try:
            for _ in range(60):
                write_atomically(path, content)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(b"%d" % i * 1000,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert os.listdir(tmp_path) == ["file"]
    assert len(set(path.read_bytes())) == 1


# Errors -------------------------------------------------------------------------------------------


def fails_in(step: str, number: int) -> Callable[[pytest.MonkeyPatch], None]:
    """A failure of `os.step`, which names the temporary file as the system does."""

    def install(monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: object) -> None:
            raise OSError(number, os.strerror(number), "/x/.file.tmp")

        monkeypatch.setattr(atomic_write.os, step, fail)

    return install


@pytest.mark.parametrize(
    ("step", "number"),
    [("fsync", errno.ENOSPC), ("fsync", errno.EFBIG), ("replace", errno.EPERM)],
)
def test_an_error_names_the_file_that_the_caller_named(
    step: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fails_in(step, number)(monkeypatch)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        write_atomically("file", b"new")
    assert (caught.value.errno, caught.value.filename) == (number, "file")


def test_a_removed_folder_and_a_full_device_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    check_writable(folder / "file")
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(folder / "file", b"")
    assert caught.value.filename == str(folder / "file")
    if os.path.exists("/dev/full"):
        with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
            write_atomically("/dev/full", b"1")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_file_that_is_too_large_for_the_limit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import resource, sys\n"
        "from minigrad.utils.atomic_write import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_atomically(sys.argv[1], bytes(2000))\n"
        "except OSError as error:\n    print(error)"
    )
    command = [sys.executable, "-c", program, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"[Errno 27] File too large: {str(path)!r}\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)
def test_another_users_file_in_a_sticky_folder_is_refused() -> None:
    program = (
        "import os, sys\n"
        "from minigrad.utils.atomic_write import check_writable, write_atomically\n"
        "os.setuid(65534)\n"
        "for function in check_writable, lambda path: write_atomically(path, b''):\n"
        "    try:\n        function(sys.argv[1])\n"
        "    except OSError as error:\n        print(error)"
    )
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is in a folder that is root's alone
        os.chmod(folder, 0o1777)
        path = Path(folder, "file")
        path.touch()
        path.chmod(0o666)

        def judged() -> str:
            command = [sys.executable, "-c", program, str(path)]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        refused, failed = judged().splitlines()
        assert refused == "it is another user's, and its folder lets only them replace it"
        assert failed == f"[Errno 1] Operation not permitted: {str(path)!r}"
        os.chown(path, 65534, 65534)
        assert judged() == ""


@pytest.mark.parametrize("function", [check_writable, lambda path: write_atomically(path, b"")])
def test_no_file_is_written_to_an_empty_name_or_a_loop_of_links(
    function: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("loop", "loop")
    with pytest.raises(OSError, match="levels of symbolic links"):
        function("loop")
    with pytest.raises(FileNotFoundError, match="the name is empty"):
        function("")
    assert os.listdir() == ["loop"]
    os.symlink("target", "link")  # which doesn't exist yet
    function("link")
    assert os.path.islink("link")


# What a path may be -------------------------------------------------------------------------------


def test_links_permissions_and_devices_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real"
    write_atomically(real, b"1")
    real.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(real)
    write_atomically(link, b"2")
    assert link.is_symlink()
    assert real.read_bytes() == b"2"
    assert real.stat().st_mode & 0o777 == 0o640
    write_atomically(os.devnull, b"3")
    assert not Path(os.devnull).is_file()


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "ours", b"")
    (tmp_path / "any").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_the_check_accepts_writable_paths_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    check_writable(path)
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"old")
    check_writable(path)
    check_writable(os.devnull)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "it is a directory"),
        ("none/file", "there is no directory"),
        ("a file/file", "there is no directory"),
        ("x" * 300, "name too long"),
        ("null\0byte", "null"),
    ],
)
def test_the_check_rejects_other_paths(place: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises((OSError, ValueError)) as caught:
        check_writable(f"{tmp_path}/{place}")
    assert message in short_message(caught.value).lower()
    assert os.listdir(tmp_path) == ["a file"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything"
)
def test_the_check_rejects_write_protected_paths(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o444)
    with pytest.raises(PermissionError, match="write-protected"):
        check_writable(path)
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError):
        check_writable(tmp_path / "new")
    tmp_path.chmod(0o755)


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="this system has no /dev/stdout")
def test_a_pipe_is_written_to_directly() -> None:
    program = (
        "from minigrad.utils.atomic_write import check_writable, write_atomically\n"
        "check_writable('/dev/stdout'); write_atomically('/dev/stdout', b'through')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"through")
