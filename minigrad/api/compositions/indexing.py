"""Functions that read or write elements at given indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.creating import int_of, require_memory
from ...core.dispatch import OPS, function
from ...core.grad_mode import no_grad
from ...core.higher_order import without_derivative
from ...core.inplace import in_place
from ...core.one_node import as_one_node, one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.warning import warn_once
from ...rules import REGISTRY
from ...rules.dims import axis as dim_from_front
from ...rules.dims import index as integer
from ...rules.dims import number
from ...rules.dtypes import of_numpy, scalar_name
from ...rules.presentation import FUNCTION, IN_PLACE
from ...rules.promotion import converted, python_number
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor


def _variant(rule: str, node: str, layout: str = "contiguous") -> Any:
    """The op of a rule whose result has another layout and whose node has another name."""
    return function(REGISTRY[rule].presented(layout=layout), node=node)


_index_select = _variant("index", "IndexSelectBackward0")
_take = _variant("index", "TakeBackward0")
_masked_select = _variant("index", "MaskedSelectBackward0")
_index_add = _variant("index_put", "IndexAddBackward0")
_index_copy = _variant("index_put", "IndexCopyBackward0")
_index_fill = _variant("index_put", "IndexFillBackward0", "first")
_put = _variant("index_put", "PutBackward0")
_masked_scatter = _variant("index_put", "MaskedScatterBackward0")

# One index for each element along a dimension -----------------------------------------------------


@composed()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Return the elements of `input` at the indices along `dim`, in the shape of `index`.

    `index` has as many dimensions as `input`, and apart from `dim` isn't larger. RuntimeError for
    an index out of range.

    >>> minigrad.gather(minigrad.tensor([[1, 2], [3, 4]]), 1, minigrad.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    if sparse_grad:
        raise NotImplementedError("gather(sparse_grad=True) is not implemented")
    return OPS["gather_along"](input, index, dim)


@composed()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return the elements of `input` at the indices along `dim`, with broadcasting.

    An index beyond either end counts on from the other. Without `dim`, both are flattened first,
    and an index out of range is a RuntimeError.

    >>> x = minigrad.tensor([[3, 1], [2, 4]])
    >>> minigrad.take_along_dim(x, x.argsort(dim=1), dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    require_tensor(input, "take_along_dim", "input")
    require_tensor(indices, "take_along_dim", "indices", 2)
    if dim is None:
        flat = OPS["reshape"](input, (-1,))
        return OPS["gather_along"](flat, OPS["reshape"](indices, (-1,)), 0)
    if indices._array.dtype != np.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{scalar_name(indices._array)}"
        )
    x, places = input._array, indices._array
    if x.ndim != places.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {x.ndim} dimensions for input, and {places.ndim} dimensions for indices"
        )
    d = dim_from_front(dim, x.ndim)
    if not x.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if x.shape[d]:
        indices = wrap(places % x.shape[d])

    def spread(a: Any, b: Any) -> tuple[int, ...]:
        sizes = [(1, 1) if i == d else p for i, p in enumerate(zip(a.shape, b.shape, strict=True))]
        lead = np.broadcast_shapes(*zip(*sizes, strict=True)) if sizes else ()
        return tuple(a.shape[i] if i == d else n for i, n in enumerate(lead))

    try:
        of_input, of_indices = spread(x, places), spread(places, x)
    except ValueError:
        raise RuntimeError(
            f"The sizes of input {list(x.shape)} and indices {list(places.shape)} must match or "
            f"be 1, apart from dimension {d}"
        ) from None
    wide = OPS["expand"](input, of_input)
    return OPS["gather_along"](wide, OPS["expand"](indices, of_indices), d)


@composed(IN_PLACE)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return a copy of `input` with each element of `src` added at an index along `dim`.

    >>> minigrad.zeros(3).scatter_add(0, minigrad.tensor([0, 0, 2]), minigrad.ones(3))
    tensor([2., 0., 1.])
    """
    return OPS["scatter_sum"](input, src, index, dim)


