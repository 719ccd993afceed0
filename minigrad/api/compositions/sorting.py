"""Sorting, and what is found by it: each result is elements of the operand at some indices.

NumPy finds the indices, and a gather takes the elements, so that the gradient goes to the places
that they came from. NaN counts as the largest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS, function
from ...core.higher_order import without_derivative
from ...core.tensor import TensorBase, require_tensor, wrap
from ...rules import REGISTRY
from ...rules.dims import axis as dim_from_front
from ...rules.dims import index as integer
from ...rules.dtypes import scalar_name
from ...rules.layout import elementwise
from ...rules.presentation import FUNCTION
from ...rules.promotion import in_common_dtype
from .basic import tensor_or_number
from .registry import composed
from .results import named_results

if TYPE_CHECKING:
    from ..tensor import Tensor

_gather = REGISTRY["gather_along"].presented(saved={"index": "indices", "input": ""})
_gathers = {
    name: function(_gather, node=f"{name}Backward0")
    for name in ("Topk", "Kthvalue", "Mode", "Cummax", "Cummin")
}
_sorted, _stably_sorted = (
    function(_gather.presented(layout="first"), node=f"SortBackward{number}") for number in (0, 1)
)
_gathers["Median"] = function(_gather, node="MedianBackward1")
_gathers["Nanmedian"] = function(_gather, node="NanmedianBackward1")


def order(x: np.ndarray, dim: int, descending: bool = False) -> np.ndarray:
    """The indices that sort an array along `dim`. Equal elements keep their order."""
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, dim, kind="stable")
    backwards = (*(slice(None),) * dim, slice(None, None, -1))
    back = np.argsort(x[backwards], dim, kind="stable")[backwards]
    return _in_order(x.shape[dim] - 1 - back)


# From this size on, a partition and a sort of the few that it leaves beat a sort of all.
_LONG, _FEW = 512, 8


def first_in_order(x: np.ndarray, dim: int, k: int, descending: bool) -> np.ndarray:
    """The first `k` indices of `order`.

    For few of many it finds them by a partition, unless elements that are equal to the last of them
    are left over: then their order decides.
    """
    if not x.ndim:
        return order(x, dim)
    size = x.shape[dim]
    if type(x) is np.ndarray and size >= _LONG and 0 < k <= size // _FEW:
        lines = np.moveaxis(x, dim, -1)
        last = size - k if descending else k - 1
        places = np.argpartition(lines, last, -1)
        edge = np.take_along_axis(lines, places[..., last, None], -1)
        places = np.sort(places[..., last:] if descending else places[..., :k], -1)
        found = np.take_along_axis(lines, places, -1)
        equal = [np.count_nonzero(part == edge, -1) for part in (lines, found)]
        if np.array_equal(*equal) and (edge == edge).all():  # no NaN
            places = np.take_along_axis(places, order(found, x.ndim - 1, descending), -1)
            return np.moveaxis(places, -1, dim)
    return order(x, dim, descending)[(*(slice(None),) * dim, slice(0, k))]


def _at(input: Tensor, indices: np.ndarray, dim: int, name: str, drop: bool = False) -> Any:
    found = wrap(_in_order(indices))
    return _gathers[name](input, found, dim, drop), found


def _in_order(indices: np.ndarray) -> np.ndarray:
    """`np.asarray(indices, order="C")`, with methods, which a compiled step records."""
    if not isinstance(indices, np.ndarray):
        return np.asarray(indices)
    return indices if indices.flags.c_contiguous else indices.copy()


def _one_along(input: Tensor, indices: np.ndarray, dim: int, keepdim: bool, name: str) -> Any:
    """One element along `dim` for each of its lines, given indices without that dimension."""
    if keepdim and input._array.ndim:
        return _at(input, np.expand_dims(indices, dim), dim, name)
    return _at(input, indices, dim, name, drop=bool(input._array.ndim))


_sort_result = named_results("sort", "values", "indices")
_topk_result = named_results("topk", "values", "indices")
_kthvalue_result = named_results("kthvalue", "values", "indices")
_median_result = named_results("median", "values", "indices")
_nanmedian_result = named_results("nanmedian", "values", "indices")
_mode_result = named_results("mode", "values", "indices")
_cummax_result = named_results("cummax", "values", "indices")
_cummin_result = named_results("cummin", "values", "indices")


@composed()
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None
) -> Any:
    """Sort along `dim`. Returns the pair (values, indices); equal elements keep their order.

    >>> minigrad.sort(minigrad.tensor([3., 1., 2.])).indices
    tensor([1, 2, 0])
    """
    require_tensor(input, "sort", "input")
    places = argsort(input, dim, descending)
    gather = _sorted if stable is None else _stably_sorted
    return _sort_result(gather(input, places, dim_from_front(dim, input._array.ndim)), places)


@composed()
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> Tensor:
    """Return the indices that sort along `dim`. Equal elements keep their order.

    >>> minigrad.argsort(minigrad.tensor([3., 1., 2.]))
    tensor([1, 2, 0])
    """
    require_tensor(input, "argsort", "input")
    x = input._array
    places = order(x, dim_from_front(dim, x.ndim), bool(descending))
    return wrap(elementwise(_in_order(places), (x,)))


@composed()
def msort(input: Tensor) -> Tensor:
    """Sort along the first dimension.

    >>> minigrad.msort(minigrad.tensor([3., 1., 2.]))
    tensor([1., 2., 3.])
    """
    return sort(input, 0).values


@composed()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Return the `k` largest (or smallest) elements along `dim` and their indices, in order.

    RuntimeError if there are fewer than `k`.

    >>> minigrad.topk(minigrad.tensor([3., 1., 2.]), k=2).values
    tensor([3., 2.])
    """
    require_tensor(input, "topk", "input")
    x, k = input._array, integer(k, "k")
    if x.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    d = dim_from_front(dim, x.ndim)
    if not 0 <= k <= (x.shape[d] if x.ndim else 1):
        raise RuntimeError("selected index k out of range")
    return _topk_result(*_at(input, first_in_order(x, d, k, bool(largest)), d, "Topk"))


