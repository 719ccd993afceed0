"""Training: the settings of a training as plain data, drawn from a seed; it becomes a program.

The repr of a training is the call that makes it, so a failing one can be copied from a report.
`bridge.strategies.trainings` draws them with hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from bridge.running.program import SteppedProgram, training

from .bodies import BODIES, Body
from .class_samples import (
    CONTAINERS,
    LAYERS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULERS,
    STEPPED,
    Layer,
    Options,
    draw_targets,
    make_scheduler,
)
from .draws import RandomDraws

_KEEP_SHAPE = [name for name, sample in LAYERS.items() if sample.keeps_shape]
_ACTIVATIONS = [name for name in _KEEP_SHAPE if not LAYERS[name].is_random]
_RANDOM = [name for name in _KEEP_SHAPE if LAYERS[name].is_random]
_CONTAINERS = [name for name in CONTAINERS if not name.startswith("Parameter")]
# Each loss with each kind of its targets.
_LOSSES = [
    (name, targets)
    for name, sample in LOSSES.items()
    if not sample.has_kinks
    for targets in sample.targets
]


@dataclass(frozen=True)
class Training:
    """A network of linear layers with others between them, and the settings of its training.

    `sizes` are those of the inputs and of each linear layer's outputs, so `between` has two fewer
    items: the layers after each linear layer but the last. A `container` holds all layers. With
    `flatten` the inputs have a dimension more. A `body` makes the inputs of other data. Losses,
    optimisers and schedulers have their names in `torch.nn`, `torch.optim` and `lr_scheduler`. The
    scheduler takes a step after each epoch.
    The data are drawn from the seed.

    >>> tanh = Layer("Tanh")
    >>> one = Training((2, 3, 2), ((tanh,),), loss="MSELoss", targets="numbers", epochs=3)
    >>> [step.parameters["0.weight"].dtype for step in one.program()(minigrad, dtype="float64")]
    [torch.float64, torch.float64, torch.float64, torch.float64]
    """

    sizes: tuple[int, ...]
    between: tuple[tuple[Layer, ...], ...] = ()
    bias: bool = True
    container: str = "Sequential"
    flatten: bool = False
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
    body: Body | None = None

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
        scheduler = make_scheduler(torch, self.scheduler, optimizer, self.scheduler_options)
        return model, self._loss(torch), optimizer, scheduler

    def _model(self, torch: Any) -> Any:
        layers: list[Any] = [torch.nn.Flatten()] if self.flatten else []
        if self.body is not None:
            layers += self.body.make(torch)
        for i, (inputs, outputs) in enumerate(pairwise(self.sizes)):
            if i:
                layers += [layer.make(torch) for layer in self.between[i - 1]]
            layers.append(torch.nn.Linear(inputs, outputs, bias=self.bias))
        if self.loss == "NLLLoss":
            layers.append(torch.nn.LogSoftmax(dim=1))
        if self.container == "Sequential":
            return torch.nn.Sequential(*layers)
        return _chain(torch, self.container, layers)

    def _loss(self, torch: Any) -> Any:
        loss = Layer(self.loss, self.loss_options).make(torch)
        if loss.reduction != "none":
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
        sample = self.body.shape if self.body is not None else self.sizes[:1]
        if self.body is not None and self.body.tokens:
            x = rng.integers(0, self.body.tokens, (self.samples, *sample))
        else:
            x = rng.standard_normal((self.samples, *sample)).astype(np.float32)
        shape = self.samples, self.sizes[-1]
        targets = draw_targets(rng, self.targets, shape, self.loss_options)
        return x[:, None] if self.flatten else x, targets


def _chain(torch: Any, container: str, layers: list[Any]) -> Any:
    """Make a module that runs the layers of a container without a `forward` in order."""

    class Chain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            named = {f"layer{i}": layer for i, layer in enumerate(layers)}
            self.held = getattr(torch.nn, container)(named if container == "ModuleDict" else layers)

        def forward(self, x: Any) -> Any:
            for layer in self.held.children():
                x = layer(x)
            return x

    return Chain()


# Drawing ------------------------------------------------------------------------------------------


def draw_training(
    seed: int,
    *,
    optimizers: Sequence[str] = STEPPED,
    schedulers: Sequence[str] = tuple(SCHEDULERS),
    layers: Sequence[str] = tuple(_ACTIVATIONS),
    dropout: bool = True,
    max_steps: int = 200,
    bodies: Sequence[str] = (),
) -> Training:
    """Draw a training from a seed: any loss, one of the given optimisers and schedulers.

    Between its linear layers it has some of the given layers, which keep the shape. Before them it
    has one of the given `bodies`, if any: "images", "sequences" or "tokens".

    It has one to three layers of 1 to 64 inputs and outputs, and 1 to `max_steps` steps. Sizes and
    steps are drawn by their number of binary digits, so 1 is as likely as 2 to 3 or 64 to 127. The
    fewer digits the seed has, the smaller the training.

    >>> training = draw_training(0)
    >>> training.loss, training.sizes, training.steps
    ('HuberLoss', (1, 1, 1), 1)
    """
    draw = RandomDraws(seed, "tame")
    body = BODIES[draw.pick(*bodies)](draw) if bodies else None
    sizes = tuple(_size(draw, 64) for _ in range(draw.pick(2, 3, 4)))
    if body is not None:
        sizes = body.features, *sizes[1:]
    loss, targets = draw.pick(*_LOSSES)
    optimizer = draw.pick(*optimizers)
    scheduler = draw.pick(None, draw.pick(*schedulers)) if schedulers else None
    batch_size, steps = _size(draw, 32), _size(draw, max_steps)
    batches = min(_size(draw, 4), steps)
    return Training(
        sizes,
        tuple(_between(draw, size, layers, dropout) for size in sizes[1:-1]),
        bias=draw.pick(True, True, False),
        container=draw.pick("Sequential", draw.pick(*_CONTAINERS)),
        flatten=body is None and draw.pick(True, False, False),
        loss=loss,
        loss_options=LOSSES[loss].options(draw, sizes[-1], targets),
        targets=targets,
        optimizer=optimizer,
        optimizer_options=OPTIMIZERS[optimizer].options(draw),
        scheduler=scheduler,
        scheduler_options=SCHEDULERS[scheduler](draw) if scheduler else {},
        samples=batches * batch_size - draw.integer(0, batch_size - 1),
        batch_size=batch_size,
        epochs=steps // batches,
        seed=seed,
        dtype=draw.pick("float32", "float64"),
        body=body,
    )


def _size(draw: RandomDraws, most: int) -> int:
    """Draw a number from 1 to `most`; each number of binary digits is equally likely."""
    digits = draw.integer(0, min(most.bit_length() - 1, draw.max_dims))
    return draw.integer(2**digits, min(2 ** (digits + 1) - 1, most))


def _between(
    draw: RandomDraws, features: int, given: Sequence[str], dropout: bool
) -> tuple[Layer, ...]:
    """Draw a given layer and sometimes, if `dropout`, a layer that draws random numbers."""
    names = [draw.pick(*given)]
    if dropout and draw.pick(True, False):
        names.append(draw.pick(*_RANDOM))
    layers: list[Layer] = []
    for name in names:
        options = dict(LAYERS[name].options(draw, features))
        options.pop("dtype", None)  # it has that of the training
        if layers and layers[-1].name != "Identity":
            # Backward may need the output of the layer before, so it must not be written to.
            options.pop("inplace", None)
        layers.append(Layer(name, options))
    return tuple(layers)