@composed(IN_PLACE)
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
) -> Tensor:
    """Return a copy of `input` with each element of `src` stored at an index along `dim`.

    A number, `value`, is stored at all of them. `reduce` combines instead: "add" or "multiply".

    >>> minigrad.zeros(3).scatter(0, minigrad.tensor([2]), 1.)
    tensor([0., 0., 1.])
    """
    if (src is None) == (value is None):
        raise TypeError("scatter() needs one of the arguments 'src' and 'value'")
    src = value if src is None else src
    if reduce is None:
        return OPS["scatter_values"](input, src, index, dim)
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    require_tensor(index, "scatter", "index", 3)
    if isinstance(src, TensorBase):
        warn_once(
            "The reduce argument of torch.scatter with Tensor src is deprecated and will be "
            "removed: use torch.scatter_reduce instead."
        )
    else:
        kind = input._array.dtype
        number = converted(src, kind) if index._array.size else 0
        src = wrap(np.full(index._array.shape, number, kind))
    with no_grad():
        if reduce == "add":
            result = OPS["scatter_sum"](input, src, index, dim)
        else:
            result = OPS["scatter_product"](input, src, index, dim, True)
    refused: Any = without_derivative(result._array, "scatter", input, src)
    return refused


@composed(IN_PLACE)
@one_node("ScatterReduceBackward0", "input", "src")
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Reduce the elements of `src` that have the same index along `dim`, into a copy of `input`.

    `reduce` is "sum", "prod", "mean", "amax" or "amin". Without `include_self`, the elements of
    `input` at the indices don't count.

    >>> index = minigrad.tensor([0, 0, 1])
    >>> minigrad.zeros(2).scatter_reduce(0, index, minigrad.tensor([1., 5., 2.]), "amax")
    tensor([5., 2.])
    """
    for position, (name, x) in enumerate({"input": input, "index": index, "src": src}.items(), 1):
        require_tensor(x, "scatter_reduce", name, position)
    return _scatter_reduced(input, dim, index, src, reduce, include_self)


def _scatter_reduced(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool
) -> Tensor:
    if reduce == "prod":
        return OPS["scatter_product"](input, src, index, dim, include_self)
    if reduce in ("amax", "amin"):
        return OPS["scatter_amax"](input, src, index, dim, reduce == "amax", include_self)
    if reduce not in ("sum", "mean"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    base = input if include_self else OPS["scatter_values"](input, 0, index, dim)
    total = OPS["scatter_sum"](base, src, index, dim)
    if reduce == "sum":
        return total
    start, ones = np.ones_like(input._array), np.ones_like(src._array)
    with no_grad():
        count = wrap(start)
        if not include_self:
            count = OPS["scatter_values"](count, 0, index, dim)
        count = OPS["scatter_sum"](count, wrap(ones), index, dim)._array
    count = np.maximum(count, 1)
    if total._array.dtype.kind == "f":
        return OPS["div"](total, wrap(count))
    return wrap(total._array // count)


# One index for each slice -------------------------------------------------------------------------


def _slices(
    name: str, input: Tensor, dim: int, index: Tensor, position: int = 3
) -> tuple[int, Any, Any]:
    """The dimension from the front, a 1-d view of `input` if it is 0-d, and the key."""
    require_tensor(input, name, "input")
    require_tensor(index, name, "index", position)
    x, places = input._array, index._array
    d = dim_from_front(dim, x.ndim)
    if places.ndim > 1:
        raise (RuntimeError if name == "index_fill" else IndexError)(
            f"{name}(): Index is supposed to be a vector"
        )
    if name == "index_copy" and places.dtype != np.int64:
        raise RuntimeError(
            f"index_copy_(): Expected a long tensor for index, but got {scalar_name(places)}"
        )
    if name == "index_fill" and places.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if places.dtype not in (np.int32, np.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32 or int64 for index")
    size = x.shape[d] if x.ndim else 1
    low = -size if name == "index_fill" else 0
    if name == "index_select" and places.size and not size:
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    if places.size and (places.min() < low or places.max() >= size):
        # PyTorch copies slices, which it checks elsewhere.
        by_slices = x.ndim > 1 and (
            (name == "index_add" and places.dtype == np.int64)
            or (name == "index_select" and (d > 0 or not x.size))
        )
        raise (RuntimeError if by_slices else IndexError)(
            f"{name}(): index out of range in dimension {d} with size {size}"
        )
    whole = input if x.ndim else OPS["reshape"](input, (1,))
    return d, whole, (*(slice(None),) * d, OPS["reshape"](index, (-1,)))


def _shaped(result: Tensor, input: Tensor) -> Tensor:
    return result if input._array.ndim else OPS["reshape"](result, ())


@composed()
@one_node("IndexSelectBackward0", "input")
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices of `input` at the indices along `dim`, in a copy.

    >>> minigrad.index_select(minigrad.tensor([1., 2., 3.]), 0, minigrad.tensor([2, 0]))
    tensor([3., 1.])
    """
    _, whole, key = _slices("index_select", input, dim, index)
    return _shaped(_index_select(whole, key), input)


