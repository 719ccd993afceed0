"""What a training run is asked to do: the settings, their defaults, and which of them go together.

`DEFAULTS` is the one table of defaults per data set; the help text, the run's header and the run
itself all read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minigrad.app.datasets import TOY

# The optimiser's options that the update by hand has not: it is plain gradient descent.
_NOT_BY_HAND = ("optimizer", "momentum", "weight_decay")


class UsageError(ValueError):
    """Options that make no sense, alone or together; the message is one line that says why."""


@dataclass(frozen=True)
class Defaults:
    """The settings that suit one data set, where no option says otherwise."""

    update: str
    hidden: tuple[int, ...]
    lr: dict[str, float]
    epochs: int
    log_every: int
    test_size: float


_REAL_LR = {"sgd": 0.5, "adam": 0.01}
DEFAULTS = {
    TOY: Defaults("both", (5,), {"sgd": 0.01, "adam": 0.01}, 1000, 200, 0.0),
    "iris": Defaults("auto", (16,), _REAL_LR, 400, 50, 0.2),
    "wine": Defaults("auto", (16,), _REAL_LR, 400, 50, 0.2),
    "breast_cancer": Defaults("auto", (16,), _REAL_LR, 400, 50, 0.2),
    "digits": Defaults("auto", (128,), _REAL_LR, 400, 50, 0.2),
    # An unknown file may have many features, which make a large step overshoot.
    "FILE.csv": Defaults("auto", (16,), {"sgd": 0.1, "adam": 0.01}, 1000, 100, 0.2),
}


@dataclass(frozen=True)
class Settings:
    """All that a run's result depends on (with the data and, if any, the checkpoint it starts
    from), and how often it prints. `loss` None is each program's own, `batch_size` None all
    samples at once, `epochs` None what is left of the run that is taken up, or the default."""

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

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs to run, in their order."""
        return ("manual", "auto") if self.update == "both" else (self.update,)

    def arguments(self, program: str) -> dict[str, Any]:
        """What the program of that name is called with."""
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
                "optimizer": self.optimizer,
                "momentum": self.momentum,
                "weight_decay": self.weight_decay,
            }
        return arguments


def defaults_for(data: str) -> Defaults:
    return DEFAULTS.get(data, DEFAULTS["FILE.csv"])


def resolve(given: dict[str, Any], loaded: dict[str, Any]) -> Settings:
    """Settings from what the command line says, else the loaded checkpoint, else the defaults.

    Raises UsageError where options that were given contradict each other.
    """
    data = given.get("data", loaded.get("data", TOY))
    defaults = defaults_for(data)
    if loaded.get("data", data) != data:  # these three suit the data, the rest is the network's
        loaded = {k: v for k, v in loaded.items() if k not in ("lr", "log_every", "test_size")}
    values = {
        "update": defaults.update,
        "hidden": defaults.hidden,
        "activation": "relu",
        "loss": None,
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
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

    # Which option needs the automatic update, if one was given that does.
    plain = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}
    needs_auto = next((k for k in _NOT_BY_HAND if given.get(k, plain[k]) != plain[k]), None)
    if needs_auto and "update" not in given:
        values["update"] = "auto"
    if values["update"] != "auto":
        if needs_auto:
            option = f"--{needs_auto.replace('_', '-')} {given[needs_auto]}"
            raise UsageError(
                f"the update by hand is plain gradient descent, without {option}: "
                f"leave that out, or use --update auto instead of --update {values['update']}"
            )
        values |= plain
    if values["optimizer"] == "adam":
        if given.get("momentum"):
            raise UsageError("--momentum is SGD's: use --optimizer sgd with it, or leave it out")
        values["momentum"] = 0.0
    same_optimizer = "lr" in loaded and values["optimizer"] == loaded.get("optimizer")
    if "lr" not in given and not same_optimizer:
        values["lr"] = defaults.lr[values["optimizer"]]
    if data == TOY:
        if given.get("test_size"):
            raise UsageError("the toy data are six points without a test part: no --test-size")
        values["test_size"] = 0.0
    return Settings(**values)


def table() -> str:
    """The defaults per data set, as text for the help."""
    rows = [("data", "update", "hidden", "lr (sgd)", "lr (adam)", "epochs", "log every", "test")]
    for name, d in DEFAULTS.items():
        hidden = " ".join(map(str, d.hidden))
        rates = (f"{d.lr['sgd']:g}", f"{d.lr['adam']:g}")
        part = f"{d.test_size:.0%}" if d.test_size else "none"
        rows.append((name, d.update, hidden, *rates, str(d.epochs), str(d.log_every), part))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
