"""`python -m benchmarks`: its output, its files, its exit statuses, and bad usage."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import Command, assert_refused, fill_disk_for, in_process

torch = pytest.importorskip("torch")
for needed in ("sklearn", "tqdm", "matplotlib", "tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks import cli, machine, steps
from benchmarks.all_engines import constructors
from benchmarks.networks import ladder
from tests.bridge.mistakes import mistake_in_rule


@pytest.fixture
def benchmarks(capsys: pytest.CaptureFixture[str]) -> Command:
    """`python -m benchmarks` with the given arguments, in this process."""
    return in_process(cli.main, capsys)


ROOT = Path(__file__).parents[2]
FAST = ("--quick", "--rounds", 2, "--seconds", 1e-5)


def test_the_table_has_every_network_and_engine(benchmarks: Command) -> None:
    result = benchmarks(*FAST)
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert f"PyTorch {torch.__version__}" in lines[0]
    assert "1 thread(s) each" in lines[1]
    assert "a smoke run: its numbers mean nothing" in lines
    header = next(line for line in lines if "forward" in line)
    columns = [header.index(c) for c in ("forward", "backward", "update", "step", "÷ by hand")]
    assert columns == sorted(columns)
    for network in ladder("float32", quick=True):
        title = re.compile(re.escape(network.name) + ", in (µs|ms)")
        start = next(i for i, line in enumerate(lines) if title.fullmatch(line.strip()))
        rows = lines[start + 1 : start + 1 + len(constructors())]
        assert [re.split(r"\s{2,}", row.strip())[0] for row in rows] == list(constructors())


def test_the_json_file_and_the_picture_are_written(benchmarks: Command, tmp_path: Path) -> None:
    record, picture = tmp_path / "run.json", tmp_path / "run.svg"
    result = benchmarks("steps", "ops", *FAST, "--ops", "exp", "--json", record, "--plot", picture)
    assert (result.status, result.err) == (0, "")
    written = json.loads(record.read_text())
    assert written["settings"]["ops"] == ["exp"]
    where = written["environment"]
    assert where["threads"]["torch"] == 1
    assert where["versions"]["torch"] == torch.__version__
    assert where["cpu"]
    assert {m["part"] for m in written["measurements"]} == {"steps", "ops"}
    assert picture.read_text().startswith("<?xml")
    again = benchmarks(*FAST, "--compare", record)
    assert again.status == 0
    assert "compared with the old run" in again.out


def test_threads_and_dtype_are_set_and_restored(benchmarks: Command, tmp_path: Path) -> None:
    before, cores = torch.get_num_threads(), machine.usable_cores()
    record = tmp_path / "run.json"
    many = min(2, len(cores))
    result = benchmarks(*FAST, "--threads", many, "--dtype", "float64", "--json", record)
    assert result.status == 0
    written = json.loads(record.read_text())
    assert set(written["environment"]["threads"].values()) == {many}
    assert (torch.get_num_threads(), machine.usable_cores()) == (before, cores)


def test_engines_that_disagree_are_not_timed(benchmarks: Command, tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    with mistake_in_rule("relu", derivative=lambda d: d * d.dtype.type(1.0005)):
        result = benchmarks(*FAST, "--json", record)
    assert result.status == 1
    assert "÷ by hand" not in result.out
    assert re.fullmatch(
        r"benchmarks: 6×2 → 5 → 3: minigrad, m\w+ computes .* for the gradient of .* but the "
        r"median of all engines is .*; nothing was timed\n",
        result.err,
    )
    assert not record.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("step", "unknown part 'step': use steps, ops, growth, models, compiled, distributed"),
        ("models --plot run.svg", "--plot draws the parts steps, ops and growth, not models"),
        (
            "--with tensorflow",
            "--with tensorflow: unknown engine, use compile, jax, mygrad, autograd",
        ),
        ("--rounds 0", "--rounds 0: use at least 1"),
        ("--rounds 1_0", "argument --rounds: invalid integer value: '1_0'"),
        ("--threads ٣", "argument --threads: invalid integer value: '٣'"),
        ("--seconds 0.0_1", "argument --seconds: invalid number value: '0.0_1'"),
        ("--seconds 0", "--seconds 0.0: use a positive number"),
        ("--seconds nan", "--seconds nan: use a positive number"),
        ("--threads 0", r"--threads 0: use 1 to \d+, this process's cores"),
        ("--threads 9999", r"--threads 9999: use 1 to \d+, this process's cores"),
        ("ops --ops expp", "--ops expp: unknown op; did you mean exp?"),
        ("--ops exp", "--ops needs the part ops: python -m benchmarks ops --ops ..."),
        ("--dtype float16", "argument --dtype: invalid choice: 'float16'"),
        ("--plot run.pdf", "--plot run.pdf: the name must end in .png or .svg"),
        ("--json /nowhere/run.json", "--json /nowhere/run.json cannot be written"),
        ("--compare /nowhere.json", "--compare /nowhere.json cannot be read"),
        ("--json a.json --compare a.json", "--json and --compare are the same file, a.json"),
        ("--frobnicate", "unrecognized arguments: --frobnicate"),
    ],
)
def test_bad_usage_is_refused_before_the_measurement(
    arguments: str, message: str, benchmarks: Command
) -> None:
    result = benchmarks(*arguments.split())
    pattern = re.escape(message).replace(r"\\d\+", r"\d+")
    assert_refused(result, f"^benchmarks: error: {pattern}", program="benchmarks")
    assert result.out == ""


@pytest.mark.parametrize("package", ["torch", "tabulate", "threadpoolctl"])
def test_a_missing_package_is_named(package: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None; "
        "from benchmarks.cli import main; sys.exit(main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"benchmarks: error: a benchmark needs {package} (")
    assert done.stderr.endswith("): pip install -e '.[bridge]'\n")


def test_a_failed_file_costs_no_other(
    benchmarks: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill_disk_for(monkeypatch, "run.json")
    result = benchmarks(*FAST, "--json", "run.json", "--plot", "run.svg")
    assert result.status == 2
    assert result.err == "benchmarks: error: run.json: No space left on device\n"
    assert os.listdir() == ["run.svg"]


def test_an_engine_that_is_not_installed_is_refused(
    benchmarks: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jax" else found(name)
    )
    result = benchmarks("--with", "jax")
    assert result.status == 2
    assert result.err == "benchmarks: error: --with jax: not installed: pip install jax\n"


def test_ctrl_c_writes_nothing(
    benchmarks: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "take_turns", interrupted)
    result = benchmarks(*FAST, "--json", tmp_path / "run.json")
    assert (result.status, result.err) == (130, "benchmarks: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_cuda_error_is_reported_in_one_line(
    benchmarks: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> None:
        raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later")

    monkeypatch.setattr(steps, "take_turns", failing)
    result = benchmarks(*FAST)
    assert result.status == 2
    assert result.err == "benchmarks: error: PyTorch failed on CUDA: CUDA error: out of memory\n"


def test_python_m_benchmarks_is_the_command() -> None:
    command = [sys.executable, "-m", "benchmarks", *map(str, FAST)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "minigrad, modules" in done.stdout
