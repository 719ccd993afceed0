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
    minigrad accepts `refused` options only if they are false. One that `needs_closure` evaluates
    the loss itself; one of `only_matrices` takes no other parameters; not every one `takes_empty`
    parameters.
    """

    options: Callable[[RandomDraws], Options]
    state: Callable[[Options], tuple[str, ...]]
    inert: tuple[str, ...] = ("foreach",)
    refused: tuple[str, ...] = ("capturable", "differentiable")
    needs_closure: bool = False
    only_matrices: bool = False
    takes_empty: bool = True

    @property
    def trains_any_model(self) -> bool:
        """Whether it takes every parameter and a step without a closure."""
        return not (self.needs_closure or self.only_matrices)


_COMMON: Choices = {
    "lr": (..., 1e-3, 0.01, 0.1, 1.0),
    "weight_decay": (..., ..., 1e-3, 0.1),
    "maximize": (..., ..., ..., True),
    # With True, PyTorch's SGD may write into the gradients.
    "foreach": (..., ..., None, False),
}
_EPS: Choices = {"eps": (..., 1e-8, 1e-3)}
# PyTorch interpolates by a different formula for a beta1 of at most 1/2.
_BETAS: Choices = {"betas": (..., ..., (0.5, 0.9), (0.0, 0.99), (0.95, 0.5))}
_DECOUPLED: Choices = {"decoupled_weight_decay": (..., ..., ..., True)}
_FUSED: Choices = {"fused": (..., None, False)}


def _without(choices: Choices, *names: str) -> Choices:
    return {name: values for name, values in choices.items() if name not in names}


def _sgd(draw: RandomDraws) -> Options:
    choices: Choices = draw.pick(
        {},
        {"momentum": (0.5, 0.9, 0.99), "dampening": (..., 0.3, 1.0)},
        {"momentum": (0.5, 0.9, 0.99), "nesterov": (True,)},
    )
    return draw.options(**_COMMON, **choices, **_FUSED)


def _sgd_state(options: Options) -> tuple[str, ...]:
    return ("momentum_buffer",) if options.get("momentum") else ()


def _adam(draw: RandomDraws) -> Options:
    return draw.options(**_COMMON, **_BETAS, **_EPS, amsgrad=(..., True), **_FUSED)


def _adam_or_adamw(draw: RandomDraws) -> Options:
    if "decoupled_weight_decay" not in inspect.signature(torch.optim.Adam).parameters:
        return _adam(draw)  # an older PyTorch
    return {**_adam(draw), **draw.options(**_DECOUPLED)}


def _adam_state(options: Options) -> tuple[str, ...]:
    largest = ("max_exp_avg_sq",) if options.get("amsgrad") else ()
    return ("step", "exp_avg", "exp_avg_sq", *largest)


def _nadam(draw: RandomDraws) -> Options:
    decay = (..., 0.0, 0.1)
    return draw.options(**_COMMON, **_BETAS, **_EPS, **_DECOUPLED, momentum_decay=decay)


def _radam(draw: RandomDraws) -> Options:
    betas = (..., (0.5, 0.9), (0.0, 0.99), (0.95, 0.5))
    return draw.options(**_COMMON, **_EPS, **_DECOUPLED, betas=betas)


def _adamax(draw: RandomDraws) -> Options:
    return draw.options(**_COMMON, **_BETAS, **_EPS)


def _adagrad(draw: RandomDraws) -> Options:
    start = (..., 0.1, 1.0)
    choices: Choices = {"lr_decay": (..., 0.1), "initial_accumulator_value": start}
    return draw.options(**_COMMON, **_EPS, **choices, **_FUSED)


def _adadelta(draw: RandomDraws) -> Options:
    return draw.options(**_COMMON, **_EPS, rho=(..., 0.5, 0.99))


def _rmsprop(draw: RandomDraws) -> Options:
    choices: Choices = {"alpha": (..., 0.5, 0.9), "momentum": (..., ..., 0.5, 0.9)}
    # A variance of almost 0 is rounding alone, so it needs an eps.
    centered = draw.pick({}, {"centered": (True,), "eps": (1e-3, 0.1)})
    return draw.options(**_COMMON, **choices, **(_EPS | centered))


def _rmsprop_state(options: Options) -> tuple[str, ...]:
    momentum = ("momentum_buffer",) if options.get("momentum") else ()
    average = ("grad_avg",) if options.get("centered") else ()
    return ("step", "square_avg", *momentum, *average)


def _rprop(draw: RandomDraws) -> Options:
    etas, sizes = (..., (0.3, 1.5), (0.9, 1.1)), (..., (1e-3, 0.1), (0.0, 1.0))
    return draw.options(**_without(_COMMON, "weight_decay"), etas=etas, step_sizes=sizes)


def _asgd(draw: RandomDraws) -> Options:
    choices: Choices = {"lambd": (..., 0.1), "alpha": (..., 0.5, 1.0), "t0": (..., 0, 3)}
    return draw.options(**_COMMON, **choices)


def _adafactor(draw: RandomDraws) -> Options:
    choices: Choices = {
        "beta2_decay": (..., -0.5, -1.0),
        "eps": (..., (1e-3, 0.1), (None, 1.0)),
        "d": (..., 2.0),
    }
    return draw.options(**_COMMON, **choices)


def _muon(draw: RandomDraws) -> Options:
    choices: Choices = {
        "momentum": (..., 0.3, 0.0),
        "nesterov": (..., False),
        "ns_coefficients": (..., (2.0, -1.5, 0.5)),
        "ns_steps": (..., 2, 0),
        "eps": (..., 10.0),
        "adjust_lr_fn": (..., "original", "match_rms_adamw"),
    }
    return draw.options(**_without(_COMMON, "maximize", "foreach"), **choices)


def _lbfgs(draw: RandomDraws) -> Options:
    return draw.options(
        lr=(..., 0.1, 0.5),
        max_iter=(..., 1, 4),
        max_eval=(..., 3, 7),
        tolerance_grad=(..., 1e-2),
        tolerance_change=(..., 1e-3),
        history_size=(..., 1, 3),
        line_search_fn=(..., "strong_wolfe", "strong_wolfe"),
    )


def _state(*names: str) -> Callable[[Options], tuple[str, ...]]:
    return lambda options: names


_LBFGS_STATE = ("func_evals", "n_iter")
_WITH_FUSED: Any = {"inert": ("foreach", "fused"), "refused": ("capturable", "differentiable")}
_ONLY_DIFFERENTIABLE: Any = {"inert": ("foreach", "fused"), "refused": ("differentiable",)}
OPTIMIZERS: dict[str, OptimizerSample] = {
    "ASGD": OptimizerSample(_asgd, _state("step", "eta", "mu", "ax")),
    "Adadelta": OptimizerSample(_adadelta, _state("step", "square_avg", "acc_delta")),
    # Its state depends on the shape of the parameter: this is that of a vector.
    "Adafactor": OptimizerSample(
        _adafactor, _state("step", "variance"), refused=(), takes_empty=False
    ),
    "Adagrad": OptimizerSample(_adagrad, _state("step", "sum"), **_ONLY_DIFFERENTIABLE),
    "Adam": OptimizerSample(_adam_or_adamw, _adam_state, **_WITH_FUSED),
    "AdamW": OptimizerSample(_adam, _adam_state, **_WITH_FUSED),
    "Adamax": OptimizerSample(_adamax, _state("step", "exp_avg", "exp_inf")),
    "LBFGS": OptimizerSample(
        _lbfgs, _state(*_LBFGS_STATE), inert=(), refused=(), needs_closure=True
    ),
    "Muon": OptimizerSample(
        _muon, _state("momentum_buffer"), inert=(), refused=(), only_matrices=True
    ),
    "NAdam": OptimizerSample(_nadam, _state("step", "mu_product", "exp_avg", "exp_avg_sq")),
    "RAdam": OptimizerSample(_radam, _state("step", "exp_avg", "exp_avg_sq")),
    "RMSprop": OptimizerSample(_rmsprop, _rmsprop_state),
    "Rprop": OptimizerSample(_rprop, _state("step", "prev", "step_size")),
    "SGD": OptimizerSample(_sgd, _sgd_state, inert=("foreach", "fused"), refused=()),
}
# Those that train any model step by step.
STEPPED = tuple(name for name, sample in OPTIMIZERS.items() if sample.trains_any_model)


def draw_optimizer_options(name: str, seed: int) -> Options:
    """Draw the options of an optimiser from a seed.

    >>> draw_optimizer_options("SGD", seed=2)
    {'lr': 0.001, 'weight_decay': 0.001, 'fused': None}
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


