"""Atomic writes: failures, kills, links, permissions and devices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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
