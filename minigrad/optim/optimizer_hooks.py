"""Hooks of optimisers: functions called before and after `step`, `state_dict` and loading.

A class's `step` is replaced by one that calls hooks when the first step hook is registered. Until
then, a step costs nothing more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.hooks import RemovableHandle

Hooks = dict[int, Callable[..., Any]]

TABLES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)
of_all_before: Hooks = {}
of_all_after: Hooks = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call a hook, as `Optimizer.register_step_pre_hook` does, before the steps of all optimisers.

    >>> from minigrad.optim.optimizer import register_optimizer_step_pre_hook
    >>> opt = optim.SGD([nn.Parameter(minigrad.ones(2))], lr=0.1)
    >>> with register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: print("before")):
    ...     opt.step()
    before
    """
    Hookable.hook_steps()
    return _registered(of_all_before, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call a hook, as `Optimizer.register_step_post_hook` does, after the steps of all optimisers.

    >>> from minigrad.optim.optimizer import register_optimizer_step_post_hook
    >>> opt = optim.SGD([nn.Parameter(minigrad.ones(2))], lr=0.1)
    >>> with register_optimizer_step_post_hook(lambda optimizer, args, kwargs: print("after")):
    ...     opt.step()
    after
    """
    Hookable.hook_steps()
    return _registered(of_all_after, hook)


class Hookable:
    """The part of an optimiser that has hooks."""

    _classes: list[type[Hookable]] = []  # noqa: RUF012 (all subclasses)
    _steps_are_hooked = False

    _optimizer_step_pre_hooks: Hooks
    _optimizer_step_post_hooks: Hooks
    _optimizer_state_dict_pre_hooks: Hooks
    _optimizer_state_dict_post_hooks: Hooks
    _optimizer_load_state_dict_pre_hooks: Hooks
    _optimizer_load_state_dict_post_hooks: Hooks

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Hookable._classes.append(cls)
        if Hookable._steps_are_hooked:
            _hook_step(cls)

    @staticmethod
    def hook_steps() -> None:
        """Let all optimisers call step hooks from now on."""
        if not Hookable._steps_are_hooked:
            Hookable._steps_are_hooked = True
            for cls in Hookable._classes:
                _hook_step(cls)

    def clear_hooks(self) -> None:
        """Start without hooks, as a new optimiser or a copy."""
        for table in TABLES:
            self.__dict__[table] = {}

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each `step`. Returns a handle to remove it.

        `args` starts with the optimiser. The result may be a pair of other `args` and `kwargs`;
        `step` raises RuntimeError for anything else but None.

        >>> opt = optim.SGD([nn.Parameter(minigrad.ones(2))], lr=0.1)
        >>> with opt.register_step_pre_hook(lambda optimizer, args, kwargs: print("before")):
        ...     opt.step()
        before
        """
        Hookable.hook_steps()
        return _registered(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each `step`. Returns a handle to remove it."""
        Hookable.hook_steps()
        return _registered(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before each `state_dict`. Returns a handle to remove it."""
        return _registered(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after each `state_dict`.

        The hook may change the dictionary or return another. Returns a handle to remove it.

        >>> opt = optim.SGD([nn.Parameter(minigrad.ones(2))], lr=0.1)
        >>> _ = opt.register_state_dict_post_hook(lambda optimizer, state: {**state, "note": 1})
        >>> list(opt.state_dict())
        ['state', 'param_groups', 'note']
        """
        return _registered(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before a state is loaded; it may return another.

        The hook gets a shallow copy of the dictionary. Returns a handle to remove it.
        """
        return _registered(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after a state was loaded. Returns a handle to remove it."""
        return _registered(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _registered(hooks: Hooks, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    before = {} if not prepend else dict(hooks)
    if prepend:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(before)
    return handle


def _hook_step(cls: Any) -> None:
    """Replace a class's own `step` by one that calls the hooks."""
    step = vars(cls).get("step")
    if step is None or hasattr(step, "hooked"):
        return

    @functools.wraps(step)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        for hook in [*of_all_before.values(), *self._optimizer_step_pre_hooks.values()]:
            returned = hook(self, args, kwargs)
            if returned is None:
                continue
            if not (isinstance(returned, tuple) and len(returned) == 2):
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                    f"{returned}."
                )
            args, kwargs = returned
        result = step(*args, **kwargs)
        for hook in [*self._optimizer_step_post_hooks.values(), *of_all_after.values()]:
            hook(self, args, kwargs)
        return result

    vars(hooked)["hooked"] = True
    cls.step = hooked