@composed()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the `k`-th smallest element along `dim`, counted from 1, and its index.

    >>> minigrad.kthvalue(minigrad.tensor([3., 1., 2.]), k=2).values
    tensor(2.)
    """
    require_tensor(input, "kthvalue", "input")
    x, k = input._array, integer(k, "k")
    d = dim_from_front(dim, x.ndim)
    if x.dtype.kind == "b":
        raise NotImplementedError("\"kthvalue_cpu\" not implemented for 'Bool'")
    _require_elements(x, d, "kthvalue")
    if not 1 <= k <= (x.shape[d] if x.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    places = np.take(order(x, d), k - 1, d) if x.ndim else order(x, d)
    return _kthvalue_result(*_one_along(input, places, d, keepdim, "Kthvalue"))


def _require_elements(x: np.ndarray, d: int, name: str) -> None:
    if x.ndim and not x.shape[d]:
        raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


@composed()
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median, the lower one of two; NaN if any element is NaN.

    Without `dim` it is that of all elements, and tied elements share its gradient evenly. Over
    `dim` the result is a pair (values, indices).

    >>> minigrad.median(minigrad.tensor([3., 1., 2., 4.]))
    tensor(2.)
    """
    return _median(input, dim, keepdim, "Median", _median_result)


@composed()
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median of the elements that aren't NaN, the lower one of two.

    Without `dim` it is that of all elements; over `dim` the result is a pair (values, indices).

    >>> minigrad.nanmedian(minigrad.tensor([3., 1., float("nan")]))
    tensor(1.)
    """
    return _median(input, dim, keepdim, "Nanmedian", _nanmedian_result)


def _median(input: Tensor, dim: int | None, keepdim: bool, name: str, result: Any) -> Any:
    if dim is None:
        if keepdim:
            raise TypeError(f'{name.lower()}() missing 1 required positional arguments: "dim"')
        return OPS[name.lower()](input)
    require_tensor(input, name.lower(), "input")
    x = input._array
    d = dim_from_front(dim, x.ndim)
    if x.dtype.kind == "b":
        raise NotImplementedError("\"median_out_impl\" not implemented for 'Bool'")
    _require_elements(x, d, name.lower())
    places = order(x, d)
    if x.ndim:
        size = x.shape[d]
        missing = np.isnan(x).sum(d, keepdims=True)
        middle = np.maximum(size - missing - 1, 0) // 2
        if name == "Median":  # the first NaN
            middle = np.where(missing, size - missing, middle)
        places = np.take_along_axis(places, middle, d).squeeze(d)
    return result(*_one_along(input, places, d, keepdim, name))


@composed()
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the most frequent element along `dim`, the smallest of several, and its last index.

    A NaN is no other's equal. In a line of up to 16 elements it also keeps those that come before
    it from those after it, so that not all elements that are equal may count together.

    >>> minigrad.mode(minigrad.tensor([3, 1, 3, 2]))
    torch.return_types.mode(
    values=tensor(3),
    indices=tensor(2))
    """
    require_tensor(input, "mode", "input")
    x = input._array
    d = dim_from_front(dim, x.ndim)
    _require_elements(x, d, "mode")
    if not x.ndim:
        return _mode_result(*_one_along(input, order(x, d), d, keepdim, "Mode"))
    places = order(x, d)
    if x.dtype.kind == "f" and x.shape[d] <= _SHORT and np.isnan(x).any():
        places = np.apply_along_axis(_inserted, d, x)
    y = np.take_along_axis(x, places, d)
    shift = (*(slice(None),) * d, slice(1, None)), (*(slice(None),) * d, slice(None, -1))
    new = np.ones(x.shape, bool)
    new[shift[0]] = y[shift[0]] != y[shift[1]]
    place = np.arange(x.shape[d]).reshape(kept_like(x, d))
    start = np.maximum.accumulate(np.where(new, place, 0), d)
    last = np.argmax(place - start, d, keepdims=True)
    return _mode_result(
        *_one_along(input, np.take_along_axis(places, last, d).squeeze(d), d, keepdim, "Mode")
    )


