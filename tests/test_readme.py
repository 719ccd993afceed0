"""Every README: its programs print what it says, its commands run, and its links lead somewhere.

Commands run with fewer steps. `tests/core/test_story.py` runs the programs of the core's README.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from minigrad.app.ops_command import table
from minigrad.catalogue.op_table import TABLE
from tests.forks import run_python

ROOT = Path(__file__).parent.parent
READMES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "*/README.md", "minigrad/*/README.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
TEXTS = {name: (ROOT / name).read_text() for name in READMES}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROSE = {name: FENCED.sub("", text) for name, text in TEXTS.items()}

# Python programs ----------------------------------------------------------------------------------


class Program(NamedTuple):
    """A Python block, and the `text` block after it: what the program prints, or its error."""

    text: str
    output: str | None

    def check(self) -> None:
        """Run the program, and compare what it prints with the block and with its comments."""
        out = StringIO()
        names: dict[str, object] = {}
        # A file, because a traceback shows its lines.
        Path("program.py").write_text(self.text)
        try:
            with redirect_stdout(out):
                exec(compile(self.text, "program.py", "exec"), names)
        except Exception as error:
            if self.output is None:
                raise
            out.write(f"{type(error).__name__}: {error}")
        tests = [value for key, value in names.items() if key.startswith("test_")]
        for test in tests:
            assert callable(test)
            test()
        printed = out.getvalue()
        assert printed or tests
        if self.output is not None:
            assert printed.split() == self.output.split()
        comments = re.findall(r"^print\(.*\)  # (.+)$", self.text, re.MULTILINE)
        assert [line for line in printed.splitlines() if line in comments] == comments


def programs_in(text: str) -> dict[int, Program]:
    """Return the programs of a README by the number of their block."""
    blocks = [*FENCED.findall(text), ("", "")]
    return {
        number: Program(block, following if language == "text" else None)
        for number, ((kind, block), (language, following)) in enumerate(pairwise(blocks))
        if kind == "python"
        and "import" in block  # else it is an excerpt
        and "engine." not in block  # else test_story.py runs it
    }


PROGRAMS = {
    f"{name} block {number}": program
    for name, text in TEXTS.items()
    for number, program in programs_in(text).items()
}


@pytest.mark.filterwarnings("ignore:Error detected in")  # anomaly mode
@pytest.mark.parametrize("place", PROGRAMS)
def test_a_program_prints_what_the_text_says(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = PROGRAMS[place]
    if "bridge" in program.text:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    program.check()


def test_the_first_program_prints_the_same_in_pytorch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    program = PROGRAMS["README.md block 0"]
    program._replace(text=program.text.replace("import minigrad", "import torch")).check()


@pytest.mark.parametrize(
    "program",
    [
        Program("import math\nprint(math.e)  # 2.72\n", None),
        Program("import math\nprint(math.e)\n", "2.72"),
        Program("import nothing_of_this_name\n", "ImportError: there is no such module"),
        Program("import nothing_of_this_name\n", None),
        Program("import math\n\n\ndef test_math():\n    assert math.e > 3\n", None),
    ],
    ids=["comment", "output", "error", "no error", "test"],
)
def test_a_program_that_does_something_else_is_found(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AssertionError, ImportError)):
        program.check()


# Commands -----------------------------------------------------------------------------------------

COMMANDS = ("minigrad", "pip", "pytest", "python", "python3")


def commands_in(block: str) -> list[list[str]]:
    """Return the shell commands of a block, without their comments."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        command = line.partition(" #")[0].strip()
        if command and Path(command.split()[0]).name in COMMANDS:
            found += [shlex.split(part) for part in command.split(" && ")]
    return found


def commands_in_prose(text: str) -> list[list[str]]:
    """Return the commands with arguments in running text and tables."""
    spans = re.findall(r"`([^`\n]+)`", text)
    return [command for span in spans for command in commands_in(span) if len(command) > 1]


SHELL = {
    f"{name} block {number}": commands
    for name, text in TEXTS.items()
    for number, (language, block) in enumerate(FENCED.findall(text))
    if language != "python" and (commands := commands_in(block))
}
IN_BLOCKS = [command for commands in SHELL.values() for command in commands]
SHELL |= {
    f"{name} prose": commands
    for name, text in PROSE.items()
    if (commands := [each for each in commands_in_prose(text) if each not in IN_BLOCKS])
}

# Why a command may fail on this machine, with status 2.
EXPECTED = re.compile(
    r"finds no CUDA device|needs distributed|--scheduler tcp:|"
    r"(is|--with \w+:) not installed|this process's cores"
)


def shortened(command: list[str]) -> list[str]:
    """Return the arguments of Python for a command, with less work if it would take long."""
    program, *arguments = Path(command[0]).name, *command[1:]
    if program == "pytest":
        named = any((ROOT / each.partition("::")[0]).exists() for each in arguments)
        path = [] if named else ["tests/test_accuracy.py"]
        plugin = ["-p", "bridge.conformance.plugin"] if "--engine" in arguments else []
        # An installed minigrad has a plugin, and the fork has imported it before pytest.
        loaded = ["-W", "ignore:Module already imported"]
        options = [*plugin, *loaded, "--collect-only", "-q", "-n", "0"]
        arguments = ["-m", "pytest", *arguments, *path, *options]
    elif program == "minigrad":
        arguments = ["-m", "minigrad", *arguments]
    if arguments[:3] == ["-m", "bridge", "conform"]:
        places = [arguments.index(name) for name in ("--html", "--json") if name in arguments]
        files = [each for i in places for each in arguments[i : i + 2]]
        return ["-m", "bridge", "conform", "minigrad", "--suite", "tape", *files]
    if arguments[:2] == ["-m", "benchmarks.detection"]:
        arguments += ["--share", "1"]  # the last counts
    if arguments[:2] in (["-m", "benchmarks"], ["-m", "benchmarks.pages"]):
        arguments.append("--quick")
        if "ops" in arguments and "--ops" not in arguments:  # tests/benchmarks calls each op
            arguments += ["--ops", "exp", "matmul"]
    if arguments[:2] == ["-m", "bridge.conformance.operator_database"]:
        arguments[2:2] = ["--share", "1", "sin"]
    if arguments[:2] == ["-m", "tests.module_database"]:
        arguments.append("Linear")
    if arguments[:3] == ["-m", "bridge", "campaign"]:
        arguments += ["--programs", "1"]  # the last counts
    elif arguments[:2] == ["-m", "bridge"] or arguments[1:3] == ["minigrad", "train"]:
        arguments = with_few_steps(arguments)
    return arguments


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


