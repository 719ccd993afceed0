"""RMSprop: steps divided by the root of the average squared gradient."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.tensor import Tensor
from .arithmetic import Array, Work, add_quotient, add_scaled, gather_squares, interpolate
from .optimizer import Group, ParamsT, check_lr, check_not_negative
from .per_parameter import PerParameter, rooted, zeros


class RMSprop(PerParameter):
    """RMSprop: Hinton, "Neural Networks for Machine Learning", lecture 6 (2012).

    For a parameter p with gradient g (-g if `maximize`):

        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        a = alpha * a + (1 - alpha) * g                      (only if centered)
        s = sqrt(v - a**2) + eps  if centered  else  sqrt(v) + eps
        b = momentum * b + g / s                             (b = g / s without momentum)
        p = p - lr * b

    `lr` may be a Tensor with one element. `foreach` has no effect. Raises ValueError for a negative
    option; NotImplementedError for true `capturable` and `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.RMSprop([w], lr=0.25, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([ 0.5000, -1.5000])
    """

    _added_options: ClassVar = {
        "momentum": 0,
        "centered": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative("epsilon value", eps)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        buffer = ("momentum_buffer",) if group["momentum"] > 0 else ()
        average = ("grad_avg",) if group["centered"] else ()
        return zeros(param, "square_avg", *buffer, *average)

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        lr, alpha, eps = self._rate(group), float(group["alpha"]), float(group["eps"])
        v = state["square_avg"]
        gather_squares(v, g, alpha, work.second)
        if group["centered"]:
            average = state["grad_avg"]
            interpolate(average, g, 1 - alpha, work.second)
            v = np.subtract(v, np.multiply(average, average, out=work.second), out=work.second)
        root = rooted(v, eps, work.second)
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer *= float(group["momentum"])
            add_quotient(buffer, g, root, 1.0, work.first)
            add_scaled(p, buffer, -lr, p, work)
        else:
            add_quotient(p, g, root, -lr, work.first)
