"""The methods and operators of Tensor: those that the rules give, and a few written out here.

Importing this module attaches them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial, wraps
from typing import Any

import numpy as np

from ..core.dispatch import OPS, shortened
from ..core.grad_mode import no_grad
from ..core.inplace import in_place, without_a_copy
from ..core.tensor import Tensor, wrap
from ..core.tracing import count_write
from ..rules import REGISTRY, dtypes
from ..rules.dtypes import dtype as DType
from . import functions
from .devices import require_cpu
from .functions import matmul, tensor_or_number
from .indexing import getitem, index_put, index_put_, setitem

# Shapes -------------------------------------------------------------------------------------------


def spelled(name: str) -> Callable[..., Tensor]:
    """The method whose sizes may be spelled out, `x.view(2, 3)`, from the function of a tuple."""
    op, keyword = OPS[name], REGISTRY[name].parameters[1]

    @wraps(op)
    def method(self: Tensor, *sizes: Any, **options: Any) -> Tensor:
        if keyword in options:
            sizes = (*sizes, options.pop(keyword))
        if not sizes:
            raise TypeError(f'{name}() missing 1 required positional arguments: "{keyword}"')
        one = len(sizes) == 1 and isinstance(sizes[0], Sequence)
        result: Tensor = op(self, tuple(sizes[0]) if one else sizes, **options)
        return result

    return method


def transposed(self: Tensor) -> Tensor:
    """The tensor with its dimensions in reverse order.

    >>> minigrad.ones(2, 3, 4).T.shape
    torch.Size([4, 3, 2])
    """
    result: Tensor = OPS["permute"](self, tuple(range(self.ndim))[::-1])
    return result


def matrices_transposed(self: Tensor) -> Tensor:
    """The tensor with its last two dimensions exchanged. RuntimeError for one dimension.

    >>> minigrad.ones(2, 3, 4).mT.shape
    torch.Size([2, 4, 3])
    """
    if self.ndim == 1:
        raise RuntimeError(
            "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    result: Tensor = OPS["transpose"](self, -2, -1) if self.ndim else self
    return result


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor viewed in the shape of `other`."""
    return self.view(other.shape)


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor reshaped to the shape of `other`."""
    return self.reshape(other.shape)


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor expanded to the shape of `other`."""
    return self.expand(other.shape)


def contiguous(self: Tensor) -> Tensor:
    """This tensor if it is contiguous, else a copy that is."""
    return self if self.is_contiguous() else OPS["contiguous_copy"](self)


