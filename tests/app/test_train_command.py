"""`minigrad train`: what it prints for the tutorial, for real data and for CSV files."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Command, assert_refused

import minigrad
from minigrad.app import programs
from minigrad.app.datasets import BUNDLED, load
from tests.app.train_output import LOG_LINE


def test_without_options_it_trains_the_tutorials_network(train: Command) -> None:
    result = train()
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
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
            match = LOG_LINE.fullmatch(line)
            assert match is not None
            assert match.group(1, 2, 4) == (str(epoch), f"{steps[epoch].loss:.4f}", None)
        _, found = steps[1000].evaluate(toy.x, toy.y)
        assert match is not None
        assert match[3] == f"{np.mean(found == toy.y):.3f}"
        assert predicted == f"Predicted: {found}"
        assert accuracy == f"Accuracy:  {np.mean(found == toy.y):.4f}"
        assert truth == "Truth:     [0 1 2 0 0 2]"


def test_the_output_depends_on_the_seed_alone(train: Command) -> None:
    a, b, c = (train("--epochs", 20, "--seed", seed).out for seed in (3, 3, 4))
    assert a == b
    assert LOG_LINE.findall(a) != LOG_LINE.findall(c)


@pytest.mark.parametrize("data", BUNDLED)
def test_real_data_reach_their_accuracy_on_held_out_samples(data: str, train: Command) -> None:
    result = train("--data", data)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"{load(data)}\n")
    assert "Predicted (held out): [" in result.out
    accuracy = re.search(r"^Accuracy  \(held out\): (.*)$", result.out, re.MULTILINE)
    assert accuracy is not None
    required = {"digits": 0.96, "iris": 0.95, "wine": 0.95, "breast_cancer": 0.93}[data]
    assert float(accuracy[1]) >= required
    logged = [LOG_LINE.fullmatch(line) for line in result.out.splitlines()[2:-4]]
    assert [int(m[1]) for m in logged if m] == list(range(50, 401, 50))
    assert logged[-1] is not None
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
def test_every_option_works_and_is_in_the_header(options: str, header: str, train: Command) -> None:
    result = train(*options.split(), "--epochs", 3)
    assert (result.status, result.err) == (0, "")
    assert header in result.out


def test_a_csv_file_is_trained_on_and_shows_its_own_labels(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "fruit.csv"
    rows = [f"{i},{-i},{'apple' if i % 2 else 'pear'}" for i in range(20)]
    path.write_text("weight,size,fruit\n" + "\n".join(rows))
    result = train("--data", path, "--epochs", 2)
    assert result.status == 0
    assert f"{path}: 16 samples + 4 held out, 2 features, 2 classes" in result.out
    truth = re.search(r"Truth     \(held out\): \[(.*)\]", result.out)
    assert truth is not None
    assert set(truth[1].split()) == {"'apple'", "'pear'"}
    result = train("--data", path, "--epochs", 2, "--test-size", 0)
    assert "20 samples, 2 features" in result.out
    assert "held out" not in result.out


def test_a_bad_csv_file_is_refused_with_line_and_column(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("1,2,a\n3,four,b\n")
    assert_refused(train("--data", path), r"bad\.csv, line 2, column 2: 'four' is not a number")


def test_file_names_and_labels_may_be_any_text(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "数据 $\\x$ \udcff.csv"
    path.write_text("".join(f"{i},{'ня'[i % 2]}\n" for i in range(10)))
    plot, report, net = tmp_path / "p.png", tmp_path / "r.json", tmp_path / "net"
    options = ["--epochs", 1, "--plot", plot, "--json", report, "--save", net]
    result = train("--data", path, *options)
    assert (result.status, result.err) == (0, "")
    assert "数据" in result.out
    assert "\\udcff" in result.out
    assert train("--load", net, "--epochs", 0).status == 0
    assert json.loads(report.read_text())["data"]["classes"] == ["н", "я"]


def test_compiled_steps_print_the_same_and_their_program(train: Command) -> None:
    plain, compiled = train("--epochs", 20), train("--epochs", 20, "--compile")
    assert compiled.status == 0
    assert compiled.out == plain.out
    printed = train("--epochs", 20, "--print-step").out
    assert printed.startswith(plain.out)
    assert "import numpy as np" in printed.removeprefix(plain.out)
    assert "isn't recorded" in train("--epochs", 1, "--print-step").out


def test_steps_compiled_by_numba_train_the_same_within_rounding(train: Command) -> None:
    pytest.importorskip("numba")
    plain, compiled = train("--epochs", 20), train("--epochs", 20, "--compile", "numba")
    assert compiled.status == 0
    losses = [[float(x) for x in re.findall(r"loss: (\S+),", r.out)] for r in (plain, compiled)]
    assert losses[0]
    assert np.allclose(*losses, atol=2e-4)


def test_a_backend_that_is_missing_or_unknown_is_named(
    train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert_refused(train("--compile", "numba"), r"pip install 'minigrad\[numba\]'")
    assert_refused(train("--compile", "jax"), "invalid choice: 'jax'")
