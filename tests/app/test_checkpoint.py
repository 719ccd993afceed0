"""Checkpoints: resuming, evaluating, files from PyTorch, and files that don't fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Command, assert_refused

import minigrad
from minigrad.app import programs
from minigrad.app.datasets import load
from minigrad.app.models import MODELS
from minigrad.utils.serialization import save_safetensors
from tests.app.train_output import LOG_LINE, saved_tensors


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--data iris",
        "--data iris --batch-size 50 --momentum 0.9 --weight-decay 0.001",
        "--data iris --batch-size 50 --optimizer adam --dtype float64 --hidden 4 3",
        "--data wine --update both --loss mse --activation tanh --seed 5",
        "--data iris --hidden 3 --batch-size 60 --optimizer lbfgs --lr 0.1",
        "--data iris --hidden 3 --optimizer muon --weight-decay 0.1",
        "--data iris --hidden 3 --scheduler plateau --lr 40",
        "--data digits --test-size 0.9 --model cnn --hidden 3 --optimizer nadam",
        "--data digits --test-size 0.9 --model rnn --hidden 3 2 --batch-size 90 --momentum 0.5",
        "--data digits --test-size 0.9 --model transformer --hidden 5 --optimizer adam",
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    options: str, tmp_path: Path, train: Command
) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    expected = train(*options.split(), "--epochs", 12, "--log-every", 4, "--save", whole)
    train(*options.split(), "--epochs", 7, "--log-every", 4, "--save", half)
    result = train("--load", half, "--epochs", 5, "--save", half)
    assert (result.status, result.err) == (0, "")
    assert "epochs 8 to 12" in result.out
    assert result.out.splitlines()[-5:-1] == expected.out.splitlines()[-5:-1]
    assert whole.read_bytes() == half.read_bytes()


def test_a_schedule_that_watches_the_loss_goes_on_where_it_was(
    tmp_path: Path, train: Command
) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    options = ["--data", "iris", "--hidden", 3, "--scheduler", "plateau", "--lr", 1e-6]
    train(*options, "--epochs", 20, "--save", whole)
    train(*options, "--epochs", 15, "--save", half)
    assert minigrad.load(half)["scheduler"]["_last_lr"][0] < 1e-6
    assert train("--load", half, "--epochs", 5, "--save", half).status == 0
    assert whole.read_bytes() == half.read_bytes()
    train("--load", half, "--epochs", 1, "--lr", 2, "--save", half)
    assert minigrad.load(half)["scheduler"]["_last_lr"] == [2]
    content = minigrad.load(whole)
    del content["scheduler"]["best"]
    minigrad.save(content, whole)
    refused = train("--load", whole, "--epochs", 1)
    assert_refused(refused, "the scheduler's state does not fit: it has no best")


def test_evaluating_changes_nothing(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "net"
    trained = train("--data", "iris", "--epochs", 30, "--save", path)
    before = path.read_bytes()
    evaluated = train("--load", path, "--epochs", 0)
    assert evaluated.status == 0
    assert evaluated.out.splitlines()[-4:] == trained.out.splitlines()[-5:-1]
    assert not LOG_LINE.findall(evaluated.out)
    finished = train("--load", path)  # nothing is left to train
    assert "epoch 30 (the run is finished; --epochs N continues it)" in finished.out
    assert finished.out.splitlines()[2:] == evaluated.out.splitlines()[2:]
    assert path.read_bytes() == before


def test_pytorch_opens_a_checkpoint(tmp_path: Path, train: Command) -> None:
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


def test_parameters_saved_by_pytorch_are_loaded(tmp_path: Path, train: Command) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    data, path = load("iris"), tmp_path / "theirs"
    *_, last = programs.automatic(
        torch, data.x, data.y, hidden=(7, 6), epochs=200, lr=0.5, dtype="float64"
    )
    save_file({k: p.detach().clone() for k, p in last.parameters.items()}, path)
    _, predicted = last.evaluate(data.x, data.y)
    result = train("--load", path, "--data", "iris", "--epochs", 0)
    assert result.status == 0
    assert "auto: 4-7-6-3, relu, cross_entropy" in result.out
    assert "float64" in result.out
    assert f"Accuracy  (training): {np.mean(predicted == data.y):.4f}" in result.out
    assert train("--load", path, "--data", "iris", "--epochs", 2).status == 0


@pytest.mark.parametrize("model", MODELS)
def test_the_parameters_alone_imply_the_model_and_its_sizes(
    model: str, tmp_path: Path, train: Command
) -> None:
    data, path = load("digits"), tmp_path / "theirs"
    options = {"model": model, "image": (8, 8), "hidden": (7, 6), "classes": 10}
    parameters = next(programs.automatic(minigrad, data.x, data.y, **options)).parameters
    minigrad.save({k: p.detach() for k, p in parameters.items()}, path)
    result = train("--load", path, "--data", "digits", "--epochs", 0)
    assert result.status == 0
    name = "64" if model == "mlp" else f"{model} 8×8"
    assert f"auto: {name}-7-6-10, " in result.out
    other = "rnn" if model != "rnn" else "cnn"
    refused = train("--load", path, "--data", "digits", "--epochs", 0, "--model", other)
    assert_refused(refused, "it does not fit this auto network: missing: ")


def test_parameters_of_the_manual_program_alone_are_loaded(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "net"
    shapes = {"W1": (2, 4), "B1": (4,), "W2": (4, 3), "B2": (3,), "Wout": (3, 3), "Bout": (3,)}
    minigrad.save({name: minigrad.ones(*shape) for name, shape in shapes.items()}, path)
    result = train("--load", path, "--epochs", 1)
    assert result.status == 0
    assert "manual: 2-4-3-3" in result.out
    assert "auto" not in result.out


@pytest.mark.parametrize(("stored", "wanted"), [("float32", "float64"), ("float64", "float32")])
def test_a_checkpoint_is_resumed_in_another_dtype(
    stored: str, wanted: str, tmp_path: Path, train: Command
) -> None:
    path = tmp_path / "net"
    train("--optimizer", "adam", "--epochs", 3, "--dtype", stored, "--save", path)
    before = saved_tensors(path)
    result = train("--load", path, "--dtype", wanted, "--epochs", 0, "--save", path)
    assert (result.status, result.err) == (0, "")
    assert wanted in result.out
    for name, value in saved_tensors(path).items():
        np.testing.assert_array_equal(value, np.array(before[name], wanted))
    assert train("--load", path, "--epochs", 2).status == 0
    assert str(minigrad.load(path)["optimizer"]["state"][0]["exp_avg"].dtype) == f"torch.{wanted}"


def test_another_optimiser_starts_without_state_and_says_so(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "net"
    train("--momentum", 0.9, "--epochs", 3, "--save", path)
    result = train("--load", path, "--optimizer", "adam", "--epochs", 2)
    assert (result.status, result.err) == (0, "")
    assert "adam starts without state: the checkpoint holds that of sgd" in result.out
    assert "adam, lr 0.01, epochs 4 to 5" in result.out


# Refused checkpoints ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("options", ["--epochs 0", "--epochs 5", "--epochs 0 --dtype float64"])
def test_a_network_whose_loss_is_not_finite_is_refused_and_the_tensors_named(
    value: float, options: str, tmp_path: Path, train: Command
) -> None:
    path = tmp_path / "net"
    train("--data", "iris", "--update", "both", "--epochs", 1, "--save", path)
    content = minigrad.load(path)
    for program, name in (("manual", "W1"), ("auto", "linear2.bias"), ("auto", "linear1.weight")):
        damaged = dict(content) | {name: content[name].clone()}
        damaged[name].reshape(-1)[0] = value
        minigrad.save(damaged, path)
        result = train("--load", path, "--save", path, *options.split())
        if value == float("-inf") and name == "linear2.bias":
            assert "the loss of its auto network is inf" in result.err  # a class is excluded
        assert_refused(
            result,
            f"--load {path}: the loss of its {program} network is (nan|inf): "
            f"it has NaN or infinity in {name}\n",
        )
        assert str(minigrad.load(path)) == str(damaged)


def test_finite_numbers_that_overflow_are_not_blamed_on_the_learning_rate(
    tmp_path: Path, train: Command
) -> None:
    path = tmp_path / "net"
    train("--data", "iris", "--epochs", 1, "--save", path)
    content = minigrad.load(path)
    minigrad.save(content | {"linear1.weight": content["linear1.weight"] * 1e38}, path)
    refused = train("--load", path, "--epochs", 0)
    assert_refused(refused, "the loss of its auto network is (nan|inf): its numbers overflow\n")


def test_infinity_is_accepted_where_the_loss_is_finite(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "net"
    train("--data", "iris", "--optimizer", "adam", "--epochs", 2, "--save", path)
    content = minigrad.load(path)
    content["linear1.bias"][0] = float("-inf")  # this unit is always off
    content["optimizer"]["state"][1]["exp_avg_sq"][1] = float("inf")  # the update is 0
    minigrad.save(content, path)
    result = train("--load", path, "--epochs", 3)
    assert (result.status, result.err) == (0, "")


@pytest.mark.parametrize(
    ("options", "buffer", "value"),
    [
        ("--momentum 0.9", "momentum_buffer", "nan"),
        ("--momentum 0.9", "momentum_buffer", "inf"),
        ("--optimizer adam", "exp_avg", "nan"),
        ("--optimizer adam", "exp_avg", "-inf"),
        ("--optimizer adam", "exp_avg_sq", "nan"),
        ("--optimizer adam", "step", "nan"),
    ],
)
def test_an_optimisers_state_that_spoils_the_parameters_is_refused(
    options: str, buffer: str, value: str, tmp_path: Path, train: Command
) -> None:
    path = tmp_path / "net"
    train("--data", "iris", *options.split(), "--epochs", 2, "--save", path)
    content = minigrad.load(path)
    entries = content["optimizer"]["state"][1]
    if isinstance(entries[buffer], minigrad.Tensor):
        entries[buffer].reshape(-1)[0] = float(value)
    else:
        entries[buffer] = float(value)
    minigrad.save(content, path)
    message = f"--load {path}: the optimiser's state does not fit: {buffer} of parameter 1 has NaN"
    assert_refused(train("--load", path, "--epochs", 3), message)
    assert train("--load", path, "--epochs", 0).status == 2


@pytest.mark.parametrize(
    ("options", "key", "change", "message"),
    [
        ("--optimizer adam", "optimizer", lambda s: s.pop("exp_avg_sq"), "'exp_avg_sq'"),
        ("--optimizer adam", "optimizer", lambda s: s.pop("step"), "'step'"),
        ("--optimizer adam", "optimizer", lambda s: s.update(step=-s["step"]), ""),
        ("--optimizer adam", "optimizer", lambda s: s.update(step=s["exp_avg"]), ""),
        ("--optimizer lbfgs", "optimizer", lambda s: s.update(t=10**30), ""),
        ("--scheduler plateau", "scheduler", lambda s: s.update(patience="ten"), ""),
        ("--scheduler plateau", "scheduler", lambda s: s.update(best=None), ""),
    ],
)
def test_a_state_that_cant_be_used_is_refused_before_training(
    options: str,
    key: str,
    change: Callable[[Any], object],
    message: str,
    tmp_path: Path,
    train: Command,
) -> None:
    path = tmp_path / "net"
    train("--update", "auto", *options.split(), "--epochs", 2, "--save", path)
    content = minigrad.load(path)
    change(content[key]["state"][0] if key == "optimizer" else content[key])
    save_safetensors(content, path)
    owner = "optimiser" if key == "optimizer" else key
    ended = train("--load", path, "--epochs", 1)
    assert_refused(ended, f"the {owner}'s state does not fit: .*{message}")
    assert "Epoch" not in ended.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--hidden 7", r"size mismatch: W1 \(2x5 in the file, 2x7 here\), B1 .*, Wout "),
        ("--hidden 5 5", r"missing: W2, B2\n"),
        ("--data iris", r"size mismatch: W1 \(2x5 in the file, 4x5 here\)"),
        ("--update auto", "missing: linear1.weight, .*; unexpected: W1, B1, Wout, Bout"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused_and_the_tensors_named(
    options: str, message: str, tmp_path: Path, train: Command
) -> None:
    path = tmp_path / "net"
    train("--update", "manual", "--epochs", 1, "--save", path)
    before = path.read_bytes()
    assert_refused(train("--load", path, *options.split(), "--save", path), message)
    assert path.read_bytes() == before


def test_a_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path, train: Command) -> None:
    path = tmp_path / "net"
    train("--optimizer", "adam", "--epochs", 2, "--save", path)
    content = minigrad.load(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert_refused(train("--load", path), f"--load {path}: not a whole safetensors file")
    path.write_text("weights")
    assert_refused(train("--load", path), "not a whole safetensors file")
    for obj, message in (
        ([1, 2], "not a checkpoint: it holds a list"),
        ({"epochs": {}}, "it holds no parameters"),
        ({0: minigrad.ones(1)}, "it holds no parameters"),
        ({**content, "settings": [1]}, "its settings are not a dict"),
        ({**content, "settings": {"colour": "red"}}, "it has unknown settings: colour"),
        ({**content, "settings": {"hidden": [0]}}, "its settings are not valid: .*--hidden: '0'"),
        ({**content, "settings": {"help": True}}, "it has unknown settings: help"),
        ({**content, "epochs": {"auto": -1}}, "epochs of auto is -1, not a whole number of at"),
        ({**content, "planned": {"auto": "ten"}}, "planned of auto is 'ten', not a whole number"),
        ({**content, "optimizer": {"state": [1]}}, "the optimiser's state does not fit"),
        ({**content, "extra": minigrad.ones(1)}, "unexpected: extra"),
        ({k: v for k, v in content.items() if k != "linear1.bias"}, "missing: linear1.bias"),
        ({**content, "linear1.bias": minigrad.ones(5).long()}, "not floating point: linear1.bias"),
    ):
        minigrad.save(obj, path)
        assert_refused(train("--load", path), message)
    state: Any = content["optimizer"]["state"]
    state[0]["exp_avg"] = minigrad.ones(7)
    minigrad.save(content, path)
    assert_refused(train("--load", path), "state does not fit: exp_avg of parameter 0 is 7")