# PyTorch sorts lines up to this size by insertion, for which NaN makes a difference.
_SHORT = 16


def _inserted(line: np.ndarray) -> np.ndarray:
    """The indices that sort a line by insertion, in which nothing is less than NaN, nor NaN less.

    An element goes before all if it is less than the first, or else before the elements at the end
    that it is less than.
    """
    places: list[int] = []
    for i, element in enumerate(line):
        at = 0 if places and element < line[places[0]] else len(places)
        while at and element < line[places[at - 1]]:
            at -= 1
        places.insert(at, i)
    return np.array(places)


def kept_like(x: np.ndarray, d: int) -> tuple[int, ...]:
    """The shape in which a line of elements lies along dimension `d`."""
    return tuple(size if i == d else 1 for i, size in enumerate(x.shape))


@composed()
def cummax(input: Tensor, dim: int) -> Any:
    """Return the largest elements along `dim` up to each place, and the last of their indices.

    >>> minigrad.cummax(minigrad.tensor([1., 3., 2.]), dim=0).values
    tensor([1., 3., 3.])
    """
    return _cumulative(input, dim, np.maximum, "Cummax", _cummax_result)


@composed()
def cummin(input: Tensor, dim: int) -> Any:
    """Return the smallest elements along `dim` up to each place, and the last of their indices.

    >>> minigrad.cummin(minigrad.tensor([3., 1., 2.]), dim=0).values
    tensor([3., 1., 1.])
    """
    return _cumulative(input, dim, np.minimum, "Cummin", _cummin_result)


