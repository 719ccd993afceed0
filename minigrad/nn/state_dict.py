"""The state of a tree of modules: its parameters and buffers by dotted names, to save and load.

Hooks can change the dictionary that is saved, and the one that is loaded.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..api.tensor import Tensor
from ..autograd import no_grad
from ..core.hooks import RemovableHandle
from ..core.warning import warn
from .parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from .module import Module

_EXTRA_STATE = "_extra_state"  # the key of the result of a module's `get_extra_state`
_ASSIGN = "assign_to_params_buffers"

Hooks = dict[int, Callable[..., Any]]


class _IncompatibleKeys(NamedTuple):
    """The result of `Module.load_state_dict`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        missing, unexpected = self
        return f"{type(self).__name__}(missing_keys={missing}, unexpected_keys={unexpected})"


class Stateful:
    """The part of a module that saves and loads its state."""

    _version: int | None = 1  # of what a class saves
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _state_dict_pre_hooks: Hooks
    _state_dict_hooks: Hooks
    _load_state_dict_pre_hooks: Hooks
    _load_state_dict_post_hooks: Hooks

    def __init__(self) -> None:
        self.__dict__.update(
            _state_dict_pre_hooks={},
            _state_dict_hooks={},
            _load_state_dict_pre_hooks={},
            _load_state_dict_post_hooks={},
        )

    # Saving ---------------------------------------------------------------------------------------

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Return an OrderedDict of every parameter and persistent buffer by its dotted name.

        The Tensors are detached and share the module's memory; with `keep_vars` they are the
        parameters themselves. `destination`, if given, is filled and returned. Its attribute
        `_metadata` has the version of each module's class.

        The result of `get_extra_state()`, if a class defines that, is saved as `_extra_state`.

        >>> list(nn.Linear(2, 3).state_dict(prefix="layer."))
        ['layer.weight', 'layer.bias']
        """
        if args:
            warn("Positional args are being deprecated, use kwargs instead.", FutureWarning)
            given = (destination, prefix, keep_vars)
            destination, prefix, keep_vars = (*args, *given[len(args) :])[:3]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata: dict[str, Any] = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            returned = hook(self, destination, prefix, metadata)
            if getattr(hook, "_from_public_api", False):
                if returned is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif returned is not None:
                destination = returned
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state into `destination`. Subclasses may override it."""
        for name, tensor in self._persistent_members():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def get_extra_state(self) -> Any:
        """Return what else is to be saved: a subclass may define it, with `set_extra_state`.

        RuntimeError in a class without.
        """
        raise RuntimeError(f"{type(self).__name__} has no extra state")

    def _persistent_members(self) -> Iterator[tuple[str, Tensor]]:
        """Iterate over this module's own parameters and persistent buffers."""
        for name, param in self._parameters.items():
            if param is not None:
                yield name, param
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                yield name, buffer

    # Loading --------------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the Tensors of `state_dict` into the parameters and buffers of the same names.

        `assign` replaces the parameters and buffers instead and keeps the loaded dtypes; a loaded
        parameter has the `requires_grad` of the one that it replaces.

        Returns the missing and the unexpected names. Raises RuntimeError for any of these if
        `strict`, and always for a Tensor of another shape. As in PyTorch, the Tensors that match
        are loaded nevertheless.

        >>> layer = nn.Linear(2, 1)
        >>> layer.load_state_dict({"weight": minigrad.ones(1, 2), "bias": minigrad.zeros(1)})
        <All keys matched successfully>
        >>> layer.load_state_dict({"weight": minigrad.zeros(1, 2), "b": 0}, strict=False)
        _IncompatibleKeys(missing_keys=['bias'], unexpected_keys=['b'])
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        keys = _IncompatibleKeys([], [])
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None) or {}
        self._load(OrderedDict(state_dict), "", metadata, assign, keys, errors)
        if strict:
            for what, names in (
                ("Unexpected", keys.unexpected_keys),
                ("Missing", keys.missing_keys),
            ):
                if names:
                    listed = ", ".join(f'"{name}"' for name in names)
                    errors.insert(0, f"{what} key(s) in state_dict: {listed}. ")
        if errors:
            name = type(self).__name__
            raise RuntimeError(
                "\n\t".join([f"Error(s) in loading state_dict for {name}:", *errors])
            )
        return keys

    def _load(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        metadata: dict[str, Any],
        assign: bool,
        keys: _IncompatibleKeys,
        errors: list[str],
    ) -> None:
        """Load `state_dict`, whose keys all start with `prefix`, into this tree."""
        own = metadata.get(prefix[:-1], {})
        if assign:
            own = {**own, _ASSIGN: True}
        self._load_from_state_dict(state_dict, prefix, own, True, *keys, errors)
        for name, child in self._modules.items():
            if child is not None:
                path = f"{prefix}{name}."
                below = {key: value for key, value in state_dict.items() if key.startswith(path)}
                child._load(below, path, metadata, assign, keys, errors)
        for hook in self._load_state_dict_post_hooks.values():
            if hook(self, keys) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected "
                    "to return new values; change incompatible_keys in place instead"
                )

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own state. Subclasses may override it."""
        for hook in self._load_state_dict_pre_hooks.values():
            arguments = (state_dict, prefix, local_metadata, strict)
            hook(*arguments, missing_keys, unexpected_keys, error_msgs)
        members = dict(self._persistent_members())
        for name, member in members.items():
            key = prefix + name
            if key in state_dict:
                assign = local_metadata.get(_ASSIGN, False)
                error = self._load_member(name, member, key, state_dict[key], assign)
                if error is not None:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        known = set(members)
        if type(self).set_extra_state is not Stateful.set_extra_state:
            known.add(_EXTRA_STATE)
            if prefix + _EXTRA_STATE in state_dict:
                self.set_extra_state(state_dict[prefix + _EXTRA_STATE])
            elif strict:
                missing_keys.append(prefix + _EXTRA_STATE)
        for key in state_dict if strict else ():
            name, dot, _ = key.removeprefix(prefix).partition(".")
            if key.startswith(prefix) and name not in (self._modules if dot else known):
                unexpected_keys.append(key)

    def set_extra_state(self, state: Any) -> None:
        """Load what `get_extra_state` returned. RuntimeError in a class that doesn't define it."""
        raise RuntimeError(f"{type(self).__name__} has no extra state")

    def _load_member(
        self, name: str, member: Tensor, key: str, value: Any, assign: bool
    ) -> str | None:
        """Load `value` into (or as) a parameter or buffer. Returns an error message or None."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(value)}"
            )
        if member.dim() == 0 and tuple(value.shape) == (1,):
            value = value[0]  # the format of scalars before PyTorch had 0-d tensors
        if value.shape != member.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from "
                f"checkpoint, the shape in current model is {member.shape}."
            )
        try:
            if not assign:
                with no_grad():
                    member.copy_(value)
                return None
            if isinstance(member, Parameter):
                if not isinstance(value, Parameter):
                    value = Parameter(value, member.requires_grad)
                value.requires_grad_(member.requires_grad)
            setattr(self, name, value)
        except Exception as error:  # reported together with all other errors
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{member.shape} and whose dimensions in the checkpoint are {value.shape}, "
                f"an exception occurred : {error.args}."
            )
        return None

    # Hooks ----------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict`. Returns a handle.

        >>> layer = nn.Linear(1, 1)
        >>> with layer.register_state_dict_pre_hook(lambda *arguments: print(*arguments)):
        ...     _ = layer.state_dict(prefix="a.")
        Linear(in_features=1, out_features=1, bias=True) a. False
        """
        return _registered(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict`.

        The hook may change `state_dict` in place. Returns a handle. `state_dict` raises
        RuntimeError if the hook returns anything.

        >>> layer = nn.Linear(1, 1)
        >>> def forget(module, state_dict, prefix, local_metadata):
        ...     del state_dict[prefix + "bias"]
        >>> _ = layer.register_state_dict_post_hook(forget)
        >>> list(layer.state_dict())
        ['weight']
        """
        hook._from_public_api = True  # type: ignore[attr-defined]
        return _registered(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As `register_state_dict_post_hook`, but a result replaces the dictionary."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously "
                "registered via register_state_dict_post_hook"
            )
        return _registered(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook before the module's own state is loaded. Returns a handle.

        The call is `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`. The hook may change `state_dict` in place.

        >>> layer = nn.Linear(1, 1)
        >>> def rename(module, state_dict, prefix, *rest):
        ...     state_dict[prefix + "bias"] = state_dict.pop(prefix + "b")
        >>> _ = layer.register_load_state_dict_pre_hook(rename)
        >>> layer.load_state_dict({"weight": minigrad.ones(1, 1), "b": minigrad.ones(1)})
        <All keys matched successfully>
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """As `register_load_state_dict_pre_hook`; without the module by default."""
        return _registered(
            self._load_state_dict_pre_hooks, _WithModule(self, hook) if with_module else hook
        )

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after the module's tree was loaded.

        The hook may change the lists in `incompatible_keys`, so that `load_state_dict` doesn't
        raise. Returns a handle.

        >>> layer = nn.Linear(1, 1)
        >>> forget = lambda module, keys: keys.missing_keys.clear()
        >>> _ = layer.register_load_state_dict_post_hook(forget)
        >>> layer.load_state_dict({})
        <All keys matched successfully>
        """
        return _registered(self._load_state_dict_post_hooks, hook)


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Remove a prefix from the keys of a state dict that have it, in place.

    `DistributedDataParallel` and `DataParallel` put `module.` before the names of their module.

    >>> from minigrad.nn.modules.utils import consume_prefix_in_state_dict_if_present
    >>> state = {"module.weight": 1, "bias": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'bias': 2, 'weight': 1}
    """
    for names in (state_dict, getattr(state_dict, "_metadata", {})):
        for name in [*names]:
            if name.startswith(prefix):
                names[name.removeprefix(prefix)] = names.pop(name)
            elif names is not state_dict and name == prefix.removesuffix("."):
                names[""] = names.pop(name)


class _WithModule:
    """A hook that gets the module that has it, too. A copy of the module has one with the copy."""

    def __init__(self, module: Any, hook: Callable[..., Any]) -> None:
        self.module = weakref.ref(module)  # a reference would keep the module alive
        self.hook = hook

    def __call__(self, *arguments: Any) -> Any:
        return self.hook(self._living(), *arguments)

    def __getstate__(self) -> Any:
        return self._living(), self.hook

    def _living(self) -> Any:
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return module

    def __setstate__(self, state: Any) -> None:
        self.module, self.hook = weakref.ref(state[0]), state[1]


def _registered(hooks: Hooks, hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
