"""Training: the settings of a training as plain data, drawn from a seed; it becomes a program.

The repr of a training is the call that makes it, so a failing one can be copied from a report.
`bridge.strategies.trainings` draws them with hypothesis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from bridge.running.program import SteppedProgram, training

from .draws import RandomDraws

ACTIVATIONS = ("Identity", "ReLU", "Tanh", "Sigmoid", "Softmax", "LogSoftmax")
OPTIMIZERS = ("SGD", "Adam", "AdamW")
SCHEDULERS = ("StepLR", "ExponentialLR", "CosineAnnealingLR")
# Each loss with its kind of targets: classes, probabilities of classes, or numbers.
LOSSES = (
    ("CrossEntropyLoss", "classes"),
    ("CrossEntropyLoss", "probabilities"),
    ("NLLLoss", "classes"),
    ("MSELoss", "numbers"),
)

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """A network of linear layers and activations, and the settings of its training.

    `sizes` are those of the inputs and of each layer's outputs, so `activations` has two fewer.
    Dropout follows each activation, unless it is 0. Activations, losses, optimisers and schedulers
    have their names in `torch.nn`, `torch.optim` and `lr_scheduler`. The scheduler takes a step
    after each epoch. The data are drawn from the seed.

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
        """The number of updates in all epochs."""
        return self.epochs * -(-self.samples // self.batch_size)

    def program(self) -> SteppedProgram:
        """Return the program for `lockstep` and `trajectory`, to which the dtype must be passed."""
        return training(
            self.setup,
            self.data(),
            epochs=self.epochs,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    def setup(self, torch: Any) -> tuple[Any, ...]:
        """Make model, loss, optimiser and perhaps a scheduler in the namespace."""
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

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Draw inputs and targets in float32, so that a float64 run gets the same numbers."""
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


# Drawing ------------------------------------------------------------------------------------------


def draw_training(
    seed: int,
    *,
    optimizers: Sequence[str] = OPTIMIZERS,
    schedulers: Sequence[str] = SCHEDULERS,
    dropout: bool = True,
    max_steps: int = 200,
) -> Training:
    """Draw a training from a seed, with any loss, and one of the given optimisers and schedulers.

    It has one to three layers of 1 to 64 inputs and outputs, and 1 to `max_steps` steps. Sizes and
    steps are drawn by their number of binary digits, so 1 is as likely as 2 to 3 or 64 to 127. The
    fewer digits the seed has, the smaller the training.

    >>> training = draw_training(0)
    >>> training.loss, training.sizes, training.steps
    ('CrossEntropyLoss', (1, 1, 1), 1)
    """
    draw = RandomDraws(seed, "tame")
    sizes = tuple(_size(draw, 64) for _ in range(draw.pick(2, 3, 4)))
    loss, targets = draw.pick(*LOSSES)
    optimizer = draw.pick(*optimizers)
    scheduler = draw.pick(None, draw.pick(*schedulers)) if schedulers else None
    batch_size, steps = _size(draw, 32), _size(draw, max_steps)
    batches = min(_size(draw, 4), steps)
    return Training(
        sizes,
        tuple(draw.pick(*ACTIVATIONS) for _ in sizes[2:]),
        bias=draw.pick(True, True, False),
        dropout=draw.pick(0.0, 0.1, 0.5) if dropout and len(sizes) > 2 else 0.0,
        loss=loss,
        loss_options=_loss_options(draw, loss, targets, sizes[-1]),
        targets=targets,
        optimizer=optimizer,
        optimizer_options=_sgd_options(draw) if optimizer == "SGD" else _adam_options(draw),
        scheduler=scheduler,
        scheduler_options=_scheduler_options(draw, scheduler),
        samples=batches * batch_size - draw.integer(0, batch_size - 1),
        batch_size=batch_size,
        epochs=steps // batches,
        seed=seed,
        dtype=draw.pick("float32", "float64"),
    )


def _size(draw: RandomDraws, most: int) -> int:
    """Draw a number from 1 to `most`; each number of binary digits is equally likely."""
    digits = draw.integer(0, min(most.bit_length() - 1, draw.max_dims))
    return draw.integer(2**digits, min(2 ** (digits + 1) - 1, most))


def _loss_options(draw: RandomDraws, loss: str, targets: str, outputs: int) -> Options:
    choices: dict[str, tuple[Any, ...]] = {"reduction": (..., "mean", "sum", "none")}
    if loss != "MSELoss":
        # Multiples of 1/4 are exact in every dtype.
        choices["weight"] = (..., ..., [draw.integer(1, 8) / 4 for _ in range(outputs)])
    if loss == "CrossEntropyLoss":
        choices["label_smoothing"] = (..., ..., 0.1, 1.0)
    if targets == "classes":
        choices["ignore_index"] = (..., ..., ..., -100, -1, outputs - 1)
    return draw.options(**choices)


_COMMON: dict[str, tuple[Any, ...]] = {
    "lr": (1e-3, 0.01, 0.1, 1.0),
    "weight_decay": (..., ..., 1e-3, 0.1),
    "maximize": (..., ..., ..., True),
}


def _sgd_options(draw: RandomDraws) -> Options:
    choices: dict[str, tuple[Any, ...]] = draw.pick(
        {},
        {"momentum": (0.5, 0.9, 0.99), "dampening": (..., 0.3, 1.0)},
        {"momentum": (0.5, 0.9, 0.99), "nesterov": (True,)},
    )
    return draw.options(**_COMMON, **choices)


def _adam_options(draw: RandomDraws) -> Options:
    # PyTorch's lerp uses another formula for beta1 <= 1/2.
    betas = (..., ..., (0.5, 0.9), (0.0, 0.99), (0.95, 0.5))
    return draw.options(**_COMMON, betas=betas, eps=(..., 1e-8, 1e-3), amsgrad=(..., True))


def _scheduler_options(draw: RandomDraws, scheduler: str | None) -> Options:
    gamma = (0.5, 0.9, 1.1)
    if scheduler == "StepLR":
        return draw.options(step_size=(1, 2, 3, 7), gamma=gamma)
    if scheduler == "ExponentialLR":
        return draw.options(gamma=gamma)
    return draw.options(T_max=(1, 2, 5, 30), eta_min=(..., 1e-3)) if scheduler else {}
