"""Public functions that do more than call one rule.

They choose among rules (`matmul`, `max`), convert operands in their own way (`where`), or take a
list of tensors (`cat`). `core/dispatch.py` makes all other functions of ops, each from one rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ...core.dispatch import OPS, function
from ...core.one_node import as_one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.tracing import constant
from ...core.warning import warn_once
from ...rules import REGISTRY
from ...rules.dims import axis as dim_from_front
from ...rules.dtypes import scalar_name
from ...rules.layout import in_dtype
from ...rules.presentation import FUNCTION, IN_PLACE
from ...rules.promotion import converted, python_number, result_type
from .registry import composed
from .results import named_results

if TYPE_CHECKING:
    from ..tensor import Tensor

# Products -----------------------------------------------------------------------------------------


@composed()
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Multiply two vectors, two matrices, or two stacks of matrices.

    Shapes: (m,) (m,) → (); (n, m) (m,) → (n,); (n, m) (m, p) → (n, p); and, with leading dimensions
    that broadcast, (*, n, m) (*, m, p) → (*, n, p). There a vector counts as a row on the left and
    as a column on the right. RuntimeError for other shapes, 0-d operands, and different dtypes.

    >>> minigrad.matmul(minigrad.tensor([[1., 2.]]), minigrad.tensor([3., 4.]))
    tensor([11.])
    """
    try:
        n, m = input._array.ndim, other._array.ndim
    except AttributeError:  # not a tensor: the op raises the error
        return _bmm(input, other)
    if n == m == 2:
        return _mm(input, other)
    if n == m == 1:
        return _dot(input, other)
    if n == 2 and m == 1:
        return _mv(input, other)
    if n == 1 and m == 2:
        return _squeeze_first(_mm(OPS["unsqueeze"](input, 0), other), 0)
    if n == 0 or m == 0 or input.shape[-1] != other.shape[-2 if m > 1 else 0]:
        return _bmm(input, other)  # raises the error
    if _folds(input, other):
        return _folded(input, other)
    return _batched(input, other)


def _folds(input: Tensor, other: Tensor) -> bool:
    """Whether PyTorch makes one matrix of a stack of matrices, to multiply them all at once."""
    stack, few = (input, other) if input.ndim >= other.ndim else (other, input)
    if few.ndim > 2:
        return False
    if few.requires_grad:  # the gradient of the matrix would be a stack that is summed
        return True
    if input.ndim == 2:
        return False
    if stack is other:
        stack = OPS["transpose"](other.detach(), -2, -1)
    steps, sizes = stack.stride(), stack.shape
    return stack.numel() == 0 or all(
        steps[d] == steps[d + 1] * sizes[d + 1] for d in range(stack.ndim - 2)
    )


def _folded(input: Tensor, other: Tensor) -> Tensor:
    """The product of a stack of matrices and one matrix or vector, in either order."""
    swapped = other.ndim > input.ndim
    stack, few = (OPS["transpose"](other, -2, -1), input) if swapped else (input, other)
    if swapped and few.ndim == 2:
        few = OPS["t"](few)
    *lead, size = stack.shape
    rows = OPS["reshape"](stack, (math.prod(lead), size))
    if few.ndim == 1:
        return _unsafe_view(_mv(rows, few), lead)
    product = _unsafe_view(_mm(rows, few), (*lead, few.shape[1]))
    return OPS["transpose"](product, -2, -1).contiguous() if swapped else product


def _batched(input: Tensor, other: Tensor) -> Tensor:
    """The products of two stacks, whose leading dimensions broadcast."""
    if input.ndim == other.ndim == 3 and input.shape[0] != other.shape[0]:
        if input.shape[0] == 1 and input.requires_grad:
            return matmul(OPS["squeeze"](input, 0), other)
        if other.shape[0] == 1 and other.requires_grad:
            return matmul(input, OPS["squeeze"](other, 0))
    try:
        lead = np.broadcast_shapes(input.shape[:-2], other.shape[:-2])
    except ValueError:
        return _bmm(input, other)  # raises the error
    count = math.prod(lead)

    def stack(x: Tensor) -> Tensor:
        matrix = tuple(x.shape[-2:]) if x.ndim > 1 else (1, *x.shape)
        return OPS["reshape"](OPS["expand"](x, (*lead, *matrix)), (count, *matrix))

    rows = stack(input)
    if other.ndim > 1:
        products = _bmm(rows, stack(other))
    else:
        vectors = OPS["reshape"](OPS["expand"](other, (*lead, *other.shape)), (count, -1))
        products = OPS["squeeze"](_bmm(rows, OPS["unsqueeze"](vectors, 2)), -1)
    shape = (*lead, *input.shape[-2:-1], *(other.shape[-1:] if other.ndim > 1 else ()))
    return _unsafe_view(products, shape)


