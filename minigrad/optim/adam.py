"""Adam and AdamW: steps scaled by moving averages of the gradient and of its square."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..api.creation import tensor, zeros_like
from ..api.tensor import Tensor
from .optimizer import Group, Optimizer, ParamsT, check_lr, decayed, number, writable


class Adam(Optimizer):
    """Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014), Algorithm 1.

    For a parameter p with gradient g (-g if `maximize`), at its t-th step:

        g = g + weight_decay * p          (or, decoupled:  p = p - lr * weight_decay * p)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        p = p - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    `amsgrad` uses the largest v so far instead of v (Reddi et al., "On the Convergence of Adam and
    Beyond", 2018). `decoupled_weight_decay` makes it `AdamW`.

    `lr` may be a Tensor with one element. `foreach` has no effect. Raises ValueError for a negative
    `lr`, `eps` or `weight_decay`, and for a beta outside [0, 1) or not a float; NotImplementedError
    for true `capturable`, `differentiable` and `fused`, and for Tensor betas.

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
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps} (it must be at least 0)")
        if any(isinstance(beta, Tensor) for beta in betas):
            raise NotImplementedError("betas as Tensors are not supported, pass two floats")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(
                    f"Invalid beta parameter at index {i}: {beta} (it must be in [0, 1))"
                )
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay} (it must be at least 0)")
        if not all(isinstance(beta, float) for beta in betas):
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

    def _update(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        beta1, beta2 = map(float, group["betas"])
        eps, weight_decay = float(group["eps"]), float(group["weight_decay"])
        lr, decoupled = group["lr"], group["decoupled_weight_decay"]
        maximize, amsgrad = group["maximize"], group["amsgrad"]
        for param, grad in pairs:
            p, g = writable(param), grad._array
            state = self._state_of(param, amsgrad)
            m, v = writable(state["exp_avg"]), writable(state["exp_avg_sq"])
            step, work = self._workspace(p)

            count = writable(state["step"])
            count += 1
            t = count.item()
            # A Tensor `lr` rounds in its own dtype here, as in PyTorch.
            step_size = number(lr / (1 - beta1**t))
            bias_correction = (1 - beta2**t) ** 0.5

            if decoupled and weight_decay != 0:
                p *= number(1 - lr * weight_decay)
            g = decayed(g, p, 0.0 if decoupled else weight_decay, maximize, out=step)

            _interpolate(m, g, beta1, work)
            v *= beta2
            np.multiply(g, 1 - beta2, out=work)
            work *= g
            v += work
            if amsgrad:
                largest = writable(state["max_exp_avg_sq"])
                v = np.maximum(largest, v, out=largest)

            denominator = np.sqrt(v, out=work)
            denominator /= bias_correction
            denominator += eps
            np.multiply(m, step_size, out=step)
            step /= denominator
            p -= step

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            # Before PyTorch 1.12, the step count was a Python number.
            if "step" in state and not isinstance(state["step"], Tensor):
                state["step"] = tensor(float(state["step"]))

    def _state_of(self, param: Tensor, amsgrad: bool) -> dict[str, Tensor]:
        """Return the state of `param` in PyTorch's names and dtypes, created at its first step."""
        state = self.state[param]
        if not state:
            # The default dtype, as in PyTorch, whatever dtype the parameter has.
            state["step"] = tensor(0.0)
            state["exp_avg"] = zeros_like(param)
            state["exp_avg_sq"] = zeros_like(param)
            if amsgrad:
                state["max_exp_avg_sq"] = zeros_like(param)
        return state


def _interpolate(m: np.ndarray, g: np.ndarray, beta: float, work: np.ndarray) -> None:
    """Set m to beta * m + (1 - beta) * g, computed from the nearer end as PyTorch does."""
    np.subtract(g, m, out=work)
    if beta > 0.5:
        work *= 1 - beta
        m += work
    else:
        work *= beta
        np.subtract(g, work, out=m)


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
