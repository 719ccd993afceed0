"""The settings of a training run: their defaults, and which of them exclude each other.

`training_options` defines the command line's options; `resolve` turns the options that were given
into `Settings`. `DEFAULTS` is the only table of defaults per data set.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from minigrad import optim
from minigrad.app.command import UsageError, align_columns
from minigrad.app.datasets import IMAGES, TOY
from minigrad.app.models import MODELS, OF_IMAGES, most_layers
from minigrad.app.programs import OF_MATRICES, OPTIMIZERS, WITH_MOMENTUM, WITHOUT_WEIGHT_DECAY


@dataclass(frozen=True)
class Defaults:
    """The defaults for one data set; `lr` is the learning rate of sgd and adam."""

    update: str
    hidden: tuple[int, ...]
    lr: dict[str, float]
    epochs: int
    log_every: int
    test_size: float


_STANDARDISED_LR = {"sgd": 0.5, "adam": 0.01}
DEFAULTS = {
    TOY: Defaults("both", (5,), {"sgd": 0.01, "adam": 0.01}, 1000, 200, 0.0),
    "iris": Defaults("auto", (16,), _STANDARDISED_LR, 400, 50, 0.2),
    "wine": Defaults("auto", (16,), _STANDARDISED_LR, 400, 50, 0.2),
    "breast_cancer": Defaults("auto", (16,), _STANDARDISED_LR, 400, 50, 0.2),
    "digits": Defaults("auto", (128,), _STANDARDISED_LR, 400, 50, 0.2),
    # A CSV file may have many features, with which larger steps overshoot.
    "FILE.csv": Defaults("auto", (16,), {"sgd": 0.1, "adam": 0.01}, 1000, 100, 0.2),
}

# The manual update is plain gradient descent of an mlp: these settings are fixed.
_MANUAL_UPDATE = {
    "model": "mlp",
    "optimizer": "sgd",
    "momentum": 0.0,
    "weight_decay": 0.0,
    "scheduler": None,
}
# These settings of a checkpoint suit its data set only.
_PER_DATA_SET = ("lr", "log_every", "test_size")
# And these its model only.
_PER_MODEL = ("hidden", "activation")


@dataclass(frozen=True)
class Settings:
    """Everything that determines a run's result, given the data and the checkpoint it resumes.

    `loss` None stands for each program's own loss, `batch_size` None for all samples at once, and
    `epochs` None for the rest of the resumed run, or the data set's default.
    """

    data: str
    update: str
    hidden: tuple[int, ...]
    activation: str
    loss: str | None
    optimizer: str
    momentum: float
    weight_decay: float
    lr: float
    epochs: int | None
    batch_size: int | None
    seed: int
    dtype: str
    log_every: int
    test_size: float
    scheduler: str | None = None
    model: str = "mlp"

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of the programs to run, in order."""
        return ("manual", "auto") if self.update == "both" else (self.update,)

    def arguments(self, program: str) -> dict[str, Any]:
        """The keyword arguments for the program of that name."""
        arguments = {
            "hidden": self.hidden,
            "activation": self.activation,
            "lr": self.lr,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "dtype": self.dtype,
        }
        if self.loss is not None:
            arguments["loss"] = self.loss
        if program == "auto":
            arguments |= {
                "model": self.model,
                "image": IMAGES.get(self.data),
                "optimizer": self.optimizer,
                "momentum": self.momentum,
                "weight_decay": self.weight_decay,
                "scheduler": self.scheduler,
            }
        return arguments


def defaults_for(data: str) -> Defaults:
    """The defaults for a data set's name or a CSV file's path."""
    return DEFAULTS.get(data, DEFAULTS["FILE.csv"])


def resolve(given: dict[str, Any], loaded: dict[str, Any]) -> Settings:
    """The settings of a run: each from the command line, else the checkpoint, else the defaults.

    Raises UsageError if options in `given` contradict each other.
    """
    data = given.get("data", loaded.get("data", TOY))
    if loaded.get("data", data) != data:
        loaded = {k: v for k, v in loaded.items() if k not in _PER_DATA_SET}
    defaults = defaults_for(data)
    name = given.get("model", loaded.get("model", "mlp"))
    if loaded.get("model", "mlp") != name:
        loaded = {k: v for k, v in loaded.items() if k not in _PER_MODEL}
    model = MODELS[name]
    values = {
        "update": defaults.update,
        "model": "mlp",
        "hidden": model.hidden or defaults.hidden,
        "activation": model.activations[0],
        "loss": None,
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
        "scheduler": None,
        "batch_size": None,
        "seed": 0,
        "dtype": "float32",
        "log_every": defaults.log_every,
        "test_size": defaults.test_size,
        "epochs": None,
        **loaded,
        **given,
        "data": data,
    }
    _settle_update(values, given)
    _settle_optimizer(values, given, loaded)
    _check_model(values)
    if data == TOY:
        if given.get("test_size"):
            raise UsageError("--test-size: the toy data set has no test part, leave it out")
        values["test_size"] = 0.0
    return Settings(**values)


