"""`python -m benchmarks`: what it prints and writes, its statuses, and bad usage."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")
for needed in ("sklearn", "tqdm", "matplotlib", "tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

from benchmarks import cli, machine, steps
from benchmarks.engines import makers
from benchmarks.networks import Network, ladder
from tests.bridge.mistakes import mistake_in_rule


class Ended(NamedTuple):
    status: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def benchmarks(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command with these arguments, in this process."""

    def run(*arguments: object) -> Ended:
        status = cli.main([*map(str, arguments)])
        return Ended(status, *capsys.readouterr())

    return run


FAST = ("--quick", "--rounds", 2, "--seconds", 1e-5)


def test_the_table(benchmarks: Command) -> None:
    ended = benchmarks(*FAST)
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert f"PyTorch {torch.__version__}" in lines[0]
    assert "1 thread(s) each" in lines[1]
    assert "a smoke run: these numbers measure nothing" in lines
    header = next(line for line in lines if "forward" in line)
    columns = [header.index(c) for c in ("forward", "backward", "update", "step", "÷ by hand")]
    assert columns == sorted(columns)
    for network in ladder("float32", quick=True):
        title = re.compile(re.escape(network.name) + ", in (µs|ms)")
        start = next(i for i, line in enumerate(lines) if title.fullmatch(line.strip()))
        rows = lines[start + 1 : start + 1 + len(makers())]
        assert [re.split(r"\s{2,}", row.strip())[0] for row in rows] == list(makers())


def test_files(benchmarks: Command, tmp_path: Path) -> None:
    record, picture = tmp_path / "run.json", tmp_path / "run.svg"
    ended = benchmarks("steps", "ops", *FAST, "--ops", "exp", "--json", record, "--plot", picture)
    assert (ended.status, ended.err) == (0, "")
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


def test_threads_and_dtype(benchmarks: Command, tmp_path: Path) -> None:
    before, cores = torch.get_num_threads(), machine.usable_cores()
    record = tmp_path / "run.json"
    many = min(2, len(cores))
    ended = benchmarks(*FAST, "--threads", many, "--dtype", "float64", "--json", record)
    assert ended.status == 0
    written = json.loads(record.read_text())
    assert set(written["environment"]["threads"].values()) == {many}
    assert (torch.get_num_threads(), machine.usable_cores()) == (before, cores)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_the_process_is_held_to_as_many_cores() -> None:
    with machine.threads(1):
        assert len(os.sched_getaffinity(0)) == 1


def test_engines_that_disagree(benchmarks: Command, tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    with mistake_in_rule("relu", derivative=lambda d: d * d.dtype.type(1.0005)):
        ended = benchmarks(*FAST, "--json", record)
    assert ended.status == 1
    assert "÷ by hand" not in ended.out
    assert re.fullmatch(
        r"benchmarks: 6×2 → 5 → 3: minigrad, m\w+ computes .* for the gradient of .* where the "
        r"median of all engines has .*; nothing was timed\n",
        ended.err,
    )
    assert not record.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("step", "there is no part 'step': use steps, ops, growth"),
        ("--with tensorflow", "--with tensorflow: there is compile, jax, mygrad, autograd"),
        ("--rounds 0", "--rounds 0: use at least 1"),
        ("--seconds 0", "--seconds 0.0: use a time above 0"),
        ("--seconds nan", "--seconds nan: use a time above 0"),
        ("--threads 0", r"--threads 0: use 1 to \d+, this process's cores"),
        ("--threads 9999", r"--threads 9999: use 1 to \d+, this process's cores"),
        ("ops --ops expp", "--ops expp: there is no op of that name; do you mean exp?"),
        ("--ops exp", "--ops is for the part ops: python -m benchmarks ops --ops ..."),
        ("--dtype float16", "argument --dtype: invalid choice: 'float16'"),
        ("--plot run.pdf", "--plot run.pdf: the name must end in .png or .svg"),
        ("--json /nowhere/run.json", "--json /nowhere/run.json cannot be written"),
        ("--compare /nowhere.json", "--compare /nowhere.json cannot be read"),
        ("--json a.json --compare a.json", "--json and --compare are the same file, a.json"),
        ("--frobnicate", "unrecognized arguments: --frobnicate"),
    ],
)
def test_bad_usage(arguments: str, message: str, benchmarks: Command) -> None:
    ended = benchmarks(*arguments.split())
    assert (ended.status, ended.out) == (2, "")
    pattern = re.escape(message).replace(r"\\d\+", r"\d+")
    assert re.match(f"benchmarks: error: {pattern}", ended.err), ended.err
    assert ended.err.count("\n") == 1


def test_an_engine_that_is_not_installed(
    benchmarks: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jax" else found(name)
    )
    ended = benchmarks("--with", "jax")
    assert ended.status == 2
    assert ended.err == "benchmarks: error: --with jax: it is not installed: pip install jax\n"


@pytest.mark.parametrize("name", ["jax", "mygrad", "autograd"])
def test_other_libraries(name: str) -> None:
    pytest.importorskip(f"{name}.numpy" if name != "mygrad" else name)
    from benchmarks.agreement import check
    from benchmarks.engines import engines

    for network in ladder("float32", quick=True):
        check(network, engines(network, (name,)))


def test_ctrl_c_writes_nothing(
    benchmarks: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "take_turns", interrupted)
    ended = benchmarks(*FAST, "--json", tmp_path / "run.json")
    assert (ended.status, ended.err) == (130, "benchmarks: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_that_fails(benchmarks: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: Any) -> None:
        raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later")

    monkeypatch.setattr(steps, "take_turns", failing)
    ended = benchmarks(*FAST)
    assert ended.status == 2
    assert ended.err == "benchmarks: error: PyTorch failed on CUDA: CUDA error: out of memory\n"


def test_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "benchmarks", *map(str, FAST)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "minigrad, modules" in done.stdout


# Networks and machine -----------------------------------------------------------------------------


def test_pre_activations_are_exact() -> None:
    for n, inputs, hidden, classes in ((64, 784, 32, 10), (16, 64, 128, 3)):
        network = Network.drawn(n, inputs, hidden, classes)
        exact = Network.drawn(n, inputs, hidden, classes, "float64")
        z = network.x @ network.parameters[0] + network.parameters[1]
        backwards = network.x[:, ::-1] @ network.parameters[0][::-1] + network.parameters[1]
        assert (z == backwards).all()
        assert (z == exact.x @ exact.parameters[0] + exact.parameters[1]).all()


def test_the_ladder_climbs() -> None:
    rungs = ladder("float32")
    work = [network.operations for network in rungs]
    assert work == sorted(work)
    assert rungs[0].name == "6×2 → 5 → 3"
    assert rungs[-1].name == "1024×784 → 2048 → 10"
    assert "256×784 → 512 → 10" in {network.name for network in rungs}


def test_what_is_said_of_the_machine() -> None:
    where = machine.environment()
    text = machine.describe(where | {"load": [0.0, 0.0, 0.0], "governor": "powersave"})
    assert "governor powersave" in text
    assert "busy" not in text
    assert "busy (load 99.0" in machine.describe(where | {"load": [99.0, 0.0, 0.0]})
