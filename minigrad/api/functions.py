"""The functions of PyTorch's top level.

Most are the rules' own, made by `dispatch.py`. Written out here are those that choose among rules
(`matmul`, `max`), bring operands to one dtype in their own way (`where`) or take them in a list
(`cat`). `PUBLIC` is all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..core.dispatch import OPS, function
from ..core.tensor import Tensor, wrap
from ..rules import REGISTRY, dtypes
from ..rules.dims import axis as place

# Products -----------------------------------------------------------------------------------------


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of two tensors: of vectors, of matrices, or of stacks of matrices.

    Shapes: (m,) (m,) → (); (n, m) (m,) → (n,); (n, m) (m, p) → (n, p); and, with leading dimensions
    that broadcast, (*, n, m) (*, m, p) → (*, n, p), where a vector on the left is a row and one on
    the right a column. RuntimeError for other shapes, for 0-d operands and for two dtypes.

    >>> minigrad.matmul(minigrad.tensor([[1., 2.]]), minigrad.tensor([3., 4.]))
    tensor([11.])
    """
    try:
        n, m = input._array.ndim, other._array.ndim
    except AttributeError:  # what is no tensor is refused there
        return _stacked(input, other)
    if n == m == 2:
        return _mm(input, other)
    if n == m == 1:
        return _dot(input, other)
    if n == 2 and m == 1:
        return _mv(input, other)
    return _stacked(input, other)


_mm, _mv, _dot, _stacked = (OPS[name] for name in ("mm", "mv", "dot", "matmul"))


# The largest and the smallest ---------------------------------------------------------------------


class _Extremes(NamedTuple):
    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"torch.return_types.{name}(\nvalues={self.values!r},\nindices={self.indices!r})"


_max_result = type("max", (_Extremes,), {"__slots__": ()})
_min_result = type("min", (_Extremes,), {"__slots__": ()})


def max(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """The largest element: `max(x)`, `max(x, dim, keepdim=False)`, or `max(x, other)`.

    Over everything, a 0-d tensor whose gradient is shared evenly among ties. Over `dim`, a pair
    (values, indices) whose gradient goes to the element at the index. With another tensor, the
    larger of each two, as `maximum`. NaN is the largest.

    >>> minigrad.max(minigrad.tensor([[1., 5.], [7., 2.]]), dim=1).values
    tensor([5., 7.])
    """
    return _extreme("max", _max_result, "maximum", input, *args, **kwargs)


def min(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """The smallest element: `min(x)`, `min(x, dim, keepdim=False)`, or `min(x, other)`.

    As `max`, for the smallest. NaN is the smallest.

    >>> minigrad.min(minigrad.tensor([3., 1., 2.]))
    tensor(1.)
    """
    return _extreme("min", _min_result, "minimum", input, *args, **kwargs)


def _extreme(
    name: str, result: Any, pairwise: str, input: Tensor, *args: Any, **kwargs: Any
) -> Any:
    if "other" in kwargs or (args and isinstance(args[0], Tensor)):
        return OPS[pairwise](input, *args, **kwargs)
    if args or kwargs:
        return result(*OPS[f"{name}_dim"](input, *args, **kwargs))
    return OPS[name](input)


# Choosing, and joining ----------------------------------------------------------------------------


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where `condition` holds, `other` elsewhere: tensors or numbers, all broadcast.

    With a condition alone, the indices where it holds: a tuple of one int64 tensor per dimension.
    RuntimeError unless the condition is bool.

    >>> minigrad.where(minigrad.tensor([True, False]), minigrad.tensor([1., 2.]), 0)
    tensor([1., 0.])
    """
    if not isinstance(condition, Tensor):
        kind = type(condition).__name__
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {kind}")
    if input is None and other is None:
        return tuple(wrap(places) for places in np.nonzero(np.atleast_1d(condition._array)))
    if condition.dtype is not dtypes.bool:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{dtypes.SCALAR_NAMES[condition._array.dtype]}"
        )
    choices = [tensor_or_number(x, "where") for x in (input, other)]
    common = dtypes.result_type(*(x._array if isinstance(x, Tensor) else x for x in choices))
    return OPS["where"](condition, *(_as_dtype(x, common) for x in choices))


def tensor_or_number(x: Any, name: str) -> Any:
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, Tensor | int | float):
        return x
    raise TypeError(f"{name}(): expected tensors or numbers, got {type(x).__name__}")


def _as_dtype(x: Any, kind: np.dtype) -> Tensor:
    if not isinstance(x, Tensor):
        return wrap(np.array(x, kind))
    return x if x._array.dtype == kind else OPS["cast"](x, kind)


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors one behind the other along `dim`; the dtype is the one they promote to.

    They agree in all other sizes; a tensor of shape (0,) is passed over. RuntimeError otherwise,
    ValueError for an empty list.

    >>> minigrad.cat([minigrad.tensor([1., 2.]), minigrad.tensor([3.])])
    tensor([1., 2., 3.])
    """
    tensors = _listed(tensors, "cat")
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for position, x in enumerate(tensors):
        if x.ndim == 0:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {position}) cannot be concatenated"
            )
    kind = np.result_type(_common(tensors))
    solid = [x for x in tensors if x._array.shape != (0,)] or tensors
    d = place(dim if axis is None else axis, solid[0].ndim)
    first = solid[0]._array.shape
    for position, x in enumerate(solid):
        shape = x._array.shape
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
            )
        if shape[:d] + shape[d + 1 :] != first[:d] + first[d + 1 :]:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {d}. Expected {list(first)} "
                f"but got {list(shape)} for tensor number {position} in the list."
            )
    return OPS["cat"](*(_as_dtype(x, kind) for x in tensors), dim=d)


