"""PerParameter: the base of the optimisers that count the steps of each parameter.

A subclass says with which state a parameter starts, and how one parameter moves. This base counts
the steps and applies `maximize` and `weight_decay`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..api.creation import tensor, zeros_like
from ..api.tensor import Tensor
from .arithmetic import Array, Work, decayed, number, writable
from .optimizer import Group, Optimizer


class PerParameter(Optimizer):
    """The base of optimisers whose state of a parameter is a step count and other Tensors."""

    # State that is a number. Before PyTorch 1.12 it was a Python number, now it is a Tensor.
    _scalars: ClassVar[tuple[str, ...]] = ("step",)

    def _first_state(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        """Return the state before the first step, except the step count."""
        raise NotImplementedError

    def _move(
        self, group: Group, p: Array, g: Array, state: dict[str, Array], t: float, work: Work
    ) -> None:
        """Make the `t`-th update of `p` by the gradient `g`, which may be `work.first`."""
        raise NotImplementedError

    def _rate(self, group: Group) -> Any:
        """Return the learning rate to compute with."""
        return number(group["lr"])

    def _update(self, group: Group, pairs: list[tuple[Tensor, Tensor]]) -> None:
        maximize = group["maximize"]
        decay = float(group["weight_decay"]) if "weight_decay" in self.defaults else 0.0
        decoupled = decay != 0 and group.get("decoupled_weight_decay", False)
        for param, grad in pairs:
            # A program may keep values of its own in the state, which needn't be Tensors.
            state = {
                name: writable(value)
                for name, value in self._state_of(group, param).items()
                if isinstance(value, Tensor)
            }
            p = writable(param)
            work = self._workspace(p)
            count = state["step"]
            count += 1
            if decoupled:
                p *= number(1 - self._rate(group) * decay)
            g = decayed(grad._array, p, 0.0 if decoupled else decay, maximize, work)
            self._move(group, p, g, state, count.item(), work)

    def _state_of(self, group: Group, param: Tensor) -> dict[str, Tensor]:
        """Return the state of `param` in PyTorch's names and dtypes, created at its first step."""
        state = self.state[param]
        if not state:
            # The default dtype, as in PyTorch, whatever dtype the parameter has.
            state["step"] = tensor(0.0)
            state.update(self._first_state(group, param))
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for param, state in self.state.items():
            for name in self._scalars if isinstance(param, Tensor) else ():
                if name in state and not isinstance(state[name], Tensor):
                    state[name] = tensor(float(state[name]))


def zeros(param: Tensor, *names: str) -> dict[str, Tensor]:
    """Return a state of zeros like `param`."""
    return {name: zeros_like(param) for name in names}


def rooted(v: Array, eps: float, out: Array) -> Array:
    """Return `sqrt(v) + eps` in `out`."""
    np.sqrt(v, out=out)
    out += eps
    return out
