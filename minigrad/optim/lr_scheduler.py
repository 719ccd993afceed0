"""Schedulers: they change the learning rate of every parameter group, epoch by epoch.

As in PyTorch, each computes the next learning rate from the current one, so that schedulers can be
chained and the rate changed by hand in between. The order of operations is PyTorch's, so that the
rates are equal bit for bit.
"""

from __future__ import annotations

import functools
import math
import warnings
import weakref
from typing import Any, TypeAlias

from ..api.tensor import Tensor
from .optimizer import Optimizer

Rate: TypeAlias = float | Tensor


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
                group.setdefault("initial_lr", _copy(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0: load the optimizer's state first, or start "
                    "from the beginning with last_epoch=-1"
                )
        self.base_lrs: list[Rate] = _values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._step_count = 0
        _watch_steps(optimizer)
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
            warnings.warn(
                "The epoch parameter in `scheduler.step()` was not necessary and is being "
                "deprecated where possible. Please use `scheduler.step()` to step the scheduler.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
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
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(float(rate))
            else:
                group["lr"] = rate
        self._last_lr: list[Rate] = _values(self.optimizer, "lr")

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


class StepLR(LRScheduler):
    """Multiply the learning rate by `gamma` every `step_size` epochs.

    >>> opt = optim.SGD([nn.Parameter(minigrad.zeros(2))], lr=1.0)
    >>> scheduler = optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_if_called_directly()
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return _values(self.optimizer, "lr")
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        decay = self.gamma ** (self.last_epoch // self.step_size)
        return [base_lr * decay for base_lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Multiply the learning rate by `gamma` every epoch.

    >>> opt = optim.SGD([nn.Parameter(minigrad.zeros(2))], lr=1.0)
    >>> scheduler = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_if_called_directly()
        if self._is_initial:
            return _values(self.optimizer, "lr")
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        return [base_lr * self.gamma**self.last_epoch for base_lr in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """Lower the learning rate to `eta_min` along a cosine over `T_max` epochs, then raise it again.

    At epoch t the rate is `eta_min + (base_lr - eta_min) * (1 + cos(pi * t / T_max)) / 2`:
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016), without
    restarts. `get_lr` multiplies the previous rate by the quotient of two such cosines.

    >>> opt = optim.SGD([nn.Parameter(minigrad.zeros(2))], lr=1.0)
    >>> scheduler = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=4)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_if_called_directly()
        groups = self.optimizer.param_groups
        if self._is_initial:
            return _values(self.optimizer, "lr")
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The previous epoch was a minimum, where the quotient below would divide by zero.
            rise = 1 - math.cos(math.pi / self.T_max)
            return [
                group["lr"] + (base_lr - self.eta_min) * rise / 2
                for base_lr, group in zip(self.base_lrs, groups, strict=True)
            ]
        quotient = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / (
            1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        )
        return [quotient * (group["lr"] - self.eta_min) + self.eta_min for group in groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base_lr - self.eta_min) * height / 2 for base_lr in self.base_lrs]


def _copy(value: Any) -> Any:
    """Copy a Tensor, which `step` changes in place; return a number as it is."""
    return value.clone() if isinstance(value, Tensor) else value


def _values(optimizer: Optimizer, option: str) -> list[Any]:
    """Return the `option` of each parameter group, copied."""
    return [_copy(group[option]) for group in optimizer.param_groups]


def _watch_steps(optimizer: Optimizer) -> None:
    """Wrap `optimizer.step` so that it sets `_opt_called`."""
    if hasattr(optimizer.step, "_watched"):
        return
    method: Any = optimizer.step
    step = method.__func__
    # A strong reference would be a cycle: the optimiser holds the wrapper.
    reference = weakref.ref(optimizer)

    @functools.wraps(step)
    def watched(*args: Any, **kwargs: Any) -> Any:
        self: Any = reference()
        self._opt_called = True
        return step(self, *args, **kwargs)

    vars(watched)["_watched"] = True
    vars(optimizer)["step"] = watched
