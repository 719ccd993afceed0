"""Muon: steps along the nearest orthogonal matrix to the momentum."""

from __future__ import annotations

import math

import numpy as np

from ..api.creation import zeros_like
from ..api.tensor import Tensor
from .arithmetic import Array, add_scaled, lerp, number, writable
from .optimizer import Group, Optimizer, ParamsT, check_lr

_RATES = {
    None: lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "original": lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
}


class Muon(Optimizer):
    """Muon: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).

    For a matrix p with gradient g:

        b = momentum * b + (1 - momentum) * g
        u = momentum * b + (1 - momentum) * g  if nesterov  else  b
        o = orthogonal(u)
        p = p - lr * weight_decay * p
        p = p - lr * r * o

    `orthogonal` takes `ns_steps` steps of the iteration x = a x + b (x xT) x + c (x xT)**2 x with
    `ns_coefficients` a, b and c, from u divided by its norm, which is at least `eps`. As in
    PyTorch, every matrix in it is rounded to the 8 bits of bfloat16. The factor r depends on the
    shape of p: `sqrt(max(1, rows / columns))`, or, for `adjust_lr_fn="match_rms_adamw"`,
    `0.2 * sqrt(max(rows, columns))`.

    Raises ValueError for a negative option, an unknown `adjust_lr_fn`, and a parameter that isn't a
    matrix.

    >>> w = nn.Parameter(minigrad.eye(2))
    >>> opt = optim.Muon([w], lr=0.25, weight_decay=0.0)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([[0.7188, 0.0000],
            [0.0000, 0.7188]])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: ")
        for name, value in (("momentum", momentum), ("weight decay", weight_decay)):
            if not value >= 0.0:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in _RATES:
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported, use one of "
                f"{[name for name in _RATES if name]}"
            )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.dim() != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{param.size()}"
                    )

    def _update(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        lr, momentum = number(group["lr"]), float(group["momentum"])
        _check_iteration(group["ns_coefficients"], group["ns_steps"])
        for param, grad in pairs:
            if grad.dim() != 2:
                raise ValueError("Param gradient must be a 2D matrix")
            state, p, g = self.state[param], writable(param), grad._array
            work = self._workspace(p)
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = zeros_like(grad.detach())
            b = writable(state["momentum_buffer"])
            update = lerp(b, g, 1 - momentum, b, work)
            if group["nesterov"]:
                update = lerp(g, b, momentum, work.first, work)
            update = _orthogonal(
                update, group["ns_coefficients"], group["ns_steps"], float(group["eps"])
            )
            p *= 1 - lr * float(group["weight_decay"])
            rate = lr * _RATES[group["adjust_lr_fn"]](*p.shape)
            add_scaled(p, update.astype(p.dtype), -rate, p, work)


def _check_iteration(coefficients: tuple[float, float, float], steps: int) -> None:
    if steps >= 100:
        raise ValueError(
            f"Number of steps must be less than 100 for computational efficiency, not {steps}"
        )
    if len(coefficients) != 3:
        raise ValueError(
            f"Coefficients must be a tuple of exactly 3 values, not of {len(coefficients)}"
        )


def _orthogonal(
    u: Array, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Array:
    """Return a float32 matrix whose singular values are about 1, with the directions of `u`."""
    a, b, c = coefficients
    is_tall = u.shape[0] > u.shape[1]
    x = _rounded(u.astype(np.float32))
    x = x.T if is_tall else x
    norm = max(_rounded(np.sqrt(np.square(x, dtype=np.float64).sum())), _rounded(eps))
    x = _rounded(x / norm)
    for _ in range(steps):
        gram = _rounded(x @ x.T)
        polynomial = _rounded(b * gram + c * (gram @ gram))
        x = _rounded(a * x + polynomial @ x)
    return x.T if is_tall else x


def _rounded(x: Array | float) -> Array:
    """Return float32 numbers rounded to bfloat16, which is their first 16 bits."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    is_odd = (bits >> 16) & 1
    rounded = ((bits + 0x7FFF + is_odd) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(x), np.float32(np.nan), rounded)