def _of_new_memory(name: str, node: str) -> Any:
    """An op that makes views, for an operand that nothing else refers to: it makes none."""
    return function(replace(REGISTRY[name], view=False), node=node)


_mm, _mv, _dot, _bmm = (OPS[name] for name in ("mm", "mv", "dot", "matmul"))
_unsafe_view = _of_new_memory("view", "UnsafeViewBackward0")
_squeeze_first = _of_new_memory("squeeze", "SqueezeBackward4")


# Quotients ----------------------------------------------------------------------------------------


@composed()
def div(
    input: Tensor | float, other: Tensor | float, *, rounding_mode: str | None = None
) -> Tensor:
    """Divide `input` by `other`, with broadcasting; integers give the default float dtype.

    With `rounding_mode` "trunc" the quotient is rounded towards 0, with "floor" down. Then integers
    stay integers, and RuntimeError is raised for a division of integers by 0.

    >>> minigrad.div(minigrad.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> minigrad.div(minigrad.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    if rounding_mode is None:
        return _div(input, other)
    return OPS["rounded_div"](input, other, rounding_mode=rounding_mode)


_div = OPS["div"]


@composed(IN_PLACE)
def true_divide(input: Tensor | float, other: Tensor | float) -> Tensor:
    """Divide: `div` without `rounding_mode`.

    >>> minigrad.true_divide(minigrad.tensor([1, 2]), 2)
    tensor([0.5000, 1.0000])
    """
    return _div(input, other)


# The largest and the smallest ---------------------------------------------------------------------


_max_result = named_results("max", "values", "indices")
_min_result = named_results("min", "values", "indices")


@composed()
def max(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Return the largest element: `max(x)`, `max(x, dim, keepdim=False)`, or `max(x, other)`.

    `max(x)` is a 0-d tensor, and tied elements share its gradient evenly. Over `dim`, the result is
    a pair (values, indices), and the gradient goes to the elements at the indices. With another
    tensor it is `maximum(x, other)`. NaN counts as the largest.

    >>> minigrad.max(minigrad.tensor([[1., 5.], [7., 2.]]), dim=1).values
    tensor([5., 7.])
    """
    return _max_or_min("max", _max_result, "maximum", input, *args, **kwargs)


@composed()
def min(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Return the smallest element: `min(x)`, `min(x, dim, keepdim=False)`, or `min(x, other)`.

    Like `max`, for the smallest. NaN counts as the smallest.

    >>> minigrad.min(minigrad.tensor([3., 1., 2.]))
    tensor(1.)
    """
    return _max_or_min("min", _min_result, "minimum", input, *args, **kwargs)


def _max_or_min(
    name: str, result: Any, pairwise: str, input: Tensor, *args: Any, **kwargs: Any
) -> Any:
    if len(args) + len(kwargs) > 2:
        _refuse_arguments(name, args, kwargs)
    if "other" in kwargs or (args and isinstance(args[0], TensorBase)):
        if len(args) + len(kwargs) > 1:
            _refuse_arguments(name, args, kwargs)
        return OPS[pairwise](input, *args, **kwargs)
    if args or kwargs:
        if not kwargs.keys() <= {"dim", "axis", "keepdim", "keepdims"}:
            _refuse_arguments(name, args, kwargs)
        return result(*OPS[f"{name}_dim"](input, *args, **kwargs))
    return OPS[name](input)


def _refuse_arguments(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> NoReturn:
    given = [type(x).__name__ for x in args]
    given += [f"{key}={type(x).__name__}" for key, x in kwargs.items()]
    raise TypeError(
        f"{name}() received an invalid combination of arguments - got ({', '.join(given)}), but "
        "expected one of: (), (Tensor other), (int dim, bool keepdim = False)"
    )


# Choosing and joining -----------------------------------------------------------------------------


def in_kind(k: TensorBase, kind: type) -> Any:
    """A mask or indices in another dtype, with the version of `k`: `backward` notices writes to it.

    >>> mask = minigrad.tensor([0, 7], dtype=minigrad.uint8)
    >>> in_kind(mask, bool)
    tensor([False,  True])
    """
    result = wrap(in_dtype(k._array, np.dtype(kind)))
    result._counter = k._counter
    return result


@composed(FUNCTION)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Take `input` where `condition` is True and `other` elsewhere, with broadcasting.

    `input` and `other` are tensors or numbers. `where(condition)` returns the indices of the True
    elements: a tuple of one int64 tensor per dimension. RuntimeError unless the condition is bool;
    uint8 works with a warning.

    >>> minigrad.where(minigrad.tensor([True, False]), minigrad.tensor([1., 2.]), 0)
    tensor([1., 0.])
    """
    require_tensor(condition, "where", "condition")
    mask = condition._array
    if input is None and other is None:
        return tuple(
            wrap(np.ascontiguousarray(places)) for places in np.nonzero(np.atleast_1d(mask))
        )
    if mask.dtype.kind == "u":
        warn_once(
            "where received a uint8 condition tensor. This behavior is deprecated. Use a boolean "
            "condition instead."
        )
        condition = in_kind(condition, bool)
    elif mask.dtype.kind != "b":
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{scalar_name(mask)}"
        )
    choices = [tensor_or_number(x, "where") for x in (input, other)]
    common = result_type(*(x._array if isinstance(x, TensorBase) else x for x in choices))
    return _where(condition, *(_as_dtype(x, common) for x in choices))


