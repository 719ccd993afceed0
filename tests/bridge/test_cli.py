"""`python -m bridge`: its output, its files, its exit statuses, and its messages on bad usage."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from commands import Command, fill_disk_for, in_process

torch = pytest.importorskip("torch")
for needed in ("sklearn", "tqdm", "matplotlib", "tabulate"):
    pytest.importorskip(needed)

import minigrad
from bridge import cli
from bridge.running import lockstep as lockstep_module
from bridge.running.run import FROM_SEED
from minigrad.app import training_options
from tests.bridge.mistakes import mistake_in_rule


@pytest.fixture
def bridge(capsys: pytest.CaptureFixture[str]) -> Command:
    """`python -m bridge` with the given arguments, in this process."""
    return in_process(cli.main, capsys)


def test_the_tutorial_in_both_libraries(bridge: Command) -> None:
    result = bridge("--epochs", 40, "--log-every", 20)
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines()[0] == "toy: 6 samples, 2 features, 3 classes"
    assert f"PyTorch {torch.__version__}" in result.out
    assert result.out.splitlines()[-1] == "minigrad and PyTorch agree"
    blocks = result.out.split("\n\n")
    titles = ["manual, lockstep", "manual, free", "auto, lockstep", "auto, free"]
    titles = [f"{title}: {FROM_SEED}" for title in titles]
    assert [block.splitlines()[0] for block in blocks[1:-1]] == titles
    for block in blocks[1:-1]:
        rows = [line.split() for line in block.splitlines()[4:6]]
        assert [row[0] for row in rows] == ["20", "40"]
        assert all(float(row[1]) == pytest.approx(float(row[2]), rel=1e-4) for row in rows)
        assert "agree" in block.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        "--data digits --optimizer adam --epochs 3 --batch-size 500",
        "--data wine --hidden 8 4 --activation tanh --loss mse --epochs 10 --momentum 0.9",
        "--data iris --update manual --activation sigmoid --dtype float64 --epochs 20",
        "--data breast_cancer --epochs 5 --weight-decay 0.1 --seed 5",
        "--data digits --test-size 0.95 --model cnn --hidden 4 --epochs 3",
        "--data digits --test-size 0.95 --model rnn --hidden 6 --optimizer muon --epochs 2",
        "--data digits --test-size 0.95 --model transformer --hidden 4 --epochs 1 --dtype float64",
        "--data iris --hidden 3 --test-size 0.8 --optimizer lbfgs --epochs 1 --dtype float64",
    ],
)
def test_the_libraries_agree_on_real_data(arguments: str, bridge: Command) -> None:
    result = bridge(*arguments.split())
    assert (result.status, result.err) == (0, "")
    assert result.out.count("agree") == 3


def test_a_mistake_is_named_and_gives_status_1(bridge: Command) -> None:
    with mistake_in_rule("relu", derivative=lambda g: g * g.dtype.type(1.001)):
        result = bridge("--epochs", 3, "--update", "auto")
    assert (result.status, result.err) == (1, "")
    assert "DIFFER at step 1: gradient of input of relu (op 2, called at models.py:" in result.out
    assert result.out.splitlines()[-1] == "minigrad and PyTorch DIFFER: auto, lockstep; auto, free"


@pytest.mark.parametrize("mode", ["lockstep", "free"])
def test_one_mode_alone(mode: str, bridge: Command) -> None:
    result = bridge("--mode", mode, "--epochs", 2, "--update", "auto")
    assert f"auto, {mode}: " in result.out
    assert result.out.count("auto, ") == 1


def test_different_first_parameters_from_the_same_seed_are_a_fault(
    bridge: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minigrad.nn.Linear, "reset_parameters", lambda self: None)
    result = bridge("--epochs", 2, "--update", "auto", "--mode", "free")
    assert result.status == 1
    assert "auto, free: PyTorch was given minigrad's parameters" in result.out
    assert "DIFFER at the first parameters: the seed gives others in PyTorch" in result.out


def test_a_run_that_overflows(bridge: Command, tmp_path: Path) -> None:
    result = bridge("--lr", 1e30, "--epochs", 20, "--json", tmp_path / "run.json")
    assert result.status == 0
    assert ", until PyTorch's stopped being finite: " in result.out


def test_the_json_report(tmp_path: Path, bridge: Command) -> None:
    path = tmp_path / "run.json"
    bridge("--epochs", 5, "--json", path, "--seed", 3)

    def fail(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    record = json.loads(path.read_text(), parse_constant=fail)
    assert record["ok"] is True
    assert record["verdict"] == "minigrad and PyTorch agree"
    assert record["settings"]["seed"] == record["environment"]["seed"] == 3
    assert record["environment"]["versions"]["torch"] == torch.__version__
    assert record["environment"]["tf32"] == {"matmul": False, "cudnn": False}
    for name, report in record["reports"].items():
        assert report["ok"] is True
        assert [row["step"] for row in report["rows"]] == [1, 2, 3, 4, 5]
        assert report["mode"] == name.partition(", ")[2]
        assert report["rows"][-1]["measured"]["torch"]["epoch"] == 5
    with mistake_in_rule("relu", value=lambda y: y + 1):
        bridge("--epochs", 5, "--json", path, "--mode", "lockstep")
    fault = json.loads(path.read_text())["reports"]["auto, lockstep"]["fault"]
    assert (fault["op"], fault["what"], fault["step"]) == ("relu", "value", 1)
    assert fault["ours"] == pytest.approx(fault["theirs"] + 1)


def test_the_plot(tmp_path: Path, bridge: Command) -> None:
    path = tmp_path / "run.svg"
    bridge("--epochs", 5, "--plot", path)
    text = "".join(ET.parse(path).getroot().itertext())
    assert "<" not in text
    bridge("--epochs", 5, "--plot", tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--device tpu", "--device"),
        ("--mode slow", "--mode"),
        ("--epochs -1", "--epochs"),
        ("--epochs 0", "nothing to compare"),
        ("--save net", "--save"),
        ("--plot run.pdf", "must end in .png or .svg"),
        ("--json /nowhere/run.json", "--json /nowhere/run.json cannot be written"),
        ("--update manual --optimizer adam", "plain gradient descent"),
        ("--data nothing.csv", "nothing.csv"),
        ("--plot x.png --json x.png", "same file"),
        ("--data=", "--data: unknown data set ''"),
        ("--json=", "--json '' cannot be written: the name is empty"),
        ("--epochs 1_0", "--epochs: '1_0' is not"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: str, said: str, bridge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = bridge(*arguments.split())
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert result.err.startswith("bridge: error: ")
    assert said in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_one_line(bridge: Command, tmp_path: Path) -> None:
    result = bridge("--device", "cuda", "--json", tmp_path / "run.json")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("bridge: error: --device cuda: PyTorch ")
    assert "finds no CUDA device" in result.err
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_gpu_is_one_line(
    bridge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(device: str) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered\nCompile with …")

    monkeypatch.setattr(lockstep_module, "synchronize", fails)
    result = bridge("--epochs", 2, "--json", tmp_path / "run.json")
    assert result.status == 2
    said = "PyTorch failed on --device cpu: CUDA error: device-side assert triggered"
    assert result.err == f"bridge: error: {said}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("arguments", ["", "--data digits --optimizer adam --epochs 20"])
def test_on_cuda(arguments: str, bridge: Command) -> None:
    result = bridge("--device", "cuda", *arguments.split())
    assert result.status == 0, result.out
    assert torch.cuda.get_device_name() in result.out


def test_the_bridge_has_all_options_of_training() -> None:
    parser = cli._parser()
    taken = {option for action in parser._actions for option in action.option_strings}
    training = cli.CommandParser()
    training_options.add_training_options(training)
    shared = {option for action in training._actions for option in action.option_strings}
    assert shared < taken
    assert taken - shared == {"--device", "--mode", "--json", "--plot"}


def test_the_bridge_runs_the_programs_of_minigrad_train() -> None:
    """It defines no program itself."""
    tree = ast.parse(inspect.getsource(cli))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "PROGRAMS[name]" in calls


def test_the_bridge_runs_as_a_process() -> None:
    command = [sys.executable, "-m", "bridge", "--epochs", "2", "--mode", "free"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "minigrad and PyTorch agree"


def test_without_pytorch_the_error_names_the_missing_package(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no', name='torch')\n")
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import bridge\n"
        "from bridge.comparing.closeness import difference\n"
        "try:\n    bridge.compare\nexcept ImportError as error:\n    print(error)\n"
        "from bridge.cli import main; sys.exit(main([]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout.startswith("bridge.compare needs PyTorch: pip install ")
    said = "bridge: error: the bridge needs torch (no): pip install 'torch>=2.4,<2.14'\n"
    assert result.stderr == said


def test_a_failed_file_costs_no_other(
    bridge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for failing, written in (("run.json", "run.svg"), ("run.svg", "run.json")):
        with monkeypatch.context() as patch:
            fill_disk_for(patch, failing)
            files = ("--json", "run.json", "--plot", "run.svg")
            result = bridge("--epochs", 1, "--mode", "free", *files)
        assert result.status == 2
        assert result.err == f"bridge: error: {failing}: No space left on device\n"
        assert [path.name for path in tmp_path.iterdir()] == [written]
        os.remove(written)


def test_every_public_name_exists() -> None:
    import bridge

    assert all(getattr(bridge, name) is not None for name in bridge.__all__)
    assert set(bridge._MODULES) == set(bridge.__all__)
    with pytest.raises(AttributeError):
        bridge.nothing  # noqa: B018


def test_a_users_test_file(tmp_path: Path) -> None:
    """The file is outside this repository and uses pytest only."""
    (tmp_path / "test_user.py").write_text(
        "import numpy as np\n"
        "from bridge import assert_matches_torch\n\n"
        "def test_right():\n"
        "    assert_matches_torch(lambda torch, x: torch.tanh(x @ x.T).sum(), np.eye(3))\n\n"
        "def test_wrong():\n"
        "    import minigrad\n"
        "    def function(torch, x):\n"
        "        return x * (2 if torch is minigrad else 3)\n"
        "    assert_matches_torch(function, np.ones(2))\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_user.py"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 1 passed" in result.stdout
    assert "of mul (op 1, called at test_user.py:10)" in result.stdout
