"""Optimizer: the base of every optimiser, which has everything but the update itself.

It keeps the parameters in groups with their hyperparameters, and a dictionary of state for each
parameter. It saves and loads both in PyTorch's format. `step` passes the parameters that have a
gradient, group by group, to the subclass's `_update`.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..api.tensor import Tensor
from ..autograd import enable_grad
from ..core.arguments import require_broadcastable
from ..core.errstate import quiet
from ..nn.parameter import zero_grad
from .arithmetic import Work
from .optimizer_hooks import (
    Hookable,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

__all__ = [
    "Optimizer",
    "ParamsT",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

Group: TypeAlias = dict[str, Any]
ParamsT: TypeAlias = Iterable[Tensor] | Iterable[Group] | Iterable[tuple[str, Tensor]]


class _RequiredParameter:
    """The default of an option that each group has to give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


class Optimizer(Hookable):
    """The base of every optimiser; subclasses define how a group of parameters is updated.

    `params` is an iterable of Tensors, of (name, Tensor) pairs such as those of
    `named_parameters()`, or of dictionaries (parameter groups). A group's `"params"` is such an
    iterable, and its other entries override `defaults`. `state_dict` numbers the parameters in this
    order.

    Raises TypeError for a single Tensor, a set, and elements that aren't Tensors; ValueError for an
    empty list, a Tensor that is not a leaf, and a parameter in two groups; NotImplementedError for
    true `capturable` and, except for `SGD`, `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, 2.0]))
    >>> opt = optim.SGD([{"params": [w], "lr": 0.5}], lr=0.1)
    >>> w.sum().backward()
    >>> opt.step()
    >>> w.tolist()
    [0.5, 1.5]
    """

    _unsupported: ClassVar[tuple[str, ...]] = ("differentiable", "capturable")

    # Options that old versions of PyTorch didn't have, and how their updates were without them.
    _added_options: ClassVar[dict[str, Any]] = {}

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type(params).__name__}; for one Tensor, pass [tensor]"
            )
        self.clear_hooks()
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._scratch: dict[Any, Work] = {}

        entries: list[Any] = list(params)
        if not entries:
            raise ValueError("optimizer got an empty parameter list")
        groups = entries if isinstance(entries[0], dict) else [{"params": entries}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add a parameter group, `{"params": …, option: value, …}`.

        The optimiser's defaults fill in missing options.

        >>> a, b = nn.Parameter(minigrad.zeros(2)), nn.Parameter(minigrad.zeros(3))
        >>> opt = optim.SGD([a], lr=0.1)
        >>> opt.add_param_group({"params": b, "lr": 0.2})
        >>> [group["lr"] for group in opt.param_groups]
        [0.1, 0.2]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _split_names(param_group["params"])
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for param in params:
            _check_param(param, self.defaults.get("differentiable", False))
        for option, default in self.defaults.items():
            if param_group.setdefault(option, default) is required:
                raise ValueError(f"parameter group didn't specify the required option {option}")
        self._check_supported(param_group)
        self._check_against_other_groups(param_group)
        if len(set(params)) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters: "
                "each is updated once for every time it is listed",
                stacklevel=3,
            )
        self.param_groups.append(param_group)

    def _check_against_other_groups(self, param_group: Group) -> None:
        named = "param_names" in param_group
        present: set[Tensor] = set()
        for group in self.param_groups:
            present.update(group["params"])
            if ("param_names" in group) != named:
                kind = "with" if named else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} names to the optimizer"
                )
        if not present.isdisjoint(param_group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or fill it with zeros.

        The two differ at the next step, which skips a parameter without a gradient, but applies
        momentum and weight decay to one whose gradient is zero.

        >>> w = nn.Parameter(minigrad.ones(2))
        >>> opt = optim.SGD([w], lr=0.1)
        >>> w.sum().backward()
        >>> opt.zero_grad(set_to_none=False)
        >>> w.grad
        tensor([0., 0.])
        >>> opt.zero_grad()
        >>> w.grad is None
        True
        """
        for group in self.param_groups:
            zero_grad(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. Returns the result of `closure`, or None.

        `closure`, if given, is called first, with grad mode enabled. It should clear the gradients,
        compute the loss, call `backward` and return the loss.

        >>> w = nn.Parameter(minigrad.tensor(1.0))
        >>> opt = optim.SGD([w], lr=0.1)
        >>> def closure():
        ...     opt.zero_grad()
        ...     loss = w * w
        ...     loss.backward()
        ...     return loss
        >>> opt.step(closure).item()
        1.0
        >>> round(w.item(), 6)
        0.8
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            pairs = [(p, g) for p in group["params"] if (g := p.grad) is not None]
            try:
                # A diverging run overflows without a warning, as in PyTorch.
                quiet.within(self._update, group, pairs)
            except ValueError:
                self._check_shapes(pairs)
                raise
        return loss

    def _update(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        """Update parameters, each paired with its gradient, by the hyperparameters of `group`."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define _update")

    def _check_shapes(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        """RuntimeError if a parameter was resized, but not its gradient or its state."""
        for param, grad in pairs:
            _require_shape(param, grad, "a parameter and its gradient", broadcasts=True)
            for name, value in self.state.get(param, {}).items():
                if isinstance(value, Tensor) and name != "step":
                    _require_shape(value, param, f"'{name}' and its parameter", broadcasts=False)

    def state_dict(self) -> dict[str, Any]:
        """Return the state and the hyperparameters, with parameters replaced by their numbers.

        The format is PyTorch's: `{"state": {0: {...}, ...}, "param_groups": [{..., "params": [0,
        ...]}, ...]}`. It holds the optimiser's own Tensors, not copies.

        >>> w = nn.Parameter(minigrad.ones(2))
        >>> opt = optim.SGD([w], lr=0.1, momentum=0.9)
        >>> w.sum().backward()
        >>> opt.step()
        >>> opt.state_dict()["state"]
        {0: {'momentum_buffer': tensor([1., 1.])}}
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        number: dict[Any, int] = {}
        packed_groups = []
        first = 0
        for group in self.param_groups:
            number.update((param, i) for i, param in enumerate(group["params"], first))
            first += len(group["params"])
            packed = {option: value for option, value in group.items() if option != "params"}
            packed["params"] = [number[param] for param in group["params"]]
            packed_groups.append(packed)
        state = {number[k] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        found = {"state": state, "param_groups": packed_groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            returned = hook(self, found)
            if returned is not None:
                found = returned
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state and the hyperparameters that `state_dict` returned.

        State is matched by the order of the parameters and converted to their dtypes. As in
        PyTorch, a Tensor that already has the right dtype is not copied: pass a `copy.deepcopy` to
        load one `state_dict` into several optimisers.

        Raises ValueError if the number of groups or their sizes differ.

        >>> w, v = nn.Parameter(minigrad.ones(2)), nn.Parameter(minigrad.ones(2))
        >>> first, second = optim.Adam([w], lr=0.5), optim.Adam([v])
        >>> second.load_state_dict(first.state_dict())
        >>> second.param_groups[0]["lr"]
        0.5
        """
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            returned = hook(self, state_dict)
            if returned is not None:
                state_dict = returned
        saved_groups: list[Group] = deepcopy(state_dict["param_groups"])
        self._check_loadable(saved_groups)
        param_of: dict[Any, Tensor] = {}
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            param_of.update(zip(saved["params"], group["params"], strict=True))

        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = _converted(value, param_of[key])
            else:
                state[key] = value
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
            for option, meaning in self._added_options.items():
                saved.setdefault(option, meaning)
        self.state = state
        self.param_groups = saved_groups
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _check_loadable(self, saved_groups: list[Group]) -> None:
        if len(saved_groups) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved_groups)}, where the optimizer has {len(self.param_groups)}"
            )
        for i, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            if len(saved["params"]) != len(group["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group: group {i} has {len(saved['params'])} parameters, "
                    f"where the optimizer's has {len(group['params'])}"
                )
            self._check_supported(saved)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            options = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            text += f"\nParameter Group {i}\n{''.join(options)}"
        return text + ")"

    def __getstate__(self) -> dict[str, Any]:
        # A copy needs neither the scratch arrays nor the attributes that a scheduler has set.
        return {name: getattr(self, name) for name in ("defaults", "state", "param_groups")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._scratch = {}
        self.clear_hooks()

    def _check_supported(self, group: Group) -> None:
        """An error for options that it has, but not with these values. Any others are ignored."""
        checked = {"fused", "foreach", "differentiable", *self._unsupported}
        given = {option for option in checked & self.defaults.keys() if group.get(option)}
        if {"fused", "foreach"} <= given:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        if {"fused", "differentiable"} <= given:
            raise RuntimeError("`fused` does not support `differentiable`")
        for option in self._unsupported:
            if option in given:
                raise NotImplementedError(
                    f"{type(self).__name__}: {option}=True is not supported, leave it out"
                )

    def _workspace(self, array: np.ndarray) -> Work:
        """Return uninitialised arrays like `array`, for the temporaries of one update.

        They are kept for each shape and dtype, so that a step allocates nothing.
        """
        key = array.shape, array.dtype
        work = self._scratch.get(key)
        if work is None:
            work = self._scratch[key] = Work(array)
        return work


def check_lr(lr: float | Tensor, complaint: str = "Invalid learning rate: ") -> None:
    """Raise ValueError unless `lr` is at least 0, and has one element if it is a Tensor."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, not of shape {tuple(lr.shape)}")
    if not lr >= 0.0:  # NaN is invalid, too
        raise ValueError(f"{complaint}{lr} (it must be at least 0)")


def check_not_negative(what: str, value: Any) -> None:
    """Raise ValueError unless `value` is at least 0; NaN isn't."""
    if not value >= 0.0:
        raise ValueError(f"Invalid {what}: {value} (it must be at least 0)")


def check_betas(betas: Any) -> None:
    """Raise ValueError unless both betas are in [0, 1)."""
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta} (it must be in [0, 1))")


def _split_names(params: Any) -> tuple[list[Tensor], list[str]]:
    """Split a group's `params` into a list of Tensors and a list of names, empty without names."""
    if isinstance(params, Tensor):
        return [params], []
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will change between runs. Please use a list instead."
        )
    entries = list(params)
    names = [entry[0] for entry in entries if isinstance(entry, tuple)]
    if names and len(names) != len(entries):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    return [entry[1] for entry in entries] if names else entries, names


