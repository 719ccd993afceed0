"""Parameter: a Tensor that a Module, when it is assigned to one, files as its own."""

from __future__ import annotations

from typing import Any

from ..api.tensor import Tensor
from ..core.tensor import wrap


class Parameter(Tensor):
    """A leaf Tensor to be trained, sharing the memory of `data`.

    `data` is a Tensor, by default an empty one; its history is left behind. Any operation on a
    Parameter gives a plain Tensor. TypeError if `data` is no Tensor, RuntimeError if it is to have
    gradients and is not floating-point.

    >>> nn.Parameter(minigrad.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter() takes a Tensor, not {type(data).__name__}: "
                "make one of it first, with minigrad.tensor(...)"
            )
        self: Parameter = wrap(data._array[...], cls)
        self._counter = data._counter
        self.requires_grad_(requires_grad)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        # Without the gradient, unlike a plain Tensor: that is PyTorch's way.
        memo[id(self)] = twin = type(self)(self.data.clone(), self.requires_grad)
        return twin

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
