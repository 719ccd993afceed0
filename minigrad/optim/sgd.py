"""SGD: gradient descent, optionally with momentum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..api.tensor import Tensor
from ..core.grad_mode import set_grad_enabled
from .arithmetic import add_scaled, decayed, number, rounded, writable
from .optimizer import Group, Optimizer, ParamsT, check_lr, check_not_negative


class SGD(Optimizer):
    """Stochastic gradient descent. For a parameter p with gradient g (-g if `maximize`):

        g = g + weight_decay * p
        b = momentum * b + (1 - dampening) * g      (b = g at the first step)
        g = g + momentum * b  if nesterov  else  b
        p = p - lr * g

    As in PyTorch, the learning rate is not part of the momentum buffer b, unlike in Sutskever et
    al., "On the importance of initialization and momentum in deep learning" (2013).

    `lr` may be a Tensor with one element. `foreach` and `fused` have no effect. Raises ValueError
    for a negative `lr`, `momentum` or `weight_decay`, and for `nesterov` without momentum or with
    dampening.

    With `differentiable`, a step is recorded: the new parameter has a graph to the old one, to the
    gradient and to an `lr` that requires grad. So the parameters must be results of ops.

    >>> w = nn.Parameter(minigrad.tensor([1.0, -2.0]))
    >>> opt = optim.SGD([w], lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     w.sum().backward()
    ...     opt.step()
    >>> w.tolist()
    [-0.25, -3.25]
    """

    _unsupported: ClassVar = ()
    _added_options: ClassVar = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _update(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        if self.defaults["differentiable"] or group["differentiable"]:
            return self._record(group, pairs)
        lr, momentum = number(group["lr"]), float(group["momentum"])
        dampening, weight_decay = float(group["dampening"]), number(group["weight_decay"])
        maximize, nesterov = group["maximize"], group["nesterov"]
        for param, grad in pairs:
            p, g = writable(param), grad._array
            work = self._workspace(p)
            g = decayed(g, p, weight_decay, maximize, work)
            if momentum != 0:
                state = self.state[param]
                if state.get("momentum_buffer") is None:
                    # Not the gradient itself, to which `backward` may add in place.
                    state["momentum_buffer"] = buffer = grad.detach().clone()
                    b = buffer._array
                    b[...] = g
                else:
                    b = writable(state["momentum_buffer"])
                    b *= rounded(momentum, b) if b.dtype == np.float16 else momentum
                    add_scaled(b, g, 1 - dampening, b, work)
                g = add_scaled(g, b, momentum, work.first, work) if nesterov else b
            add_scaled(p, g, -lr, p, work)

    def _record(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        """Make the update by ops on the parameters, so that it has a graph."""
        lr, momentum, weight_decay = group["lr"], group["momentum"], group["weight_decay"]
        with set_grad_enabled(self.defaults["differentiable"]):
            for param, g in pairs:
                g = -g if group["maximize"] else g
                if isinstance(weight_decay, Tensor) and weight_decay.requires_grad:
                    g = g.addcmul_(param.clone(), weight_decay)
                elif weight_decay != 0:
                    g = g.add(param, alpha=number(weight_decay))
                if momentum != 0:
                    state = self.state[param]
                    buffer = state.get("momentum_buffer")
                    if buffer is None:
                        buffer = state["momentum_buffer"] = g.detach().clone()
                    else:
                        buffer.mul_(momentum).add_(g, alpha=1 - group["dampening"])
                    g = g.add(buffer, alpha=momentum) if group["nesterov"] else buffer
                if isinstance(lr, Tensor) and lr.requires_grad:
                    param.addcmul_(g, lr, value=-1)
                else:
                    param.add_(g, alpha=-number(lr))