def _several_steps(draw: RandomDraws) -> Options:
    milestones: tuple[list[int], ...] = ([2], [1, 4, 5], [3, 3, 7], [])
    return draw.options(milestones=milestones, gamma=(..., *_gamma(draw)), last_epoch=_LAST_EPOCH)


def _constant(draw: RandomDraws) -> Options:
    factor = (..., 0.5, 1.0, round(draw.rng.uniform(0.1, 1), 3))
    return draw.options(factor=factor, total_iters=(..., 1, 3), last_epoch=_LAST_EPOCH)


def _linear_factor(draw: RandomDraws) -> Options:
    return draw.options(
        start_factor=(..., 0.5, round(draw.rng.uniform(0.1, 1), 3)),
        end_factor=(..., 0.5, 0.0),
        total_iters=(..., 1, 3),
        last_epoch=_LAST_EPOCH,
    )


def _polynomial(draw: RandomDraws) -> Options:
    iters = (..., 1, 3, 12)
    return draw.options(total_iters=iters, power=(..., 0.5, 2.0), last_epoch=_LAST_EPOCH)


def _function(draw: RandomDraws) -> Options:
    return draw.options(lr_lambda=(0.5, 0.9, 1.5), last_epoch=_LAST_EPOCH)


def _restarts(draw: RandomDraws) -> Options:
    return draw.options(
        T_0=(1, 2, draw.integer(3, 7)),
        T_mult=(..., 2, 3),
        eta_min=(..., 1e-3, 0.05),
        last_epoch=_LAST_EPOCH,
    )


