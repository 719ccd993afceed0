"""Errors and exit statuses that all commands share, tested with `minigrad train`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Command, assert_refused

import minigrad


def test_a_closed_pipe_ends_the_command_quietly(tmp_path: Path) -> None:
    path = tmp_path / "net"
    command = [sys.executable, "-m", "minigrad", "train", "--log-every", "1", "--save", str(path)]
    with subprocess.Popen(
        [*command, "--epochs", str(10**9)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("toy")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1
    assert minigrad.load(path)["epochs"]["auto"] == 0


def test_too_little_memory_is_reported_in_one_line(
    train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("minigrad.app.training.prepare", too_large)
    assert_refused(train(), "not enough memory")


def test_a_full_disk_is_reported_in_one_line(
    tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "net")

    monkeypatch.setattr(os, "fsync", full)
    result = train("--epochs", 1, "--save", tmp_path / "net")
    assert (result.status, result.err) == (2, "minigrad: error: net: No space left on device\n")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--save none/net", "--save none/net cannot be written: there is no directory"),
        ("--save file/net", "--save file/net cannot be written: there is no directory"),
        ("--save /", "--save / cannot be written: it is a directory"),
        ("--json none/run.json", "--json none/run.json cannot be written"),
        ("--plot none/run.png", "--plot none/run.png cannot be written"),
        ("--plot run.gif", r"--plot run\.gif: the name must end in \.png or \.svg"),
        ("--plot run", r"--plot run: the name must end in \.png or \.svg"),
        ("--save same --json same", "--json and --save are the same file"),
        ("--save ./a.png --plot a.png", "--plot and --save are the same file"),
        ("--data a.csv --json a.csv", "--json and --data are the same file"),
    ],
)
def test_a_bad_output_file_is_refused_before_training(
    options: str, message: str, tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigrad.app.training.train", pytest.fail)
    assert_refused(train(*options.split()), message)
    assert os.listdir(tmp_path) == ["file"]


def test_an_input_file_is_not_overwritten(tmp_path: Path, train: Command) -> None:
    path, data = tmp_path / "net", tmp_path / "data.csv"
    data.write_text("".join(f"{i},{i % 2}\n" for i in range(10)))
    train("--data", data, "--epochs", 1, "--save", path)
    before = path.read_bytes(), data.read_bytes()
    assert_refused(train("--load", path, "--json", path), "--json and --load are the same file")
    assert_refused(train("--load", path, "--json", data), "--json and --data are the same file")
    assert_refused(train("--load", path, "--save", data), "--save and --data are the same file")
    assert (path.read_bytes(), data.read_bytes()) == before