# The program of the reader.
PROGRAM = """\
import torch

w = torch.ones(2, requires_grad=True)
for _ in range(3):
    (w * w).sum().backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
"""


def run(command: list[str], directory: Path) -> None:
    name = Path(command[0]).name
    if name == "pip" or command[1:3] == ["-m", "venv"]:
        check_installation(command)
        return
    arguments = shortened(command)
    if tuple(arguments) in PASSED:
        return
    status, said = run_python(arguments, ROOT if name == "pytest" else directory)
    refused = status == 2 and EXPECTED.search(said)
    assert status == 0 or refused, f"{shlex.join(command)}\n{said}"
    if not FILE.search(shlex.join(arguments)):
        PASSED.add(tuple(arguments))


# What ran, and need not run again: commands that neither read nor write a file of the reader's.
PASSED: set[tuple[str, ...]] = set()
FILE = re.compile(r"\.(py|csv|json|png|html|safetensors)\b")


@pytest.mark.parametrize("place", SHELL)
def test_shell_commands_run(place: str, tmp_path: Path) -> None:
    """Run the commands of a block in order, with the files that the reader is assumed to have."""
    commands = SHELL[place]
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "measurements.csv").write_text("1.0,2.0,a\n2.0,1.0,b\n0.5,2.5,a\n2.5,0.5,b\n")
    if any("old.json" in command for command in commands):
        run(["python", "-m", "benchmarks", "--json", "old.json"], tmp_path)
    for command in commands:
        run(command, tmp_path)


def test_commands_are_found_without_their_comments() -> None:
    block = (
        "minigrad train --data digits     # real data\n"
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


def test_commands_are_found_in_prose() -> None:
    text = "Run `python -m bridge`, in `minigrad` or `minigrad/rules/`.\n"
    assert commands_in_prose(text) == [["python", "-m", "bridge"]]


@pytest.mark.parametrize("name", ["README.md", "bridge/README.md"])
def test_programs_and_commands_are_found(name: str) -> None:
    assert any(place.startswith(f"{name} block") for place in PROGRAMS)
    assert any(place.startswith(f"{name} block") for place in SHELL)


# Links, paths and tables --------------------------------------------------------------------------

LINKS = [
    (name, target)
    for name, text in PROSE.items()
    for target in re.findall(r"\]\(([^)\s]+)\)", text)
    if not target.startswith("http")
]
PATHS = [
    (name, path)
    for name, text in PROSE.items()
    for path in re.findall(r"(?<!\[)`([\w./-]+(?:\.py|\.md|/))`", text)
]


def anchors(text: str) -> list[str]:
    """Return the anchors that GitHub gives to the headings of a text.

    >>> anchors("# Read the code\\n\\n## `walk`: a loop")
    ['read-the-code', 'walk-a-loop']
    """
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def leads_somewhere(name: str, target: str) -> bool:
    """Tell whether a link in a README leads to a file and, after a #, to one of its headings."""
    path, _, heading = target.partition("#")
    file = (ROOT / name).parent / path if path else ROOT / name
    return file.exists() and (not heading or heading in anchors(FENCED.sub("", file.read_text())))


@pytest.mark.parametrize(("name", "target"), sorted(set(LINKS)))
def test_a_link_leads_somewhere(name: str, target: str) -> None:
    assert leads_somewhere(name, target)


@pytest.mark.parametrize(("name", "path"), sorted(set(PATHS)))
def test_a_path_exists(name: str, path: str) -> None:
    """From the README's folder, or from the top."""
    assert ((ROOT / name).parent / path).exists() or (ROOT / path).exists()


def test_a_broken_link_is_found() -> None:
    assert leads_somewhere("README.md", "tests/README.md#mutants")
    assert not leads_somewhere("README.md", "tests/README.md#no-such-heading")
    assert not leads_somewhere("README.md", "mutants/README.md")


def test_the_first_page_leads_to_every_package_and_readme() -> None:
    targets = {target.partition("#")[0] for name, target in LINKS if name == "README.md"}
    folders = {Path(target).parent for target in targets}
    packages = [path.parent.relative_to(ROOT) for path in ROOT.glob("minigrad/*/__init__.py")]
    assert set(packages) <= folders
    assert set(READMES) - {"README.md"} <= targets


def test_the_ops_are_as_the_command_prints_them() -> None:
    found = [
        match
        for text in TEXTS.values()
        for _, match in FENCED.findall(text)
        if match.startswith("op  ")
    ]
    assert found
    for block in found:
        lines = block.splitlines()
        assert len(lines) > 5
        assert set(lines) <= set(table(TABLE).splitlines())