def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors, all of one shape, along a new dimension. RuntimeError if they differ.

    >>> minigrad.stack([minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.])], dim=1)
    tensor([[1., 3.],
            [2., 4.]])
    """
    tensors = _listed(tensors, "stack")
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0]._array.shape
    d = place(dim if axis is None else axis, len(first) + 1)
    for position, x in enumerate(tensors):
        if x._array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(x._array.shape)} at entry {position}"
            )
    kind = _common(tensors)
    return OPS["stack"](*(_as_dtype(x, kind) for x in tensors), dim=d)


def _listed(tensors: Sequence[Tensor], name: str) -> list[Tensor]:
    if isinstance(tensors, list | tuple):
        for position, x in enumerate(tensors):
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"expected Tensor as element {position} in argument 0, "
                    f"but got {type(x).__name__}"
                )
        return list(tensors)
    kind = type(tensors).__name__
    raise TypeError(
        f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {kind}"
    )


def _common(tensors: Sequence[Tensor]) -> np.dtype:
    return dtypes.result_type(*(x._array for x in tensors))


def is_tensor(obj: object) -> bool:
    """Whether this is a Tensor.

    >>> minigrad.is_tensor(minigrad.ones(2)), minigrad.is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, Tensor)


# Shapes -------------------------------------------------------------------------------------------


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim`, both included, made one.

    >>> minigrad.ones(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    first, last = place(start_dim, input.ndim), place(end_dim, input.ndim)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    shape = input._array.shape
    if first == last and shape:
        return input
    merged = math.prod(shape[first : last + 1])
    return OPS["reshape"](input, (*shape[:first], merged, *shape[last + 1 :]))


# Each is a view of its own, under the name of the one node that PyTorch has for them all.
_one_of_several = function(replace(REGISTRY["select"], backward="UnbindBackward0"))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along `dim`, which they lack: views that are not to be written to where that would
    be recorded. What iterating over a tensor gives, along its first dimension.

    >>> minigrad.unbind(minigrad.tensor([[1, 2], [3, 4]]), dim=1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    d = place(dim, input.ndim)
    if input.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    slices = tuple(_one_of_several(input, d, i) for i in range(input._array.shape[d]))
    for i, each in enumerate(slices):
        view = each._view
        if view is not None and not view.special:
            view.special, view.maker = "several", f"Output {i} of Unbind"
    return slices


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two dimensions exchanged: `transpose`, by NumPy's name.

    >>> minigrad.swapaxes(minigrad.ones(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    result: Tensor = OPS["transpose"](input, axis0, axis1)
    return result


_WRITTEN_OUT = (matmul, max, min, where, cat, stack, flatten, swapaxes, unbind, is_tensor)
PUBLIC: dict[str, Callable[..., Any]] = {
    name: OPS[name] for name, rule in REGISTRY.items() if "function" in rule.forms
} | {f.__name__: f for f in _WRITTEN_OUT}
