"""LRScheduler: the base of the schedulers, which has everything but the schedule."""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from typing import Any, TypeAlias

from ...api.tensor import Tensor
from ..arithmetic import number
from ..optimizer import Group, Optimizer

Rate: TypeAlias = float | Tensor
EPOCH_IS_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler."
)


class LRScheduler:
    """The base of every scheduler; subclasses define `get_lr`, which returns the next rates.

    The constructor stores each group's `"lr"` as its `"initial_lr"`. To resume, load the
    `state_dict`s of the optimiser and of the scheduler. Or pass `last_epoch`; then the groups must
    have an `"initial_lr"` (KeyError if not).

    >>> class Halving(optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [base_lr / 2**self.last_epoch for base_lr in self.base_lrs]
    >>> opt = optim.SGD([nn.Parameter(minigrad.zeros(2))], lr=1.0)
    >>> scheduler = Halving(opt)
    >>> for epoch in range(3):
    ...     opt.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.125]
    """

    # True while `step` runs. Called by a user, `get_lr` would compute one step too many and warns.
    _get_lr_called_within_step = False
    # True while the constructor runs: its step must not change the rates.
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0: load the optimizer's state first, or start "
                    "from the beginning with last_epoch=-1"
                )
        self.base_lrs: list[Rate] = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Make the step that sets the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next epoch. Call it after the optimiser's `step`.

        With `epoch`, which is deprecated, go to that epoch by the schedule's closed form, if it has
        one.
        """
        if self._step_count == 1:
            self._warn_if_out_of_order()
        if epoch is not None:
            warnings.warn(EPOCH_IS_DEPRECATED, UserWarning, stacklevel=2)
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch, or of the given one."""
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = self._get_closed_form_lr()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr: list[Rate] = values_of(self.optimizer, "lr")

    def get_last_lr(self) -> list[Rate]:
        """Return the learning rate of each parameter group after the last `step`."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """Compute the next learning rate of each group. Users call `get_last_lr` instead."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define get_lr")

    def _get_closed_form_lr(self) -> list[Rate]:
        return self.get_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return the scheduler's attributes, except the optimiser, with PyTorch's names."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the result of `state_dict`. The learning rates are in the optimiser's own."""
        vars(self).update(state_dict)

    def _warn_if_out_of_order(self) -> None:
        if not hasattr(self.optimizer.step, "_watched"):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization. Please, make sure to call `optimizer.step()` before "
                "`lr_scheduler.step()`.",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value "
                "of the learning rate schedule is skipped. Call `optimizer.step()` first.",
                UserWarning,
                stacklevel=3,
            )

    def _warn_if_called_directly(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


def copied(value: Any) -> Any:
    """Copy a Tensor, which `step` changes in place; return a number as it is."""
    return value.clone() if isinstance(value, Tensor) else value


def values_of(optimizer: Optimizer, option: str) -> list[Any]:
    """Return the `option` of each parameter group, copied."""
    return [copied(group[option]) for group in optimizer.param_groups]


def set_rate(group: Group, rate: Rate) -> None:
    """Set the learning rate of a parameter group; a Tensor is filled, because users may hold it."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(number(rate))
    else:
        group["lr"] = rate


def per_group(what: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return an option as a list with one entry for each parameter group.

    Raises ValueError for a list of another length.
    """
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        value = [value] * groups
    if len(value) != groups:
        raise ValueError(
            f"{what} must have the same length as optimizer.param_groups. {what} has {len(value)} "
            f"values, param_groups has {groups}."
        )
    return [copied(item) for item in value]


def state_of_function(function: Any) -> dict[str, Any] | None:
    """Return what a state_dict holds of a function: the attributes of an object that is called."""
    return None if isinstance(function, types.FunctionType) else vars(function).copy()


def _watch_steps(optimizer: Optimizer) -> None:
    """Wrap `optimizer.step` so that it sets `_opt_called`."""
    if hasattr(optimizer.step, "_watched"):
        return
    method: Any = optimizer.step
    step = method.__func__
    of_class = step is type(optimizer).step
    # A strong reference would be a cycle: the optimiser holds the wrapper.
    reference = weakref.ref(optimizer)

    @functools.wraps(step)
    def watched(*args: Any, **kwargs: Any) -> Any:
        self: Any = reference()
        self._opt_called = True
        # The class has another `step` once hooks are registered.
        return (type(self).step if of_class else step)(self, *args, **kwargs)

    vars(watched)["_watched"] = True
    vars(optimizer)["step"] = watched