# Conversions --------------------------------------------------------------------------------------


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor in another dtype: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`.

    Then `non_blocking` (which changes nothing here) and `copy`: without it, a tensor that need not
    change is returned itself. RuntimeError for a device other than the CPU.

    >>> minigrad.tensor([1, 2]).to(minigrad.float64)
    tensor([1., 2.], dtype=torch.float64)
    """
    first, rest = (args[0], args[1:]) if args else (None, ())
    names = ["dtype", "non_blocking", "copy"]
    if isinstance(first, Tensor):
        first, names = first.dtype, names[1:]
    elif isinstance(first, DType | type):
        names = names[1:]
    else:
        require_cpu(first)
        first = None
    if len(rest) > len(names):
        raise TypeError(f"to() takes at most {1 + len(names)} arguments but {len(args)} were given")
    options = dict(zip(names, rest, strict=False))
    for name, value in kwargs.items():
        if name in options or name not in ("dtype", "device", "non_blocking", "copy"):
            raise TypeError(f"to() got an unexpected keyword argument '{name}'")
        options[name] = value
    require_cpu(options.get("device"))
    wanted = options.get("dtype") or first
    kind = self._array.dtype if wanted is None else dtypes.to_numpy(wanted)
    if kind == self._array.dtype:
        return self.clone() if options.get("copy") else self
    # An integer has no history, whatever became of the tensor's.
    result: Tensor
    with nullcontext() if kind.kind == "f" else no_grad():
        result = OPS["cast"](self, kind)
    return result


def conversion(name: str, target: DType) -> Callable[[Tensor], Tensor]:
    """The method `x.float()` and its like."""

    def convert(self: Tensor) -> Tensor:
        return to(self, target)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"This tensor as {target.name}; itself if it is that already."
    return convert


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype of `other`."""
    return to(self, other.dtype)


def cpu(self: Tensor) -> Tensor:
    """This tensor: it is on the CPU already."""
    return self


# In place -----------------------------------------------------------------------------------------

_copy_ = in_place(REGISTRY["copy"])
_fill_ = in_place(REGISTRY["fill"], fills=True)
_zero_ = in_place(REGISTRY["zero"], fills=True)
_masked_fill_ = in_place(REGISTRY["masked_fill"])


def copy_(self: Tensor, other: Tensor, non_blocking: bool = False) -> Tensor:
    """Write the elements of `other`, broadcast and converted, into this tensor.

    >>> minigrad.zeros(2).copy_(minigrad.tensor([1, 2]))
    tensor([1., 2.])
    """
    return _copy_(self, tensor_or_number(other, "copy_"))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value, a number or a 0-d tensor, into every element.

    >>> minigrad.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            "fill_ only supports 0-dimension value tensor but got tensor with "
            f"{value.ndim} dimensions."
        )
    return _fill_(self, tensor_or_number(value, "fill_"))


def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`masked_fill`, written into this tensor; RuntimeError for a leaf's own values."""
    if isinstance(value, Tensor):
        value = value.clone()  # it stands for a number, so it may be an element of this tensor
    return _masked_fill_(self, mask, value)


def zero_(self: Tensor) -> Tensor:
    """Write zero into every element.

    >>> minigrad.ones(2).zero_()
    tensor([0., 0.])
    """
    if self._view is not None or self._requires_grad:
        return _zero_(self)
    self._array.fill(0)  # nothing to record, so nothing to go the long way for
    count_write(self._counter)
    return self


def detach_(self: Tensor) -> Tensor:
    """Make this tensor a leaf that does not require grad. RuntimeError for a view."""
    if self._view is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead, which makes a tensor of its own."
        )
    self._node, self._requires_grad = None, False
    return self


# Operators ----------------------------------------------------------------------------------------

_NUMBERS = (float, int, np.number, np.bool_)
_OPERANDS = (Tensor, *_NUMBERS)  # a tuple is tested faster than a union


def operator(
    op: Callable[..., Any], operands: tuple[type, ...] = _OPERANDS, otherwise: Any = NotImplemented
) -> Callable[[Tensor, Any], Any]:
    """`x + y` from `add`: gives way to an operand that is neither a tensor nor a number."""

    def method(self: Tensor, other: Any) -> Any:
        return op(self, other) if isinstance(other, operands) else otherwise

    return method


def _to_the_power(self: Tensor, other: Any) -> Any:
    return OPS["pow"](other, self)


def _divided_by(self: Tensor, other: Any) -> Any:
    """`other / x` as PyTorch computes it, rounded twice."""
    return OPS["mul"](OPS["reciprocal"](self), other)


def _positive(self: Tensor) -> Tensor:
    if self.dtype is dtypes.bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


def _inverted(self: Tensor) -> Tensor:
    if self.is_floating_point():
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    result: Tensor = OPS["bitwise_not"](self)
    return result


def _where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor where `condition` holds, `other` elsewhere."""
    result: Tensor = functions.where(condition, self, other)
    return result


def _arithmetic() -> dict[str, Any]:
    methods: dict[str, Any] = {}
    for name in ("add", "sub", "mul", "div", "pow"):
        dunder = "truediv" if name == "div" else name
        methods[f"__{dunder}__"] = shortened(REGISTRY[name], operator(OPS[name]))
        methods[f"__i{dunder}__"] = without_a_copy(
            REGISTRY[name], operator(in_place(REGISTRY[name]))
        )
    methods["__radd__"] = operator(OPS["add"], _NUMBERS)
    methods["__rmul__"] = shortened(REGISTRY["mul"], operator(OPS["mul"], _NUMBERS))
    methods["__rpow__"] = operator(_to_the_power, _NUMBERS)
    methods["__rsub__"] = operator(OPS["rsub"], _NUMBERS)
    methods["__rtruediv__"] = operator(_divided_by, _NUMBERS)
    methods["__matmul__"] = operator(matmul, (Tensor,))
    methods["__neg__"], methods["__abs__"], methods["__pos__"] = OPS["neg"], OPS["abs"], _positive
    return methods


def _compared(op: Callable[..., Any], self: Tensor, other: Any) -> Any:
    return op(self, wrap(other) if isinstance(other, np.ndarray) else other)


def _comparisons() -> dict[str, Any]:
    methods: dict[str, Any] = {
        f"__{name}__": operator(OPS[name]) for name in ("lt", "le", "gt", "ge")
    }
    # A tensor is never equal to what is neither a tensor, nor an array, nor a number.
    comparable = (*_OPERANDS, np.ndarray)
    methods["__eq__"] = operator(partial(_compared, OPS["eq"]), comparable, otherwise=False)
    methods["__ne__"] = operator(partial(_compared, OPS["ne"]), comparable, otherwise=True)
    for name in ("and", "or", "xor"):
        bits = operator(OPS[f"bitwise_{name}"])
        methods[f"__{name}__"] = methods[f"__r{name}__"] = bits
    methods["__invert__"] = _inverted
    return methods


def _from_rules() -> dict[str, Any]:
    methods = {}
    for name, rule in REGISTRY.items():
        if "method" in rule.forms:
            methods[name] = spelled(name) if rule.sizes else OPS[name]
        if "in-place" in rule.forms:
            methods[f"{name}_"] = in_place(rule)
    return methods


def _conversions() -> dict[str, Any]:
    names = {
        "float": dtypes.float32,
        "double": dtypes.float64,
        "int": dtypes.int32,
        "long": dtypes.int64,
        "byte": dtypes.uint8,
        "bool": dtypes.bool,
    }
    return {name: conversion(name, target) for name, target in names.items()}


_METHODS: dict[str, Any] = {
    **_from_rules(),
    **_arithmetic(),
    **_comparisons(),
    **_conversions(),
    "T": property(transposed),
    "mT": property(matrices_transposed),
    "__getitem__": getitem,
    "__setitem__": setitem,
    "matmul": matmul,
    "max": functions.max,
    "min": functions.min,
    "where": _where,
    "flatten": functions.flatten,
    "swapaxes": functions.swapaxes,
    "unbind": functions.unbind,
    "view_as": view_as,
    "reshape_as": reshape_as,
    "expand_as": expand_as,
    "contiguous": contiguous,
    "to": to,
    "type_as": type_as,
    "cpu": cpu,
    "copy_": copy_,
    "masked_fill_": masked_fill_,
    "index_put": index_put,
    "index_put_": index_put_,
    "fill_": fill_,
    "zero_": zero_,
    "detach_": detach_,
}
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
