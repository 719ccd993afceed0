"""Programs that can be run in either library, and one run of such a program.

A *program* is a function of the namespace, `torch` or `minigrad`. It is a generator: it yields
where it stands once before its first step and once after each, as anything with `loss`,
`parameters` (a dict of names and tensors, the live ones) and `optimizer` (or None).
`minigrad.programs` has two of them, `Step` will do to yield, and `training` makes one of a model, a
loss, an optimiser and data:

    def setup(torch):
        model = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
        return model, torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=0.01)

    program = training(setup, (x, y), epochs=10, batch_size=32)

A program that has parameters `device` or `dtype` is told where to compute, and in what ("float32").
It may draw random numbers, which from one seed are the same in both libraries; but on a GPU PyTorch
has another stream, so there they are to be drawn on the CPU and moved, and old builds with MKL (2.4
does, 2.13 does not) draw the masks of dropout from MKL's.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

import minigrad
from minigrad.app.programs import DTYPES, batches
from minigrad.catalogue.accuracy import Exact

from .closeness import Array, difference
from .convert import array_of, tensor_of, to_torch

Program = Callable[..., Iterator[Any]]
# Of a namespace: model, loss(output, target), optimiser, and a scheduler of its rate if wanted.
Setup = Callable[[Any], tuple[Any, ...]]


class Step(NamedTuple):
    """Where a program stands: its last loss, and its live parameters and optimiser."""

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
) -> Program:
    """The program that trains what `setup(torch)` returns: a model, a loss and an optimiser.

    A fourth thing, if it returns one, is a scheduler, which takes a step after each epoch.
    `data` is a pair of arrays, inputs and targets, of one length: all at once, or in batches of
    `batch_size`, in an order drawn anew for each epoch from `seed`. Or it is a list of such pairs,
    the batches. A step is one of `optimizer.step()`. ValueError for other data.

    >>> x, y = np.float32([[0, 1], [1, 0]]), np.array([0, 1])
    >>> def setup(torch):
    ...     model = torch.nn.Linear(2, 2)
    ...     return model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
    >>> [list(step.parameters) for step in training(setup, (x, y))(minigrad)]
    [['weight', 'bias'], ['weight', 'bias']]
    """
    whole = _pair(data)
    given = [] if whole is not None else [_pair(batch) for batch in data]
    if None in given:
        raise ValueError("data must be a pair (inputs, targets) of one length, or a list of such")

    def drawn(epoch: int) -> Iterator[tuple[Any, Any, bool]]:
        if whole is None:
            last = len(given) - 1
            yield from ((x, y, i == last) for i, (x, y) in enumerate(given))  # type: ignore[misc]
        else:
            yield from batches(*whole, batch_size, seed, epoch)

    def program(torch: Any, device: str = "cpu", dtype: str = "float32") -> Iterator[Step]:
        real = getattr(torch, dtype)

        def tensor(array: Array) -> Any:
            made = torch.from_numpy(array.copy()).to(device)
            return made.to(real) if made.is_floating_point() else made

        torch.manual_seed(seed)
        model, loss, optimizer, *schedulers = setup(torch)
        model.to(device, real)
        if isinstance(loss, torch.nn.Module):
            loss.to(device, real)
        parameters = dict(model.named_parameters())
        yield Step(float("nan"), parameters, optimizer)
        for epoch in range(1, epochs + 1):
            for x, y, last in drawn(epoch):
                optimizer.zero_grad()
                value = loss(model(tensor(x)), tensor(y))
                value.backward()
                optimizer.step()
                for scheduler in schedulers if last else ():
                    scheduler.step()
                yield Step(value.item(), parameters, optimizer)

    return program


def _pair(data: Any) -> tuple[Array, Array] | None:
    """Inputs and targets as arrays, if that is what `data` is."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        return None
    if any(isinstance(part, tuple | list) for part in data):
        return None
    x, y = (array_of(a) if hasattr(a, "detach") else np.asarray(a) for a in data)
    return (x, y) if x.ndim and y.ndim and len(x) == len(y) else None


# Where PyTorch's first parameters come from.
FROM_THE_SEED = "each library drew its own parameters, and they are the same"
COPIED = "PyTorch was given minigrad's parameters, as its own are others"


# What a program was seen to have at one moment: arrays by name, and the optimiser's state.


class Snapshot(NamedTuple):
    """A copy of all that the next step depends on, in terms of PyTorch on the CPU.

    `stream` is the state of the random stream, which both libraries keep in the same bytes.
    """

    parameters: dict[str, Array]
    state: dict[Any, Any] | None
    stream: torch.Tensor


