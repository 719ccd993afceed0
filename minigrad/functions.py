"""The functions of PyTorch's top level, and the methods and operators of Tensor.

Most are made from the rules, in one loop at the end. Written out here are those that choose among
rules (`matmul`, `max`), take their operands in a list (`cat`), or take a key apart (indexing).
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import dtypes
from .autograd.graph import Node
from .devices import device, require_cpu
from .dispatch import function, in_place
from .dtypes import dtype as DType
from .rules import REGISTRY
from .rules.dims import axis
from .tensor import Tensor, wrap

_ops: dict[str, Callable[..., Any]] = {name: function(rule) for name, rule in REGISTRY.items()}

if TYPE_CHECKING:  # the rest of the module's names are the registry's

    def __getattr__(name: str) -> Any: ...


# Products -----------------------------------------------------------------------------------------


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of two tensors: of vectors, of matrices, or of stacks of matrices.

    Shapes: (m,) (m,) → (); (n, m) (m,) → (n,); (n, m) (m, p) → (n, p); and, with leading dimensions
    that broadcast, (*, n, m) (*, m, p) → (*, n, p), where a vector on the left is a row and one on
    the right a column. RuntimeError for other shapes, for 0-d operands and for two dtypes.

    >>> minigrad.matmul(minigrad.tensor([[1., 2.]]), minigrad.tensor([3., 4.]))
    tensor([11.])
    """
    if isinstance(input, Tensor) and isinstance(other, Tensor):
        name = _PRODUCTS.get((input._array.ndim, other._array.ndim), "matmul")
        return _ops[name](input, other)
    return _ops["matmul"](input, other)  # which says what is wrong


_PRODUCTS = {(2, 2): "mm", (2, 1): "mv", (1, 1): "dot"}


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


def _extreme(name: str, result: Any, pairwise: str, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    if "other" in kwargs or (args and isinstance(args[0], Tensor)):
        return _ops[pairwise](input, *args, **kwargs)
    if args or kwargs:
        return result(*_ops[f"{name}_dim"](input, *args, **kwargs))
    return _ops[name](input)


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
    choices = [_tensor_or_number(x, "where") for x in (input, other)]
    common = dtypes.result_type(*(x._array if isinstance(x, Tensor) else x for x in choices))
    return _ops["where"](condition, *(_as_dtype(x, common) for x in choices))


def _tensor_or_number(x: Any, name: str) -> Any:
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, Tensor | builtins.bool | int | float):
        return x
    raise TypeError(f"{name}(): expected tensors or numbers, got {type(x).__name__}")


def _as_dtype(x: Any, kind: np.dtype) -> Tensor:
    if not isinstance(x, Tensor):
        return wrap(np.array(x, kind))
    return x if x._array.dtype == kind else _ops["cast"](x, kind)


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
    solid = [x for x in tensors if x._array.shape != (0,)] or tensors[:1]
    d = _axis(dim if axis is None else axis, solid[0].ndim)
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
    return _ops["cat"](*(_as_dtype(x, kind) for x in solid), dim=d)


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
    for position, x in enumerate(tensors):
        if x._array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(x._array.shape)} at entry {position}"
            )
    kind = _common(tensors)
    d = _axis(dim if axis is None else axis, len(first) + 1)
    return _ops["stack"](*(_as_dtype(x, kind) for x in tensors), dim=d)


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
    raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {kind}")


def _common(tensors: Sequence[Tensor]) -> np.dtype:
    return dtypes.result_type(*(x._array for x in tensors))


_axis = axis  # `cat` and `stack` have an argument of that name