def _cyclic(draw: RandomDraws) -> Options:
    scaling: Choices = draw.pick(
        {"mode": (..., "triangular", "triangular2")},
        {"mode": ("exp_range",), "gamma": (..., 0.5, 0.9)},
        {"scale_fn": (0.5, 0.9), "scale_mode": (..., "cycle", "iterations")},
    )
    return draw.options(
        base_lr=(1e-3, 0.01),
        max_lr=(0.1, 0.5),
        step_size_up=(1, 2, 5),
        step_size_down=(..., 1, 4),
        cycle_momentum=(..., ..., False),
        base_momentum=(..., 0.5),
        max_momentum=(..., 0.95),
        last_epoch=_LAST_EPOCH,
        **scaling,
    )


def _one_cycle(draw: RandomDraws) -> Options:
    # Training and tests make up to 200 steps; there are none after the last.
    total: Choices = draw.pick(
        {"total_steps": (203, 250)}, {"epochs": (203, 300), "steps_per_epoch": (1, 2)}
    )
    return draw.options(
        max_lr=(0.1, 0.5),
        pct_start=(..., 0.1, 0.02),
        anneal_strategy=(..., "cos", "linear"),
        cycle_momentum=(..., ..., False),
        base_momentum=(..., 0.5),
        max_momentum=(..., 0.9),
        div_factor=(..., 2.0),
        final_div_factor=(..., 10.0),
        three_phase=(..., True),
        last_epoch=_LAST_EPOCH,
        **total,
    )