def _cumulative(input: Tensor, dim: int, ufunc: np.ufunc, name: str, result: Any) -> Any:
    require_tensor(input, name.lower(), "input")
    x = input._array
    d = dim_from_front(dim, x.ndim)
    if not x.ndim:
        return result(*_at(input, np.zeros((), np.int64), d, name))
    new = (x == ufunc.accumulate(x, d)) | (x != x)
    place = np.arange(x.shape[d]).reshape(kept_like(x, d))
    return result(*_at(input, np.maximum.accumulate(np.where(new, place, 0), d), d, name))


# Places in sorted sequences -----------------------------------------------------------------------


@composed(FUNCTION)
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Return the places at which elements keep the last dimension of a sequence sorted.

    With `right`, they are after the elements that are equal. The sequence has one dimension, or
    those of `input` apart from the last. `sorter` are the indices that sort the sequence. Both are
    compared in the dtype that they promote to.

    >>> minigrad.searchsorted(minigrad.tensor([1, 3, 5]), minigrad.tensor([3, 4]))
    tensor([1, 2])
    """
    require_tensor(sorted_sequence, "searchsorted", "sorted_sequence")
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    operands = [tensor_or_number(x, "searchsorted") for x in (sorted_sequence, input)]
    line, values = in_common_dtype(
        *(x._array if isinstance(x, TensorBase) else x for x in operands)
    )
    if not line.ndim:
        raise RuntimeError("torch.searchsorted(): boundaries tensor should have positive dimension")
    _check_search(line, values)
    right = right or side == "right"
    kind = np.int32 if out_int32 else np.int64
    order_ = None if sorter is None else _checked_sorter(sorter, line)
    if order_ is not None:
        line = np.take_along_axis(line, order_, -1)
    if line.ndim == 1:
        return wrap(np.asarray(_places(line, values, right), kind))
    found = np.empty(values.shape, kind)
    for lead in np.ndindex(line.shape[:-1]):
        found[lead] = _places(line[lead], values[lead], right)
    return wrap(found)


def _places(line: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    """np.searchsorted, but with a NaN each comparison is False, as in PyTorch's search."""
    if line.dtype.kind != "f" or not (np.isnan(line).any() or np.isnan(values).any()):
        return np.searchsorted(line, values, "right" if right else "left")
    start, end = np.zeros(values.shape, np.int64), np.full(values.shape, len(line))
    while (start < end).any():
        middle = (start + end) // 2
        element = line[np.minimum(middle, len(line) - 1)]
        before = (start < end) & ~(element > values if right else element >= values)
        start, end = np.where(before, middle + 1, start), np.where(before, end, middle)
    return start


def _check_search(line: np.ndarray, values: np.ndarray) -> None:
    if line.dtype.kind == "b":
        raise NotImplementedError("\"searchsorted_out_cpu\" not implemented for 'Bool'")
    if line.ndim > 1 and (not values.ndim or line.shape[:-1] != values.shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(line.shape)} and input value tensor {list(values.shape)}"
        )


def _checked_sorter(sorter: Tensor, line: np.ndarray) -> np.ndarray:
    places = sorter._array
    if places.shape != line.shape:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
            f"tensor {list(line.shape)} and got sorter tensor {list(places.shape)}"
        )
    if places.dtype != np.int64:
        raise RuntimeError(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
            f"{scalar_name(places)}"
        )
    if places.size and (places.min() < 0 or places.max() >= line.shape[-1]):
        raise RuntimeError("torch.searchsorted(): sorter index out of range")
    return places


