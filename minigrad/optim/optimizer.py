"""Optimizer: what every optimiser shares, which is all but the update itself.

It keeps the parameters in groups, each with its own hyperparameters, and a dictionary of state per
parameter; it loads and saves both in PyTorch's format; and its `step` walks over the parameters
that have a gradient and hands them, group by group, to the `_update` of the subclass.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np

from ..api.tensor import Tensor
from ..autograd import enable_grad
from ..core.errstate import quiet
from ..core.versions import count_write

Group: TypeAlias = dict[str, Any]
ParamsT: TypeAlias = Iterable[Tensor] | Iterable[Group] | Iterable[tuple[str, Tensor]]

# PyTorch's options on how an update is carried out. `foreach`, which is not here, only batches
# kernel launches and changes no result, so that any value of it is accepted.
_UNSUPPORTED = ("fused", "differentiable", "capturable")


class Optimizer:
    """The base of every optimiser; subclasses say how one group of parameters is updated.

    `params` is an iterable of Tensors, of (name, Tensor) pairs such as `named_parameters()` gives,
    or of dictionaries (parameter groups) whose `"params"` is such an iterable and whose other
    entries override `defaults` for that group. The order matters: `state_dict` numbers the
    parameters by it.

    Raises TypeError for a bare Tensor, a set, or something that is not a Tensor; ValueError for an
    empty list, a Tensor that is not a leaf, or a parameter in two groups; NotImplementedError for
    the options `fused`, `differentiable` and `capturable` when they are true.

    >>> w = nn.Parameter(minigrad.tensor([1.0, 2.0]))
    >>> opt = optim.SGD([{"params": [w], "lr": 0.5}], lr=0.1)
    >>> w.sum().backward()
    >>> opt.step()
    >>> w.tolist()
    [0.5, 1.5]
    """

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type(params).__name__}; for one Tensor, pass [tensor]"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._scratch: dict[Any, tuple[np.ndarray, np.ndarray]] = {}

        entries: list[Any] = list(params)
        if not entries:
            raise ValueError("optimizer got an empty parameter list")
        groups = entries if isinstance(entries[0], dict) else [{"params": entries}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group, `{"params": …, option: value, …}`, to be optimised with the rest.

        Options that the group leaves out come from the optimiser's defaults.

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
            if not isinstance(param, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(param).__name__}"
                )
            if not (param.is_leaf or param.retains_grad):
                raise ValueError(
                    "can't optimize a non-leaf Tensor: it is the result of an operation; "
                    "detach() it, or optimize what it was computed from"
                )
        for option, default in self.defaults.items():
            param_group.setdefault(option, default)
        self._refuse_unsupported(param_group)

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
        if not present.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        if len(set(params)) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters: "
                "each is updated once for every time it is listed",
                stacklevel=3,
            )
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter (`.grad = None`), or fill it with zeros.

        The two differ at the next step: a parameter without a gradient is left alone, one whose
        gradient is zero is still moved by its momentum and its weight decay.

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
            for param in group["params"]:
                if set_to_none:
                    param._grad = None
                elif param.grad is not None:
                    param.grad.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. Returns what `closure` returned, or None.

        `closure`, if given, is called first, with gradients recorded: it is to clear the gradients,
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
            pairs = [(p, p._grad) for p in group["params"] if p._grad is not None]
            # A diverging run overflows without a word in PyTorch, and so it does here.
            quiet.within(self._update, group, pairs)
        return loss

    def _update(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        """Move parameters, given with their gradients, by the hyperparameters in `group`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a step is taken")

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state and hyperparameters, with parameters numbered in their order.

        `{"state": {0: {...}, ...}, "param_groups": [{..., "params": [0, ...]}, ...]}`, as
        PyTorch's. The Tensors in it are the optimiser's own, not copies.

        >>> w = nn.Parameter(minigrad.ones(2))
        >>> opt = optim.SGD([w], lr=0.1, momentum=0.9)
        >>> w.sum().backward()
        >>> opt.step()
        >>> opt.state_dict()["state"]
        {0: {'momentum_buffer': tensor([1., 1.])}}
        """
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
        return {"state": state, "param_groups": packed_groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state and the hyperparameters of a `state_dict`.

        State is matched by the parameters' order and converted to their dtypes. As in PyTorch, a
        Tensor that has the right dtype already is taken as it is: to let two optimisers go separate
        ways from one `state_dict`, pass each a `copy.deepcopy` of it.

        Raises ValueError if the groups or their sizes differ from this optimiser's.

        >>> w, v = nn.Parameter(minigrad.ones(2)), nn.Parameter(minigrad.ones(2))
        >>> first, second = optim.Adam([w], lr=0.5), optim.Adam([v])
        >>> second.load_state_dict(first.state_dict())
        >>> second.param_groups[0]["lr"]
        0.5
        """
        saved_groups: list[Group] = deepcopy(state_dict["param_groups"])
        if len(saved_groups) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved_groups)}, where the optimizer has {len(self.param_groups)}"
            )
        param_of: dict[Any, Tensor] = {}
        for i, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            if len(saved["params"]) != len(group["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group: group {i} has {len(saved['params'])} parameters, "
                    f"where the optimizer's has {len(group['params'])}"
                )
            self._refuse_unsupported(saved)
            param_of.update(zip(saved["params"], group["params"], strict=True))

        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = _adopt(value, param_of[key])
            else:
                state[key] = value
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
            # An older PyTorch did not write every option yet.
            for option, default in self.defaults.items():
                saved.setdefault(option, default)
        self.state = state
        self.param_groups = saved_groups

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            options = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            text += f"\nParameter Group {i}\n{''.join(options)}"
        return text + ")"

    def __getstate__(self) -> dict[str, Any]:
        # Neither the scratch arrays nor what a scheduler hung on this object belongs to a copy of
        # it.
        return {name: getattr(self, name) for name in ("defaults", "state", "param_groups")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._scratch = {}

    def _refuse_unsupported(self, group: Group) -> None:
        for option in _UNSUPPORTED:
            if group.get(option):
                raise NotImplementedError(
                    f"{type(self).__name__}: {option}=True is not supported, leave it out"
                )

    def _workspace(self, array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two arrays like `array`, their contents undefined, for the temporaries of one update.

        They are kept, one pair for each shape and dtype, so that a step allocates nothing.
        """
        key = array.shape, array.dtype
        pair = self._scratch.get(key)
        if pair is None:
            pair = self._scratch[key] = np.empty_like(array), np.empty_like(array)
        return pair


def writable(tensor: Tensor) -> np.ndarray:
    """The array of `tensor`, which the caller is about to write into.

    The version counter moves, as for any in-place operation, so that a graph which saved the tensor
    notices.
    """
    count_write(tensor._counter)
    return tensor._array


def decayed(
    g: np.ndarray, p: np.ndarray, weight_decay: float, maximize: bool, out: np.ndarray
) -> np.ndarray:
    """`g + weight_decay * p`, with -g for g to maximise: in `out`, or g itself if that is all."""
    if weight_decay != 0:
        np.multiply(p, weight_decay, out=out)
        return (np.subtract if maximize else np.add)(out, g, out=out)
    return np.negative(g, out=out) if maximize else g


def check_lr(lr: float | Tensor) -> None:
    """Raise ValueError unless `lr` is a number, or a Tensor of one number, that is at least 0."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, not of shape {tuple(lr.shape)}")
    if not lr >= 0.0:  # so that NaN is refused too
        raise ValueError(f"Invalid learning rate: {lr} (it must be at least 0)")


def _split_names(params: Any) -> tuple[list[Tensor], list[str]]:
    """A group's `params` as a list of Tensors and a list of names, empty if they have none."""
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


def _adopt(value: Any, param: Tensor, key: str | None = None) -> Any:
    """A loaded piece of state as the state of `param`: in its dtype, all but the count of steps."""
    if isinstance(value, Tensor):
        keep = key == "step" or not param.is_floating_point()
        return value if keep else value.to(param.dtype)
    if isinstance(value, dict):
        return {k: _adopt(v, param, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_adopt(v, param) for v in value)
    return value
