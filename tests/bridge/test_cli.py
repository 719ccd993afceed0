"""`python -m bridge`: its output, its files, its exit statuses, and its messages on bad usage."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

torch = pytest.importorskip("torch")
for needed in ("sklearn", "tqdm", "matplotlib", "tabulate"):
    pytest.importorskip(needed)

import minigrad
from bridge import cli
from bridge.running import lockstep as lockstep_module
from bridge.running.run import FROM_SEED
from minigrad.app import training_options
from tests.bridge.mistakes import mistake_in_rule


class Ended(NamedTuple):
    status: int
    out: str
    err: str


Bridge = Callable[..., Ended]


@pytest.fixture
def bridge(capsys: pytest.CaptureFixture[str]) -> Bridge:
    """Run the command in this process."""

    def run(*arguments: object) -> Ended:
        status = cli.main([*map(str, arguments)])
        return Ended(status, *capsys.readouterr())

    return run


def test_the_tutorial_in_both_libraries(bridge: Bridge) -> None:
    ended = bridge("--epochs", 40, "--log-every", 20)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == "toy: 6 samples, 2 features, 3 classes"
    assert f"PyTorch {torch.__version__}" in ended.out
    assert ended.out.splitlines()[-1] == "minigrad and PyTorch agree"
    blocks = ended.out.split("\n\n")
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
    ],
)
def test_the_libraries_agree_on_real_data(arguments: str, bridge: Bridge) -> None:
    ended = bridge(*arguments.split())
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.count("agree") == 3


def test_a_mistake_is_named_and_gives_status_1(bridge: Bridge) -> None:
    with mistake_in_rule("relu", derivative=lambda g: g * g.dtype.type(1.001)):
        ended = bridge("--epochs", 3, "--update", "auto")
    assert (ended.status, ended.err) == (1, "")
    assert "DIFFER at step 1: gradient of input of relu (op 2, called at programs.py:" in ended.out
    assert ended.out.splitlines()[-1] == "minigrad and PyTorch DIFFER: auto, lockstep; auto, free"


@pytest.mark.parametrize("mode", ["lockstep", "free"])
def test_one_mode_alone(mode: str, bridge: Bridge) -> None:
    ended = bridge("--mode", mode, "--epochs", 2, "--update", "auto")
    assert f"auto, {mode}: " in ended.out
    assert ended.out.count("auto, ") == 1


def test_other_first_parameters_from_the_same_seed_are_a_fault(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minigrad.nn.Linear, "reset_parameters", lambda self: None)
    ended = bridge("--epochs", 2, "--update", "auto", "--mode", "free")
    assert ended.status == 1
    assert "auto, free: PyTorch was given minigrad's parameters" in ended.out
    assert "DIFFER at the first parameters: the seed gives others in PyTorch" in ended.out


def test_a_run_that_overflows(bridge: Bridge, tmp_path: Path) -> None:
    ended = bridge("--lr", 1e30, "--epochs", 20, "--json", tmp_path / "run.json")
    assert ended.status == 0
    assert ", until PyTorch's stopped being finite: " in ended.out


def test_the_json_report(tmp_path: Path, bridge: Bridge) -> None:
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


def test_the_plot(tmp_path: Path, bridge: Bridge) -> None:
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
    ],
)
def test_bad_usage_is_one_line(
    arguments: str, said: str, bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = bridge(*arguments.split())
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("bridge: error: ")
    assert said in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_one_line(bridge: Bridge, tmp_path: Path) -> None:
    ended = bridge("--device", "cuda", "--json", tmp_path / "run.json")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("bridge: error: --device cuda: PyTorch ")
    assert "finds no CUDA device" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_gpu_is_one_line(
    bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(device: str) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered\nCompile with …")

    monkeypatch.setattr(lockstep_module, "synchronize", fails)
    ended = bridge("--epochs", 2, "--json", tmp_path / "run.json")
    assert ended.status == 2
    said = "PyTorch failed on --device cpu: CUDA error: device-side assert triggered"
    assert ended.err == f"bridge: error: {said}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("arguments", ["", "--data digits --optimizer adam --epochs 20"])
def test_on_cuda(arguments: str, bridge: Bridge) -> None:
    ended = bridge("--device", "cuda", *arguments.split())
    assert ended.status == 0, ended.out
    assert torch.cuda.get_device_name() in ended.out


def test_it_has_all_options_of_training() -> None:
    parser = cli._parser()
    taken = {option for action in parser._actions for option in action.option_strings}
    training = cli.CommandParser()
    training_options.add_training_options(training)
    shared = {option for action in training._actions for option in action.option_strings}
    assert shared < taken
    assert taken - shared == {"--device", "--mode", "--json", "--plot"}


def test_it_runs_the_programs_of_minigrad_train() -> None:
    """The bridge has no program of its own."""
    tree = ast.parse(inspect.getsource(cli))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "PROGRAMS[name]" in calls


def test_it_runs_as_a_process() -> None:
    command = [sys.executable, "-m", "bridge", "--epochs", "2", "--mode", "free"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "minigrad and PyTorch agree"


def test_without_pytorch_it_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no', name='torch')\n")
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import bridge\n"
        "from bridge.comparing.closeness import difference\n"
        "try:\n    bridge.compare\nexcept ImportError as error:\n    print(error)\n"
        "from bridge.cli import main; sys.exit(main([]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout.startswith("bridge.compare needs PyTorch: pip install ")
    assert ended.stderr.startswith("bridge: error: PyTorch is not installed: pip install ")
    assert ended.stderr.count("\n") == 1


def test_every_public_name_exists() -> None:
    import bridge

    assert all(getattr(bridge, name) is not None for name in bridge.__all__)
    assert set(bridge._MODULES) == set(bridge.__all__)
    with pytest.raises(AttributeError):
        bridge.nothing  # noqa: B018


def test_a_users_test_file(tmp_path: Path) -> None:
    """It stands outside this repository and uses pytest only."""
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
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 1 passed" in ended.stdout
    assert "of mul (op 1, called at test_user.py:10)" in ended.stdout
