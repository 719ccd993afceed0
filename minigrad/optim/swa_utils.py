"""Averages of a model's parameters over a training (SWA and EMA), and the schedule for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from .. import nn
from ..api.creation import tensor
from ..api.tensor import Tensor
from ..autograd import no_grad
from .lr_scheduler.base import LRScheduler, Rate, per_group
from .optimizer import Optimizer

AvgFn = Callable[[Tensor, Tensor, Any], Tensor]
MultiAvgFn = Callable[[list[Tensor], list[Tensor], Any], None]


def get_swa_avg_fn() -> AvgFn:
    """Return the function of (average, parameter, n) that averages n + 1 parameters equally."""

    @no_grad()
    def swa_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return averaged + (current - averaged) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> AvgFn:
    """Return the function of (average, parameter, n) that makes an exponential moving average.

    Raises ValueError for a `decay` outside [0, 1].
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_multi_avg_fn() -> MultiAvgFn:
    """Return `get_swa_avg_fn` for lists of parameters, which writes into the averages."""

    @no_grad()
    def swa_update(averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        for average, value in zip(averaged, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, float(1 / (num_averaged + 1)))
            else:
                average.add_((value - average) / (num_averaged + 1))

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAvgFn:
    """Return `get_ema_avg_fn` for lists of parameters, which writes into the averages.

    Raises ValueError for a `decay` outside [0, 1].
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        for average, value in zip(averaged, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(average * decay + value * (1 - decay))

    return ema_update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1].")


class AveragedModel(nn.Module):
    """A copy of a model whose parameters are averages of those of `model`.

    `update_parameters` averages them with the current ones: equally, or by `avg_fn(average,
    parameter, n)`, which returns the new average, or by `multi_avg_fn` of lists of them, which
    writes into it. With `use_buffers` the buffers are averaged, too; otherwise they are copied.

    Raises AssertionError for both functions.

    >>> net = nn.Linear(1, 1)
    >>> mean = optim.swa_utils.AveragedModel(net)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = net.weight.data.fill_(value)
    ...     mean.update_parameters(net)
    >>> mean.module.weight.item(), mean.n_averaged
    (3.0, tensor(3))
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: nn.Module,
        device: Any = None,
        avg_fn: AvgFn | None = None,
        multi_avg_fn: MultiAvgFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: nn.Module) -> None:
        """Average with the parameters of `model`; the first time, copy them."""
        pairs = list(zip(self._averaged(self.module), self._averaged(model), strict=False))
        if self.n_averaged == 0:
            for average, value in pairs:
                average.copy_(value)
        elif self.multi_avg_fn is not None:
            for dtype in dict.fromkeys(average.dtype for average, _ in pairs):
                alike = [pair for pair in pairs if pair[0].dtype == dtype]
                averages, values = map(list, zip(*alike, strict=True))
                self.multi_avg_fn(averages, values, self.n_averaged)
        else:
            avg_fn = self.avg_fn or get_swa_avg_fn()
            for average, value in pairs:
                average.copy_(avg_fn(average, value, self.n_averaged))
        if not self.use_buffers:
            for buffer, value in zip(self.module.buffers(), model.buffers(), strict=True):
                buffer.detach().copy_(value.detach())
        self.n_averaged += 1

    def _averaged(self, module: nn.Module) -> Iterable[Tensor]:
        """Return what is averaged of a module, detached: views that share the memory."""
        found = module.parameters()
        return [x.detach() for x in (chain(found, module.buffers()) if self.use_buffers else found)]


@no_grad()
def update_bn(loader: Iterable[Any], model: nn.Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalisations from the batches of a loader.

    A batch is a Tensor, or a list or tuple that starts with the inputs. For a model whose
    parameters have been averaged, because nobody has seen its activations before.
    """
    momenta = {}
    for module in model.modules():
        if isinstance(module, _batch_norms()):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    for batch in loader:
        inputs = batch[0] if isinstance(batch, list | tuple) else batch
        model(inputs if device is None else inputs.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


def _batch_norms() -> tuple[Any, ...]:
    names = "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"
    return tuple(getattr(nn, name) for name in names if hasattr(nn, name))


class SWALR(LRScheduler):
    """Bring the learning rate to `swa_lr` over `anneal_epochs` epochs, and keep it there.

    It follows a cosine (`anneal_strategy="cos"`) or a line ("linear"). `swa_lr` may be a list with
    one rate for each parameter group. Raises ValueError for another strategy, a list of another
    length, and `anneal_epochs` that isn't an integer of at least 0.

    >>> opt = optim.SGD([nn.Parameter(minigrad.zeros(2))], lr=1.0)
    >>> scheduler = optim.swa_utils.SWALR(opt, 0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = per_group("swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_if_called_directly()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            start = _start(group["lr"], group["swa_lr"], before)
            rates.append(group["swa_lr"] * now + start * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """Return the share of `swa_lr` in the rate after some steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2


def _start(rate: Rate, swa_lr: Rate, share: float) -> Rate:
    """Return the rate at the start, from the rate where `swa_lr` has a share."""
    return swa_lr if share == 1 else (rate - share * swa_lr) / (1 - share)
