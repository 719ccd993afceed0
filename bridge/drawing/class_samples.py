"""Samples of every layer, loss, container, optimiser and scheduler: options to construct it with.

A sample draws the keyword options of a constructor, as plain data that means the same in either
library. Over its draws every option of the constructor varies. The tables are `LAYERS`, `LOSSES`,
`CONTAINERS`, `OPTIMIZERS` and `SCHEDULERS`; every public class must be in one of them. Tests,
conversions and drawn trainings take the classes and their options from here.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .draws import RandomDraws
from .layer_samples import LAYERS, Choices, Layer, LayerSample, Options

__all__ = ["LAYERS", "Choices", "Layer", "LayerSample", "Options"]

# Losses -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LossSample:
    """How to construct a loss: `options(draw, classes, targets)`, for inputs of shape (n, classes).

    `targets` are the kinds of targets it takes: "classes", "probabilities" of classes, "numbers",
    positive "counts", "shares" between 0 and 1, "signs", "whole signs" or "labels", which are
    classes up to the first -1. With `has_kinks` small differences grow, so it isn't in trainings.
    """

    options: Callable[[RandomDraws, int, str], Options]
    targets: tuple[str, ...]
    has_kinks: bool = False


_REDUCTIONS: Choices = {
    "reduction": (..., "mean", "sum", "none"),
    # Deprecated, but still options.
    "size_average": (*(...,) * 6, True, False),
    "reduce": (*(...,) * 6, True, False),
}


def _squared(draw: RandomDraws, classes: int, targets: str) -> Options:
    return draw.options(**_REDUCTIONS)


def _of_classes(draw: RandomDraws, classes: int, targets: str) -> Options:
    # Multiples of 1/4 are exact in every dtype.
    weight = [draw.integer(1, 8) / 4 for _ in range(classes)]
    choices = _REDUCTIONS | {"weight": (..., ..., weight)}
    if targets == "classes":
        choices["ignore_index"] = (..., ..., ..., -100, -1, classes - 1)
    return draw.options(**choices)


def _smoothed(draw: RandomDraws, classes: int, targets: str) -> Options:
    smoothing = draw.options(label_smoothing=(..., ..., 0.1, 1.0))
    return {**_of_classes(draw, classes, targets), **smoothing}


def _with(**choices: tuple[Any, ...]) -> Callable[[RandomDraws, int, str], Options]:
    return lambda draw, classes, targets: draw.options(**_REDUCTIONS, **choices)


def _divergence(draw: RandomDraws, classes: int, targets: str) -> Options:
    reductions = {**_REDUCTIONS, "reduction": ("sum", "batchmean", "none")}
    return draw.options(**reductions, log_target=(..., True))


def _huber(draw: RandomDraws, classes: int, targets: str) -> Options:
    return draw.options(reduction=_REDUCTIONS["reduction"], delta=(..., 1.005, 0.505))


def _logits(draw: RandomDraws, classes: int, targets: str) -> Options:
    weights = [[draw.integer(1, 8) / 4 for _ in range(classes)] for _ in range(2)]
    chosen = {"weight": (..., ..., weights[0]), "pos_weight": (..., ..., weights[1])}
    return draw.options(**_REDUCTIONS, **chosen)


def _weighted(**choices: tuple[Any, ...]) -> Callable[[RandomDraws, int, str], Options]:
    def options(draw: RandomDraws, classes: int, targets: str) -> Options:
        weight = [draw.integer(1, 8) / 4 for _ in range(classes)]
        return draw.options(**_REDUCTIONS, weight=(..., ..., weight), **choices)

    return options


_KINKS: dict[str, Any] = {"has_kinks": True}
_MARGIN = (..., 1.0, 0.305)
LOSSES: dict[str, LossSample] = {
    "BCEWithLogitsLoss": LossSample(_logits, ("shares",)),
    "CrossEntropyLoss": LossSample(_smoothed, ("classes", "probabilities")),
    "HingeEmbeddingLoss": LossSample(_with(margin=_MARGIN), ("signs",), **_KINKS),
    "HuberLoss": LossSample(_huber, ("numbers",)),
    "KLDivLoss": LossSample(_divergence, ("shares",), **_KINKS),
    "L1Loss": LossSample(_squared, ("numbers",), **_KINKS),
    "MSELoss": LossSample(_squared, ("numbers",)),
    "MultiLabelMarginLoss": LossSample(_squared, ("labels",), **_KINKS),
    "MultiLabelSoftMarginLoss": LossSample(_weighted(), ("shares",)),
    "MultiMarginLoss": LossSample(_weighted(margin=_MARGIN, p=(..., 2)), ("classes",), **_KINKS),
    "NLLLoss": LossSample(_of_classes, ("classes",)),
    "PoissonNLLLoss": LossSample(
        _with(log_input=(..., ..., True), full=(..., True), eps=(..., 1e-8)), ("counts",), **_KINKS
    ),
    "SmoothL1Loss": LossSample(_with(beta=(..., 1.005, 0.505)), ("numbers",)),
    "SoftMarginLoss": LossSample(_squared, ("whole signs",)),
}


def draw_targets(
    rng: np.random.Generator, targets: str, shape: tuple[int, int], options: Options
) -> np.ndarray:
    """Draw the targets of a loss with these options, for inputs of that shape.

    One in five classes is the `ignore_index`, if there is one. Numbers are float32, so that they
    are the same in every dtype.
    """
    n, classes = shape
    if targets in ("numbers", "counts"):
        numbers = rng.standard_normal(shape).astype(np.float32)
        return numbers if targets == "numbers" else np.abs(numbers) + 1
    if targets == "shares":
        return rng.random(shape).astype(np.float32)
    if targets == "whole signs":
        return rng.choice([-1, 1], shape)
    if targets == "signs":
        return rng.choice([-1.0, 1.0], shape).astype(np.float32)
    if targets == "labels":
        labels = np.stack([rng.permutation(classes) for _ in range(n)])
        return np.where(np.arange(classes) <= rng.integers(0, classes, (n, 1)), labels, -1)
    if targets == "probabilities":
        return rng.dirichlet(np.ones(classes), n).astype(np.float32)
    drawn = rng.integers(0, classes, n)
    if "ignore_index" in options:
        drawn[rng.random(n) < 0.2] = options["ignore_index"]
    return drawn


# Containers ---------------------------------------------------------------------------------------


def _parameters(draw: RandomDraws) -> list[list[float]]:
    return draw.pick([[1.0, 2.0]], [[3.0], [1.0, 2.0]])


def _submodules(draw: RandomDraws) -> list[Layer]:
    last = Layer("Linear", {"in_features": 2, "out_features": 1})
    return draw.pick([Layer("Tanh")], [Layer("Tanh"), last], [last, Layer("ReLU"), Layer("Tanh")])


def _named_submodules(draw: RandomDraws) -> OrderedDict[str, Layer]:
    return OrderedDict(zip("abc", _submodules(draw), strict=False))


# Each draws the options of a container of layers that take inputs of shape (n, 2).
CONTAINERS: dict[str, Callable[[RandomDraws], Options]] = {
    "ModuleDict": lambda draw: draw.options(modules=(..., {}, _named_submodules(draw))),
    "ParameterDict": lambda draw: draw.options(
        parameters=(..., {"left": (1.0, 2.0)}, {"left": (3.0,), "right": (1.0, 2.0)})
    ),
    "ParameterList": lambda draw: draw.options(values=(..., [], _parameters(draw))),
    "ModuleList": lambda draw: draw.options(modules=(..., [], _submodules(draw))),
    "Sequential": lambda draw: draw.options(
        args=(..., [], _submodules(draw), [_named_submodules(draw)])
    ),
}

# One call of a layer, loss or container -----------------------------------------------------------


@dataclass(frozen=True)
class LayerCase:
    """A layer, loss or container, and the inputs of one call: none for a list or dict."""

    layer: Layer
    inputs: tuple[np.ndarray, ...]
    training: bool
    dtype: str
    seed: int

    def make(self, torch: Any) -> Any:
        """Construct the module from the seed, in training or evaluation mode and in its dtype.

        A lazy layer is called once, so that it is an ordinary layer then.
        """
        torch.manual_seed(self.seed)
        module = self.layer.make(torch).train(self.training)
        if "dtype" not in self.layer.options:
            module = module.to(getattr(torch, self.dtype))
        if self.layer.name.startswith("Lazy"):
            module(*(torch.from_numpy(x.copy()) for x in self.inputs))
        return module


def draw_layer_case(name: str, seed: int) -> LayerCase:
    """Draw a case of a layer, loss or container from a seed.

    >>> case = draw_layer_case("Softmax", seed=3)
    >>> case.layer, case.inputs[0].shape
    (Layer(name='Softmax', options={'dim': 1}), (2, 3))
    """
    draw = RandomDraws(seed, "smooth")
    n, features = draw.integer(2, 4), draw.integer(2, 4)
    if name in CONTAINERS:
        layer = Layer(name, CONTAINERS[name](draw))
        inputs = [draw.array((n, 2)).values] if name == "Sequential" else []
    elif name in LOSSES:
        targets = draw.pick(*LOSSES[name].targets)
        layer = Layer(name, LOSSES[name].options(draw, features, targets))
        inputs = [draw.array((n, features)).values]
        inputs.append(draw_targets(draw.rng, targets, (n, features), layer.options))
    else:
        layer = Layer(name, LAYERS[name].options(draw, features))
        inputs = LAYERS[name].inputs(draw, features, layer.options)
    dtype = layer.options.get("dtype", draw.pick("float32", "float64"))
    arrays = tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in inputs)
    return LayerCase(layer, arrays, draw.pick(True, True, False), dtype, seed)


# Optimisers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OptimizerSample:
    """How to construct an optimiser: `options(draw)`.

    `state(options)` are the names of its state of a parameter. `inert` options change no result.
    minigrad accepts `refused` options only if they are false.
    """

    options: Callable[[RandomDraws], Options]
    state: Callable[[Options], tuple[str, ...]]
    inert: tuple[str, ...] = ("foreach",)
    refused: tuple[str, ...] = ("differentiable", "fused")


_COMMON: Choices = {
    "lr": (..., 1e-3, 0.01, 0.1, 1.0),
    "weight_decay": (..., ..., 1e-3, 0.1),
    "maximize": (..., ..., ..., True),
    # With True, PyTorch's SGD may write into the gradients.
    "foreach": (..., ..., None, False),
}


def _sgd(draw: RandomDraws) -> Options:
    choices: Choices = draw.pick(
        {},
        {"momentum": (0.5, 0.9, 0.99), "dampening": (..., 0.3, 1.0)},
        {"momentum": (0.5, 0.9, 0.99), "nesterov": (True,)},
    )
    return draw.options(**_COMMON, **choices)


def _sgd_state(options: Options) -> tuple[str, ...]:
    return ("momentum_buffer",) if options.get("momentum") else ()


def _adam(draw: RandomDraws) -> Options:
    # PyTorch interpolates by a different formula for a beta1 of at most 1/2.
    betas = (..., ..., (0.5, 0.9), (0.0, 0.99), (0.95, 0.5))
    return draw.options(**_COMMON, betas=betas, eps=(..., 1e-8, 1e-3), amsgrad=(..., True))


def _adam_or_adamw(draw: RandomDraws) -> Options:
    if "decoupled_weight_decay" not in inspect.signature(torch.optim.Adam).parameters:
        return _adam(draw)  # an older PyTorch
    return {**_adam(draw), **draw.options(decoupled_weight_decay=(..., ..., ..., True))}


def _adam_state(options: Options) -> tuple[str, ...]:
    largest = ("max_exp_avg_sq",) if options.get("amsgrad") else ()
    return ("step", "exp_avg", "exp_avg_sq", *largest)


_ADAM_REFUSES = ("capturable", "differentiable", "fused")
OPTIMIZERS: dict[str, OptimizerSample] = {
    "Adam": OptimizerSample(_adam_or_adamw, _adam_state, refused=_ADAM_REFUSES),
    "AdamW": OptimizerSample(_adam, _adam_state, refused=_ADAM_REFUSES),
    "SGD": OptimizerSample(_sgd, _sgd_state),
}


def draw_optimizer_options(name: str, seed: int) -> Options:
    """Draw the options of an optimiser from a seed.

    >>> draw_optimizer_options("SGD", seed=2)
    {'lr': 0.001, 'weight_decay': 0.001}
    """
    return OPTIMIZERS[name].options(RandomDraws(seed, "tame"))


# Schedulers ---------------------------------------------------------------------------------------

_LAST_EPOCH = (..., ..., -1, 3)  # 3 resumes a schedule


def _gamma(draw: RandomDraws) -> tuple[float, ...]:
    return (0.5, 0.9, 1.1, round(draw.rng.uniform(0.01, 1.5), 3))


def _cosine(draw: RandomDraws) -> Options:
    eta_min = round(draw.rng.uniform(0, 0.1), 3)
    return draw.options(
        T_max=(1, 2, 30, draw.integer(3, 12)),
        eta_min=(..., 1e-3, eta_min),
        last_epoch=_LAST_EPOCH,
    )


def _exponential(draw: RandomDraws) -> Options:
    return draw.options(gamma=_gamma(draw), last_epoch=_LAST_EPOCH)


def _step(draw: RandomDraws) -> Options:
    step_size = (1, 2, draw.integer(3, 7))
    return draw.options(step_size=step_size, gamma=(..., *_gamma(draw)), last_epoch=_LAST_EPOCH)


# Each draws the options of a scheduler.
SCHEDULERS: dict[str, Callable[[RandomDraws], Options]] = {
    "CosineAnnealingLR": _cosine,
    "ExponentialLR": _exponential,
    "StepLR": _step,
}


def draw_scheduler_options(name: str, seed: int) -> Options:
    """Draw the options of a scheduler from a seed.

    >>> draw_scheduler_options("StepLR", seed=1)
    {'step_size': 5, 'gamma': 1.1}
    """
    return SCHEDULERS[name](RandomDraws(seed, "tame"))


def make_scheduler(torch: Any, name: str, optimizer: Any, options: Options) -> Any:
    """Construct a scheduler in a namespace. To resume, the learning rates are the initial ones."""
    if options.get("last_epoch", -1) >= 0:
        for group in optimizer.param_groups:
            lr = group["lr"]
            group.setdefault("initial_lr", lr.clone() if isinstance(lr, torch.Tensor) else lr)
    return getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
