"""Rprop: steps whose size depends on the signs of the gradients alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.creation import full_like
from ..api.tensor import Tensor
from .arithmetic import Array, Work, number
from .optimizer import Group, ParamsT, check_lr
from .per_parameter import PerParameter, zeros


class Rprop(PerParameter):
    """Rprop: Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation" (1993).

    Each element has its own step size s, which starts at `lr`. For a parameter p with gradient g
    (-g if `maximize`) and the gradient before, h, which starts at 0:

        s = s * etas[1] if g * h > 0,  s * etas[0] if g * h < 0,  within `step_sizes`
        g = 0 if g * h < 0
        p = p - s * sign(g)

    `lr` may be a Tensor with one element. `foreach` has no effect. Raises ValueError for a negative
    `lr` and unless `0 < etas[0] < 1 < etas[1]`; NotImplementedError for true `capturable` and
    `differentiable`.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.Rprop([w], lr=0.25)
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
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Invalid eta values: {etas[0]}, {etas[1]} (the first must be between 0 and 1, the "
                "second above 1)"
            )
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        sizes = full_like(param.grad, number(group["lr"]))
        return {**zeros(param, "prev"), "step_size": sizes}

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        sizes, before = state["step_size"], state["prev"]
        smaller, larger = map(float, group["etas"])
        low, high = map(float, group["step_sizes"])
        before *= g
        turned = before < 0
        factor = work.second
        factor[...] = 1  # for NaN, too
        factor[before > 0] = larger
        factor[turned] = smaller
        sizes *= factor
        np.clip(sizes, low, high, out=sizes)
        before[...] = g
        before[turned] = 0
        step = np.sign(before, out=work.first)
        step[step != step] = 0  # the sign of NaN
        step *= sizes
        p -= step