def _check_source(name: str, input: Tensor, d: int, index: Tensor, source: Any) -> None:
    require_tensor(source, name, "source", 4)
    x, y, count = input._array, source._array, index._array.size
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) "
            f"{scalar_name(x)} and (source) {scalar_name(y)}"
        )
    sizes = tuple(count if i == d else n for i, n in enumerate(x.shape or (1,)))
    if (y.shape or (1,)) != sizes:
        # For a wrong number of slices or dimensions, `index_copy` has another type of error.
        slices = (*sizes[:d], *sizes[d + 1 :])
        counted = y.ndim != len(sizes) or (*y.shape[:d], *y.shape[d + 1 :]) == slices
        kind = IndexError if name == "index_copy" and counted else RuntimeError
        raise kind(
            f"{name}(): the source should have the shape {list(sizes)}, but has {list(y.shape)}"
        )


@composed(IN_PLACE)
@one_node("IndexAddBackward0", "input", "source")
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """Return a copy of `input` with the slices of `alpha * source` added at the indices.

    >>> minigrad.index_add(minigrad.zeros(3), 0, minigrad.tensor([0, 0]), minigrad.ones(2))
    tensor([2., 0., 0.])
    """
    d, whole, key = _slices("index_add", input, dim, index)
    _check_source("index_add", input, d, index, source)
    if alpha != 1:
        source = OPS["mul"](source, alpha)
    source = source if source._array.ndim else OPS["reshape"](source, (1,))
    return _shaped(_index_add(whole, source, key, True), input)


@composed(IN_PLACE)
@one_node("IndexCopyBackward0", "input", "source")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return a copy of `input` with the slices of `source` stored at the indices along `dim`.

    >>> minigrad.index_copy(minigrad.zeros(3), 0, minigrad.tensor([2]), minigrad.ones(1))
    tensor([0., 0., 1.])
    """
    d, whole, key = _slices("index_copy", input, dim, index)
    _check_source("index_copy", input, d, index, source)
    source = source if source._array.ndim else OPS["reshape"](source, (1,))
    return _shaped(_index_copy(whole, source, key), input)


@composed(IN_PLACE)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Return a copy of `input` with a number, or a 0-d tensor, in the slices at the indices.

    >>> minigrad.index_fill(minigrad.zeros(3), 0, minigrad.tensor([2]), 1.)
    tensor([0., 0., 1.])
    """
    d, whole, key = _slices("index_fill", input, dim, index)
    # Each place once, because the gradient of the value is summed over the places.
    places = np.unique(index._array % (whole._array.shape[d] or 1))
    key = (*key[:-1], wrap(places))
    if isinstance(value, TensorBase) and value._array.ndim:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._array.ndim} dimension(s)."
        )
    if not isinstance(value, TensorBase):
        value = converted(number(python_number(value), "value"), input._array.dtype)
    elif value._array.dtype != input._array.dtype:
        value = OPS["cast"](value, input._array.dtype)
    filled = _shaped(_index_fill(whole, value, key), input)
    if isinstance(value, TensorBase):
        return as_one_node(filled, "IndexFillBackward1", input, value)
    return as_one_node(filled, "IndexFillBackward0", input)


@composed(IN_PLACE)
@one_node("IndexReduceBackward0", "input", "source")
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Reduce the slices of `source` that have the same index, into a copy of `input`.

    `reduce` is "prod", "mean", "amax" or "amin"; `include_self` is as in `scatter_reduce`.

    >>> import warnings
    >>> index = minigrad.tensor([0, 0])
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.index_reduce(minigrad.ones(2), 0, index, minigrad.tensor([2., 3.]), "prod")
    tensor([6., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}"
        )
    warn_once("index_reduce() is in beta and the API may change at any time.")
    d, _, _ = _slices("index_reduce", input, dim, index)
    _check_source("index_reduce", input, d, index, source)
    lined = OPS["reshape"](
        index, [index._array.size if i == d else 1 for i in range(source._array.ndim)]
    )
    wide = OPS["expand"](lined, source._array.shape)
    return _scatter_reduced(input, d, wide, source, reduce, include_self)


# Indices into the flattened tensor ----------------------------------------------------------------


def _flat_places(name: str, input: Tensor, index: Tensor) -> None:
    require_tensor(input, name, "input")
    require_tensor(index, name, "index", 2)
    size, places = input._array.size, index._array
    if places.dtype != np.int64:
        raise RuntimeError(
            f"{name}(): Expected a long tensor for index, but got {scalar_name(places)}"
        )
    if places.size and not size:
        raise IndexError(f"{name}(): tried to take from an empty tensor")
    if places.size and (places.min() < -size or places.max() >= size):
        raise IndexError(f"out of range: tried to access an element of a tensor of {size} elements")


