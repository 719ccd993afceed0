"""A training run: its printed lines, its progress bar, divergence and interrupts."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Command

import minigrad
from minigrad.app import programs
from tests.app.train_output import LOG_LINE, saved_tensors

COMMAND = [sys.executable, "-m", "minigrad", "train"]


def test_every_few_epochs_and_the_last_are_printed(train: Command) -> None:
    result = train("--update", "auto", "--epochs", 7, "--log-every", 3)
    assert [int(m[0]) for m in LOG_LINE.findall(result.out)] == [3, 6, 7]


# Divergence ---------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(
    tmp_path: Path, train: Command
) -> None:
    path, report, plot = tmp_path / "net", tmp_path / "run.json", tmp_path / "run.png"
    options = ["--data", "wine", "--update", "manual", "--lr", 1e16]
    result = train(*options, "--save", path, "--json", report, "--plot", plot)
    assert result.status == 2
    match = re.fullmatch(
        r"minigrad: error: manual: the loss is (nan|inf) in epoch (\d+): try a smaller --lr than "
        rf"1e\+16; saved {path}: manual at epoch (\d+)\n",
        result.err,
    )
    assert match is not None
    assert int(match[3]) == int(match[2]) - 2  # an epoch's loss belongs to the state before it
    assert all(np.isfinite(value).all() for value in saved_tensors(path).values())
    assert train("--load", path, "--epochs", 0).status == 0
    found = json.loads(report.read_text(), parse_constant=pytest.fail)
    assert found["programs"]["manual"]["curve"][-1] == {"epoch": int(match[2]), "loss": None}
    assert found["programs"]["manual"]["result"] is None
    assert plot.exists()


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ("--momentum 1e10", "try a --momentum below 1"),
        ("--momentum 3", "try a --momentum below 1"),
        ("--weight-decay 1e20", "try a smaller --weight-decay than 1e+20"),
        ("--weight-decay 1e20 --optimizer adam --lr 1e20", "try a smaller --lr than 1e+20"),
        (
            "--weight-decay 1e20 --momentum 1e10",
            "try a --momentum below 1 and a smaller --weight-decay than 1e+20",
        ),
        ("--momentum 0.9 --weight-decay 0.01 --lr 1e30", "try a smaller --lr than 1e+30"),
    ],
)
def test_the_setting_that_makes_every_run_diverge_is_blamed(
    options: str, advice: str, train: Command
) -> None:
    result = train("--data", "wine", *options.split())
    assert result.status == 2
    assert result.err.endswith(f": {advice}\n")


def test_divergence_in_the_last_update_is_found(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "net"
    options = ["--data", "wine", "--update", "manual", "--lr", 1e16]
    stopped = re.search(r"in epoch (\d+)", train(*options).err)
    assert stopped is not None
    result = train(*options, "--epochs", int(stopped[1]) - 1, "--save", path)
    assert result.status == 2
    assert f"after epoch {int(stopped[1]) - 1}: try a smaller --lr" in result.err
    assert minigrad.load(path)["epochs"] == {"manual": int(stopped[1]) - 2}


def test_a_state_with_nan_is_not_saved(tmp_path: Path, train: Command) -> None:
    path, other = tmp_path / "net", tmp_path / "other"
    train("--update", "manual", "--epochs", 1, "--save", path)
    content = minigrad.load(path)
    content["W1"][0, 0] = float("nan")
    minigrad.save(content, path)
    result = train("--load", path, "--epochs", 3, "--save", other)
    assert result.status == 2
    assert "the loss of its manual network is nan: it has NaN or infinity in W1" in result.err
    assert not other.exists()


# Interrupts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "--data iris --batch-size 10 --momentum 0.5"])
def test_an_interrupt_within_an_epoch_keeps_the_last_finished_one(
    options: str, tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected = tmp_path / "net", tmp_path / "expected"
    program = "auto" if options else "manual"
    updates = 0

    def batches(*arguments: Any) -> Any:
        nonlocal updates
        for batch in drawn(*arguments):
            if (updates := updates + 1) > 4 * (12 if options else 1):
                # In epoch 5; with mini-batches, after some of its updates.
                if options and updates < 4 * 12 + 6:
                    yield batch
                    continue
                raise KeyboardInterrupt
            yield batch

    drawn = programs.batches
    monkeypatch.setattr(programs, "batches", batches)
    result = train(*options.split(), "--epochs", 9, "--save", path)
    assert result.status == 130
    assert result.err.startswith(f"minigrad: interrupted after epoch 4 of {program}; saved {path}")
    assert f"{program} at epoch 4" in result.err
    monkeypatch.undo()

    train("--update", program, *options.split(), "--epochs", 4, "--save", expected)
    kept = saved_tensors(path)
    assert {k: kept[k] for k in saved_tensors(expected)} == saved_tensors(expected)
    result = train("--load", path, "--save", path)
    assert "epochs 5 to 9" in result.out
    train(*options.split(), "--epochs", 9, "--save", expected)
    assert path.read_bytes() == expected.read_bytes()


def test_an_interrupt_while_saving_leaves_a_whole_file(
    tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net"
    replace, calls = os.replace, 0

    def interrupted(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr(os, "replace", interrupted)
    result = train("--epochs", 9, "--log-every", 3, "--save", path)
    assert result.status == 130
    assert os.listdir(tmp_path) == ["net"]
    assert minigrad.load(path)["epochs"] == {"manual": 6, "auto": 0}


def test_ctrl_c_prints_one_line_and_leaves_a_whole_checkpoint(
    tmp_path: Path, train: Command
) -> None:
    path = tmp_path / "net"
    options = ["--update", "auto", "--log-every", "100", "--save"]
    with subprocess.Popen(
        [*COMMAND, *options, str(path), "--epochs", str(10**9)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # pytest may run in the background, where a shell has SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Epoch: 100,"):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    match = re.fullmatch(
        rf"minigrad: interrupted after epoch (\d+) of auto; saved {path}: auto at epoch (\d+)\n",
        err,
    )
    assert match is not None
    assert match[1] == match[2]
    expected = tmp_path / "expected"
    train(*options, expected, "--epochs", match[2])
    assert saved_tensors(path) == saved_tensors(expected)


# The progress bar ---------------------------------------------------------------------------------


def on_terminal(*arguments: str, piped: bool) -> tuple[str, str]:
    """What a terminal of 100 columns shows, and, if the output is piped, what the pipe gets."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 100, 0, 0))
    out = subprocess.PIPE if piped else theirs
    with subprocess.Popen([*COMMAND, *arguments], stdout=out, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while more := os.read(ours, 65536):
                shown += more
        except OSError:  # Linux reports the closed other end like this
            pass
        got = process.stdout.read() if process.stdout else b""
    os.close(ours)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n"), got.decode()


def test_lines_are_printed_above_the_progress_bar() -> None:
    shown, _ = on_terminal("--epochs", "600", "--update", "auto", piped=False)
    assert "epoch/s" in shown
    assert re.search(r"[1-9]\d*/600 .*loss \d\.\d{4}", shown)
    # A carriage return overwrites the line before it, so only what follows the last one stays.
    lines = [line.rsplit("\r", 1)[-1] for line in shown.split("\n")]
    assert [int(m[1]) for line in lines if (m := LOG_LINE.fullmatch(line))] == [200, 400, 600]
    assert not any("epoch/s" in line for line in lines)


def test_piped_output_has_no_progress_bar() -> None:
    shown, got = on_terminal("--epochs", "600", "--update", "auto", piped=True)
    assert shown == ""
    assert len(LOG_LINE.findall(got)) == 3
