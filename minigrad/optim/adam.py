"""Adam and AdamW: steps scaled by moving averages of the gradient and of its square."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..api.tensor import Tensor
from .arithmetic import Array, Work, add_quotient, gather_squares, interpolate, number
from .optimizer import Group, ParamsT, check_betas, check_lr, check_not_negative
from .per_parameter import PerParameter, zeros


class Adam(PerParameter):
    """Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014), Algorithm 1.

    For a parameter p with gradient g (-g if `maximize`), at its t-th step:

        g = g + weight_decay * p          (or, decoupled:  p = p - lr * weight_decay * p)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        p = p - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    `amsgrad` uses the largest v so far instead of v (Reddi et al., "On the Convergence of Adam and
    Beyond", 2018). `decoupled_weight_decay` makes it `AdamW`.

    `lr` may be a Tensor with one element. `foreach` and `fused` have no effect. Raises ValueError
    for a negative `lr`, `eps` or `weight_decay`, and for a beta outside [0, 1) or not a float;
    NotImplementedError for true `capturable` and `differentiable`, and for Tensor betas.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.Adam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w
    Parameter containing:
    tensor([ 0.7500, -1.7500], requires_grad=True)
    """

    _added_options: ClassVar = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "fused": None,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr)
        if isinstance(lr, Tensor) and foreach:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        check_not_negative("epsilon value", eps)
        check_betas(betas)
        check_not_negative("weight_decay value", weight_decay)
        if not all(isinstance(beta, float) for beta in betas):
            if all(isinstance(beta, Tensor) for beta in betas):
                raise NotImplementedError("betas as Tensors are not supported, pass two floats")
            raise ValueError(f"betas must be either both floats or both Tensors, not {betas}")
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        return zeros(param, "exp_avg", "exp_avg_sq", *largest)

    def _rate(self, group: Group) -> Any:
        return group["lr"]  # a Tensor rounds in its own dtype, as in PyTorch

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        step_size = number(group["lr"] / (1 - beta1**t))
        bias_correction = (1 - beta2**t) ** 0.5

        m, v = state["exp_avg"], state["exp_avg_sq"]
        interpolate(m, g, 1 - beta1, work.second)
        gather_squares(v, g, beta2, work.second)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            v = np.maximum(largest, v, out=largest)

        denominator = np.sqrt(v, out=work.second)
        denominator /= bias_correction
        denominator += float(group["eps"])
        add_quotient(p, m, denominator, -step_size, work.first)


class AdamW(Adam):
    """Adam with decoupled weight decay: `p -= lr * weight_decay * p` before each step of Adam.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2017). The keyword options are
    those of `Adam`, except `decoupled_weight_decay`.

    >>> w = nn.Parameter(minigrad.tensor([4.0]))
    >>> opt = optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> w.grad = minigrad.zeros(1)
    >>> opt.step()
    >>> w.item()
    3.0
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **options
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        # It stays an AdamW when it loads the state of an Adam.
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