@composed()
@one_node("TakeBackward0", "input")
def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements at indices into the flattened tensor, in the shape of `index`.

    >>> minigrad.take(minigrad.tensor([[1, 2], [3, 4]]), minigrad.tensor([3, 0]))
    tensor([4, 1])
    """
    _flat_places("take", input, index)
    flat = _take(OPS["reshape"](input, (-1,)), (OPS["reshape"](index, (-1,)),))
    return flat if index._array.ndim == 1 else OPS["reshape"](flat, index._array.shape)


@composed(IN_PLACE)
@one_node("PutBackward0", "input", "source")
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy of `input` with `source` stored at indices into the flattened tensor.

    With `accumulate`, it is added. `index` and `source` have the same number of elements.

    >>> minigrad.put(minigrad.zeros(3), minigrad.tensor([2]), minigrad.tensor([1.]))
    tensor([0., 0., 1.])
    """
    _flat_places("put_", input, index)
    require_tensor(source, "put_", "source", 3)
    if source._array.size != index._array.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source._array.size}, index.numel() = {index._array.size}"
        )
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{scalar_name(input._array)} and source.dtype = {scalar_name(source._array)}"
        )
    flat, values = OPS["reshape"](input, (-1,)), OPS["reshape"](source, (-1,))
    key = (OPS["reshape"](index, (-1,)),)
    return OPS["reshape"](_put(flat, values, key, accumulate), input._array.shape)


# Masks --------------------------------------------------------------------------------------------


def _require_mask(name: str, mask: Any) -> None:
    require_tensor(mask, name, "mask", 2)
    if mask._array.dtype.kind != "b":
        raise RuntimeError(f"{name}: expected BoolTensor for mask, got {scalar_name(mask._array)}")


def _joint_shape(input: Tensor, mask: Tensor) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(input._array.shape, mask._array.shape)
    except ValueError:
        raise RuntimeError(
            f"The shape of the mask {list(mask._array.shape)} and the shape of the tensor "
            f"{list(input._array.shape)} must broadcast"
        ) from None


@composed()
@one_node("MaskedSelectBackward0", "input")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where `mask` is True, in one dimension; both broadcast.

    >>> minigrad.masked_select(minigrad.tensor([1., 2.]), minigrad.tensor([False, True]))
    tensor([2.])
    """
    require_tensor(input, "masked_select", "input")
    _require_mask("masked_select", mask)
    shape = _joint_shape(input, mask) or (1,)
    wide = input if input._array.shape == shape else OPS["expand"](input, shape)
    return _masked_select(wide, (OPS["expand"](mask, shape),))


@composed(IN_PLACE)
@one_node("MaskedScatterBackward0", "input", "source")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return a copy of `input` in which the elements of `source`, in turn, replace those under
    `mask`. The mask and the input broadcast.

    >>> mask = minigrad.tensor([True, False, True])
    >>> minigrad.masked_scatter(minigrad.zeros(3), mask, minigrad.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """
    require_tensor(input, "masked_scatter", "input")
    _require_mask("masked_scatter", mask)
    require_tensor(source, "masked_scatter", "source", 3)
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{scalar_name(input._array)} and {scalar_name(source._array)}"
        )
    shape = _joint_shape(input, mask)
    cover = OPS["expand"](mask, shape) if mask._array.shape != shape else mask
    count = int(cover._array.sum())
    if source._array.size < count:
        raise RuntimeError(
            "masked_scatter: expected self and source to have the same number of elements under "
            f"the mask, but the source has {source._array.size} for {count}"
        )
    values = OPS["slice"](OPS["reshape"](source, (-1,)), 0, 0, count, 1)
    wide = input if input._array.shape == shape else OPS["expand"](input, shape)
    if not shape:
        line = _masked_scatter(OPS["reshape"](wide, (1,)), values, (OPS["reshape"](cover, (1,)),))
        return OPS["reshape"](line, ())
    return _masked_scatter(wide, values, (cover,))