class Run:
    """One run of a program, in one library on one device, step by step.

    `count` is the number of steps done, `now` what the program yielded last. Each run has a random
    stream of its own, that of its library on the CPU, whatever other runs draw in between.
    TypeError where the program is none, or yields anything else than it should.
    """

    def __init__(
        self, program: Program, namespace: ModuleType, device: str, dtype: str | None
    ) -> None:
        if not callable(program):
            raise TypeError(f"a program is a function of the namespace, not {program!r}")
        self.namespace, self.device = namespace, device
        self.stream = namespace.get_rng_state()
        known = inspect.signature(program).parameters
        options: dict[str, Any] = {"device": device} if "device" in known else {}
        if dtype is not None:
            if dtype not in DTYPES:
                raise ValueError(f"dtype is {' or '.join(map(repr, DTYPES))}, not {dtype!r}")
            if "dtype" not in known:
                raise TypeError(f"the program has no parameter dtype, and is to run in {dtype}")
            options["dtype"] = dtype
        self.steps = program(namespace, **options)
        self.count = -1
        if not isinstance(self.steps, Iterator) or not self.step():
            raise TypeError(
                "a program is a generator function of the namespace, which yields first before its "
                "first step; use bridge.training for a model, a loss, an optimiser and data"
            )
        for tensor in self.parameters.values():
            if not isinstance(tensor, namespace.Tensor):
                raise TypeError(f"parameters must be tensors, not {type(tensor).__name__}")

    def step(self) -> bool:
        """Go on by one step. False if the program has ended."""
        others = self.namespace.get_rng_state()
        self.namespace.set_rng_state(self.stream)
        try:
            self.now = next(self.steps)
        except StopIteration:
            return False
        except Exception as error:
            library = "minigrad" if self.namespace is minigrad else f"PyTorch on {self.device}"
            error.add_note(f"in {library}, after {self.count} steps of the program")
            raise
        finally:
            self.stream = self.namespace.get_rng_state()
            self.namespace.set_rng_state(others)
        self.count += 1
        return True

    def catch_up(self, count: int) -> None:
        """Go on until so many steps are done."""
        while self.count < count and self.step():
            pass

    @property
    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self.now.parameters
        return parameters

    @property
    def optimizer(self) -> Any:
        return getattr(self.now, "optimizer", None)

    @property
    def loss(self) -> float:
        """The last step's loss."""
        return _number(self.now.loss)

    def values(self) -> dict[str, Array]:
        """A copy of each parameter's elements."""
        return {name: array_of(p) for name, p in self.parameters.items()}

    def snapshot(self) -> Snapshot:
        """All that the next step depends on."""
        state = None
        if self.optimizer is not None:
            state = self.optimizer.state_dict()["state"]
            state = to_torch(state) if self.namespace is minigrad else state
        stream = to_torch(self.stream) if self.namespace is minigrad else self.stream
        return Snapshot(self.values(), state, stream)

    def set(self, snapshot: Snapshot) -> None:
        """Set a run in PyTorch to a snapshot, in this run's dtype."""
        self.stream = snapshot.stream
        for name, parameter in self.parameters.items():
            parameter.data.copy_(tensor_of(snapshot.parameters[name]))
        if self.optimizer is not None and snapshot.state is not None:
            groups = self.optimizer.state_dict()["param_groups"]
            state = copy.deepcopy(snapshot.state)  # an optimiser writes into what it has loaded
            self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def settings(self) -> list[dict[str, Any]]:
        """A copy of the settings of the optimiser's groups."""
        return [
            {key: value for key, value in group.items() if key != "params"}
            for group in self.optimizer.param_groups
        ]

    def update(self, gradients: dict[str, Array | None], settings: list[dict[str, Any]]) -> None:
        """Have PyTorch's optimiser make one update, with these gradients and settings."""
        for name, parameter in self.parameters.items():
            g = gradients[name]
            parameter.grad = None if g is None else tensor_of(g, self.device)
        for group, chosen in zip(self.optimizer.param_groups, settings, strict=True):
            group.update(chosen)
        self.optimizer.step()

    def gradients(self) -> dict[str, Array | None]:
        """A copy of each parameter's gradient, or None where it has none."""
        return {
            name: None if p.grad is None else array_of(p.grad)
            for name, p in self.parameters.items()
        }

    def gathered(self) -> dict[str, Array]:
        """What the optimiser has gathered for each parameter."""
        if self.optimizer is None:
            return {}
        names = {id(p): name for name, p in self.parameters.items()}
        return {
            f"{key} of {names.get(id(parameter), 'a parameter')}": _array(value)
            for group in self.optimizer.param_groups
            for parameter in group["params"]
            for key, value in self.optimizer.state.get(parameter, {}).items()
            if value is not None
        }

    def rates(self) -> dict[str, Array]:
        """The numbers in the optimiser's settings: what a scheduler changes."""
        if self.optimizer is None:
            return {}
        return {
            f"{key} of group {i}": np.asarray(value)
            for i, group in enumerate(self.optimizer.param_groups)
            for key, value in group.items()
            if isinstance(value, float)
        }

    def outcome(self) -> dict[str, Array]:
        """All that can be compared after a step: loss, gradients, parameters, state, settings."""
        values = self.values()
        real = next((x.dtype for x in values.values() if x.dtype.kind == "f"), np.float64)
        # Of a program that adds up losses, the last one alone: the others are not of this step.
        loss = _number(getattr(self.now, "batch_loss", self.now.loss))
        found = {"loss": np.asarray(loss, real)}
        for name, g in self.gradients().items():
            if g is not None:
                found[f"gradient of {name}"] = g
        return found | values | self.gathered() | self.rates()

    def updated(self) -> dict[str, Array]:
        """All that an update changes: what the optimiser gathers, and then the parameters."""
        return self.gathered() | self.values()


def _number(loss: Any) -> float:
    return float(loss.detach() if hasattr(loss, "detach") else loss)


def _array(value: Any) -> Array:
    return array_of(value) if hasattr(value, "detach") else np.asarray(value)


def same_start(ours: Run, theirs: Run) -> str:
    """Where PyTorch's first parameters are to come from: the seed, if that gave both the same."""
    a, b = ours.values(), theirs.values()
    alike = a.keys() == b.keys() and all(difference(a[n], b[n], Exact()) is None for n in a)
    return FROM_THE_SEED if alike else COPIED
