"""Checkpoints: everything that is needed to resume a training run, in one safetensors file.

The file holds each program's parameters under their own names: W1, B1, ..., Wout, Bout of the
manual program and linear1.weight, linear1.bias, ... of the automatic one. The names don't clash, so
one file holds both, and PyTorch's `load_state_dict` takes them as they are. The file also holds the
optimiser's state, the numbers of epochs and the settings. A file of parameters alone, written by
PyTorch for example, can be loaded too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from itertools import count, takewhile
from pickle import UnpicklingError
from typing import Any

import minigrad
from minigrad.api.tensor import Tensor
from minigrad.app.command import InputError
from minigrad.app.models import MODELS, OF_IMAGES
from minigrad.app.programs import DTYPES, Progress
from minigrad.app.settings import Settings
from minigrad.utils.atomic_write import short_message
from minigrad.utils.serialization import save_safetensors

_MANUAL_NAME = re.compile(r"[WB](\d+|out)")
# The file's other keys. No parameter has such a name.
_OPTIMIZER, _SCHEDULER, _SETTINGS = "optimizer", "scheduler", "settings"
_EPOCHS, _PLANNED = "epochs", "planned"

# What reading and using a state of the wrong form raises.
_MISFITS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class CheckpointError(InputError):
    """The checkpoint can't be used."""


@dataclass(frozen=True)
class ProgramState:
    """A copy of one program's state at the end of an epoch.

    `epoch` is the number of epochs finished, `planned` that of the whole run, if known.
    """

    parameters: dict[str, Tensor]
    optimizer: dict[str, Any] | None = None
    epoch: int = 0
    planned: int | None = None
    scheduler: dict[str, Any] | None = None


def capture(progress: Progress, planned: int) -> ProgramState:
    """Copy a program's state."""
    optimizer = None if progress.optimizer is None else progress.optimizer.state_dict()
    parameters = {name: p.detach() for name, p in progress.parameters.items()}
    scheduler = None if progress.scheduler is None else progress.scheduler.state_dict()
    parameters, optimizer = _clone(parameters), _clone(optimizer)
    return ProgramState(parameters, optimizer, progress.epoch, planned, _clone(scheduler))


def _clone(obj: Any) -> Any:
    if isinstance(obj, Tensor):
        return obj.clone()
    if isinstance(obj, dict):
        return {key: _clone(value) for key, value in obj.items()}
    return [_clone(item) for item in obj] if isinstance(obj, list) else obj


# Writing and reading ------------------------------------------------------------------------------


def write(path: str, settings: Settings, states: dict[str, ProgramState]) -> None:
    """Write the settings and the states of a run's programs, given by the program's name."""
    content: dict[str, Any] = {}
    for state in states.values():
        content |= state.parameters
        if state.optimizer is not None:
            content[_OPTIMIZER] = state.optimizer
        if state.scheduler is not None:
            content[_SCHEDULER] = state.scheduler
    content[_EPOCHS] = {name: state.epoch for name, state in states.items()}
    content[_PLANNED] = {name: state.planned for name, state in states.items()}
    content[_SETTINGS] = asdict(replace(settings, epochs=None))
    save_safetensors(content, path)


def read(path: str) -> tuple[dict[str, Any], dict[str, ProgramState]]:
    """Read the settings and the programs' states from a file.

    If the file has no settings, they are those that the parameters imply: the program, the hidden
    sizes and the dtype. Raises CheckpointError.
    """
    content = _load(path)
    states = {}
    for program in ("manual", "auto"):
        parameters = {
            name: value
            for name, value in content.items()
            if isinstance(value, Tensor) and isinstance(name, str) and _belongs_to(program, name)
        }
        if parameters:
            states[program] = ProgramState(
                parameters,
                content.get(_OPTIMIZER) if program == "auto" else None,
                _epoch_count(content, _EPOCHS, program) or 0,
                _epoch_count(content, _PLANNED, program),
                content.get(_SCHEDULER) if program == "auto" else None,
            )
    if not states:
        raise CheckpointError("it holds no parameters")
    settings = content.get(_SETTINGS)
    if settings is None:
        settings = _implied_settings(states)
    elif not isinstance(settings, dict):
        raise CheckpointError("its settings are not a dict")
    return settings, states


def _load(path: str) -> dict[str, Any]:
    try:
        content = minigrad.load(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(short_message(error)) from None
    except (RuntimeError, UnpicklingError) as error:
        raise CheckpointError(str(error).removeprefix(f"{path}: ")) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"not a checkpoint: it holds a {type(content).__name__}")
    return content


def _belongs_to(program: str, name: str) -> bool:
    return bool(_MANUAL_NAME.fullmatch(name)) == (program == "manual")


def _epoch_count(content: dict[str, Any], key: str, program: str) -> int | None:
    counts = content.get(key, {})
    number = counts.get(program) if isinstance(counts, dict) else counts
    if number is not None and (type(number) is not int or number < 0):
        raise CheckpointError(f"{key} of {program} is {number!r}, not a whole number of at least 0")
    return number


def _implied_settings(states: dict[str, ProgramState]) -> dict[str, Any]:
    program, state = next(iter(states.items()))
    found = state.parameters
    implied: dict[str, Any] = {"update": "both" if len(states) == 2 else program}
    if program == "manual":  # W1 is features × hidden; the output layer's Wout has no number
        hidden = _sizes(found, "W{}", 1)
    else:
        sizes = {name: _sizes(found, *model.weight) for name, model in MODELS.items()}
        implied["model"] = next((name for name in OF_IMAGES if sizes[name]), "mlp")
        hidden = sizes[implied["model"]]
        if implied["model"] == "mlp":  # the last number is the output layer's
            hidden = hidden[:-1]
    dtype = str(next(iter(found.values())).dtype).removeprefix("torch.")
    if hidden:
        implied["hidden"] = hidden
    if dtype in DTYPES:
        implied["dtype"] = dtype
    return implied