_where = OPS["where"]


def tensor_or_number(x: Any, function: str) -> Any:
    """A tensor or Python number as it is, a NumPy scalar as a Python number; else a TypeError."""
    x = python_number(x)
    if isinstance(x, TensorBase | int | float):
        return x
    raise TypeError(f"{function}(): expected tensors or numbers, got {type(x).__name__}")


def _as_dtype(x: Any, kind: np.dtype) -> Any:
    if not isinstance(x, TensorBase):
        return wrap(constant(np.array(converted(x, kind), kind)))
    return x if x._array.dtype == kind else OPS["cast"](x, kind)


@composed(FUNCTION)
def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Join tensors along `dim`, in the dtype that they promote to.

    Their sizes in all other dimensions must be equal; a tensor of shape (0,) is ignored.
    RuntimeError for sizes that differ, ValueError for an empty list.

    >>> minigrad.cat([minigrad.tensor([1., 2.]), minigrad.tensor([3.])])
    tensor([1., 2., 3.])
    """
    require_list(tensors, "cat", "tensors")
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    return OPS["cat"](*tensors, dim=dim if axis is None else axis)


@composed(FUNCTION)
def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Join tensors of equal shape along a new dimension. RuntimeError if the shapes differ.

    >>> minigrad.stack([minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.])], dim=1)
    tensor([[1., 3.],
            [2., 4.]])
    """
    require_list(tensors, "stack", "tensors")
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    return OPS["stack"](*tensors, dim=dim if axis is None else axis)


def require_list(value: Any, function: str, argument: str) -> None:
    """TypeError unless an argument is a list or tuple. Its elements are checked elsewhere."""
    if not isinstance(value, list | tuple):
        kind = type(value).__name__
        raise TypeError(
            f"{function}(): argument '{argument}' (position 1) must be tuple of Tensors, not {kind}"
        )


@composed(FUNCTION)
def is_tensor(obj: object) -> bool:
    """Return whether an object is a Tensor.

    >>> minigrad.is_tensor(minigrad.ones(2)), minigrad.is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, TensorBase)


# Shapes -------------------------------------------------------------------------------------------


@composed()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge the dimensions from `start_dim` to `end_dim`, both included, into one.

    >>> minigrad.ones(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    require_tensor(input, "flatten", "input")
    shape = input._array.shape
    first, last = dim_from_front(start_dim, len(shape)), dim_from_front(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last and shape:
        return input
    merged = math.prod(shape[first : last + 1])
    return OPS["reshape"](input, (*shape[:first], merged, *shape[last + 1 :]))


def several(parts: Sequence[Any], name: str, whole: Any) -> tuple[Any, ...]:
    """Views that one function returns: a recorded write to one of them is an error."""
    for i, each in enumerate(parts):
        if each._view is not None and not each._view.creation_meta:
            each._view.creation_meta, each._view.maker = "several", f"Output {i} of {name}"
    views = tuple(parts)
    return as_one_node(views, f"{name}Backward0", whole) if whole.requires_grad else views


@composed()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Split a tensor into its slices along `dim`, which don't have that dimension.

    Iterating over a tensor gives its slices along the first dimension. The slices are views, and a
    write to one is an error where it would be recorded.

    >>> minigrad.unbind(minigrad.tensor([[1, 2], [3, 4]]), dim=1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    shape = input._array.shape
    d = dim_from_front(dim, len(shape))
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return several([OPS["select"](input, d, i) for i in range(shape[d])], "Unbind", input)


@composed()
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Exchange two dimensions: `transpose` under NumPy's name.

    >>> minigrad.swapaxes(minigrad.ones(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    return OPS["transpose"](input, axis0, axis1)
