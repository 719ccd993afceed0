"""Settings: their precedence, their defaults, and combinations that are refused."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from minigrad.app.command import UsageError
from minigrad.app.datasets import BUNDLED
from minigrad.app.models import MODELS, OF_IMAGES
from minigrad.app.settings import DEFAULTS, Settings, defaults_table, resolve


def test_the_defaults_are_the_tutorials() -> None:
    settings = resolve({}, {})
    assert settings == Settings(
        data="toy",
        update="both",
        hidden=(5,),
        activation="relu",
        loss=None,
        optimizer="sgd",
        momentum=0.0,
        weight_decay=0.0,
        lr=0.01,
        epochs=None,
        batch_size=None,
        seed=0,
        dtype="float32",
        log_every=200,
        test_size=0.0,
    )
    assert settings.programs == ("manual", "auto")
    assert DEFAULTS["toy"].epochs == 1000


def test_every_data_set_has_defaults_and_a_line_in_the_table() -> None:
    assert set(DEFAULTS) == {"toy", *BUNDLED, "FILE.csv"}
    lines = defaults_table().splitlines()
    assert [line.split()[0] for line in lines] == ["data", *DEFAULTS]
    assert len({line.index(word) for line, word in zip(lines[2:], ["auto"] * 9, strict=False)}) == 1


@pytest.mark.parametrize("data", [*BUNDLED, "some.csv"])
def test_real_data_have_the_automatic_update_and_a_test_part(data: str) -> None:
    settings = resolve({"data": data}, {})
    assert settings.programs == ("auto",)
    assert settings.test_size == 0.2
    assert settings.hidden == DEFAULTS.get(data, DEFAULTS["FILE.csv"]).hidden


GIVEN: dict[str, Any] = {
    "data": "iris",
    "update": "manual",
    "hidden": (3, 4),
    "activation": "tanh",
    "loss": "mse",
    "lr": 0.125,
    "epochs": 7,
    "batch_size": 9,
    "seed": 11,
    "dtype": "float64",
    "log_every": 13,
    "test_size": 0.5,
}
STORED: dict[str, Any] = {
    "data": "wine",
    "update": "auto",
    "hidden": (6,),
    "activation": "sigmoid",
    "loss": "nll",
    "optimizer": "sgd",
    "momentum": 0.5,
    "weight_decay": 0.25,
    "lr": 2.0,
    "batch_size": 3,
    "seed": 4,
    "dtype": "float64",
    "log_every": 5,
    "test_size": 0.75,
}


@pytest.mark.parametrize("name", [f.name for f in fields(Settings)])
def test_precedence_is_command_line_then_checkpoint_then_defaults(name: str) -> None:
    if name in STORED:
        assert getattr(resolve({}, STORED), name) == STORED[name]
    if name in GIVEN:
        assert getattr(resolve({name: GIVEN[name]}, STORED), name) == GIVEN[name]


def test_a_learning_rate_belongs_to_its_optimiser_and_its_data_set() -> None:
    rates = DEFAULTS["wine"].lr
    assert resolve({"data": "wine", "optimizer": "adam"}, {}).lr == rates["adam"]
    assert resolve({"optimizer": "adam"}, STORED).lr == rates["adam"]
    assert resolve({"optimizer": "adam", "lr": 3.0}, STORED).lr == 3.0
    toy = resolve({"data": "toy"}, STORED)
    assert (toy.lr, toy.test_size, toy.log_every) == (0.01, 0.0, 200)
    assert resolve({"data": "iris"}, {**STORED, "data": "toy"}).test_size == 0.2


@pytest.mark.parametrize(
    "option", [{"optimizer": "adam"}, {"momentum": 0.9}, {"weight_decay": 0.1}]
)
def test_an_option_of_the_optimiser_implies_the_automatic_update(option: dict[str, Any]) -> None:
    assert resolve(option, {}).update == "auto"
    for update in ("manual", "both"):
        (name,) = option
        with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} .* needs --update auto"):
            resolve({"update": update, **option}, {})


def test_options_with_default_values_imply_nothing() -> None:
    assert resolve({"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}, {}).update == "both"


def test_the_manual_update_ignores_the_checkpoints_optimiser() -> None:
    settings = resolve({"update": "manual"}, {**STORED, "optimizer": "adam"})
    assert (settings.optimizer, settings.momentum, settings.weight_decay) == ("sgd", 0.0, 0.0)
    assert settings.lr == DEFAULTS["wine"].lr["sgd"]
    assert "optimizer" not in settings.arguments("manual")


def test_adam_has_no_momentum() -> None:
    with pytest.raises(UsageError, match="--momentum needs --optimizer sgd"):
        resolve({"optimizer": "adam", "momentum": 0.9}, {})
    assert resolve({"optimizer": "adam"}, STORED).momentum == 0.0


@pytest.mark.parametrize("model", OF_IMAGES)
def test_a_model_of_images_has_its_own_sizes_and_implies_the_automatic_update(model: str) -> None:
    settings = resolve({"model": model, "data": "digits"}, {})
    assert settings.programs == ("auto",)
    assert settings.hidden == MODELS[model].hidden != DEFAULTS["digits"].hidden
    assert settings.activation == MODELS[model].activations[0]
    arguments = settings.arguments("auto")
    assert (arguments["model"], arguments["image"]) == (model, (8, 8))
    loaded = {"model": model, "data": "digits", "hidden": (3,), "activation": "tanh"}
    assert resolve({}, loaded).hidden == (3,)
    assert resolve({"model": "mlp"}, loaded).hidden == DEFAULTS["digits"].hidden
    assert resolve({"model": "mlp"}, loaded).activation == "relu"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "cnn", "data": "iris"}, "--model cnn needs a data set of images: --data digits"),
        ({"model": "rnn"}, "--model rnn needs a data set of images: --data digits, not toy"),
        (
            {"model": "transformer", "data": "a.csv"},
            "--model transformer needs a data set of images: --data digits, not a.csv",
        ),
        (
            {"model": "rnn", "data": "digits", "activation": "relu"},
            "--activation relu needs --model mlp, cnn, transformer: rnn has tanh",
        ),
        (
            {"model": "cnn", "data": "digits", "hidden": (1, 1, 1, 1)},
            "--hidden: 4 layers are too many for --model cnn: each halves the 8×8 image, so use at "
            "most 3",
        ),
        (
            {"model": "transformer", "data": "digits", "optimizer": "muon"},
            "--optimizer muon needs --model mlp or rnn: it takes matrices only",
        ),
        (
            {"model": "cnn", "data": "digits", "update": "both"},
            "--model cnn needs --update auto, not --update both",
        ),
        ({"optimizer": "lbfgs", "weight_decay": 0.1}, "--weight-decay needs --optimizer sgd"),
    ],
)
def test_what_does_not_suit_a_model_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        resolve(given, {})


def test_the_toy_data_have_no_test_part() -> None:
    with pytest.raises(UsageError, match="--test-size: the toy data set has no test part"):
        resolve({"test_size": 0.5}, {})
