"""PyTorch's `torch.overrides`: functions that let the classes of their arguments compute results.

minigrad's own functions ask subclasses of Tensor only. A function of a library can ask any class
that has `__torch_function__`:

>>> from minigrad.overrides import handle_torch_function, has_torch_function
>>> def double(x):
...     if has_torch_function((x,)):
...         return handle_torch_function(double, (x,), x)
...     return x * 2
>>> class Quiet:
...     @classmethod
...     def __torch_function__(cls, func, types, args=(), kwargs=None):
...         return func.__name__
>>> double(Quiet()), double(minigrad.ones(2))
('double', tensor([2., 2.]))
"""

from __future__ import annotations

from typing import Any

from .api.tensor import Tensor
from .core.overriding import handle_torch_function, has_torch_function
from .core.overriding import has_torch_function_unary as has_torch_function_unary
from .core.overriding import has_torch_function_variadic as has_torch_function_variadic

__all__ = ["handle_torch_function", "has_torch_function", "is_tensor_like"]


def is_tensor_like(inp: Any) -> bool:
    """Whether an object is a tensor, or its class has `__torch_function__`.

    >>> is_tensor_like(minigrad.ones(2)), is_tensor_like(1)
    (True, False)
    """
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")
