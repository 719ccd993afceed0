"""ASGD: gradient descent that also averages the parameters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.creation import tensor
from ..api.tensor import Tensor
from .arithmetic import Array, Work, add_scaled, number
from .optimizer import Group, ParamsT, check_lr, check_not_negative
from .per_parameter import PerParameter, zeros


class ASGD(PerParameter):
    """ASGD: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging" (1992).

    For a parameter p with gradient g (-g if `maximize`), at its t-th step, where eta starts at `lr`
    and mu at 1:

        g = g + weight_decay * p
        p = (1 - lambd * eta) * p - eta * g
        a = a + mu * (p - a)
        eta = lr / (1 + lambd * lr * t)**alpha
        mu = 1 / max(1, t - t0)

    The average a is `state[p]["ax"]`. `lr` may be a Tensor with one element. `foreach` has no
    effect. Raises ValueError for a negative `lr` or `weight_decay`; NotImplementedError for true
    `capturable` and `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.ASGD([w], lr=0.25, lambd=0.0)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([ 0.5000, -1.0000])
    """

    _scalars = ("step", "eta", "mu")
    _added_options: ClassVar = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        eta = tensor(number(group["lr"]))
        return {"eta": eta, "mu": tensor(1.0), **zeros(param, "ax")}

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        lr, lambd = self._rate(group), group["lambd"]
        eta, mu = state["eta"].item(), state["mu"].item()
        p *= 1 - lambd * eta
        add_scaled(p, g, -eta, p, work)
        if mu == 1:
            state["ax"][...] = p
        else:
            way = np.subtract(p, state["ax"], out=work.first)
            way *= mu
            state["ax"] += way
        # Rounded to the default dtype first, as in PyTorch.
        state["eta"][...] = tensor(lr / (1 + lambd * lr * t) ** group["alpha"])._array
        state["mu"][...] = tensor(1 / max(1, t - group["t0"]))._array
