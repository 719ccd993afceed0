"""Adamax: Adam with the largest gradient in place of the root of the average square."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.tensor import Tensor
from .arithmetic import Array, Work, add_quotient, lerp
from .optimizer import Group, ParamsT, check_betas, check_lr, check_not_negative
from .per_parameter import PerParameter, zeros


class Adamax(PerParameter):
    """Adamax: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014), Algorithm 2.

    For a parameter p with gradient g (-g if `maximize`), at its t-th step:

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1**t) * m / u

    `lr` may be a Tensor with one element. `foreach` has no effect. Raises ValueError for a negative
    option and for a beta outside [0, 1); NotImplementedError for true `capturable` and
    `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.Adamax([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([ 0.7500, -1.7500])
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
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative("epsilon value", eps)
        check_betas(betas)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        return zeros(param, "exp_avg", "exp_inf")

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        m, u = state["exp_avg"], state["exp_inf"]
        lerp(m, g, 1 - beta1, m, work)
        u *= beta2
        size = np.abs(g, out=work.second)
        size += float(group["eps"])
        np.maximum(u, size, out=u)
        add_quotient(p, m, u, -(self._rate(group) / (1 - beta1**t)), work.first)
