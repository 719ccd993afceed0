"""Training checkpoints: what a run needs to be taken up again, as one safetensors file.

The file holds each program's parameters under their own names (W1, B1, ..., Wout, Bout by hand;
linear1.weight, ... with an optimiser, so that both fit into one file and PyTorch's
`load_state_dict` takes them as they are), and beside them the optimiser's state, the epochs and
the settings. A file with nothing but such parameters, from PyTorch for instance, will do as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

import minigrad
from minigrad.api.files import reason
from minigrad.api.tensor import Tensor
from minigrad.app.programs import DTYPES, Progress
from minigrad.app.settings import Settings

_BY_HAND = re.compile(r"[WB](\d+|out)")
# In the file beside the parameters, none of which has such a name.
_OPTIMIZER, _EPOCHS, _PLANNED, _SETTINGS = "optimizer", "epochs", "planned", "settings"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one line that says why."""


@dataclass(frozen=True)
class State:
    """One program as it stood at the end of an epoch, out of the reach of what comes after.

    `epoch` is the number of epochs finished, `planned` that of the whole run, if known."""

    parameters: dict[str, Tensor]
    optimizer: dict[str, Any] | None = None
    epoch: int = 0
    planned: int | None = None


def capture(progress: Progress, planned: int) -> State:
    """A copy of the program's state."""
    state = None if progress.optimizer is None else progress.optimizer.state_dict()
    parameters = {name: p.detach() for name, p in progress.parameters.items()}
    return State(_clone(parameters), _clone(state), progress.epoch, planned)


def _clone(obj: Any) -> Any:
    if isinstance(obj, Tensor):
        return obj.clone()
    if isinstance(obj, dict):
        return {key: _clone(value) for key, value in obj.items()}
    return [_clone(item) for item in obj] if isinstance(obj, list) else obj


def write(path: str, settings: Settings, states: dict[str, State]) -> None:
    """Save the states of a run's programs, by the program's name, with its settings."""
    content: dict[str, Any] = {}
    for state in states.values():
        content |= state.parameters
        if state.optimizer is not None:
            content[_OPTIMIZER] = state.optimizer
    content[_EPOCHS] = {name: state.epoch for name, state in states.items()}
    content[_PLANNED] = {name: state.planned for name, state in states.items()}
    content[_SETTINGS] = asdict(replace(settings, epochs=None))
    minigrad.save(content, path)


def read(path: str) -> tuple[dict[str, Any], dict[str, State]]:
    """The settings and the states in a file. If it has no settings, those that the parameters
    themselves show: which program's they are, the hidden sizes and the dtype.

    Raises CheckpointError.
    """
    try:
        content = minigrad.load(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(reason(error)) from None
    except RuntimeError as error:
        raise CheckpointError(str(error).removeprefix(f"{path}: ")) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"not a checkpoint: it holds a {type(content).__name__}")
    states = {}
    for program in ("manual", "auto"):
        parameters = {
            name: value
            for name, value in content.items()
            if isinstance(value, Tensor) and _is_of(program, name)
        }
        if parameters:
            states[program] = State(
                parameters,
                content.get(_OPTIMIZER) if program == "auto" else None,
                _count(content, _EPOCHS, program) or 0,
                _count(content, _PLANNED, program),
            )
    if not states:
        raise CheckpointError("there are no parameters in it")
    settings = content.get(_SETTINGS)
    if settings is None:
        settings = _shown_by(states)
    elif not isinstance(settings, dict):
        raise CheckpointError("its settings are not a dict")
    return settings, states


def restore(program: str, progress: Progress, state: State) -> None:
    """Set a program that has not started yet to a state.

    The optimiser's settings stay those of this run; what it has gathered (momenta, step counts)
    is the state's. Raises CheckpointError, naming the tensors, if the state is of another network.
    """
    found = state.parameters
    live = progress.parameters
    problems = {
        "missing": [name for name in live if name not in found],
        "unexpected": [name for name in found if name not in live],
        "size mismatch": [
            f"{name} ({_size(found[name])} in the file, {_size(live[name])} here)"
            for name in live
            if name in found and found[name].shape != live[name].shape
        ],
        "not floating point": [
            name for name in live if name in found and not found[name].dtype.is_floating_point
        ],
    }
    told = [f"{problem}: {', '.join(names)}" for problem, names in problems.items() if names]
    if told:
        raise CheckpointError(
            f"it is of another network than this {program} one: {'; '.join(told)}"
        )
    for name, parameter in live.items():
        parameter.data.copy_(found[name])
    if progress.optimizer is not None and state.optimizer is not None:
        try:
            _check_gathered(state.optimizer["state"], list(live.values()))
            groups = progress.optimizer.state_dict()["param_groups"]
            progress.optimizer.load_state_dict(
                {"state": state.optimizer["state"], "param_groups": groups}
            )
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CheckpointError(f"the optimiser's state does not fit: {error}") from None


def _check_gathered(gathered: dict[int, dict[str, Any]], parameters: list[Tensor]) -> None:
    for index, entries in gathered.items():
        for name, value in entries.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameters[index].shape:
                raise ValueError(f"{name} of parameter {index} is {_size(value)}")


def _is_of(program: str, name: str) -> bool:
    return bool(_BY_HAND.fullmatch(name)) == (program == "manual")


def _count(content: dict[str, Any], key: str, program: str) -> int | None:
    counts = content.get(key, {})
    number = counts.get(program) if isinstance(counts, dict) else counts
    if number is not None and (type(number) is not int or number < 0):
        raise CheckpointError(f"{key} of {program} is {number!r}, not a count")
    return number


def _shown_by(states: dict[str, State]) -> dict[str, Any]:
    """The settings that the parameters of a file without settings show."""
    program, state = next(iter(states.items()))
    found = state.parameters
    if program == "manual":  # W1 is features x hidden; the output's Wout has no number
        hidden = [weight.shape[1] for weight in _numbered(found, "W{}")]
    else:  # linear1.weight is hidden x features; the last one is the output's
        hidden = [weight.shape[0] for weight in _numbered(found, "linear{}.weight")][:-1]
    dtype = str(next(iter(found.values())).dtype).removeprefix("torch.")
    shown: dict[str, Any] = {"update": "both" if len(states) == 2 else program}
    shown |= {"hidden": hidden} if hidden else {}
    return shown | ({"dtype": dtype} if dtype in DTYPES else {})


def _numbered(found: dict[str, Tensor], pattern: str) -> Iterator[Tensor]:
    """The matrices of number 1, 2, ... as far as they go."""
    for i in count(1):
        weight = found.get(pattern.format(i))
        if weight is None or weight.ndim != 2:
            return
        yield weight


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"
