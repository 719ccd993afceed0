"""Adafactor: steps divided by the root of average squares, of which rows and columns are kept."""

from __future__ import annotations

from typing import Any, ClassVar

from ..api.creation import tensor, zeros_like
from ..api.tensor import Tensor
from ..autograd import no_grad
from .arithmetic import add_scaled, number, writable
from .optimizer import Group, Optimizer, ParamsT, check_lr

# The spacing of floats at 1, which is the first eps unless one is given.
_SPACING = {"float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}


class Adafactor(Optimizer):
    """Adafactor: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost"
    (2018), Algorithms 4 and 5, with PyTorch's learning rate.

    For a matrix p with gradient g (-g if `maximize`), at its t-th step, where |x| is the root of
    the mean of squares:

        b = t**beta2_decay
        a = max(eps[1], |p|) * min(lr, 1 / sqrt(t))
        p = p - lr * weight_decay * p
        r = (1 - b) * r + b * (g**2).mean(-1)
        c = (1 - b) * c + b * (g**2).mean(-2)
        v = r c / max(r.mean(), eps[0])
        u = g / sqrt(max(v, eps[0]**2))
        p = p - a / max(1, |u| / d) * u

    A vector keeps its average squares v themselves. With more than two dimensions, it is the last
    two that are averaged. `eps[0]` of None is the spacing of floats at 1 in the parameter's dtype.
    `foreach` has no effect. Raises ValueError for a negative option, a positive `beta2_decay` and a
    `d` below 1.

    >>> w = nn.Parameter(minigrad.ones(2, 2))
    >>> opt = optim.Adafactor([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([[0.7500, 0.7500],
            [0.7500, 0.7500]])
    """

    _added_options: ClassVar = {"foreach": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: ")
        _check("beta2_decay should be <= 0", beta2_decay <= 0.0, beta2_decay)
        _check("epsilon1 should be >= 0", eps[0] is None or eps[0] >= 0.0, eps[0])
        _check("epsilon2 should be >= 0", eps[1] >= 0.0, eps[1])
        _check("Clipping threshold d should be >= 1", d >= 1.0, d)
        _check("weight_decay should be >= 0", weight_decay >= 0.0, weight_decay)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    @no_grad()
    def _update(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        lr, d = number(group["lr"]), group["d"]
        eps1, eps2 = group["eps"]
        for param, grad in pairs:
            if eps1 is None:
                # As in PyTorch, the first parameter's dtype decides for its whole group.
                eps1 = _SPACING[str(param._array.dtype)]
            g = -grad if group["maximize"] else grad
            state = self._state_of(param, grad)
            state["step"] += 1
            t = state["step"].item()
            size = max(eps2, _root_mean_square(param)) * min(lr, 1 / t**0.5)
            if group["weight_decay"] != 0:
                param.mul_(1 - lr * group["weight_decay"])
            squares = _average_squares(state, g, t ** group["beta2_decay"], eps1)
            update = squares.clamp_(min=eps1 * eps1).rsqrt_().mul_(g)
            shorter = max(1.0, _root_mean_square(update) / d)
            p = writable(param)
            add_scaled(p, update._array, -size / shorter, p, self._workspace(p))

    def _state_of(self, param: Tensor, grad: Tensor) -> dict[str, Any]:
        state = self.state[param]
        if not state:
            state["step"] = tensor(0.0)
            if grad.dim() > 1:
                *rest, rows, columns = grad.shape
                state["row_var"] = grad.new_zeros([*rest, rows, 1])
                state["col_var"] = grad.new_zeros([*rest, 1, columns])
            else:
                state["variance"] = zeros_like(grad)
        return state


def _average_squares(state: dict[str, Any], g: Tensor, weight: float, eps1: float) -> Tensor:
    """Return the average squares after `g` has been added with a weight."""
    if g.dim() < 2:
        variance: Tensor = state["variance"]
        return variance.lerp_(g * g, weight).clone()
    rows, columns = state["row_var"], state["col_var"]
    rows.lerp_(g.norm(2, dim=-1, keepdim=True).square_().div_(g.size(-1)), weight)
    columns.lerp_(g.norm(2, dim=-2, keepdim=True).square_().div_(g.size(-2)), weight)
    return (rows @ columns).div_(rows.mean(dim=-2, keepdim=True).clamp_(min=eps1))


def _root_mean_square(x: Tensor) -> float:
    return x.norm(2).item() / x.numel() ** 0.5


def _check(rule: str, holds: bool, value: Any) -> None:
    if not holds:
        raise ValueError(f"{rule} but is: {value}")
