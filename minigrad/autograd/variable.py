"""Variable: PyTorch's former name for a tensor that can have a gradient, for older programs."""

from __future__ import annotations

from typing import Any

from ..api.tensor import Tensor
from ..core.warning import warn


class _Tensors(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_Tensors):
    """`Variable(data, requires_grad=False)`: a new leaf that shares the memory of `data`.

    It returns a Tensor, and any Tensor is an instance of Variable. `volatile`, once a `no_grad` for
    what is computed from it, only warns. TypeError if `data` isn't a tensor, ValueError for both
    options, RuntimeError if `data` isn't floating-point and `requires_grad` is true.

    >>> Variable(minigrad.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    >>> isinstance(minigrad.ones(2), Variable)
    True
    """

    def __new__(
        cls, data: Tensor | None = None, requires_grad: bool = False, volatile: bool = False
    ) -> Any:
        if volatile:
            warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
            )
        if volatile and requires_grad:
            raise ValueError("Variable can't be volatile and require_grad at the same time!")
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
