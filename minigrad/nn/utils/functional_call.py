"""`functional_call`: a call of a module with other parameters and buffers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ...api.tensor import Tensor


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: dict[str, Any] | Sequence[dict[str, Any]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers, which it has for this call only.

    They are given by the names in its `state_dict`, in one dict or several. All others stay. With
    `tie_weights`, a parameter that the module has under several names is replaced under all. With
    `strict`, every name must be given and exist. `args` is a tuple of arguments, or one of them.

    ValueError for a name in several dicts, or for two values of a parameter with several names;
    RuntimeError for names that `strict` forbids.

    >>> linear = nn.Linear(2, 1, bias=False)
    >>> x = minigrad.tensor([1., 2.])
    >>> minigrad.func.functional_call(linear, {"weight": minigrad.ones(1, 2)}, (x,))
    tensor([3.])
    """
    given = _joined(parameter_and_buffer_dicts)
    with _replaced(module, given, tie_weights, strict):
        arguments = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*arguments, **(kwargs or {}))


def _joined(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, list | tuple):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(each, dict) for each in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for each in dicts for name in each]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return {name: tensor for each in dicts for name, tensor in each.items()}


@contextlib.contextmanager
def _replaced(
    module: Any, given: dict[str, Any], tie_weights: bool, strict: bool
) -> Iterator[None]:
    """Let the module have other tensors in a block."""
    own = dict(module.named_parameters(remove_duplicate=False))
    own |= dict(module.named_buffers(remove_duplicate=False))
    if tie_weights:
        given = _with_tied(given, own)
    if strict:
        _check_names(module, given, own)
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for path, tensor in given.items():
            *outer, name = path.split(".")
            owner = module
            for part in outer:
                if not hasattr(owner, part):
                    raise AttributeError(f"{type(owner).__name__} has no attribute `{part}`")
                owner = getattr(owner, part)
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{tensor} is not an instance of torch.Tensor")
            for members in (owner._parameters, owner._buffers):
                if name in members:
                    before.append((members, name, members[name]))
                    members[name] = tensor
        yield
    finally:
        for members, name, tensor in reversed(before):
            members[name] = tensor


def _with_tied(given: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The given tensors, also under the other names of the tensors that they replace."""
    groups: dict[int, list[str]] = {}
    for name, tensor in own.items():
        groups.setdefault(id(tensor), []).append(name)
    result = dict(given)
    for names in groups.values():
        chosen = [name for name in names if name in given]
        if len({id(given[name]) for name in chosen}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(chosen)}, which are tied. "
                "Consider using tie_weights=False"
            )
        if chosen:
            result |= dict.fromkeys(names, given[chosen[0]])
    return result


def _check_names(module: Any, given: dict[str, Any], own: dict[str, Any]) -> None:
    lines = []
    for kind, names in (("Unexpected", given.keys() - own), ("Missing", own.keys() - given)):
        if names:
            listed = ", ".join(f"'{name}'" for name in sorted(names))
            lines.append(f"\n\t{kind} key(s): {listed}.")
    if lines:
        raise RuntimeError(
            f"Error(s) in reparametrizing for {type(module).__name__}:{''.join(lines)}"
        )
