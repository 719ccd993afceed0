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

from minigrad.app.models import MODELS, functions

Step = Callable[[Any, Any], Any]  # of a batch, which returns its loss

ACTIVATIONS = ("relu", "tanh", "sigmoid")
LOSSES = ("cross_entropy", "nll", "mse")
# Every optimiser of `torch.optim` for dense gradients.
OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "adagrad": "Adagrad",
    "adamax": "Adamax",
    "adamw": "AdamW",
    "asgd": "ASGD",
    "lbfgs": "LBFGS",
    "muon": "Muon",
    "nadam": "NAdam",
    "radam": "RAdam",
    "rmsprop": "RMSprop",
    "rprop": "Rprop",
}
WITH_MOMENTUM = ("sgd", "rmsprop")
WITHOUT_WEIGHT_DECAY = ("lbfgs", "rprop")
# Takes several steps in one, and computes the loss and the gradients for each.
WITH_CLOSURE = ("lbfgs",)
# Takes matrices only, so that its network has no biases.
OF_MATRICES = ("muon",)
# Every scheduler of `torch.optim.lr_scheduler` (`s`) for an optimiser `o`, its learning rate, and a
# number of epochs.
SCHEDULERS: dict[str, Callable[[Any, Any, float, int], Any]] = {
    "chained": lambda s, o, lr, n: s.ChainedScheduler(
        [s.ConstantLR(o, total_iters=max(1, n // 10)), s.ExponentialLR(o, 0.01 ** (1 / n))]
    ),
    "constant": lambda s, o, lr, n: s.ConstantLR(o, total_iters=max(1, n // 10)),
    "cosine": lambda s, o, lr, n: s.CosineAnnealingLR(o, n),
    "cyclic": lambda s, o, lr, n: s.CyclicLR(
        o, lr / 10, lr, step_size_up=max(1, n // 8), cycle_momentum=False
    ),
    "exponential": lambda s, o, lr, n: s.ExponentialLR(o, 0.01 ** (1 / n)),
    "lambda": lambda s, o, lr, n: s.LambdaLR(o, lambda epoch: 1 / (1 + 10 * epoch / n)),
    "linear": lambda s, o, lr, n: s.LinearLR(o, total_iters=max(1, n // 10)),
    "multiplicative": lambda s, o, lr, n: s.MultiplicativeLR(o, lambda epoch: 0.01 ** (1 / n)),
    "multistep": lambda s, o, lr, n: s.MultiStepLR(o, [n // 2, n * 3 // 4]),
    "onecycle": lambda s, o, lr, n: s.OneCycleLR(o, lr, total_steps=n + 1, cycle_momentum=False),
    "plateau": lambda s, o, lr, n: s.ReduceLROnPlateau(o),
    "polynomial": lambda s, o, lr, n: s.PolynomialLR(o, n),
    "restarts": lambda s, o, lr, n: s.CosineAnnealingWarmRestarts(o, max(1, n // 4)),
    "sequential": lambda s, o, lr, n: s.SequentialLR(
        o,
        [s.LinearLR(o, total_iters=max(1, n // 10)), s.CosineAnnealingLR(o, n)],
        milestones=[max(1, n // 10)],
    ),
    "step": lambda s, o, lr, n: s.StepLR(o, max(1, n // 3)),
}
# Depends on the losses before, not on the number of epochs alone.
WATCHES_LOSS = "plateau"
DTYPES = ("float32", "float64")


class Progress(NamedTuple):
    """The state of a program after an update, with its live parameters and optimiser.

    - `loss`: the mean loss over the epoch's samples so far, each batch's loss taken before its
      update and weighted by its share of all samples. NaN before the first epoch.
    - `evaluate(x, y)`: the current network's loss and the predicted class of each row of `x`.
    - `batch_loss`: the last batch's loss.
    - `whole`: whether the epoch is finished.
    - `scheduler`: a scheduler whose state the number of finished epochs doesn't determine.
    """

    epoch: int
    loss: float
    parameters: dict[str, Any]
    optimizer: Any | None
    evaluate: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]
    batch_loss: float = float("nan")
    whole: bool = True
    scheduler: Any | None = None


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
    activate = functions(torch)[activation]

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
    model: str = "mlp",
    image: tuple[int, int] | None = None,
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
    distributed: bool = False,
) -> Iterator[Progress]:
    """Train an `nn.Module` with a criterion and an optimiser.

    The arguments are those of `manual`, the optimiser's, and the `model` with the rows and columns
    of its `image`s. A `scheduler` takes a step after each epoch, and its schedule ends with the
    last one. The parameters of an mlp are linear1.weight, linear1.bias, linear2.weight, ...

    If `distributed`, each rank computes its share of each batch, in DistributedDataParallel, and
    the losses are the averages over the ranks.

    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> *_, last = automatic(minigrad, x, y, classes=2, epochs=200, lr=0.5)
    >>> loss, predicted = last.evaluate(x, y)
    >>> predicted
    array([0, 1])
    """
    on: dict[str, Any] = {"dtype": getattr(torch, dtype), "device": device}
    torch.manual_seed(seed)
    sizes, options = [x.shape[1], *hidden, classes], dict(on)
    if optimizer in OF_MATRICES:
        options["bias"] = False
    network = MODELS[model].make(torch, image, sizes, activation, options)
    rank, size = _this_rank(torch, distributed)
    if distributed:
        network = torch.nn.parallel.DistributedDataParallel(network)
    optimiser = _optimiser(torch, optimizer, network.parameters(), lr, momentum, weight_decay)
    total = finished + epochs
    schedule = scheduler and _scheduler(torch, scheduler, optimiser, lr, total, finished)
    criterion = _criterion(torch.nn, loss)

    def evaluate(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        inputs, targets = _tensors(torch, x, y, loss, classes, on)
        network.eval()
        with torch.no_grad():
            outputs = network(inputs)
            return criterion(outputs, targets).item(), torch.argmax(outputs, 1).cpu().numpy()

    @compiler
    def step(x: Any, y: Any) -> Any:
        if distributed:
            x, y = x[rank::size], y[rank::size]

        def gradients() -> Any:
            optimiser.zero_grad()
            batch_loss = criterion(network(x), y)
            batch_loss.backward()
            return _average(torch, batch_loss, size) if distributed else batch_loss

        if optimizer in WITH_CLOSURE:
            return optimiser.step(gradients)
        batch_loss = gradients()
        optimiser.step()
        return batch_loss

    inputs, targets = _tensors(torch, x, y, loss, classes, on)
    parameters = dict(network.named_parameters())
    watching = schedule if scheduler == WATCHES_LOSS else None
    yield Progress(finished, float("nan"), parameters, optimiser, evaluate, scheduler=watching)
    for epoch in range(finished + 1, finished + epochs + 1):
        mean = 0.0
        for batch_x, batch_y, last in batches(inputs, targets, batch_size, seed, epoch):
            network.train()
            batch_loss = step(batch_x, batch_y)
            mean += batch_loss.item() * (len(batch_y) / len(targets))
            if schedule and last:
                schedule.step(*([mean] if watching else []))
            state = epoch, mean, parameters, optimiser, evaluate, batch_loss.item(), last, watching
            yield Progress(*state)


PROGRAMS = {"manual": manual, "auto": automatic}


# What the programs are made of --------------------------------------------------------------------


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


def _optimiser(
    torch: Any, name: str, parameters: Any, lr: float, momentum: float, weight_decay: float
) -> Any:
    options: dict[str, Any] = {"lr": lr}
    if name in WITH_MOMENTUM:
        options["momentum"] = momentum
    if name not in WITHOUT_WEIGHT_DECAY:
        options["weight_decay"] = weight_decay
    if name == "lbfgs":  # without a line search its first step may be too long
        options["line_search_fn"] = "strong_wolfe"
    return getattr(torch.optim, OPTIMIZERS[name])(parameters, **options)


def _scheduler(torch: Any, name: str, optimiser: Any, lr: float, epochs: int, finished: int) -> Any:
    """Make a scheduler that has made `finished` of its `epochs` steps, unless it watches losses."""
    schedule = SCHEDULERS[name](torch.optim.lr_scheduler, optimiser, lr, max(1, epochs))
    optimiser._opt_called = True  # in the run that is resumed, or the scheduler would warn
    for _ in range(0 if name == WATCHES_LOSS else finished):
        schedule.step()
    return schedule


def _this_rank(torch: Any, distributed: bool) -> tuple[int, int]:
    """The number of this process, and how many there are."""
    if not distributed:
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def _average(torch: Any, loss: Any, size: int) -> Any:
    """The average of the ranks' losses."""
    total = loss.detach().clone()
    torch.distributed.all_reduce(total)
    return total / size


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
