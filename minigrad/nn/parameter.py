"""Parameter and Buffer: Tensors that a Module registers when they are assigned as attributes.

`zero_grad` is that of modules and of optimisers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..api.tensor import Tensor
from ..core.tensor import wrap


class Parameter(Tensor):
    """A leaf Tensor to be trained, which shares the memory of `data`.

    `data` is a Tensor, by default an empty one; its graph is not kept. An operation on a Parameter
    returns a plain Tensor. Raises TypeError if `data` is not a Tensor, RuntimeError for
    `requires_grad` with an integer dtype.

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
                f"Parameter() takes a Tensor, not {type(data).__name__}: convert it first, with "
                "minigrad.tensor(...)"
            )
        self: Parameter = _detached_as(cls, data)
        self.requires_grad_(requires_grad)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # As in PyTorch with memory of its own, and without the gradient and the attributes.
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Parameter, (self.data, self.requires_grad), self.__dict__

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class _BufferMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A Tensor that a Module registers as a buffer when it is assigned as an attribute.

    As in PyTorch, this is a plain Tensor with a mark. It shares the memory of `data`, and is saved
    with the module's state if it is `persistent`.

    >>> module = nn.Module()
    >>> module.mean = nn.Buffer(minigrad.zeros(2))
    >>> module.state_dict()["mean"]
    tensor([0., 0.])
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        data = Tensor() if data is None else data
        buffer: Any = data.detach().requires_grad_(data.requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


def _detached_as(kind: type[Any], tensor: Tensor) -> Any:
    """Return `tensor.detach()` as an instance of `kind`: the memory and the version counter are
    shared, the graph is not."""
    detached = wrap(tensor._array[...], kind)
    detached._counter = tensor._counter
    return detached


def zero_grad(params: Iterable[Tensor], set_to_none: bool) -> None:
    """Set the gradient of each parameter to None, or fill its memory with zeros."""
    for param in params:
        grad = param.grad
        if set_to_none:
            param.grad = None
        elif grad is not None:
            if grad.is_leaf:  # `detach_` would refuse a view
                grad.requires_grad_(False)
            else:
                grad.detach_()
            grad.zero_()
