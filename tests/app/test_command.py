"""Errors and exit statuses that all commands share, tested with `minigrad train`."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from commands import Command, assert_refused

import minigrad
from minigrad.app.command import UsageError, require_package, run_command

pytest.importorskip("sklearn")
pytest.importorskip("tqdm")
from minigrad.app import training


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


FULL = "No space left on device"


def full_disk(monkeypatch: pytest.MonkeyPatch, *names: str, after: int = 0) -> None:
    """Let the writes of these files fail, after the first few."""
    write, calls = os.replace, itertools.count()

    def replace(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        if os.path.basename(target) in names and next(calls) >= after:
            raise OSError(errno.ENOSPC, FULL, str(source))
        write(source, target)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("after", [0, 1, 3])  # at the first line, in the middle, at the end
def test_a_failed_save_is_reported_in_one_line_and_costs_no_other_file(
    after: int, tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    full_disk(monkeypatch, "net", after=after)
    options = ["--epochs", 3, "--log-every", 1, "--update", "auto", "--save", "net"]
    result = train(*options, "--json", "run.json", "--plot", "run.svg")
    if after == 3:  # it was written at each of the three lines
        assert (result.status, result.err) == (0, "")
        return
    assert (result.status, result.err) == (2, f"minigrad: error: net: {FULL}\n")
    report = json.loads(Path("run.json").read_text())
    assert report["outcome"] == f"net: {FULL}"
    assert [point["epoch"] for point in report["programs"]["auto"]["curve"]] == [
        *range(1, after + 2)
    ]
    assert Path("run.svg").read_text().startswith("<?xml")
    assert sorted(os.listdir()) == ["net"] * (after > 0) + ["run.json", "run.svg"]


def test_a_failed_report_or_plot_costs_no_other_file(
    tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--epochs", 2, "--update", "auto"]
    options += ["--save", "net", "--json", "run.json", "--plot", "run.svg"]
    for failing, written in (("run.json", "run.svg"), ("run.svg", "run.json")):
        with monkeypatch.context() as patch:
            full_disk(patch, failing)
            result = train(*options)
        said = f"minigrad: error: {failing}: {FULL}; saved net: auto at epoch 2\n"
        assert (result.status, result.err) == (2, said)
        assert sorted(os.listdir()) == ["net", written]
        os.remove(written)
    full_disk(monkeypatch, "run.json", "run.svg")
    result = train(*options)
    assert result.err.startswith(f"minigrad: error: run.json: {FULL}; run.svg: {FULL}; saved net")


def test_a_folder_removed_during_training_costs_only_its_own_file(
    tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    evaluate = training.TrainingRun.evaluate

    def removing(run: training.TrainingRun) -> training.Evaluation:
        shutil.rmtree("folder", ignore_errors=True)
        return evaluate(run)

    monkeypatch.setattr(training.TrainingRun, "evaluate", removing)
    result = train("--epochs", 2, "--update", "auto", "--save", "folder/net", "--json", "run.json")
    expected = "minigrad: error: folder/net: No such file or directory\n"
    assert (result.status, result.err) == (2, expected)
    assert os.listdir() == ["run.json"]


def test_the_ops_file_is_named_in_an_error(
    tmp_path: Path, ops: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    full_disk(monkeypatch, "ops.json")
    assert ops("exp", "--json", "ops.json").err == f"minigrad: error: ops.json: {FULL}\n"


# Standard streams, signals and packages -----------------------------------------------------------

TRAIN = [sys.executable, "-m", "minigrad", "train"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_lose_only_what_is_printed(closed: str, tmp_path: Path) -> None:
    command = f'"$0" -m minigrad train --epochs 2 --save net --json run.json {closed}'
    ended = subprocess.run(
        ["sh", "-c", command, sys.executable], cwd=tmp_path, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert minigrad.load(tmp_path / "net")["epochs"] == {"manual": 2, "auto": 2}
    json.loads((tmp_path / "run.json").read_text())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_standard_output_is_named(tmp_path: Path) -> None:
    command = [*TRAIN, "--epochs", "2", "--save", "net", "--json", "run.json"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (ended.returncode, ended.stderr) == (2, f"minigrad: error: standard output: {FULL}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_saves_the_state_and_ends_the_run(name: str, tmp_path: Path) -> None:
    files = ["--save", "net", "--json", "run.json", "--plot", "run.png"]
    command = [*TRAIN, "--log-every", "1", "--epochs", str(10**9), *files]
    number = getattr(signal, name)
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test process may ignore the signal, and the new one would inherit that.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Epoch: 3,"):
                break
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    match = re.fullmatch(
        r"minigrad: interrupted after epoch \d+ of manual; "
        r"saved net: manual at epoch (\d+), auto at epoch 0\n",
        said,
    )
    assert match is not None, said
    assert minigrad.load(tmp_path / "net")["epochs"]["manual"] == int(match[1]) >= 3
    assert sorted(os.listdir(tmp_path)) == ["net", "run.json", "run.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_an_ignored_signal_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """`nohup` ignores SIGHUP; a program that calls the command may have its own handlers."""
    seen = []

    def command(arguments: list[str]) -> int:
        seen.extend(signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM))
        return 0

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_command("test", command, []) == 0
        assert seen[0] == signal.SIG_IGN
        with pytest.raises(KeyboardInterrupt):
            seen[1](signal.SIGTERM, None)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        thread = threading.Thread(target=run_command, args=("test", command, []))
        thread.start()
        thread.join()
        assert seen[2:] == [signal.SIG_IGN, signal.SIG_DFL]
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("module", ["minigrad", "bridge", "benchmarks"])
def test_ctrl_c_while_a_command_starts_is_one_line(module: str, tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise KeyboardInterrupt")
    root = Path(minigrad.__file__).parents[1]
    path = os.pathsep.join([str(tmp_path), str(root)])
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (130, f"{module}: interrupted\n")


@pytest.mark.parametrize(
    ("option", "module", "package"),
    [
        ("--plot", "matplotlib", "matplotlib"),
        ("--save", "safetensors", "safetensors"),
        ("--load", "safetensors", "safetensors"),
        (None, "sklearn", "scikit-learn"),
        (None, "tqdm", "tqdm"),
    ],
)
def test_a_missing_package_is_named_before_training(
    option: str | None, module: str, package: str, tmp_path: Path
) -> None:
    (tmp_path / f"{module}.py").write_text("raise ModuleNotFoundError('none')")
    root = Path(minigrad.__file__).parents[1]
    command = [*TRAIN, "--epochs", "1", *([option, "file.png"] if option else [])]
    ended = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    purpose = option or "minigrad train"
    expected = f"minigrad: error: {purpose} needs {module} (none): pip install {package}\n"
    assert (ended.returncode, ended.stderr) == (2, expected)
    assert "Epoch" not in ended.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_checkpoint_is_a_regular_file_and_not_standard_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink("pipe", tmp_path / "link")
    for option, name, problem in (
        ("--save", "pipe", "it is not a regular file"),
        ("--save", "link", "it is not a regular file"),
        ("--save", "/dev/null", "it is not a regular file"),
        ("--save", "/dev/stdout", "it is the file that standard output goes to"),
        ("--json", "/dev/stdout", "it is the file that standard output goes to"),
        ("--json", "out", "it is the file that standard output goes to"),
    ):
        with open(tmp_path / "out", "w") as out:
            ended = subprocess.run(
                [*TRAIN, option, name], cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True
            )
        said = f"minigrad: error: {option} {name} cannot be written: {problem}\n"
        assert (ended.returncode, ended.stderr) == (2, said)
    piped = subprocess.run(
        [*TRAIN, "--epochs", "1", "--json", "/dev/stdout"], capture_output=True, text=True
    )
    assert json.loads(piped.stdout[piped.stdout.index("\n{\n") :])["outcome"] == "finished"


# Refused options ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--save none/net", "--save none/net cannot be written: there is no directory"),
        ("--save file/net", "--save file/net cannot be written: there is no directory"),
        ("--save /", "--save / cannot be written: it is a directory"),
        ("--save=", "--save '' cannot be written: the name is empty"),
        ("--json=", "--json '' cannot be written: the name is empty"),
        ("--plot=", r"--plot '': the name must end in \.png or \.svg"),
        ("--load=", "--load '': No such file"),
        ("--data=", "--data: unknown data set ''"),
        ("--save loop", "--save loop cannot be written: .*symbolic link"),
        ("--data loop", "loop cannot be read: .*symbolic link"),
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
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigrad.app.training.train", pytest.fail)
    assert_refused(train(*options.split()), message)
    assert sorted(os.listdir(tmp_path)) == ["file", "loop"]


def test_an_input_file_is_not_overwritten(tmp_path: Path, train: Command) -> None:
    path, data = tmp_path / "net", tmp_path / "data.csv"
    data.write_text("".join(f"{i},{i % 2}\n" for i in range(10)))
    train("--data", data, "--epochs", 1, "--save", path)
    before = path.read_bytes(), data.read_bytes()
    assert_refused(train("--load", path, "--json", path), "--json and --load are the same file")
    assert_refused(train("--load", path, "--json", data), "--json and --data are the same file")
    assert_refused(train("--load", path, "--save", data), "--save and --data are the same file")
    assert (path.read_bytes(), data.read_bytes()) == before


def test_a_folder_isnt_the_package_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "absent_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"the plot needs absent_package .*: pip install it"):
        require_package("absent_package", "it", "the plot")
    require_package("json.decoder", "it", "the plot")