def _sizes(found: dict[str, Tensor], pattern: str, dim: int) -> list[int]:
    """The sizes in `dim` of the weights numbered 0 or 1, 2, ..., up to the first that is missing.

    Vectors are none.
    """
    start = 0 if pattern.format(0) in found else 1
    weights = map(found.get, map(pattern.format, count(start)))
    known = takewhile(lambda weight: weight is not None and weight.ndim > 1, weights)
    return [weight.shape[dim] for weight in known if weight is not None]


# Restoring ----------------------------------------------------------------------------------------


def restore(program: str, progress: Progress, state: ProgramState) -> None:
    """Set a program that hasn't started yet to a state.

    The optimiser's settings stay those of this run; its buffers and step counts come from the
    state. Raises CheckpointError, naming the tensors, if the state is of another network.
    """
    _check_parameters(program, progress.parameters, state.parameters)
    for name, parameter in progress.parameters.items():
        parameter.data.copy_(state.parameters[name])
    if progress.optimizer is not None and state.optimizer is not None:
        try:
            buffers = state.optimizer["state"]
            _check_buffers(buffers, list(progress.parameters.values()))
            groups = progress.optimizer.state_dict()["param_groups"]
            progress.optimizer.load_state_dict({"state": buffers, "param_groups": groups})
            _keep_numbers(progress.optimizer, buffers)
            _try_a_step(progress.optimizer)
        except _MISFITS as error:
            raise CheckpointError(f"the optimiser's state does not fit: {error}") from None
    if progress.scheduler is not None and state.scheduler is not None:
        _restore_scheduler(progress, state.scheduler)


def _restore_scheduler(progress: Progress, state: dict[str, Any]) -> None:
    """Load a scheduler's state, and give the optimiser the learning rates that it had reached."""
    scheduler, optimizer = progress.scheduler, progress.optimizer
    assert scheduler is not None
    assert optimizer is not None
    try:
        if missing := scheduler.state_dict().keys() - state.keys():
            raise ValueError(f"it has no {min(missing)}")
        rates = [float(rate) for rate in state["_last_lr"]]
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        scheduler.load_state_dict(state)
        deepcopy(scheduler).step(1.0)  # an error if the state can't be used
    except _MISFITS as error:
        raise CheckpointError(f"the scheduler's state does not fit: {error}") from None


def _keep_numbers(optimizer: Any, buffers: dict[int, dict[str, Any]]) -> None:
    """Undo that loading converts numbers such as NAdam's `mu_product` to the parameter's dtype."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, entries in buffers.items():
        for name, value in entries.items():
            if isinstance(value, Tensor) and value.ndim == 0:
                optimizer.state[parameters[index]][name] = value.clone()


def _try_a_step(optimizer: Any) -> None:
    """Let a copy of the optimiser take a step: an error if its state lacks something."""
    trial = deepcopy(optimizer)
    for group in trial.param_groups:
        for parameter in group["params"]:
            parameter.grad = minigrad.ones_like(parameter)
    trial.step(lambda: minigrad.tensor(1.0))


def _check_parameters(program: str, live: dict[str, Any], found: dict[str, Tensor]) -> None:
    common = [name for name in live if name in found]
    problems = {
        "missing": [name for name in live if name not in found],
        "unexpected": [name for name in found if name not in live],
        "size mismatch": [
            f"{name} ({_size(found[name])} in the file, {_size(live[name])} here)"
            for name in common
            if found[name].shape != live[name].shape
        ],
        "not floating point": [name for name in common if not found[name].dtype.is_floating_point],
    }
    listed = [f"{problem}: {', '.join(names)}" for problem, names in problems.items() if names]
    if listed:
        raise CheckpointError(f"it does not fit this {program} network: {'; '.join(listed)}")


def _check_buffers(buffers: dict[int, dict[str, Any]], parameters: list[Tensor]) -> None:
    for index, entries in buffers.items():
        for name, value in _with_items(entries):
            if not _fits(value, parameters[index]) and not _fits_all(value, parameters):
                raise ValueError(f"{name} of parameter {index} is {_size(value)}")
            if not _is_usable(name, value):
                raise ValueError(f"{name} of parameter {index} has NaN or infinity in it")


def _is_usable(name: str, value: Any) -> bool:
    """Whether a buffer has no NaN and no infinity, which would spoil the parameters.

    In a good run, Adam's mean of squares can overflow, and its update is 0 then.
    """
    if isinstance(value, Tensor):
        bad = value.isnan() if name == "exp_avg_sq" else ~value.isfinite()
        return not bool(bad.any())
    return not isinstance(value, float) or math.isfinite(value)


def _with_items(entries: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a parameter's state; of a list, such as LBFGS's old steps, each item."""
    for name, value in entries.items():
        yield from ((name, item) for item in (value if isinstance(value, list) else [value]))


def _fits_all(value: Tensor, parameters: list[Tensor]) -> bool:
    """Tell whether state has a number for each of all parameters together, as in LBFGS."""
    return value.shape == (sum(p.numel() for p in parameters),)


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _fits(value: Any, parameter: Tensor) -> bool:
    """Tell whether state has its parameter's shape or, as in Adafactor, that of a row or column."""
    if not isinstance(value, Tensor) or value.ndim == 0 or value.shape == parameter.shape:
        return True
    pairs = zip(value.shape, parameter.shape, strict=False)
    return value.ndim == parameter.ndim > 1 and all(a in (b, 1) for a, b in pairs)
