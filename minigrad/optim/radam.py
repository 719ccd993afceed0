"""RAdam: Adam with a rectified learning rate in its first steps."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.tensor import Tensor
from .arithmetic import Array, Work, gather_squares, interpolate
from .optimizer import Group, ParamsT, check_betas, check_lr, check_not_negative
from .per_parameter import PerParameter, rooted, zeros


class RAdam(PerParameter):
    """RAdam: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2019).

    For a parameter p with gradient g (-g if `maximize`), at its t-th step:

        g = g + weight_decay * p          (or, decoupled:  p = p - lr * weight_decay * p)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = 2 / (1 - beta2) - 1
        r_t = r - 2 * t * beta2**t / (1 - beta2**t)
        p = p - lr * m / (1 - beta1**t) * s

    Here s is 1 while r_t is at most 5, and then

        s = sqrt((r_t - 4) * (r_t - 2) * r / ((r - 4) * (r - 2) * r_t))
            * sqrt(1 - beta2**t) / (sqrt(v) + eps)

    `lr` may be a Tensor with one element. `foreach` has no effect. Raises ValueError for a negative
    option and for a beta outside [0, 1); NotImplementedError for true `capturable` and
    `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.RAdam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([ 0.5000, -1.0000])
    """

    _added_options: ClassVar = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        return zeros(param, "exp_avg", "exp_avg_sq")

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        interpolate(state["exp_avg"], g, 1 - beta1, work.second)
        gather_squares(state["exp_avg_sq"], g, beta2, work.second)

        step = np.divide(state["exp_avg"], 1 - beta1**t, out=work.first)
        step *= self._rate(group)
        correction = 1 - beta2**t
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / correction
        if length > 5.0:
            root = rooted(state["exp_avg_sq"], float(group["eps"]), work.second)
            step *= np.divide(correction**0.5, root, out=root)
            rectified = (length - 4) * (length - 2) * longest
            step *= (rectified / ((longest - 4) * (longest - 2) * length)) ** 0.5
        p -= step