def _check_param(param: Any, differentiable: bool) -> None:
    if not isinstance(param, Tensor):
        kind = type(param).__name__
        raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {kind}")
    if not (differentiable or param.is_leaf or param.retains_grad):
        raise ValueError(
            "can't optimize a non-leaf Tensor: it is the result of an operation. detach() it, or "
            "optimize the leaves it was computed from"
        )


def _require_shape(written: Tensor, read: Tensor, which: str, broadcasts: bool) -> None:
    """RuntimeError, as PyTorch words it, unless two shapes are equal.

    If `broadcasts`, the second may broadcast to the first.
    """
    a, b = written._array.shape, read._array.shape
    require_broadcastable(a, b, which)
    common = np.broadcast_shapes(a, b)
    if a != common or (b != common and not broadcasts):
        smaller = a if a != common else b
        raise RuntimeError(
            f"output with shape {list(smaller)} doesn't match the broadcast shape {list(common)} "
            f"(of {which})"
        ) from None


def _converted(value: Any, param: Tensor, key: str | None = None) -> Any:
    """Return loaded state in the dtype of `param`, except for the step count."""
    if isinstance(value, Tensor):
        keep = key == "step" or not param.is_floating_point()
        return value if keep else value.to(param.dtype)
    if isinstance(value, dict):
        return {k: _converted(v, param, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_converted(v, param) for v in value)
    return value