@composed(FUNCTION)
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Return the index of the interval between `boundaries` to which each element belongs.

    >>> minigrad.bucketize(minigrad.tensor([0, 3, 9]), minigrad.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    require_tensor(boundaries, "bucketize", "boundaries", 2)
    if boundaries._array.ndim != 1:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor must be 1 dimension, but got dim("
            f"{boundaries._array.ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# Sets ---------------------------------------------------------------------------------------------


@composed(numpy_names=False)
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the different elements, sorted, or the different slices along `dim`.

    In a tuple with them, `return_inverse` gives the place of each element among them, and
    `return_counts` how often each one occurs. Each NaN is different.

    >>> minigrad.unique(minigrad.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    require_tensor(input, "unique", "input")
    x = input._array
    function = "_unique2" if dim is None else "unique_dim"
    if dim is None:
        found = np.unique(x, return_inverse=True, return_counts=True, equal_nan=False)
        values, inverse, counts = found
        inverse = inverse.reshape(x.shape)
    else:
        d = dim_from_front(dim, x.ndim)
        rows, lead = _rows(x, d)
        places = np.lexsort(rows.T[::-1]) if rows.shape[1] else np.arange(len(rows))
        values, of_sorted, counts = _runs(rows[places])
        inverse = np.empty(len(rows), np.int64)
        inverse[places] = of_sorted
        values = np.moveaxis(values.reshape(-1, *lead), 0, d) if x.ndim else values.reshape(-1)
    return _set_result(function, input, values, inverse, counts, return_inverse, return_counts)


@composed(numpy_names=False)
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the first of each run of equal elements, or of equal slices along `dim`.

    `return_inverse` and `return_counts` are as in `unique`.

    >>> minigrad.unique_consecutive(minigrad.tensor([1, 1, 3, 1]))
    tensor([1, 3, 1])
    """
    require_tensor(input, "unique_consecutive", "input")
    x = input._array
    if dim is None:
        values, inverse, counts = _runs(x.reshape(-1, 1))
        values, inverse = values.reshape(-1), inverse.reshape(x.shape)
    else:
        d = dim_from_front(dim, x.ndim)
        rows, lead = _rows(x, d)
        values, inverse, counts = _runs(rows)
        values = np.moveaxis(values.reshape(-1, *lead), 0, d) if x.ndim else values.reshape(-1)
    return _set_result(
        "unique_consecutive", input, values, inverse, counts, return_inverse, return_counts
    )


def _rows(x: np.ndarray, d: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """The slices of an array along `d` as rows of a matrix, and the shape of each."""
    if not x.ndim:
        return x.reshape(1, 1), ()
    if not x.size and x.shape[d] and 0 in x.shape:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )
    moved = np.moveaxis(x, d, 0)
    return moved.reshape(len(moved), -1 if moved.size else 0), moved.shape[1:]


def _runs(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first of each run of equal rows, the run of each row, and the lengths of the runs."""
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]).any(1)
    run = np.cumsum(new) - 1
    return rows[new], run, np.bincount(run, minlength=int(new.sum()))


def _set_result(
    function: str,
    input: Tensor,
    values: Any,
    inverse: Any,
    counts: Any,
    with_inverse: Any,
    with_counts: Any,
) -> Any:
    node = f"{function.title().replace('_', '')}Backward0"
    found = [without_derivative(values, function, input, node=node)]
    if with_inverse:
        found.append(wrap(np.asarray(inverse, np.int64)))
    if with_counts:
        found.append(wrap(np.asarray(counts, np.int64)))
    return found[0] if len(found) == 1 else tuple(found)


@composed(FUNCTION)
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Return for each element whether it is one of `test_elements`. Either may be a number.

    >>> minigrad.isin(minigrad.tensor([1, 2, 3]), minigrad.tensor([2, 5]))
    tensor([False,  True, False])
    """
    if not isinstance(elements, TensorBase) and not isinstance(test_elements, TensorBase):
        require_tensor(elements, "isin", "elements")
    operands = [tensor_or_number(e, "isin") for e in (elements, test_elements)]
    arrays = [e._array if isinstance(e, TensorBase) else e for e in operands]
    if any(np.asarray(e).dtype.kind == "b" for e in arrays):
        raise RuntimeError("Unsupported input type encountered for isin(): Bool")
    x, y = in_common_dtype(*arrays)
    return wrap(np.asarray(np.isin(x, y, invert=invert)))
