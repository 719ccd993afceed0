"""ProgramRun: one run of a program in one library, and the state that its next step depends on."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

import minigrad
from bridge.comparing.closeness import Array, difference
from bridge.libraries.convert import array_of, tensor_of, to_torch
from minigrad.app.programs import DTYPES
from minigrad.catalogue.accuracy import Exact

from .program import SteppedProgram

# Where PyTorch's first parameters come from.
FROM_SEED = "both libraries drew the same parameters from the seed"
COPIED = "PyTorch was given minigrad's parameters, because it drew others"


class Snapshot(NamedTuple):
    """A copy of everything that the next step depends on, for PyTorch on the CPU.

    `state` is the optimiser's state. `stream` is the state of the random stream, which has the same
    bytes in both libraries.
    """

    parameters: dict[str, Array]
    state: dict[Any, Any] | None
    stream: torch.Tensor


class ProgramRun:
    """One run of a program, in one library on one device.

    `count` is the number of steps done, and `latest` what the program yielded last. Each run has
    its own random stream, which other runs don't advance. The constructor raises TypeError if
    `program` is not a program.
    """

    def __init__(
        self, program: SteppedProgram, namespace: ModuleType, device: str, dtype: str | None
    ) -> None:
        if not callable(program):
            raise TypeError(f"a program is a function of the namespace, not {program!r}")
        self.namespace, self.device = namespace, device
        self.stream = namespace.get_rng_state()
        known = inspect.signature(program).parameters
        options: dict[str, Any] = {"device": device} if "device" in known else {}
        if dtype is not None:
            if dtype not in DTYPES:
                raise ValueError(f"dtype must be {' or '.join(map(repr, DTYPES))}, not {dtype!r}")
            if "dtype" not in known:
                raise TypeError(f"the program has no parameter dtype, so it can't run in {dtype}")
            options["dtype"] = dtype
        self.generator = program(namespace, **options)
        self.count = -1
        if not isinstance(self.generator, Iterator) or not self.step():
            raise TypeError(
                "a program is a generator function of the namespace that yields once before its "
                "first step; use bridge.training for a model, a loss, an optimiser and data"
            )
        for tensor in self.parameters.values():
            if not isinstance(tensor, namespace.Tensor):
                raise TypeError(f"parameters must be tensors, not {type(tensor).__name__}")

    def step(self) -> bool:
        """Do one step; return False if the program has ended."""
        shared_stream = self.namespace.get_rng_state()
        self.namespace.set_rng_state(self.stream)
        try:
            self.latest = next(self.generator)
        except StopIteration:
            return False
        except Exception as error:
            library = "minigrad" if self.namespace is minigrad else f"PyTorch on {self.device}"
            error.add_note(f"in {library}, after {self.count} steps of the program")
            raise
        finally:
            self.stream = self.namespace.get_rng_state()
            self.namespace.set_rng_state(shared_stream)
        self.count += 1
        return True

    def advance_to(self, count: int) -> None:
        """Do steps until `count` are done or the program ends."""
        while self.count < count and self.step():
            pass

    @property
    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self.latest.parameters
        return parameters

    @property
    def optimizer(self) -> Any:
        return getattr(self.latest, "optimizer", None)

    @property
    def loss(self) -> float:
        """The last step's loss."""
        return _number(self.latest.loss)

    def parameter_values(self) -> dict[str, Array]:
        """Copy the elements of each parameter."""
        return {name: array_of(p) for name, p in self.parameters.items()}

    def snapshot(self) -> Snapshot:
        """Copy everything that the next step depends on."""
        state = None
        if self.optimizer is not None:
            state = self.optimizer.state_dict()["state"]
            state = to_torch(state) if self.namespace is minigrad else state
        stream = to_torch(self.stream) if self.namespace is minigrad else self.stream
        return Snapshot(self.parameter_values(), state, stream)

    def restore(self, snapshot: Snapshot) -> None:
        """Set a run in PyTorch to a snapshot, in this run's dtype."""
        self.stream = snapshot.stream
        for name, parameter in self.parameters.items():
            parameter.data.copy_(tensor_of(snapshot.parameters[name]))
        if self.optimizer is not None and snapshot.state is not None:
            groups = self.optimizer.state_dict()["param_groups"]
            state = copy.deepcopy(snapshot.state)  # the optimiser writes into the state it loads
            self.optimizer.load_state_dict({"state": state, "param_groups": groups})
            self._keep_dtypes(snapshot)

    def _keep_dtypes(self, snapshot: Snapshot) -> None:
        """Undo that loading converts all state to the parameter's dtype.

        Some state has a dtype of its own: NAdam's `mu_product`, and what Adagrad made before the
        model was converted.
        """
        kinds = {str(values.dtype) for values in snapshot.parameters.values()}
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for i, saved in (snapshot.state or {}).items():
            live = self.optimizer.state[parameters[i]]
            for name, value in saved.items():
                is_tensor = isinstance(value, torch.Tensor)
                if is_tensor and str(value.dtype).removeprefix("torch.") not in kinds:
                    live[name] = live[name].to(value.dtype)

    @property
    def makes_one_update(self) -> bool:
        """Whether the optimiser makes one update by gradients: LBFGS's needs a closure for more."""
        if self.optimizer is None:
            return False
        closure = inspect.signature(self.optimizer.step).parameters.get("closure")
        return closure is None or closure.default is not inspect.Parameter.empty

    def settings(self) -> list[dict[str, Any]]:
        """Copy the settings of the optimiser's groups."""
        return [
            {key: value for key, value in group.items() if key != "params"}
            for group in self.optimizer.param_groups
        ]

    def update(self, gradients: dict[str, Array | None], settings: list[dict[str, Any]]) -> None:
        """Make one update with PyTorch's optimiser, given gradients and settings."""
        for name, parameter in self.parameters.items():
            g = gradients[name]
            parameter.grad = None if g is None else tensor_of(g, self.device)
        for group, values in zip(self.optimizer.param_groups, settings, strict=True):
            group.update(values)
        self.optimizer.step()

    def gradients(self) -> dict[str, Array | None]:
        """Copy each parameter's gradient; None where it has none."""
        return {
            name: None if p.grad is None else array_of(p.grad)
            for name, p in self.parameters.items()
        }

    def optimizer_state(self) -> dict[str, Array]:
        """Copy the optimiser's state, such as "exp_avg of 0.weight"."""
        if self.optimizer is None:
            return {}
        names = {id(p): name for name, p in self.parameters.items()}
        return {
            f"{key} of {names.get(id(parameter), 'a parameter')}": _array(value)
            for group in self.optimizer.param_groups
            for parameter in group["params"]
            for name, entry in self.optimizer.state.get(parameter, {}).items()
            for key, value in _items(name, entry)
            if value is not None
        }

    def float_settings(self) -> dict[str, Array]:
        """Return the optimiser's settings that a scheduler may change, such as "lr of group 0"."""
        if self.optimizer is None:
            return {}
        return {
            f"{key} of group {i}": np.asarray(value)
            for i, group in enumerate(self.optimizer.param_groups)
            for key, value in group.items()
            if isinstance(value, float)
        }

    def results(self) -> dict[str, Array]:
        """Copy what can be compared after a step: loss, gradients, parameters, state, settings."""
        values = self.parameter_values()
        dtype = next((x.dtype for x in values.values() if x.dtype.kind == "f"), np.float64)
        # A program that reports the loss of a whole epoch also has that of the last batch.
        loss = _number(getattr(self.latest, "batch_loss", self.latest.loss))
        found = {"loss": np.asarray(loss, dtype)}
        for name, g in self.gradients().items():
            if g is not None:
                found[f"gradient of {name}"] = g
        return found | values | self.optimizer_state() | self.float_settings()

    def after_update(self) -> dict[str, Array]:
        """Copy what an update changes: the optimiser's state, then the parameters."""
        return self.optimizer_state() | self.parameter_values()


def _number(loss: Any) -> float:
    return float(loss.detach() if hasattr(loss, "detach") else loss)


def _items(name: str, entry: Any) -> Iterator[tuple[str, Any]]:
    """Yield an entry of the optimiser's state, or, of a list such as LBFGS's, each item."""
    if not isinstance(entry, list):
        yield name, entry
        return
    for i, item in enumerate(entry):
        yield f"{name}[{i}]", item


def _array(value: Any) -> Array:
    return array_of(value) if hasattr(value, "detach") else np.asarray(value)


def origin_of_parameters(ours: ProgramRun, theirs: ProgramRun) -> str:
    """Return FROM_SEED if both runs drew the same first parameters, else COPIED."""
    a, b = ours.parameter_values(), theirs.parameter_values()
    equal = a.keys() == b.keys() and all(difference(a[n], b[n], Exact()) is None for n in a)
    return FROM_SEED if equal else COPIED