# Shapes -------------------------------------------------------------------------------------------


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim`, both included, made one.

    >>> minigrad.ones(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    first, last = _axis(start_dim, input.ndim), _axis(end_dim, input.ndim)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    shape = input._array.shape
    if first == last and shape:
        return input
    return _ops["reshape"](input, (*shape[:first], _product(shape[first : last + 1]), *shape[last + 1 :]))


def _product(sizes: tuple[int, ...]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


def _transposed(self: Tensor) -> Tensor:
    """The tensor with its dimensions in reverse order."""
    return _ops["permute"](self, tuple(range(self.ndim))[::-1])


def _matrix_transposed(self: Tensor) -> Tensor:
    """The tensor with its last two dimensions exchanged."""
    if self.ndim < 2:
        raise RuntimeError(
            "tensor.mT is only supported on matrices or batches of matrices. "
            f"Got {self.ndim}-D tensor."
        )
    return _ops["transpose"](self, -2, -1)


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
    return self if self.is_contiguous() else _ops["contiguous_copy"](self)


# Indexing -----------------------------------------------------------------------------------------


def getitem(self: Tensor, key: Any) -> Tensor:
    """`x[key]` for ints, slices, None, `...` (views) and lists, masks and index tensors (copies)."""
    view, rest = _taken_apart(self, key)
    return view if rest is None else _ops["index"](view, rest)


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """`x[key] = value`, a number or a tensor that broadcasts to the elements named."""
    value = _tensor_or_number(value, "__setitem__")
    view, rest = _taken_apart(self, key)
    if isinstance(value, Tensor):
        target = view._array.ndim if rest is None else view._array[rest].ndim
        while value.ndim > target and value._array.shape[0] == 1:
            value = value[0]
    if rest is None:
        view.copy_(value)
    else:
        if isinstance(value, Tensor) and value.ndim and value.dtype is not view.dtype:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{dtypes.SCALAR_NAMES[view._array.dtype]} for the destination and "
                f"{dtypes.SCALAR_NAMES[value._array.dtype]} for the source."
            )
        _index_put_(view, value, rest)


def _taken_apart(self: Tensor, key: Any) -> tuple[Tensor, tuple[Any, ...] | None]:
    """The view that the ints, slices and None of a key make, and the indices left to gather."""
    if key is Ellipsis:
        return _ops["alias"](self), None
    alone = not isinstance(key, tuple)
    entries = [_entry(k) for k in ((key,) if alone else key)]
    used = sum(_dims_used(e) for e in entries)
    if used > self.ndim:
        if self.ndim == 0 and alone and isinstance(entries[0], int):
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python "
                "to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
    result, rest, gather = self, [], False
    for e in entries:
        dim = sum(_dims_used(r) for r in rest)
        if isinstance(e, builtins.bool):  # a new dimension, kept or emptied
            result = _ops["unsqueeze"](result, dim)
            rest.append(np.array([e]))
            gather = True
        elif isinstance(e, int):
            size = result._array.shape[dim]
            if not -size <= e < size:
                raise IndexError(f"index {e} is out of bounds for dimension {dim} with size {size}")
            result = _ops["select"](result, dim, e)
        elif e is None:
            result = _ops["unsqueeze"](result, dim)
            rest.append(slice(None))
        elif e is Ellipsis:
            rest += [slice(None)] * (self.ndim - used)
        elif isinstance(e, slice):
            if alone or e != slice(None):
                step = 1 if e.step is None else e.step
                result = _ops["slice"](result, dim, e.start, e.stop, step)
            rest.append(slice(None))
        else:
            rest.append(e)
            gather = True
    return result, tuple(rest) if gather else None


def _entry(k: Any) -> Any:
    """One entry of a key as an int, a bool, a slice, None, `...`, or an array of indices."""
    if k is None or k is Ellipsis or isinstance(k, slice | builtins.bool):
        return k
    if isinstance(k, int | np.integer):
        return int(k)
    if isinstance(k, Tensor | np.ndarray | np.bool_):
        # A copy, so that a later write to the indices does not change the gradient.
        array = np.array(k._array if isinstance(k, Tensor) else k)
    elif isinstance(k, Sequence) and not isinstance(k, str):
        array = np.array([_entry(item) for item in k] if len(k) else np.empty(0, np.int64))
    elif isinstance(k, str):
        raise TypeError("new(): invalid data type 'str'")
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(k).__name__})"
        )
    if array.dtype.kind not in "bi":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return array if array.ndim else array.item()


def _dims_used(entry: Any) -> int:
    if entry is None or entry is Ellipsis or isinstance(entry, builtins.bool):
        return 0
    return entry.ndim if isinstance(entry, np.ndarray) and entry.dtype.kind == "b" else 1


# Conversions --------------------------------------------------------------------------------------


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor in another dtype: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`.

    The same tensor if nothing changes, unless `copy=True`. The device can only be the CPU.

    >>> minigrad.tensor([1, 2]).to(minigrad.float64)
    tensor([1., 2.], dtype=torch.float64)
    """
    wanted: DType | None = kwargs.pop("dtype", None)
    require_cpu(kwargs.pop("device", None))
    kwargs.pop("non_blocking", False)
    copy = kwargs.pop("copy", False)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    for position, a in enumerate(args):
        if isinstance(a, DType):
            wanted = a
        elif isinstance(a, Tensor) and position == 0:
            wanted = a.dtype
        elif position == 0:
            require_cpu(a)
        elif isinstance(a, builtins.bool):
            copy = copy or (position == len(args) - 1 and a and len(args) > 2)
        else:
            raise TypeError(f"to() received an unexpected argument {a!r}")
    if wanted is None or wanted is self.dtype:
        return self.clone() if copy else self
    return _ops["cast"](self, dtypes.to_numpy(wanted))


def _conversion(name: str, target: DType) -> Callable[[Tensor], Tensor]:
    def convert(self: Tensor) -> Tensor:
        return to(self, target)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"This tensor as {target.name}."
    return convert


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype of `other`."""
    return to(self, other.dtype)


def cpu(self: Tensor) -> Tensor:
    """This tensor: it is on the CPU already."""
    return self


# In place -----------------------------------------------------------------------------------------