def _settle_update(values: dict[str, Any], given: dict[str, Any]) -> None:
    """Set the update: an option of the optimiser implies `auto` and excludes the others."""
    needs_auto = next((k for k, v in _MANUAL_UPDATE.items() if given.get(k, v) != v), None)
    if needs_auto and "update" not in given:
        values["update"] = "auto"
    if values["update"] == "auto":
        return
    if needs_auto:
        option = f"--{needs_auto.replace('_', '-')} {given[needs_auto]}"
        raise UsageError(
            f"{option} needs --update auto, not --update {values['update']}: "
            "the manual update is plain gradient descent of an mlp"
        )
    values.update(_MANUAL_UPDATE)


def _check_model(values: dict[str, Any]) -> None:
    """Raise UsageError if the data, the activation, the sizes or the optimiser don't suit it."""
    name, data, optimizer = values["model"], values["data"], values["optimizer"]
    model, image = MODELS[name], IMAGES.get(data)
    if name in OF_IMAGES and image is None:
        raise UsageError(
            f"--model {name} needs a data set of images: --data {' or '.join(IMAGES)}, not {data}"
        )
    if values["activation"] not in model.activations:
        others = [other for other, m in MODELS.items() if values["activation"] in m.activations]
        raise UsageError(
            f"--activation {values['activation']} needs --model {', '.join(others)}: "
            f"{name} has {' or '.join(model.activations)}"
        )
    if name == "cnn" and image is not None and len(values["hidden"]) > most_layers(image):
        raise UsageError(
            f"--hidden: {len(values['hidden'])} layers are too many for --model cnn: each halves "
            f"the {image[0]}×{image[1]} image, so use at most {most_layers(image)}"
        )
    if optimizer in OF_MATRICES and not model.only_matrices:
        suited = " or ".join(other for other, m in MODELS.items() if m.only_matrices)
        raise UsageError(
            f"--optimizer {optimizer} needs --model {suited}: it takes matrices only, and {name} "
            "has other parameters, even without biases"
        )


def _settle_optimizer(
    values: dict[str, Any], given: dict[str, Any], loaded: dict[str, Any]
) -> None:
    """Set momentum, weight decay and learning rate: they belong to one optimiser."""
    name = values["optimizer"]
    for option, takes in (
        ("momentum", name in WITH_MOMENTUM),
        ("weight_decay", name not in WITHOUT_WEIGHT_DECAY),
    ):
        if takes:
            continue
        if given.get(option):
            others = "sgd or rmsprop" if option == "momentum" else "sgd or adam"
            raise UsageError(
                f"--{option.replace('_', '-')} needs --optimizer {others}: {name} has no "
                f"{option.replace('_', ' ')} option"
            )
        values[option] = 0.0
    same_optimizer = "lr" in loaded and name == loaded.get("optimizer")
    if "lr" not in given and not same_optimizer:
        values["lr"] = _default_lr(values["data"], name)


def _default_lr(data: str, optimizer: str) -> float:
    """Return the learning rate for a data set, or, where it has none, the optimiser's own."""
    rates = defaults_for(data).lr
    if optimizer in rates:
        return rates[optimizer]
    kind = getattr(optim, OPTIMIZERS[optimizer])
    return float(inspect.signature(kind).parameters["lr"].default)


def defaults_table() -> str:
    """The defaults per data set, as text for `--help`."""
    rows = [("data", "update", "hidden", "lr (sgd)", "lr (adam)", "epochs", "log every", "test")]
    for name, d in DEFAULTS.items():
        hidden = " ".join(map(str, d.hidden))
        rates = (f"{d.lr['sgd']:g}", f"{d.lr['adam']:g}")
        share = f"{d.test_size:.0%}" if d.test_size else "none"
        rows.append((name, d.update, hidden, *rates, str(d.epochs), str(d.log_every), share))
    return "\n".join(f"  {line}" for line in align_columns(rows))
