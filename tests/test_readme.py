"""Every README: its Python blocks run as they stand, and its shell commands with fewer steps."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from minigrad.app.ops_command import table
from minigrad.catalogue.op_table import TABLE

ROOT = Path(__file__).parent.parent
READMES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "*/README.md", "minigrad/*/README.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
TEXTS = {name: (ROOT / name).read_text() for name in READMES}
PROGRAMS = ("minigrad", "pip", "pytest", "python", "python3")


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """Return the language and the text of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands_in(block: str) -> list[list[str]]:
    """Return the shell commands of a block, without descriptions after a comment or two spaces."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        command = re.split(r"\s{2,}|\s#", line.removeprefix("$ ").strip())[0]
        parts = [shlex.split(part) for part in command.split(" && ")] if command else []
        if parts and parts[0] and Path(parts[0][0]).name in PROGRAMS:
            found += parts
    return found


PYTHON = [
    (name, number, block)
    for name, text in TEXTS.items()
    for number, (language, block) in enumerate(fenced_blocks(text))
    if language == "python" and "import" in block  # else it is an excerpt
]
SHELL = [
    (name, number, commands)
    for name, text in TEXTS.items()
    for number, (language, block) in enumerate(fenced_blocks(text))
    if language != "python" and (commands := commands_in(block))
]


def ids(blocks: list[tuple[str, int, object]]) -> list[str]:
    return [f"{name} block {number}" for name, number, _ in blocks]


@pytest.mark.parametrize(("name", "number", "block"), PYTHON, ids=ids(PYTHON))
def test_a_python_block_runs(
    name: str, number: int, block: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "bridge" in block:
        pytest.importorskip("torch")
    names: dict[str, object] = {}
    exec(compile(block, f"{name} block {number}", "exec"), names)
    for key, value in names.items():
        if key.startswith("test_") and callable(value):
            value()
    assert capsys.readouterr().out or any(key.startswith("test_") for key in names)


# Commands -----------------------------------------------------------------------------------------

# Why a command may fail on this machine, with status 2.
EXPECTED = re.compile(r"finds no CUDA device|is not installed|this process's cores")


def shortened(command: list[str]) -> list[str]:
    """Return the command for this Python, with less work if it would take long."""
    program, *arguments = Path(command[0]).name, *command[1:]
    if program == "pytest":
        path = [] if any("::" in each for each in arguments) else ["tests/test_accuracy.py"]
        arguments = ["-m", "pytest", *arguments, *path, "--collect-only", "-q", "-n", "0"]
    elif program == "minigrad":
        arguments = ["-m", "minigrad", *arguments]
    if arguments[:2] == ["-m", "benchmarks"]:
        arguments.append("--quick")
    if arguments[:2] == ["-m", "bridge"] or arguments[1:3] == ["minigrad", "train"]:
        arguments = with_few_steps(arguments)
    return [sys.executable, *arguments]


def with_few_steps(arguments: list[str]) -> list[str]:
    """Return the arguments of a training with at most 20 epochs, or 1 of large batches of data."""
    most = 1 if "--data" in arguments else 20
    if "--epochs" in arguments:
        place = arguments.index("--epochs")
        most = min(most, int(arguments[place + 1]))
        arguments = arguments[:place] + arguments[place + 2 :]
    batches = ["--batch-size", "500"] if "--data" in arguments else []
    return [*arguments, "--epochs", str(most), *batches]


def check_installation(command: list[str]) -> None:
    """Check an installation command without a network: it installs this project and its extras."""
    if "venv" in command:
        return
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    target = command[-1]
    assert re.fullmatch(r"\.(\[[\w,]+\])?", target), f"{target} is not this project"
    assert set(re.findall(r"\w+", target)) <= extras.keys(), target


def run(command: list[str], directory: Path) -> None:
    name = Path(command[0]).name
    if name == "pip" or command[1:3] == ["-m", "venv"]:
        check_installation(command)
        return
    directory = ROOT if name == "pytest" else directory
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        shortened(command), cwd=directory, env=environment, capture_output=True, text=True
    )
    refused = ended.returncode == 2 and EXPECTED.search(ended.stderr)
    assert ended.returncode == 0 or refused, f"{shlex.join(command)}\n{ended.stdout}{ended.stderr}"


@pytest.mark.parametrize(("name", "number", "commands"), SHELL, ids=ids(SHELL))
def test_shell_commands_run(
    name: str, number: int, commands: list[list[str]], tmp_path: Path
) -> None:
    """Run the commands of a block in order, with the files that the reader is assumed to have."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "measurements.csv").write_text("1.0,2.0,a\n2.0,1.0,b\n0.5,2.5,a\n2.5,0.5,b\n")
    if any("old.json" in command for command in commands):
        run(["python", "-m", "benchmarks", "--json", "old.json"], tmp_path)
    for command in commands:
        run(command, tmp_path)


# What the READMEs must have -----------------------------------------------------------------------


def test_commands_are_found_without_their_descriptions() -> None:
    block = (
        "minigrad train --data digits     real data\n"
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest\n"
        "python -m bridge --epochs 2  # both\n"
        "op  function  method\n"
        "DIFFER at step 1: python\n"
    )
    assert commands_in(block) == [
        ["minigrad", "train", "--data", "digits"],
        ["python3", "-m", "venv", ".venv"],
        [".venv/bin/pip", "install", "-e", ".[dev]"],
        [".venv/bin/pytest"],
        ["python", "-m", "bridge", "--epochs", "2"],
    ]


def test_a_command_that_fails_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="minigrad train --data nothing"):
        run(["minigrad", "train", "--data", "nothing.csv"], tmp_path)
    with pytest.raises(AssertionError, match="nothing"):
        run(["pip", "install", ".[nothing]"], tmp_path)


@pytest.mark.parametrize("name", ["README.md", "bridge/README.md"])
def test_python_and_commands_are_found(name: str) -> None:
    assert any(found == name for found, _, _ in PYTHON)
    assert any(found == name for found, _, _ in SHELL)


def test_the_ops_are_as_the_command_prints_them() -> None:
    found = [
        match
        for text in TEXTS.values()
        for match in re.findall(r"^```\n(op  .*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    assert found
    for block in found:
        lines = block.splitlines()
        assert len(lines) > 5
        assert set(lines) <= set(table(TABLE).splitlines())