_copy_ = in_place(REGISTRY["copy"], casts=True)
_index_put_ = in_place(REGISTRY["index_put"], casts=True)


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write the elements of `src`, broadcast and converted, into this tensor.

    >>> minigrad.zeros(2).copy_(minigrad.tensor([1, 2]))
    tensor([1., 2.])
    """
    return _copy_(self, src)


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value, a number or a 0-d tensor, into every element.

    >>> minigrad.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )
    return _copy_(self, value)


def zero_(self: Tensor) -> Tensor:
    """Write zero into every element.

    >>> minigrad.ones(2).zero_()
    tensor([0., 0.])
    """
    return _copy_(self, 0)


def detach_(self: Tensor) -> Tensor:
    """Make this tensor a leaf that does not require grad. RuntimeError for a view."""
    if self._view is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel "
            "(DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets"
        )
    self._node, self._requires_grad = None, False
    return self


# Operators ----------------------------------------------------------------------------------------


def _operator(name: str, reflected: bool = False) -> Callable[[Tensor, Any], Any]:
    """`x + y` from `add`: gives way (NotImplemented) to a right-hand side that is not ours."""
    op = _ops[name]

    def operator(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor | int | float | np.number | np.bool_):
            return NotImplemented
        return op(other, self) if reflected else op(self, other)

    return operator


def _in_place_operator(name: str) -> Callable[[Tensor, Any], Any]:
    op = in_place(REGISTRY[name])

    def operator(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor | int | float | np.number | np.bool_):
            return NotImplemented
        return op(self, other)

    return operator


def _matmul(self: Tensor, other: Any) -> Any:
    return matmul(self, other) if isinstance(other, Tensor) else NotImplemented


def _rsub(self: Tensor, other: Any) -> Any:
    return _ops["rsub"](self, other) if isinstance(other, int | float | np.number) else NotImplemented


def _rdiv(self: Tensor, other: Any) -> Any:
    """`other / x` as PyTorch computes it, rounded twice."""
    if not isinstance(other, int | float | np.number):
        return NotImplemented
    return _ops["mul"](_ops["reciprocal"](self), other)


def _equality(name: str, otherwise: bool) -> Callable[[Tensor, Any], Any]:
    op = _ops[name]

    def operator(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor | int | float | np.number | np.bool_):
            return op(self, other)
        return otherwise  # a tensor is never equal to what is not a number

    return operator


def _bit_operator(name: str) -> Callable[[Tensor, Any], Any]:
    op = _ops[name]

    def operator(self: Tensor, other: Any) -> Any:
        return op(self, other) if isinstance(other, Tensor | int) else NotImplemented

    return operator


PUBLIC: dict[str, Callable[..., Any]] = {
    name: _ops[name] for name, rule in REGISTRY.items() if "function" in rule.forms
} | {f.__name__: f for f in (matmul, max, min, where, cat, stack, flatten)}


def _attach() -> None:
    """Give Tensor its methods and operators."""
    methods: dict[str, Any] = {}
    for name, rule in REGISTRY.items():
        if "method" in rule.forms:
            methods[name] = _ops[name]
        if "in-place" in rule.forms:
            methods[f"{name}_"] = in_place(rule)
    for f in (matmul, max, min, where, flatten, view_as, reshape_as, expand_as, contiguous):
        methods[f.__name__] = f
    for f in (to, type_as, cpu, copy_, fill_, zero_, detach_):
        methods[f.__name__] = f
    for target in dtypes.SUPPORTED:
        for name in _CONVERSIONS[target]:
            methods[name] = _conversion(name, target)
    for name in ("add", "sub", "mul", "div", "pow"):
        dunder = "truediv" if name == "div" else name
        methods[f"__{dunder}__"] = _operator(name)
        methods[f"__i{dunder}__"] = _in_place_operator(name)
    for name in ("add", "mul", "pow"):
        methods[f"__r{name}__"] = _operator(name, reflected=True)
    for name in ("lt", "le", "gt", "ge"):
        methods[f"__{name}__"] = _operator(name)
    for name in ("and", "or", "xor"):
        methods[f"__{name}__"] = methods[f"__r{name}__"] = _bit_operator(f"bitwise_{name}")
    methods |= {
        "__rsub__": _rsub,
        "__rtruediv__": _rdiv,
        "__matmul__": _matmul,
        "__neg__": _ops["neg"],
        "__pos__": lambda self: self,
        "__abs__": _ops["abs"],
        "__invert__": _ops["bitwise_not"],
        "__eq__": _equality("eq", False),
        "__ne__": _equality("ne", True),
        "__getitem__": getitem,
        "__setitem__": setitem,
        "T": property(_transposed),
        "mT": property(_matrix_transposed),
    }
    for name, method in methods.items():
        setattr(Tensor, name, method)


_CONVERSIONS = {
    dtypes.float32: ["float"],
    dtypes.float64: ["double"],
    dtypes.int32: ["int"],
    dtypes.int64: ["long"],
    dtypes.bool: ["bool"],
}
_attach()
globals().update({name: f for name, f in PUBLIC.items() if name not in globals()})
