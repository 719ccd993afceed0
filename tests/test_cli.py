"""The command: what it prints, what it keeps, and what it says of bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad
from minigrad.app import cli, programs, settings, training
from minigrad.app.datasets import BUNDLED, load
from minigrad.rules import REGISTRY

for needed in ("sklearn", "safetensors", "tqdm", "matplotlib"):
    pytest.importorskip(needed)

COMMAND = [sys.executable, "-m", "minigrad"]
LOG_LINE = re.compile(
    r"Epoch: (\d+), loss: (\d+\.\d{4}), train_acc: ([01]\.\d{3})(, test_acc: .*)?"
)


class Ended(NamedTuple):
    status: int
    out: str
    err: str


Train = Callable[..., Ended]


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str]) -> Train:
    """`minigrad train` with these arguments, in this process."""

    def run(*arguments: object) -> Ended:
        status = cli.main(["train", *map(str, arguments)])
        return Ended(status, *capsys.readouterr())

    return run


def tensors(path: Path) -> dict[str, list[Any]]:
    return {k: v.tolist() for k, v in minigrad.load(path).items() if hasattr(v, "tolist")}


# What it prints.


def test_without_options_it_is_the_tutorial(train: Train) -> None:
    ended = train()
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "toy: 6 samples, 2 features, 3 classes"
    assert len(lines) == 1 + 2 * 9
    toy = load("toy")
    for program, (header, *log, predicted, truth, accuracy) in (
        ("manual", lines[1:10]),
        ("auto", lines[10:]),
    ):
        assert header.startswith(f"{program}: 2-5-3, relu, ")
        assert "lr 0.01, epochs 1 to 1000, full batch, float32, seed 0" in header
        steps = list(programs.PROGRAMS[program](minigrad, toy.x, toy.y))
        for line, epoch in zip(log, (200, 400, 600, 800, 1000), strict=True):
            _, found = steps[epoch].evaluate(toy.x, toy.y) if epoch == 1000 else (None, None)
            match = LOG_LINE.fullmatch(line)
            assert match is not None
            assert match.group(1, 2, 4) == (str(epoch), f"{steps[epoch].loss:.4f}", None)
            if found is not None:
                assert match[3] == f"{np.mean(found == toy.y):.3f}"
                assert predicted == f"Predicted: {found}"
                assert accuracy == f"Accuracy:  {np.mean(found == toy.y):.4f}"
        assert truth == "Truth:     [0 1 2 0 0 2]"


def test_the_same_seed_prints_the_same_and_another_does_not(train: Train) -> None:
    a, b, c = (train("--epochs", 20, "--seed", seed).out for seed in (3, 3, 4))
    assert a == b
    assert LOG_LINE.findall(a) != LOG_LINE.findall(c)


@pytest.mark.parametrize("data", BUNDLED)
def test_real_data_reach_their_accuracy_on_samples_held_out(data: str, train: Train) -> None:
    ended = train("--data", data)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"{load(data)}\n")
    assert "Predicted (held out): [" in ended.out
    accuracy = re.search(r"^Accuracy  \(held out\): (.*)$", ended.out, re.MULTILINE)
    assert accuracy is not None
    bar = {"digits": 0.96, "iris": 0.95, "wine": 0.95, "breast_cancer": 0.93}[data]
    assert float(accuracy[1]) >= bar
    logged = [LOG_LINE.fullmatch(line) for line in ended.out.splitlines()[2:-4]]
    assert [int(m[1]) for m in logged if m] == list(range(50, 401, 50))
    assert logged[-1][4] == f", test_acc: {float(accuracy[1]):.3f}"


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ("--hidden 4 3 --activation tanh", "manual: 2-4-3-3, tanh, nll; "),
        ("--update auto --loss mse --lr 0.5", "auto: 2-5-3, relu, mse; sgd, lr 0.5, "),
        ("--update manual --loss cross_entropy", "manual: 2-5-3, relu, cross_entropy; "),
        ("--optimizer adam --weight-decay 0.5", "auto: 2-5-3, relu, cross_entropy; adam, weight "),
        ("--momentum 0.5", "auto: 2-5-3, relu, cross_entropy; sgd, momentum 0.5, lr 0.01, "),
        ("--batch-size 4 --dtype float64 --seed 9", "batches of 4, float64, seed 9"),
        ("--activation sigmoid --log-every 2", "sigmoid"),
    ],
)
def test_every_option_is_in_the_header_and_works(options: str, header: str, train: Train) -> None:
    ended = train(*options.split(), "--epochs", 3)
    assert (ended.status, ended.err) == (0, "")
    assert header in ended.out


def test_it_prints_every_so_many_epochs_and_the_last(train: Train) -> None:
    ended = train("--update", "auto", "--epochs", 7, "--log-every", 3)
    assert [int(m[0]) for m in LOG_LINE.findall(ended.out)] == [3, 6, 7]


def test_a_csv_file_is_trained_on_under_its_own_labels(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "fruit.csv"
    rows = [f"{i},{-i},{'apple' if i % 2 else 'pear'}" for i in range(20)]
    path.write_text("weight,size,fruit\n" + "\n".join(rows))
    ended = train("--data", path, "--epochs", 2)
    assert ended.status == 0
    assert f"{path}: 16 samples + 4 held out, 2 features, 2 classes" in ended.out
    truth = re.search(r"Truth     \(held out\): \[(.*)\]", ended.out)
    assert truth is not None
    assert set(truth[1].split()) == {"'apple'", "'pear'"}
    ended = train("--data", path, "--epochs", 2, "--test-size", 0)
    assert "20 samples, 2 features" in ended.out
    assert "held out" not in ended.out


def test_names_in_any_script_and_of_any_kind_do_no_harm(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "数据 $\\x$ \udcff.csv"
    path.write_text("".join(f"{i},{'ня'[i % 2]}\n" for i in range(10)))
    plot, record, net = tmp_path / "p.png", tmp_path / "r.json", tmp_path / "net"
    options = ["--epochs", 1, "--plot", plot, "--json", record, "--save", net]
    ended = train("--data", path, *options)
    assert (ended.status, ended.err) == (0, "")
    assert "数据" in ended.out
    assert "\\udcff" in ended.out
    assert train("--load", net, "--epochs", 0).status == 0
    assert json.loads(record.read_text())["data"]["classes"] == ["н", "я"]


def test_help_tells_every_option_and_every_default(capsys: pytest.CaptureFixture[str]) -> None:
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
    assert settings.table() in text
    assert "examples:" in text
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"minigrad {minigrad.__version__}\n"


# The table of ops.


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str]) -> Train:
    """`minigrad ops` with these arguments, in this process."""

    def run(*arguments: object) -> Ended:
        status = cli.main(["ops", *map(str, arguments)])
        return Ended(status, *capsys.readouterr())

    return run


def test_every_op_has_a_line_of_the_table(ops: Train) -> None:
    ended = ops()
    assert (ended.status, ended.err) == (0, "")
    header, *lines = ended.out.split("\n\n")[0].splitlines()
    assert header.split()[:2] == ["op", "function"]
    assert len(lines) == len(REGISTRY)
    assert lines == sorted(lines)
    (exp,) = (line for line in lines if line.startswith("exp "))
    assert exp.split() == ["exp", "yes", "yes", "yes", "every", "4", "ULP", "6", "ULP"]
    assert "minigrad ops NAME" in ended.out


def test_an_op_is_found_by_any_of_its_names(ops: Train) -> None:
    exp = ops("exp").out
    assert exp.startswith("exp(input)\n    e to the power of each element.\n\n")
    assert re.search("^    why +NumPy's float32 exp errs by up to 2.6 ULP", exp, re.MULTILINE)
    assert all(ops(name).out == exp for name in ("exp_", "torch.exp", "Tensor.exp_"))
    assert ops("exp", "+", "add", "max").out == "\n".join(ops(n).out for n in ("exp", "+", "max"))
    titles = [line for line in ops("@").out.splitlines() if line and not line.startswith(" ")]
    assert [title.partition("(")[0] for title in titles] == ["dot", "matmul", "mm", "mv"]


def test_the_ops_as_data(tmp_path: Path, ops: Train) -> None:
    path = tmp_path / "ops.json"
    ended = ops("--json", path)
    assert ended.out == ops().out
    record = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert record["minigrad"] == minigrad.__version__
    assert {op["rule"] for op in record["ops"]} == set(REGISTRY)
    ops("isnan", "add", "--json", path)
    isnan, add = json.loads(path.read_text())["ops"]
    assert (isnan["order"], isnan["gradient"], isnan["grad_fn"]) == ("0", None, [])
    assert add["value"] == {"tolerance": "exact", "bound": 0, "unit": "ULP"}
    assert add["value_with_alpha"]["bound"] == 2
    assert add["operators"] == ["x + y", "x += y"]
    assert os.listdir(tmp_path) == ["ops.json"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("exq", "unknown op 'exq': did you mean eq or exp\\?"),
        ("exp softmaxx", "unknown op 'softmaxx': did you mean softmax"),
        ("qqqqqq", "unknown op 'qqqqqq': see minigrad ops"),
        ("flatten", "'flatten' is not an op of its own"),
        ("--json none/ops.json", "--json none/ops.json cannot be written"),
        ("--jso ops.json", "unrecognized arguments: --jso"),
    ],
)
def test_an_op_that_is_none_is_refused(
    options: str, message: str, tmp_path: Path, ops: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = ops(*options.split())
    is_bad(ended, message)
    assert ended.out == ""


# What it keeps.


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--data iris",
        "--data iris --batch-size 50 --momentum 0.9 --weight-decay 0.001",
        "--data iris --batch-size 50 --optimizer adam --dtype float64 --hidden 4 3",
        "--data wine --update both --loss mse --activation tanh --seed 5",
    ],
)
def test_a_resumed_run_equals_the_uninterrupted_one(
    options: str, tmp_path: Path, train: Train
) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    expected = train(*options.split(), "--epochs", 12, "--log-every", 4, "--save", whole)
    train(*options.split(), "--epochs", 7, "--log-every", 4, "--save", half)
    ended = train("--load", half, "--epochs", 5, "--save", half)
    assert (ended.status, ended.err) == (0, "")
    assert "epochs 8 to 12" in ended.out
    assert ended.out.splitlines()[-5:-1] == expected.out.splitlines()[-5:-1]
    assert whole.read_bytes() == half.read_bytes()


def test_only_evaluating_changes_nothing(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "net"
    trained = train("--data", "iris", "--epochs", 30, "--save", path)
    before = path.read_bytes()
    evaluated = train("--load", path, "--epochs", 0)
    assert evaluated.status == 0
    assert evaluated.out.splitlines()[-4:] == trained.out.splitlines()[-5:-1]
    assert not LOG_LINE.findall(evaluated.out)
    finished = train("--load", path)  # nothing is left of a run that is finished
    assert "epoch 30 (its run is finished; --epochs N trains on)" in finished.out
    assert finished.out.splitlines()[2:] == evaluated.out.splitlines()[2:]
    assert path.read_bytes() == before


def test_the_checkpoint_is_pytorchs_to_open(tmp_path: Path, train: Train) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    path = tmp_path / "net"
    train("--data", "iris", "--update", "both", "--epochs", 3, "--hidden", 6, "--save", path)
    found = load_file(path)
    assert {k: tuple(v.shape) for k, v in found.items()} == {
        "W1": (4, 6),
        "B1": (6,),
        "Wout": (6, 3),
        "Bout": (3,),
        "linear1.weight": (6, 4),
        "linear1.bias": (6,),
        "linear2.weight": (3, 6),
        "linear2.bias": (3,),
    }
    model = torch.nn.Module()
    model.linear1, model.linear2 = torch.nn.Linear(4, 6), torch.nn.Linear(6, 3)
    model.load_state_dict({k: v for k, v in found.items() if k.startswith("linear")})


def test_a_plain_file_of_pytorchs_is_trained_on(tmp_path: Path, train: Train) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    data, path = load("iris"), tmp_path / "theirs"
    *_, last = programs.automatic(
        torch, data.x, data.y, hidden=(7, 6), epochs=200, lr=0.5, dtype="float64"
    )
    save_file({k: p.detach().clone() for k, p in last.parameters.items()}, path)
    _, predicted = last.evaluate(data.x, data.y)
    ended = train("--load", path, "--data", "iris", "--epochs", 0)
    assert ended.status == 0
    assert "auto: 4-7-6-3, relu, cross_entropy" in ended.out
    assert "float64" in ended.out
    assert f"Accuracy  (training): {np.mean(predicted == data.y):.4f}" in ended.out
    assert train("--load", path, "--data", "iris", "--epochs", 2).status == 0


def test_by_hand_plain_tensors_are_recognised_as_well(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "net"
    shapes = {"W1": (2, 4), "B1": (4,), "W2": (4, 3), "B2": (3,), "Wout": (3, 3), "Bout": (3,)}
    minigrad.save({name: minigrad.ones(*shape) for name, shape in shapes.items()}, path)
    ended = train("--load", path, "--epochs", 1)
    assert ended.status == 0
    assert "manual: 2-4-3-3" in ended.out
    assert "auto" not in ended.out


@pytest.mark.parametrize(("stored", "wanted"), [("float32", "float64"), ("float64", "float32")])
def test_a_checkpoint_is_taken_up_in_another_dtype(
    stored: str, wanted: str, tmp_path: Path, train: Train
) -> None:
    path = tmp_path / "net"
    train("--optimizer", "adam", "--epochs", 3, "--dtype", stored, "--save", path)
    before = tensors(path)
    ended = train("--load", path, "--dtype", wanted, "--epochs", 0, "--save", path)
    assert (ended.status, ended.err) == (0, "")
    assert wanted in ended.out
    for name, value in tensors(path).items():
        np.testing.assert_array_equal(value, np.array(before[name], wanted))
    assert train("--load", path, "--epochs", 2).status == 0
    assert str(minigrad.load(path)["optimizer"]["state"][0]["exp_avg"].dtype) == f"torch.{wanted}"


def test_another_optimiser_starts_afresh_and_says_so(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "net"
    train("--momentum", 0.9, "--epochs", 3, "--save", path)
    ended = train("--load", path, "--optimizer", "adam", "--epochs", 2)
    assert (ended.status, ended.err) == (0, "")
    assert "adam starts without what sgd had gathered" in ended.out
    assert "adam, lr 0.01, epochs 4 to 5" in ended.out


def test_the_record_is_strict_json_with_all_that_it_promises(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "run.json"
    train("--data", "iris", "--update", "both", "--epochs", 20, "--json", path)
    record = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert set(record["versions"]) == {
        "minigrad",
        "python",
        "numpy",
        "scikit-learn",
        "platform",
    }
    assert record["settings"]["data"] == "iris"
    assert record["outcome"] == "finished"
    assert record["data"]["held_out_samples"] == 30
    for program in ("manual", "auto"):
        found = record["programs"][program]
        assert [p["epoch"] for p in found["curve"]] == list(range(1, 21))
        assert all(0 < p["loss"] < 100 for p in found["curve"])
        assert found["curve"][-1]["train_accuracy"] == found["result"]["accuracy"]
        assert found["curve"][-1]["test_accuracy"] == found["result"]["test_accuracy"]
        assert len(found["result"]["test_predicted"]) == 30


@pytest.mark.parametrize("epochs", [0, 1, 40])
def test_the_curves_are_drawn(epochs: int, tmp_path: Path, train: Train) -> None:
    png, svg = tmp_path / "a.PNG", tmp_path / "a.svg"
    for path in (png, svg):
        ended = train("--data", "iris", "--update", "both", "--epochs", epochs, "--plot", path)
        assert (ended.status, ended.err) == (0, "")
    assert png.read_bytes().startswith(b"\x89PNG")
    root = ET.fromstring(svg.read_text())
    assert root.tag.endswith("svg")
    assert "matplotlib.pyplot" not in sys.modules


# A loss that runs away, and an interrupt.


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(
    tmp_path: Path, train: Train
) -> None:
    path, record, plot = tmp_path / "net", tmp_path / "run.json", tmp_path / "run.png"
    options = ["--data", "wine", "--update", "manual", "--lr", 1e16]
    ended = train(*options, "--save", path, "--json", record, "--plot", plot)
    assert ended.status == 2
    match = re.fullmatch(
        r"minigrad: error: manual: the loss is (nan|inf) in epoch (\d+): try a smaller --lr than "
        rf"1e\+16; {path} has manual at epoch (\d+)\n",
        ended.err,
    )
    assert match is not None
    assert int(match[3]) == int(match[2]) - 2  # that epoch's loss is of the state before
    assert all(np.isfinite(value).all() for value in tensors(path).values())
    assert train("--load", path, "--epochs", 0).status == 0
    found = json.loads(record.read_text(), parse_constant=pytest.fail)
    assert found["programs"]["manual"]["curve"][-1] == {"epoch": int(match[2]), "loss": None}
    assert found["programs"]["manual"]["result"] is None
    assert plot.exists()


def test_a_loss_that_runs_away_with_the_last_update_is_noticed(
    tmp_path: Path, train: Train
) -> None:
    path = tmp_path / "net"
    options = ["--data", "wine", "--update", "manual", "--lr", 1e16]
    stopped = re.search(r"in epoch (\d+)", train(*options).err)
    assert stopped is not None
    ended = train(*options, "--epochs", int(stopped[1]) - 1, "--save", path)
    assert ended.status == 2
    assert f"after epoch {int(stopped[1]) - 1}: try a smaller --lr" in ended.err
    assert minigrad.load(path)["epochs"] == {"manual": int(stopped[1]) - 2}


def test_a_checkpoint_with_nan_in_it_is_not_kept_as_good(tmp_path: Path, train: Train) -> None:
    path, other = tmp_path / "net", tmp_path / "other"
    train("--update", "manual", "--epochs", 1, "--save", path)
    content = minigrad.load(path)
    content["W1"][0, 0] = float("nan")
    minigrad.save(content, path)
    ended = train("--load", path, "--epochs", 3, "--save", other)
    assert ended.status == 2
    assert "the loss is nan in epoch 2" in ended.err
    assert not other.exists()


@pytest.mark.parametrize("options", ["", "--data iris --batch-size 10 --momentum 0.5"])
def test_an_interrupt_in_an_epoch_keeps_the_last_finished_one(
    options: str, tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected = tmp_path / "net", tmp_path / "expected"
    program = "auto" if options else "manual"
    updates = 0

    def batches(*arguments: Any) -> Any:
        nonlocal updates
        for batch in drawn(*arguments):
            if (updates := updates + 1) > 4 * (12 if options else 1):
                # In epoch 5, and with mini-batches after some of its updates.
                if options and updates < 4 * 12 + 6:
                    yield batch
                    continue
                raise KeyboardInterrupt
            yield batch

    drawn = programs.batches
    monkeypatch.setattr(programs, "batches", batches)
    ended = train(*options.split(), "--epochs", 9, "--save", path)
    assert ended.status == 130
    assert ended.err.startswith(f"minigrad: interrupted after epoch 4 of {program}; {path} has ")
    assert f"{program} at epoch 4" in ended.err
    monkeypatch.undo()

    train("--update", program, *options.split(), "--epochs", 4, "--save", expected)
    kept = tensors(path)
    assert {k: kept[k] for k in tensors(expected)} == tensors(expected)
    ended = train("--load", path, "--save", path)
    assert "epochs 5 to 9" in ended.out
    train(*options.split(), "--epochs", 9, "--save", expected)
    assert path.read_bytes() == expected.read_bytes()


def test_an_interrupt_while_saving_leaves_a_whole_file(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
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
    ended = train("--epochs", 9, "--log-every", 3, "--save", path)
    assert ended.status == 130
    assert os.listdir(tmp_path) == ["net"]
    assert minigrad.load(path)["epochs"] == {"manual": 6, "auto": 0}


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "train", *map(str, arguments)], text=True, stdout=subprocess.PIPE, **options
    )


def test_ctrl_c_stops_the_process_with_a_line_and_a_whole_checkpoint(
    tmp_path: Path, train: Train
) -> None:
    path = tmp_path / "net"
    options = ["--update", "auto", "--log-every", 100, "--save", path]
    with start(*options, "--epochs", 10**9, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Epoch: 100,"):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    match = re.fullmatch(
        rf"minigrad: interrupted after epoch (\d+) of auto; {path} has auto at epoch (\d+)\n", err
    )
    assert match is not None
    assert match[1] == match[2]
    expected = tmp_path / "expected"
    train(*options[:-1], expected, "--epochs", match[2])
    assert tensors(path) == tensors(expected)


def test_a_closed_pipe_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "net"
    options = ["--log-every", 1, "--epochs", 10**9, "--save", path]
    with start(*options, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("toy")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1
    assert minigrad.load(path)["epochs"]["auto"] == 0


def on_terminal(*arguments: str, piped: bool) -> tuple[str, str]:
    """What a terminal of 100 columns shows of the command, and what its piped output gets."""
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
        except OSError:  # how Linux says that the other end is closed
            pass
        got = process.stdout.read() if process.stdout else b""
    os.close(ours)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n"), got.decode()


def test_lines_are_printed_above_the_bar() -> None:
    shown, _ = on_terminal("train", "--epochs", "600", "--update", "auto", piped=False)
    assert "epoch/s" in shown
    assert re.search(r"[1-9]\d*/600 .*loss \d\.\d{4}", shown)
    # What stays on the screen: of each line what follows the last return to its start.
    lines = [line.rsplit("\r", 1)[-1] for line in shown.split("\n")]
    assert [int(m[1]) for line in lines if (m := LOG_LINE.fullmatch(line))] == [200, 400, 600]
    assert not any("epoch/s" in line for line in lines)


def test_there_is_no_bar_when_the_output_is_piped() -> None:
    shown, got = on_terminal("train", "--epochs", "600", "--update", "auto", piped=True)
    assert shown == ""
    assert len(LOG_LINE.findall(got)) == 3


# Bad input: one line, status 2, and nothing trained.


def is_bad(ended: Ended, message: str) -> None:
    assert ended.status == 2
    assert ended.err.startswith("minigrad: error: ")
    assert ended.err.count("\n") == 1
    assert re.search(message, ended.err), ended.err
    assert "Epoch" not in ended.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--data irsi", "unknown data set 'irsi': choose toy, iris"),
        ("--data none.csv", r"none\.csv cannot be read: No such file"),
        ("--hidden 0", r"--hidden: '0' is not a whole number"),
        ("--hidden 5 -3", r"--hidden: '-3' is not"),
        ("--hidden 5.5", r"--hidden: '5\.5' is not"),
        ("--hidden 10000000", "--hidden: '10000000' is not"),
        ("--hidden", "--hidden: expected at least one argument"),
        ("--lr 0", "--lr: '0' is not a positive number"),
        ("--lr -1", "--lr: '-1' is not a positive number"),
        ("--lr nan", "--lr: 'nan' is not"),
        ("--lr inf", "--lr: 'inf' is not"),
        ("--lr one", "--lr: 'one' is not"),
        ("--epochs -1", "--epochs: '-1' is not a whole number from 0 to"),
        ("--epochs 1.5", "--epochs: '1.5' is not"),
        ("--batch-size 0", "--batch-size: '0' is not a whole number of at least 1"),
        ("--log-every 0", "--log-every: '0' is not"),
        ("--seed -1", "--seed: '-1' is not"),
        ("--seed 18446744073709551616", "--seed: '18446744073709551616' is not"),
        ("--momentum -0.1", "--momentum: '-0.1' is not a number of at least 0"),
        ("--weight-decay nan", "--weight-decay: 'nan' is not"),
        ("--test-size 1", "--test-size: '1' is not a share"),
        ("--test-size 0.5", "no --test-size"),
        ("--update none", "--update: invalid choice: 'none'"),
        ("--activation gelu", "--activation: invalid choice: 'gelu'"),
        ("--loss l1", "--loss: invalid choice"),
        ("--optimizer lion", "--optimizer: invalid choice"),
        ("--dtype float16", "--dtype: invalid choice"),
        ("--upd auto", "unrecognized arguments: --upd auto"),
        ("more", "unrecognized arguments: more"),
        ("--update manual --optimizer adam", "--optimizer adam: leave that out, or use --update a"),
        ("--update both --momentum 0.9", "--momentum 0.9: leave that out"),
        ("--optimizer adam --momentum 0.9", "--momentum is SGD's"),
        ("--load none", "--load none: No such file"),
        ("--load /", "--load /: Is a directory"),
        ("--save none/net", "--save none/net cannot be written: there is no directory"),
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
def test_bad_options_are_refused(
    options: str, message: str, tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "train", pytest.fail)
    is_bad(train(*options.split()), message)
    assert os.listdir(tmp_path) == []


def test_what_a_checkpoint_came_from_is_not_overwritten(tmp_path: Path, train: Train) -> None:
    path, data = tmp_path / "net", tmp_path / "data.csv"
    data.write_text("".join(f"{i},{i % 2}\n" for i in range(10)))
    train("--data", data, "--epochs", 1, "--save", path)
    before = path.read_bytes(), data.read_bytes()
    is_bad(train("--load", path, "--json", path), "--json and --load are the same file")
    is_bad(train("--load", path, "--json", data), "--json and --data are the same file")
    is_bad(train("--load", path, "--save", data), "--save and --data are the same file")
    assert (path.read_bytes(), data.read_bytes()) == before


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    is_bad(Ended(cli.main(["trian"]), *capsys.readouterr()), "invalid choice: 'trian'")


def test_a_bad_csv_file_names_the_line_and_the_column(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("1,2,a\n3,four,b\n")
    is_bad(train("--data", path), r"bad\.csv, line 2, column 2: 'four' is not a number")


def test_a_network_too_large_for_memory_is_refused(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(training, "prepare", too_large)
    is_bad(train(), "not enough memory")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--hidden 7", r"size mismatch: W1 \(2x5 in the file, 2x7 here\), B1 .*, Wout "),
        ("--hidden 5 5", r"missing: W2, B2\n"),
        ("--data iris", r"size mismatch: W1 \(2x5 in the file, 4x5 here\)"),
        ("--update auto", "missing: linear1.weight, .*; unexpected: W1, B1, Wout, Bout"),
    ],
)
def test_a_checkpoint_of_another_network_names_the_tensors(
    options: str, message: str, tmp_path: Path, train: Train
) -> None:
    path = tmp_path / "net"
    train("--update", "manual", "--epochs", 1, "--save", path)
    before = path.read_bytes()
    is_bad(train("--load", path, *options.split(), "--save", path), message)
    assert path.read_bytes() == before


def with_changes(path: Path, **changes: Any) -> None:
    minigrad.save({**minigrad.load(path), **changes}, path)


def test_a_checkpoint_that_is_no_checkpoint_is_refused(tmp_path: Path, train: Train) -> None:
    path = tmp_path / "net"

    def made() -> dict[str, Any]:
        train("--optimizer", "adam", "--epochs", 2, "--save", path)
        return minigrad.load(path)

    content = made()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    is_bad(train("--load", path), f"--load {path}: not a whole safetensors file")
    path.write_text("weights")
    is_bad(train("--load", path), "not a whole safetensors file")
    for obj, message in (
        ([1, 2], "not a checkpoint: it holds a list"),
        ({"epochs": {}}, "there are no parameters in it"),
        ({**content, "settings": [1]}, "its settings are not a dict"),
        ({**content, "settings": {"colour": "red"}}, "unknown settings in it: colour"),
        ({**content, "settings": {"hidden": [0]}}, "its settings are not valid: .*--hidden: '0'"),
        ({**content, "settings": {"help": True}}, "unknown settings in it: help"),
        ({**content, "epochs": {"auto": -1}}, "epochs of auto is -1, not a count"),
        ({**content, "planned": {"auto": "ten"}}, "planned of auto is 'ten', not a count"),
        ({**content, "optimizer": {"state": [1]}}, "the optimiser's state does not fit"),
        ({**content, "extra": minigrad.ones(1)}, "unexpected: extra"),
        ({k: v for k, v in content.items() if k != "linear1.bias"}, "missing: linear1.bias"),
        ({**content, "linear1.bias": minigrad.ones(5).long()}, "not floating point: linear1.bias"),
    ):
        minigrad.save(obj, path)
        is_bad(train("--load", path), message)
    state = content["optimizer"]["state"]
    state[0]["exp_avg"] = minigrad.ones(7)
    minigrad.save(content, path)
    is_bad(train("--load", path), "state does not fit: exp_avg of parameter 0 is 7")


def test_an_unwritable_checkpoint_is_found_before_training(tmp_path: Path, train: Train) -> None:
    (tmp_path / "file").touch()
    is_bad(train("--save", tmp_path / "file" / "net"), "cannot be written: there is no directory")


def test_a_disk_that_fails_later_is_told_in_one_line(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "net")

    monkeypatch.setattr(os, "fsync", full)
    ended = train("--epochs", 1, "--save", tmp_path / "net")
    assert (ended.status, ended.err) == (2, "minigrad: error: net: No space left on device\n")
    assert os.listdir(tmp_path) == []


# As a process.


def test_the_module_is_the_command_and_help_loads_little() -> None:
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
    ended = subprocess.run([*COMMAND, "train", "--lr", "x"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    ended = subprocess.run(COMMAND, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: minigrad ")
