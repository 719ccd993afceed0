"""`minigrad`: help, version, unknown commands, and what starting it imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from commands import CommandResult, assert_refused

import minigrad
from minigrad.app import cli, settings

COMMAND = [sys.executable, "-m", "minigrad"]


def test_help_has_every_command_option_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    overview = capsys.readouterr().out
    assert "train" in overview
    assert "ops" in overview
    assert "examples:" in overview
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    options = {f"--{f.name.replace('_', '-')}" for f in fields(settings.Settings)}
    assert options | {"--save", "--load", "--plot", "--json"} <= set(text.split())
    assert settings.defaults_table() in text
    assert "examples:" in text


@pytest.mark.parametrize("command", [[], ["train"], ["ops"]])
def test_help_fits_into_80_columns(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.main([*command, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"minigrad {minigrad.__version__}\n"


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    result = CommandResult(cli.main(["trian"]), *capsys.readouterr())
    assert_refused(result, "invalid choice: 'trian'")


def test_help_and_ops_import_no_heavy_package() -> None:
    heavy = ("sklearn", "safetensors", "tqdm", "matplotlib", "torch")
    program = (
        "import sys, minigrad\n"
        f"assert not set({heavy}) & set(sys.modules)\n"
        "from minigrad.app.cli import main\n"
        "try: main(['train', '--help'])\n"
        f"except SystemExit: assert not set({heavy}) & set(sys.modules)\n"
        f"main(['ops']); main(['ops', 'exp', '--json', '/dev/null'])\n"
        f"assert not set({heavy}) & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_python_m_minigrad_is_the_command() -> None:
    ended = subprocess.run([*COMMAND, "train", "--lr", "x"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    ended = subprocess.run(COMMAND, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: minigrad ")


def test_app_is_the_top_layer() -> None:
    root = Path(minigrad.__file__).parent
    for path in root.rglob("*.py"):
        in_app = path.parent.name == "app"
        imported = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (*(a.name for a in node.names), getattr(node, "module", None) or "")
        }
        packages = {name.split(".")[0] for name in imported}
        assert not packages & {"bridge", "benchmarks"}, path
        if not in_app and path.name != "__main__.py":
            assert "app" not in imported, path
            assert not any(name.startswith("minigrad.app") for name in imported), path