@composed()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the indices of the elements that aren't zero: a row for each element.

    With `as_tuple`, return a tensor of indices for each dimension instead.

    >>> minigrad.nonzero(minigrad.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    require_tensor(input, "nonzero", "input")
    x = input._array
    if as_tuple:
        return tuple(wrap(np.ascontiguousarray(places)) for places in np.nonzero(np.atleast_1d(x)))
    if not x.ndim:
        return wrap(np.zeros((int(bool(x)), 0), np.int64))
    # The rows are those of a transposed matrix, as PyTorch's.
    return wrap(np.argwhere(x).T.copy().T)


@composed()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """Return the indices of the first `size` elements that aren't zero: a row for each.

    If there are fewer, the other rows have `fill_value` in each place. RuntimeError for a negative
    `size`.

    >>> minigrad.nonzero_static(minigrad.tensor([0, 3, 4]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    require_tensor(input, "nonzero_static", "input")
    size = int_of(size, "nonzero_static", "size")
    filling = int_of(fill_value, "nonzero_static", "fill_value")
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    x = input._array
    rows = np.full((size, x.ndim), filling, np.int64)
    if x.ndim:
        found = np.argwhere(x)[:size]
        rows[: len(found)] = found
    return wrap(rows)


@composed(FUNCTION)
def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Return the indices along each dimension of elements that are numbered in row-major order.

    An index beyond the end counts on from the start, and a negative one from the end. TypeError
    unless the indices are integers and the `shape` is of ints, ValueError for a negative size.

    >>> minigrad.unravel_index(minigrad.tensor([4, 7]), (2, 4))
    (tensor([1, 1]), tensor([0, 3]))
    """
    if not isinstance(indices, TensorBase):
        raise AttributeError(f"{type(indices).__name__!r} object isn't a tensor of indices")
    flat = indices._array
    if flat.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {of_numpy(flat.dtype)}")
    if not isinstance(shape, int | Sequence) or isinstance(shape, bool):
        kind = type(shape)
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {kind}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for size in sizes:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    if 0 in sizes and flat.size:
        raise RuntimeError("ZeroDivisionError: indices into a shape without elements")
    steps = [math.prod(sizes[d + 1 :]) or 1 for d in range(len(sizes))]
    counts = [size or 1 for size in sizes]
    found = (
        flat.astype(np.int64)[..., None] // np.array(steps, np.int64) % np.array(counts, np.int64)
    )
    return tuple(wrap(found[..., d]) for d in range(len(sizes)))  # which share memory, as PyTorch's


@composed()
def argwhere(input: Tensor) -> Tensor:
    """Return the indices of the elements that aren't zero: a row for each element.

    >>> minigrad.argwhere(minigrad.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    return nonzero(input)


# Tables -------------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return a row of zeros with a 1 at the class, for each element of an int64 tensor.

    Without `num_classes`, there is one class more than the largest.

    >>> F.one_hot(minigrad.tensor([1, 0]), num_classes=3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    require_tensor(tensor, "one_hot", "tensor")
    x = tensor._array
    if x.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not x.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return wrap(np.zeros((*x.shape, num_classes), np.int64))
    if x.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(x.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif x.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    require_memory((*x.shape, num_classes), x.dtype)
    return wrap((x[..., None] == np.arange(num_classes)).astype(np.int64, "C"))


_write_rows = in_place(REGISTRY["index_put"])


@composed(FUNCTION, module="nn.functional")
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of `weight` at the indices in `input`.

    The row `padding_idx` gets no gradient. `max_norm` scales the rows that are used, in place, down
    to this `norm_type`-norm. `scale_grad_by_freq` divides the gradient of a row by the number of
    times that it is used. NotImplementedError for `sparse`.

    >>> F.embedding(minigrad.tensor([1, 0]), minigrad.tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    require_tensor(input, "embedding", "indices")
    require_tensor(weight, "embedding", "weight", 2)
    if sparse:
        raise NotImplementedError("embedding(sparse=True) is not implemented")
    if padding_idx is None:
        padding_idx = -1
    else:
        rows = weight._array.shape[0]
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx = integer(padding_idx, "padding_idx") % rows
    if max_norm is not None:
        renormalise(weight, input, max_norm, norm_type)
    return OPS["embedding"](weight, input, padding_idx, scale_grad_by_freq)


def renormalise(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows of `weight` that are used and too long, in place."""
    used = np.unique(input._array)
    with no_grad():
        rows = wrap(weight._array[used])
        length = OPS["vector_norm"](rows, float(norm_type), 1, True)._array
        long = length[:, 0] > max_norm
        scale = (max_norm / (length + 1e-7)).astype(weight._array.dtype)
        if long.any():
            shorter = wrap((rows._array * scale)[long])
            _write_rows(weight, shorter, (wrap(used[long]),))
