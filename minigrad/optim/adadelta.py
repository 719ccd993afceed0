"""Adadelta: steps whose size is learned from the steps before."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.tensor import Tensor
from .arithmetic import Array, Work, add_scaled, gather_squares
from .optimizer import Group, ParamsT, check_lr, check_not_negative
from .per_parameter import PerParameter, zeros


class Adadelta(PerParameter):
    """Adadelta: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012).

    For a parameter p with gradient g (-g if `maximize`):

        g = g + weight_decay * p
        v = rho * v + (1 - rho) * g**2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d**2
        p = p - lr * d

    `lr` may be a Tensor with one element. `foreach` has no effect. Raises ValueError for a negative
    option and a `rho` above 1; NotImplementedError for true `capturable` and `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.Adadelta([w], lr=100.0)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([ 0.6838, -1.6838])
    """

    _added_options: ClassVar = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho} (it must be in [0, 1])")
        check_not_negative("epsilon value", eps)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        return zeros(param, "square_avg", "acc_delta")

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        rho, eps = float(group["rho"]), float(group["eps"])
        gather_squares(state["square_avg"], g, rho, work.second)
        root = np.add(state["square_avg"], eps, out=work.second)
        np.sqrt(root, out=root)
        step = np.add(state["acc_delta"], eps, out=work.third)
        np.sqrt(step, out=step)
        step /= root
        step *= g
        gather_squares(state["acc_delta"], step, rho, work.second)
        add_scaled(p, step, -self._rate(group), p, work)
