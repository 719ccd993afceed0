"""Programs of steps, which either library can run; and `training`, which makes one.

A *program* is a generator function of the namespace, `torch` or `minigrad`. It yields once before
its first step and once after each step. It yields a `Step` or any object with `loss`, `parameters`
(a dict of names and the live tensors) and `optimizer` (or None). `minigrad.app.programs` has two
programs, and `training` makes one from a model, a loss, an optimiser and data:

    def setup(torch):
        model = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
        return model, torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=0.01)

    program = training(setup, (x, y), epochs=10, batch_size=32)

A program with a parameter `device` or `dtype` is told where to compute, and in which dtype
("float32"). It may draw random numbers: from one seed, both libraries draw the same. There are two
exceptions. On a GPU, PyTorch has a different random stream, so draw on the CPU and move the result.
Older builds with MKL (2.4, but not 2.13) draw dropout's masks from MKL's stream.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from bridge.comparing.closeness import Array
from bridge.libraries.convert import array_of
from minigrad.app.programs import batches

SteppedProgram = Callable[..., Iterator[Any]]
# Called with a namespace; returns model, loss(output, target), optimiser and perhaps a scheduler.
Setup = Callable[[Any], tuple[Any, ...]]


class Step(NamedTuple):
    """The state of a program: its last loss, and its live parameters and optimiser."""

    loss: Any
    parameters: dict[str, Any]
    optimizer: Any = None


def training(
    setup: Setup,
    data: Sequence[Any],
    *,
    epochs: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
) -> SteppedProgram:
    """Return the program that trains what `setup(torch)` returns: a model, a loss and an optimiser.

    A fourth item that `setup` returns is a scheduler, which takes a step after each epoch. `data`
    is a pair of arrays of one length, inputs and targets. It is used as one batch or in batches of
    `batch_size`, whose order is drawn from `seed` for each epoch. `data` may also be a list of such
    pairs, the batches. Each step is one `optimizer.step()`. Raises ValueError for other data.

    >>> x, y = np.float32([[0, 1], [1, 0]]), np.array([0, 1])
    >>> def setup(torch):
    ...     model = torch.nn.Linear(2, 2)
    ...     return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
    >>> [list(step.parameters) for step in training(setup, (x, y))(minigrad)]
    [['weight', 'bias'], ['weight', 'bias']]
    """
    batches_of = _batches(data, batch_size, seed)

    def program(torch: Any, device: str = "cpu", dtype: str = "float32") -> Iterator[Step]:
        float_dtype = getattr(torch, dtype)

        def tensor(array: Array) -> Any:
            x = torch.from_numpy(array.copy()).to(device)
            return x.to(float_dtype) if x.is_floating_point() else x

        torch.manual_seed(seed)
        model, loss, optimizer, *schedulers = setup(torch)
        model.to(device, float_dtype)
        if isinstance(loss, torch.nn.Module):
            loss.to(device, float_dtype)
        parameters = dict(model.named_parameters())
        yield Step(float("nan"), parameters, optimizer)
        for epoch in range(1, epochs + 1):
            for x, y, last in batches_of(epoch):
                optimizer.zero_grad()
                value = loss(model(tensor(x)), tensor(y))
                value.backward()
                optimizer.step()
                for scheduler in schedulers if last else ():
                    advance(scheduler, value.item())
                yield Step(value.item(), parameters, optimizer)

    return program


def advance(scheduler: Any, loss: float) -> None:
    """Step a scheduler; one that watches the loss gets it."""
    watches = "metrics" in inspect.signature(scheduler.step).parameters
    scheduler.step(loss) if watches else scheduler.step()


def _batches(
    data: Sequence[Any], batch_size: int | None, seed: int
) -> Callable[[int], Iterator[tuple[Array, Array, bool]]]:
    """Return the function that yields the batches of an epoch, and whether each is its last."""
    whole = _pair(data)
    if whole is not None:
        return lambda epoch: batches(*whole, batch_size, seed, epoch)
    given = [_pair(batch) for batch in data]
    pairs = [pair for pair in given if pair is not None]
    if len(pairs) != len(given):
        raise ValueError(
            "data must be a pair (inputs, targets) of one length, or a list of such pairs"
        )
    return lambda epoch: ((x, y, i == len(pairs) - 1) for i, (x, y) in enumerate(pairs))


def _pair(data: Any) -> tuple[Array, Array] | None:
    """Return inputs and targets as arrays, or None if `data` is no such pair."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        return None
    if any(isinstance(part, tuple | list) for part in data):
        return None
    x, y = (array_of(a) if hasattr(a, "detach") else np.asarray(a) for a in data)
    return (x, y) if x.ndim and y.ndim and len(x) == len(y) else None
