"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.creation import tensor
from ..api.tensor import Tensor
from .arithmetic import Array, Work, add_quotient, gather_squares, interpolate
from .optimizer import Group, ParamsT, check_betas, check_lr, check_not_negative
from .per_parameter import PerParameter, zeros


class NAdam(PerParameter):
    """NAdam: Dozat, "Incorporating Nesterov Momentum into Adam" (2016).

    For a parameter p with gradient g (-g if `maximize`), at its t-th step:

        g = g + weight_decay * p          (or, decoupled:  p = p - lr * weight_decay * p)
        mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        n = mu(t+1) * m / (1 - mu(1) * ... * mu(t+1)) + (1 - mu(t)) * g / (1 - mu(1) * ... * mu(t))
        p = p - lr * n / (sqrt(v / (1 - beta2**t)) + eps)

    `lr` may be a Tensor with one element. `foreach` has no effect. Raises ValueError for a negative
    option and for a beta outside [0, 1); NotImplementedError for true `capturable` and
    `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.NAdam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([ 0.7359, -1.7359])
    """

    _scalars = ("step", "mu_product")
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
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        return {"mu_product": tensor(1.0), **zeros(param, "exp_avg", "exp_avg_sq")}

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        lr, decay = self._rate(group), group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (t * decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((t + 1) * decay)))
        state["mu_product"] *= mu
        product = state["mu_product"].item()

        interpolate(state["exp_avg"], g, 1 - beta1, work.second)
        gather_squares(state["exp_avg_sq"], g, beta2, work.second)
        denominator = np.divide(state["exp_avg_sq"], 1 - beta2**t, out=work.second)
        np.sqrt(denominator, out=denominator)
        denominator += float(group["eps"])
        add_quotient(p, g, denominator, -lr * (1.0 - mu) / (1.0 - product), work.first)
        average = -lr * mu_next / (1.0 - product * mu_next)
        add_quotient(p, state["exp_avg"], denominator, average, work.first)
