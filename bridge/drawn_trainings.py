"""Trainings as plain data: how one is drawn from a seed, and how it becomes a program.

A training prints as the call that makes it again, so that a failing one can be copied from the
report. `bridge.strategies.trainings` has hypothesis draw them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from .closeness import Array
from .program import Program, training
from .source import Source

ACTIVATIONS = ("Identity", "ReLU", "Tanh", "Sigmoid", "Softmax", "LogSoftmax")
OPTIMIZERS = ("SGD", "Adam", "AdamW")
SCHEDULERS = ("StepLR", "ExponentialLR", "CosineAnnealingLR")
# Each loss, and what it compares the outputs with: a class, a probability for each class, numbers.
LOSSES = (
    ("CrossEntropyLoss", "classes"),
    ("CrossEntropyLoss", "probabilities"),
    ("NLLLoss", "classes"),
    ("MSELoss", "numbers"),
)

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """A network of linear layers with what is between them, and all that its training takes.

    `sizes` are those of the layers, inputs first, so that `activations` has two fewer; after each
    of them comes dropout, unless it is 0. The classes are named as in `torch.nn`, `torch.optim` and
    `lr_scheduler`; a scheduler takes a step after each epoch. The data follow from the seed.

    >>> one = Training((2, 3, 2), ("Tanh",), loss="MSELoss", targets="numbers", epochs=3)
    >>> [step.parameters["0.weight"].dtype for step in one.program()(minigrad, dtype="float64")]
    [torch.float64, torch.float64, torch.float64, torch.float64]
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...] = ()
    bias: bool = True
    dropout: float = 0.0
    loss: str = "CrossEntropyLoss"
    loss_options: Options = field(default_factory=dict)
    targets: str = "classes"
    optimizer: str = "SGD"
    optimizer_options: Options = field(default_factory=dict)
    scheduler: str | None = None
    scheduler_options: Options = field(default_factory=dict)
    samples: int = 1
    batch_size: int = 1
    epochs: int = 1
    seed: int = 0
    dtype: str = "float32"

    @property
    def steps(self) -> int:
        """How many updates there are in all its epochs."""
        return self.epochs * -(-self.samples // self.batch_size)

    def program(self) -> Program:
        """The training as `lockstep` and `trajectory` take it, which are to be told its dtype."""
        return training(
            self.setup,
            self.data(),
            epochs=self.epochs,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    def setup(self, torch: Any) -> tuple[Any, ...]:
        """Of a namespace: model, loss, optimiser, and the scheduler if there is one."""
        model = self._model(torch)
        optimizer = getattr(torch.optim, self.optimizer)(
            model.parameters(), **self.optimizer_options
        )
        if self.scheduler is None:
            return model, self._loss(torch), optimizer
        scheduler = getattr(torch.optim.lr_scheduler, self.scheduler)
        return model, self._loss(torch), optimizer, scheduler(optimizer, **self.scheduler_options)

    def _model(self, torch: Any) -> Any:
        layers: list[Any] = []
        for i, (inputs, outputs) in enumerate(pairwise(self.sizes)):
            if i:
                layers.append(_activation(torch, self.activations[i - 1]))
            if i and self.dropout:
                layers.append(torch.nn.Dropout(self.dropout))
            layers.append(torch.nn.Linear(inputs, outputs, bias=self.bias))
        if self.loss == "NLLLoss":
            layers.append(torch.nn.LogSoftmax(dim=1))
        return torch.nn.Sequential(*layers)

    def _loss(self, torch: Any) -> Any:
        options = dict(self.loss_options)
        if options.get("weight") is not None:
            options["weight"] = torch.tensor(options["weight"])
        loss = getattr(torch.nn, self.loss)(**options)
        if options.get("reduction") != "none":
            return loss

        class Mean(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.terms = loss

            def forward(self, output: Any, target: Any) -> Any:
                return self.terms(output, target).mean()

        return Mean()

    def data(self) -> tuple[Array, Array]:
        """Inputs and targets; numbers of float32, so that they are the same in float64."""
        rng = np.random.default_rng(self.seed)
        outputs = self.sizes[-1]
        x = rng.standard_normal((self.samples, self.sizes[0])).astype(np.float32)
        if self.targets == "numbers":
            return x, rng.standard_normal((self.samples, outputs)).astype(np.float32)
        if self.targets == "probabilities":
            return x, rng.dirichlet(np.ones(outputs), self.samples).astype(np.float32)
        classes = rng.integers(0, outputs, self.samples)
        if "ignore_index" in self.loss_options:
            classes[rng.random(self.samples) < 0.2] = self.loss_options["ignore_index"]
        return x, classes


def _activation(torch: Any, name: str) -> Any:
    along = {"dim": 1} if name in ("Softmax", "LogSoftmax") else {}
    return getattr(torch.nn, name)(**along)


# From a seed --------------------------------------------------------------------------------------


def training_of(
    seed: int,
    *,
    optimizers: Sequence[str] = OPTIMIZERS,
    schedulers: Sequence[str] = SCHEDULERS,
    dropout: bool = True,
    max_steps: int = 200,
) -> Training:
    """The training that follows from a seed: of any loss, and any settings of what is allowed.

    It has one to three layers, of 1 to 64 inputs and outputs, and 1 to `max_steps` steps; of 1 step
    there are as many as of 2 and 3, and of 64 to 127. Some have a scheduler, and some dropout. The
    fewer digits the seed has, the smaller is the training.

    >>> training = training_of(0)
    >>> training.loss, training.sizes, training.steps
    ('CrossEntropyLoss', (1, 1, 1), 1)
    """
    s = Source(seed, "tame")
    sizes = tuple(_size(s, 64) for _ in range(s.pick(2, 3, 4)))
    loss, targets = s.pick(*LOSSES)
    optimizer = s.pick(*optimizers)
    scheduler = s.pick(None, s.pick(*schedulers)) if schedulers else None
    batch_size, steps = _size(s, 32), _size(s, max_steps)
    batches = min(_size(s, 4), steps)
    return Training(
        sizes,
        tuple(s.pick(*ACTIVATIONS) for _ in sizes[2:]),
        bias=s.pick(True, True, False),
        dropout=s.pick(0.0, 0.1, 0.5) if dropout and len(sizes) > 2 else 0.0,
        loss=loss,
        loss_options=_loss_options(s, loss, targets, sizes[-1]),
        targets=targets,
        optimizer=optimizer,
        optimizer_options=_sgd_options(s) if optimizer == "SGD" else _adam_options(s),
        scheduler=scheduler,
        scheduler_options=_scheduler_options(s, scheduler),
        samples=batches * batch_size - s.integer(0, batch_size - 1),
        batch_size=batch_size,
        epochs=steps // batches,
        seed=seed,
        dtype=s.pick("float32", "float64"),
    )


def _size(s: Source, most: int) -> int:
    """A number from 1 to `most`: each number of binary digits is as likely."""
    digits = s.integer(0, min(most.bit_length() - 1, s.dims))
    return s.integer(2**digits, min(2 ** (digits + 1) - 1, most))


def _loss_options(s: Source, loss: str, targets: str, outputs: int) -> Options:
    choices: dict[str, tuple[Any, ...]] = {"reduction": (..., "mean", "sum", "none")}
    if loss != "MSELoss":
        # Quarters, which are the same in every dtype.
        choices["weight"] = (..., ..., [s.integer(1, 8) / 4 for _ in range(outputs)])
    if loss == "CrossEntropyLoss":
        choices["label_smoothing"] = (..., ..., 0.1, 1.0)
    if targets == "classes":
        choices["ignore_index"] = (..., ..., ..., -100, -1, outputs - 1)
    return s.options(**choices)


_COMMON: dict[str, tuple[Any, ...]] = {
    "lr": (1e-3, 0.01, 0.1, 1.0),
    "weight_decay": (..., ..., 1e-3, 0.1),
    "maximize": (..., ..., ..., True),
}


def _sgd_options(s: Source) -> Options:
    choices: dict[str, tuple[Any, ...]] = s.pick(
        {},
        {"momentum": (0.5, 0.9, 0.99), "dampening": (..., 0.3, 1.0)},
        {"momentum": (0.5, 0.9, 0.99), "nesterov": (True,)},
    )
    return s.options(**_COMMON, **choices)


def _adam_options(s: Source) -> Options:
    # With beta1 at a half or below, PyTorch takes the average from its other end.
    betas = (..., ..., (0.5, 0.9), (0.0, 0.99), (0.95, 0.5))
    return s.options(**_COMMON, betas=betas, eps=(..., 1e-8, 1e-3), amsgrad=(..., True))


def _scheduler_options(s: Source, scheduler: str | None) -> Options:
    gamma = (0.5, 0.9, 1.1)
    if scheduler == "StepLR":
        return s.options(step_size=(1, 2, 3, 7), gamma=gamma)
    if scheduler == "ExponentialLR":
        return s.options(gamma=gamma)
    return s.options(T_max=(1, 2, 5, 30), eta_min=(..., 1e-3)) if scheduler else {}