def _plateau(draw: RandomDraws) -> Options:
    return draw.options(
        mode=(..., "min", "max"),
        factor=(..., 0.5, 0.9),
        patience=(0, 1, 2),
        threshold=(..., 0.1, 0.5),
        threshold_mode=(..., "rel", "abs"),
        cooldown=(..., 1, 3),
        min_lr=(..., 1e-3, 0.1),
        eps=(..., 0.01),
    )


def _of_others(draw: RandomDraws) -> list[tuple[str, Options]]:
    first: Options = {"gamma": draw.pick(0.5, 0.9)}
    second: Options = {"T_max": draw.pick(2, 5)}
    third: Options = {"factor": draw.pick(0.25, 0.5)}
    drawn = [("ExponentialLR", first), ("CosineAnnealingLR", second), ("ConstantLR", third)]
    return drawn[: draw.integer(1, 3)]


def _chained(draw: RandomDraws) -> Options:
    return {"schedulers": _of_others(draw)}


def _sequential(draw: RandomDraws) -> Options:
    schedulers = _of_others(draw)
    start = draw.integer(1, 4)
    milestones = [start + 3 * i for i in range(len(schedulers) - 1)]
    last = draw.options(last_epoch=_LAST_EPOCH)
    return {"schedulers": schedulers, "milestones": milestones, **last}


# Each draws the options of a scheduler. A function is given as a number, and a scheduler that
# another one runs as its name and options.
SCHEDULERS: dict[str, Callable[[RandomDraws], Options]] = {
    "ChainedScheduler": _chained,
    "ConstantLR": _constant,
    "CosineAnnealingLR": _cosine,
    "CosineAnnealingWarmRestarts": _restarts,
    "CyclicLR": _cyclic,
    "ExponentialLR": _exponential,
    "LambdaLR": _function,
    "LinearLR": _linear_factor,
    "MultiStepLR": _several_steps,
    "MultiplicativeLR": _function,
    "OneCycleLR": _one_cycle,
    "PolynomialLR": _polynomial,
    "ReduceLROnPlateau": _plateau,
    "SequentialLR": _sequential,
    "StepLR": _step,
}


def draw_scheduler_options(name: str, seed: int) -> Options:
    """Draw the options of a scheduler from a seed.

    >>> draw_scheduler_options("StepLR", seed=1)
    {'step_size': 5, 'gamma': 1.1}
    """
    return SCHEDULERS[name](RandomDraws(seed, "tame"))


def make_scheduler(torch: Any, name: str, optimizer: Any, options: Options) -> Any:
    """Construct a scheduler in a namespace. To resume, the learning rates are the initial ones.

    The momentum is left alone if the optimiser has none.
    """
    kind = getattr(torch.optim.lr_scheduler, name)
    made = {option: _argument(torch, option, value, optimizer) for option, value in options.items()}
    cycles = "cycle_momentum" in inspect.signature(kind).parameters
    if cycles and not {"momentum", "betas"} & set(optimizer.defaults):
        made["cycle_momentum"] = False
    if options.get("last_epoch", -1) >= 0:
        for group in optimizer.param_groups:
            lr = group["lr"]
            group.setdefault("initial_lr", lr.clone() if isinstance(lr, torch.Tensor) else lr)
        if name == "OneCycleLR":  # it resumes from what the first one left in the groups
            kind(optimizer=optimizer, **(made | {"last_epoch": -1}))
    return kind(optimizer=optimizer, **made)


def _argument(torch: Any, option: str, value: Any, optimizer: Any) -> Any:
    if option == "schedulers":
        return [make_scheduler(torch, name, optimizer, options) for name, options in value]
    if option in ("lr_lambda", "scale_fn"):
        return lambda x: value / (1 + x)
    return value
