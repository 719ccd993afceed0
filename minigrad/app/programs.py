"""The tutorial's two programs: one network, trained by a hand-written update and by an optimiser.

Each program is a function of a namespace, called `torch` because the code reads like PyTorch's:
given `minigrad` it trains in minigrad, and given PyTorch it is an ordinary PyTorch program. This
module imports neither, so the same lines run in both libraries.

A program is a generator. It yields a `Progress` before the first epoch, with the initial
parameters, and after each update, with the gradients of that update. The caller does everything
else in between: it sets parameters, prints, saves, or stops. The defaults are the tutorial's: a
2-5-3 network with ReLU and 1000 epochs of gradient descent at 0.01.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Step = Callable[[Any, Any], Any]  # of a batch, which returns its loss

ACTIVATIONS = ("relu", "tanh", "sigmoid")
LOSSES = ("cross_entropy", "nll", "mse")
# Every optimiser of `torch.optim` that takes biases and steps without a closure.
OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "adagrad": "Adagrad",
    "adamax": "Adamax",
    "adamw": "AdamW",
    "asgd": "ASGD",
    "nadam": "NAdam",
    "radam": "RAdam",
    "rmsprop": "RMSprop",
    "rprop": "Rprop",
}
WITH_MOMENTUM = ("sgd", "rmsprop")
WITHOUT_WEIGHT_DECAY = ("rprop",)
# Every scheduler of `torch.optim.lr_scheduler` that needs no function and no other scheduler, with
# its options for a learning rate and a number of epochs.
SCHEDULERS: dict[str, tuple[str, Callable[[float, int], dict[str, Any]]]] = {
    "constant": ("ConstantLR", lambda lr, n: {"total_iters": max(1, n // 10)}),
    "cosine": ("CosineAnnealingLR", lambda lr, n: {"T_max": n}),
    "cyclic": (
        "CyclicLR",
        lambda lr, n: {
            "base_lr": lr / 10,
            "max_lr": lr,
            "step_size_up": max(1, n // 8),
            "cycle_momentum": False,
        },
    ),
    "exponential": ("ExponentialLR", lambda lr, n: {"gamma": 0.01 ** (1 / n)}),
    "linear": ("LinearLR", lambda lr, n: {"total_iters": max(1, n // 10)}),
    "multistep": ("MultiStepLR", lambda lr, n: {"milestones": [n // 2, n * 3 // 4]}),
    "onecycle": (
        "OneCycleLR",
        lambda lr, n: {"max_lr": lr, "total_steps": n + 1, "cycle_momentum": False},
    ),
    "plateau": ("ReduceLROnPlateau", lambda lr, n: {}),
    "polynomial": ("PolynomialLR", lambda lr, n: {"total_iters": n}),
    "restarts": ("CosineAnnealingWarmRestarts", lambda lr, n: {"T_0": max(1, n // 4)}),
    "step": ("StepLR", lambda lr, n: {"step_size": max(1, n // 3)}),
}
DTYPES = ("float32", "float64")


class Progress(NamedTuple):
    """The state of a program after an update, with its live parameters and optimiser.

    - `loss`: the mean loss over the epoch's samples so far, each batch's loss taken before its
      update and weighted by its share of all samples. NaN before the first epoch.
    - `evaluate(x, y)`: the current network's loss and the predicted class of each row of `x`.
    - `batch_loss`: the last batch's loss.
    - `whole`: whether the epoch is finished.
    """

    epoch: int
    loss: float
    parameters: dict[str, Any]
    optimizer: Any | None
    evaluate: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]
    batch_loss: float = float("nan")
    whole: bool = True


def manual(
    torch: Any,
    x: np.ndarray,
    y: np.ndarray,
    *,
    classes: int = 3,
    hidden: Sequence[int] = (5,),
    activation: str = "relu",
    loss: str = "nll",
    lr: float = 0.01,
    epochs: int = 1000,
    finished: int = 0,
    batch_size: int | None = None,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
    compiler: Callable[[Step], Step] = lambda step: step,
) -> Iterator[Progress]:
    """Train parameters W1, B1, ..., Wout, Bout with `W.data -= lr * W.grad.data`.

    `x` is samples × features, and `y` has one class number per sample. The first epoch has the
    number `finished` + 1, so a resumed run sees the batches it would have seen. All tensors are
    on `device`. `compiler` may replace a step by a faster one.

    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> for progress in manual(minigrad, x, y, classes=2, epochs=2):
    ...     print(progress.epoch, list(progress.parameters))
    0 ['W1', 'B1', 'Wout', 'Bout']
    1 ['W1', 'B1', 'Wout', 'Bout']
    2 ['W1', 'B1', 'Wout', 'Bout']
    """
    F = torch.nn.functional
    on: dict[str, Any] = {"dtype": getattr(torch, dtype), "device": device}
    activate = _activation(torch, activation)

    torch.manual_seed(seed)
    layers = _draw_layers(torch, [x.shape[1], *hidden, classes], on)
    *hidden_layers, (Wout, Bout) = layers.values()
    parameters: dict[str, Any] = {}
    for name, (W, B) in layers.items():
        parameters |= {"W" + name: W, "B" + name: B}

    def forward(x: Any) -> Any:
        for W, B in hidden_layers:
            x = activate(torch.add(torch.matmul(x, W), B))
        return torch.add(torch.matmul(x, Wout), Bout)

    def criterion(Zout: Any, y: Any) -> Any:
        if loss == "mse":
            return F.mse_loss(Zout, y)
        if loss == "cross_entropy":
            return F.cross_entropy(Zout, y)
        return F.nll_loss(F.log_softmax(Zout, dim=1), y)

    def evaluate(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        inputs, targets = _tensors(torch, x, y, loss, classes, on)
        with torch.no_grad():
            Zout = forward(inputs)
            return criterion(Zout, targets).item(), torch.argmax(Zout, 1).cpu().numpy()

    @compiler
    def step(x: Any, y: Any) -> Any:
        batch_loss = criterion(forward(x), y)
        batch_loss.backward()
        with torch.no_grad():
            for W in parameters.values():
                W.data -= lr * W.grad.data
        return batch_loss

    inputs, targets = _tensors(torch, x, y, loss, classes, on)
    yield Progress(finished, float("nan"), parameters, None, evaluate)
    for epoch in range(finished + 1, finished + epochs + 1):
        mean = 0.0
        for batch_x, batch_y, last in batches(inputs, targets, batch_size, seed, epoch):
            batch_loss = step(batch_x, batch_y)
            mean += batch_loss.item() * (len(batch_y) / len(targets))
            yield Progress(epoch, mean, parameters, None, evaluate, batch_loss.item(), last)
            for W in parameters.values():
                W.grad.data.zero_()


def automatic(
    torch: Any,
    x: np.ndarray,
    y: np.ndarray,
    *,
    classes: int = 3,
    hidden: Sequence[int] = (5,),
    activation: str = "relu",
    loss: str = "cross_entropy",
    optimizer: str = "sgd",
    lr: float = 0.01,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    scheduler: str | None = None,
    epochs: int = 1000,
    finished: int = 0,
    batch_size: int | None = None,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
    compiler: Callable[[Step], Step] = lambda step: step,
) -> Iterator[Progress]:
    """Train an `nn.Module` with a criterion and an optimiser.

    The arguments are those of `manual` and the optimiser's. A `scheduler` takes a step after each
    epoch, and its schedule ends with the last one. The parameters are linear1.weight,
    linear1.bias, linear2.weight, ...

    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> *_, last = automatic(minigrad, x, y, classes=2, epochs=200, lr=0.5)
    >>> loss, predicted = last.evaluate(x, y)
    >>> predicted
    array([0, 1])
    """
    on: dict[str, Any] = {"dtype": getattr(torch, dtype), "device": device}
    torch.manual_seed(seed)
    sizes = [x.shape[1], *hidden, classes]
    model = _model(torch, sizes, _activation(torch, activation), on)
    optimiser = _optimiser(torch, optimizer, model.parameters(), lr, momentum, weight_decay)
    total = finished + epochs
    schedule = scheduler and _scheduler(torch, scheduler, optimiser, lr, total, finished)
    criterion = _criterion(torch.nn, loss)

    def evaluate(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        inputs, targets = _tensors(torch, x, y, loss, classes, on)
        model.eval()
        with torch.no_grad():
            outputs = model(inputs)
            return criterion(outputs, targets).item(), torch.argmax(outputs, 1).cpu().numpy()

    @compiler
    def step(x: Any, y: Any) -> Any:
        optimiser.zero_grad()
        batch_loss = criterion(model(x), y)
        batch_loss.backward()
        optimiser.step()
        return batch_loss

    inputs, targets = _tensors(torch, x, y, loss, classes, on)
    parameters = dict(model.named_parameters())
    yield Progress(finished, float("nan"), parameters, optimiser, evaluate)
    for epoch in range(finished + 1, finished + epochs + 1):
        mean = 0.0
        for batch_x, batch_y, last in batches(inputs, targets, batch_size, seed, epoch):
            model.train()
            batch_loss = step(batch_x, batch_y)
            mean += batch_loss.item() * (len(batch_y) / len(targets))
            if schedule and last:
                schedule.step(*([mean] if scheduler == "plateau" else []))
            yield Progress(epoch, mean, parameters, optimiser, evaluate, batch_loss.item(), last)


PROGRAMS = {"manual": manual, "auto": automatic}


# What the programs are made of --------------------------------------------------------------------


def _activation(torch: Any, name: str) -> Callable[[Any], Any]:
    activation: Callable[[Any], Any] = {
        "relu": torch.nn.functional.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }[name]
    return activation


def _draw_layers(
    torch: Any, sizes: Sequence[int], on: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The layers "1", "2", ..., "out", each a weight (in, out) and a bias (out,) from `randn`."""
    names = [*(str(i) for i in range(1, len(sizes) - 1)), "out"]
    layers = {}
    for name, (n_in, n_out) in zip(names, pairwise(sizes), strict=True):
        weight = torch.randn(n_in, n_out, requires_grad=True, **on)
        layers[name] = weight, torch.randn(n_out, requires_grad=True, **on)
    return layers


