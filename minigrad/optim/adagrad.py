"""Adagrad: steps divided by the root of the sum of all squared gradients."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.creation import full_like, tensor
from ..api.tensor import Tensor
from .arithmetic import Array, Work, add_quotient
from .optimizer import Group, ParamsT, check_lr, check_not_negative
from .per_parameter import PerParameter, rooted


class Adagrad(PerParameter):
    """Adagrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning" (2011).

    For a parameter p with gradient g (-g if `maximize`), at its t-th step, where s starts at
    `initial_accumulator_value`:

        g = g + weight_decay * p
        s = s + g**2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    As in PyTorch, the state exists before the first step. `lr` may be a Tensor with one element.
    `foreach` and `fused` have no effect. Raises ValueError for a negative option;
    NotImplementedError for `differentiable=True`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.Adagrad([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([ 0.7500, -1.7500])
    """

    _added_options: ClassVar = {
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": None,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative("lr_decay value", lr_decay)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("initial_accumulator_value value", initial_accumulator_value)
        check_not_negative("epsilon value", eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                start = full_like(param, initial_accumulator_value)
                self.state[param] = {"step": tensor(0.0), "sum": start}

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        # Only for parameters that were added later.
        return {"sum": full_like(param, self.defaults["initial_accumulator_value"])}

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        state["sum"] += np.multiply(g, g, out=work.second)
        root = rooted(state["sum"], float(group["eps"]), work.second)
        lr = self._rate(group) / (1 + (t - 1) * group["lr_decay"])
        add_quotient(p, g, root, -lr, work.first)
