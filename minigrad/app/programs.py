"""The tutorial's two programs: one network, trained by a hand-written update and by an optimiser.

Each program is one function of a *namespace*, called `torch` because that is how its code reads:
given `minigrad` it trains on minigrad, given PyTorch it is an ordinary PyTorch program. So
nothing here imports either of them, and the same lines can be run side by side in both.

A program is a generator. It yields a `Progress` once before the first epoch, with the parameters
as drawn, and once after each update of them, with the gradients that made it. Whoever runs it does
everything else in between: sets other parameters, prints, saves, draws curves, stops. With the
defaults the two are the tutorial's: 2-5-3, ReLU, 1000 epochs of gradient descent at 0.01. Further
hidden sizes, other activations and losses, mini-batches and (for the second) other optimisers
generalise them without a new shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

ACTIVATIONS = ("relu", "tanh", "sigmoid")
LOSSES = ("cross_entropy", "nll", "mse")
OPTIMIZERS = ("sgd", "adam")
DTYPES = ("float32", "float64")


class Progress(NamedTuple):
    """Where a program stands after an update. The parameters and the optimiser are the live ones.

    `loss` is the mean over the epoch's samples, those still to come counted as 0, each batch's
    taken before its update (as the tutorial prints it), and `batch_loss` the last batch's; both are
    NaN before the first epoch. `evaluate(x, y)` runs the network as it now is, without a graph, and
    returns the loss and the predicted class of each row of `x`. `whole` is whether the epoch is
    finished.
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
) -> Iterator[Progress]:
    """Train by hand: W1, B1, ..., Wout, Bout from `randn`, and `W.data -= lr * W.grad.data`.

    `x` is samples x features, `y` one class number per sample. The first epoch is number
    `finished` + 1: a run that is taken up again sees the batches it would have seen. All tensors
    are made on `device`.

    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> for progress in manual(minigrad, x, y, classes=2, epochs=2):
    ...     print(progress.epoch, list(progress.parameters))
    0 ['W1', 'B1', 'Wout', 'Bout']
    1 ['W1', 'B1', 'Wout', 'Bout']
    2 ['W1', 'B1', 'Wout', 'Bout']
    """
    F = torch.nn.functional
    activate = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[activation]
    on: dict[str, Any] = {"dtype": getattr(torch, dtype), "device": device}

    torch.manual_seed(seed)
    sizes = [x.shape[1], *hidden, classes]
    names = [*(str(i) for i in range(1, len(sizes) - 1)), "out"]
    parameters = {}
    for name, (n_in, n_out) in zip(names, pairwise(sizes), strict=True):
        parameters["W" + name] = torch.randn(n_in, n_out, requires_grad=True, **on)
        parameters["B" + name] = torch.randn(n_out, requires_grad=True, **on)
    *hidden_layers, (Wout, Bout) = [(parameters["W" + n], parameters["B" + n]) for n in names]

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

    inputs, targets = _tensors(torch, x, y, loss, classes, on)
    yield Progress(finished, float("nan"), parameters, None, evaluate)
    for epoch in range(finished + 1, finished + epochs + 1):
        mean = 0.0
        for batch_x, batch_y, last in batches(inputs, targets, batch_size, seed, epoch):
            batch_loss = criterion(forward(batch_x), batch_y)
            batch_loss.backward()
            with torch.no_grad():
                for W in parameters.values():
                    W.data -= lr * W.grad.data
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
    epochs: int = 1000,
    finished: int = 0,
    batch_size: int | None = None,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
) -> Iterator[Progress]:
    """Train with an `nn.Module`, a criterion and an optimiser. The arguments are `manual`'s, and
    the optimiser's own; the parameters are linear1.weight, linear1.bias, linear2.weight, ...

    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> *_, last = automatic(minigrad, x, y, classes=2, epochs=200, lr=0.5)
    >>> loss, predicted = last.evaluate(x, y)
    >>> predicted
    array([0, 1])
    """
    nn, F, optim = torch.nn, torch.nn.functional, torch.optim
    activate = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[activation]
    on: dict[str, Any] = {"dtype": getattr(torch, dtype), "device": device}

    class ModelWithHiddenLayers(nn.Module):  # type: ignore[name-defined]
        def __init__(self, sizes: list[int]) -> None:
            super().__init__()
            for i, (n_in, n_out) in enumerate(pairwise(sizes), 1):
                setattr(self, f"linear{i}", nn.Linear(n_in, n_out, **on))

        def forward(self, x: Any) -> Any:
            *hidden_layers, last = self.children()
            for linear in hidden_layers:
                x = activate(linear(x))
            return last(x)

    torch.manual_seed(seed)
    model = ModelWithHiddenLayers([x.shape[1], *hidden, classes])
    if optimizer == "adam":
        optimiser = optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    else:
        optimiser = optim.SGD(
            model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay
        )
    if loss == "nll":
        log_softmax, nll_loss = nn.LogSoftmax(dim=1), nn.NLLLoss()

        def criterion(outputs: Any, labels: Any) -> Any:
            return nll_loss(log_softmax(outputs), labels)
    else:
        criterion = {"cross_entropy": nn.CrossEntropyLoss, "mse": nn.MSELoss}[loss]()

    def evaluate(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        inputs, targets = _tensors(torch, x, y, loss, classes, on)
        model.eval()
        with torch.no_grad():
            outputs = model(inputs)
            return criterion(outputs, targets).item(), torch.argmax(outputs, 1).cpu().numpy()

    inputs, targets = _tensors(torch, x, y, loss, classes, on)
    parameters = dict(model.named_parameters())
    yield Progress(finished, float("nan"), parameters, optimiser, evaluate)
    for epoch in range(finished + 1, finished + epochs + 1):
        mean = 0.0
        for batch_x, batch_y, last in batches(inputs, targets, batch_size, seed, epoch):
            model.train()
            optimiser.zero_grad()
            batch_loss = criterion(model(batch_x), batch_y)
            batch_loss.backward()
            optimiser.step()
            mean += batch_loss.item() * (len(batch_y) / len(targets))
            yield Progress(epoch, mean, parameters, optimiser, evaluate, batch_loss.item(), last)


PROGRAMS = {"manual": manual, "auto": automatic}


def _tensors(
    torch: Any, x: np.ndarray, y: np.ndarray, loss: str, classes: int, on: dict[str, Any]
) -> tuple[Any, Any]:
    """The samples as tensors; for the squared error each class as a one-hot row."""
    inputs, labels = torch.from_numpy(x).to(**on), torch.from_numpy(y).to(on["device"])
    return inputs, torch.eye(classes, **on)[labels] if loss == "mse" else labels


def batches(
    inputs: Any, targets: Any, batch_size: int | None, seed: int, epoch: int
) -> Iterator[tuple[Any, Any, bool]]:
    """The epoch's batches, and whether each is the last. Their order follows from the seed and the
    epoch's number alone, so that every namespace and every resumed run sees the same one, with no
    generator's state to keep."""
    samples = len(targets)
    if batch_size is None or batch_size >= samples:
        yield inputs, targets, True
        return
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    for start in range(0, samples, batch_size):
        batch = order[start : start + batch_size]
        yield inputs[batch], targets[batch], start + batch_size >= samples