def _model(
    torch: Any, sizes: Sequence[int], activate: Callable[[Any], Any], on: dict[str, Any]
) -> Any:
    nn = torch.nn

    class ModelWithHiddenLayers(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            for i, (n_in, n_out) in enumerate(pairwise(sizes), 1):
                setattr(self, f"linear{i}", nn.Linear(n_in, n_out, **on))

        def forward(self, x: Any) -> Any:
            *hidden_layers, last = self.children()
            for linear in hidden_layers:
                x = activate(linear(x))
            return last(x)

    return ModelWithHiddenLayers()


def _optimiser(
    torch: Any, name: str, parameters: Any, lr: float, momentum: float, weight_decay: float
) -> Any:
    options = {"lr": lr}
    if name in WITH_MOMENTUM:
        options["momentum"] = momentum
    if name not in WITHOUT_WEIGHT_DECAY:
        options["weight_decay"] = weight_decay
    return getattr(torch.optim, OPTIMIZERS[name])(parameters, **options)


def _scheduler(torch: Any, name: str, optimiser: Any, lr: float, epochs: int, finished: int) -> Any:
    """Make a scheduler that has made `finished` of its `epochs` steps."""
    kind, options = SCHEDULERS[name]
    schedule = getattr(torch.optim.lr_scheduler, kind)(optimiser, **options(lr, max(1, epochs)))
    optimiser._opt_called = True  # in the run that is resumed, or the scheduler would warn
    for _ in range(finished):
        schedule.step()
    return schedule


def _criterion(nn: Any, loss: str) -> Callable[[Any, Any], Any]:
    if loss == "nll":
        log_softmax, nll_loss = nn.LogSoftmax(dim=1), nn.NLLLoss()
        return lambda outputs, labels: nll_loss(log_softmax(outputs), labels)
    criterion: Callable[[Any, Any], Any]
    criterion = {"cross_entropy": nn.CrossEntropyLoss, "mse": nn.MSELoss}[loss]()
    return criterion


def _tensors(
    torch: Any, x: np.ndarray, y: np.ndarray, loss: str, classes: int, on: dict[str, Any]
) -> tuple[Any, Any]:
    """The samples and their targets as tensors; mse has one-hot targets."""
    inputs, labels = torch.from_numpy(x).to(**on), torch.from_numpy(y).to(on["device"])
    return inputs, torch.eye(classes, **on)[labels] if loss == "mse" else labels


def batches(
    inputs: Any, targets: Any, batch_size: int | None, seed: int, epoch: int
) -> Iterator[tuple[Any, Any, bool]]:
    """Yield the epoch's batches: inputs, targets, and whether the batch is the last.

    Their order depends only on the seed and the epoch's number, so every namespace and every
    resumed run sees the same batches.
    """
    samples = len(targets)
    if batch_size is None or batch_size >= samples:
        yield inputs, targets, True
        return
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    for start in range(0, samples, batch_size):
        batch = order[start : start + batch_size]
        yield inputs[batch], targets[batch], start + batch_size >= samples
