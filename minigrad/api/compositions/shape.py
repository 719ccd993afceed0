"""Shapes: repeating, splitting, moving and inserting dimensions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arguments import require_broadcastable
from ...core.creating import require_memory
from ...core.devices import require_cpu
from ...core.dispatch import OPS
from ...core.inplace import shares_memory
from ...core.one_node import as_one_node, one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.warning import warn_once
from ...rules.dims import axis as dim_from_front
from ...rules.dims import index
from ...rules.dtypes import scalar_name, to_numpy
from ...rules.presentation import FUNCTION, METHOD
from ...rules.promotion import result_type
from .basic import cat, require_list, several, stack, unbind
from .indexing import index_select, masked_select
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor


def _sizes(sizes: Any, name: str) -> tuple[int, ...]:
    if isinstance(sizes, Sequence):
        return tuple([index(size, name) for size in sizes])
    return (index(sizes, name),)


# Repeating ----------------------------------------------------------------------------------------


@composed(spread_sizes=True)
def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """Repeat a tensor along its last dimensions, or along new first ones, as `np.tile` does.

    >>> minigrad.tile(minigrad.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    times = _sizes(dims, "dims")
    return OPS["repeat"](input, (1,) * (input.ndim - len(times)) + times)


@composed()
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Repeat each element, or each slice along `dim`, a number of times.

    `repeats` is one number, or a tensor with one number for each slice. Without `dim`, the tensor
    is flattened. `repeat_interleave(repeats)` returns each index as often as the number there says.
    RuntimeError for negative numbers, or another length.

    >>> minigrad.repeat_interleave(minigrad.tensor([3, 4]), minigrad.tensor([1, 2]))
    tensor([3, 4, 4])
    """
    if repeats is None:
        counts = _counts(input)
        return wrap(np.repeat(np.arange(counts.size, dtype=counts.dtype), counts))
    x = OPS["reshape"](input, (-1,)) if dim is None and input.ndim != 1 else input
    d = dim_from_front(0 if dim is None else dim, x.ndim)
    if not x.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    size = x.shape[d]
    if not isinstance(repeats, TensorBase):
        return _each_repeated(x, index(repeats, "repeats"), d, output_size)
    counts = _counts(repeats)
    if counts.size not in (1, size):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({d}) = {size}"
        )
    places = np.repeat(np.arange(size), counts)
    if output_size is not None and output_size != places.size:
        raise RuntimeError(f"allocated size does not match required size: {places.size}")
    return index_select(x, d, wrap(places))


def _each_repeated(x: Tensor, times: int, d: int, output_size: int | None) -> Tensor:
    """Each slice along `d` repeated as often."""
    if times < 0:
        raise RuntimeError("Repeats must be non-negative")
    if output_size is not None and output_size != times * x.shape[d]:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, {output_size}")
    lead, rest = x.shape[: d + 1], x.shape[d + 1 :]
    wide = OPS["expand"](OPS["unsqueeze"](x, d + 1), (*lead, times, *rest))
    return OPS["reshape"](OPS["contiguous_copy"](wide), (*lead[:-1], lead[-1] * times, *rest))


def _counts(repeats: Any) -> np.ndarray:
    require_tensor(repeats, "repeat_interleave", "repeats")
    counts = repeats._array
    if counts.ndim > 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if counts.dtype not in (np.int64, np.int32):
        name = scalar_name(counts)
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{name}'")
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    return counts.reshape(-1)


# Splitting ----------------------------------------------------------------------------------------


def _cut(x: Any, ends: Sequence[int], dim: int) -> list[Any]:
    """The slices along `dim` that end there."""
    starts = [0, *ends[:-1]]
    return [OPS["slice"](x, dim, a, max(a, b), 1) for a, b in zip(starts, ends, strict=True)]


def _dim_of(x: Any, dim: int, function: str) -> int:
    require_tensor(x, function, "tensor")
    d = dim_from_front(dim, x.ndim)
    if x.ndim == 0:
        raise RuntimeError(f"{function} expects at least a 1-dimensional tensor")
    return d


@composed(FUNCTION, numpy_names=False)
def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Split a tensor along `dim` into views of one size, or of the sizes in a list.

    With one size, the last view may be smaller. RuntimeError for a negative size, or sizes that
    don't add up.

    >>> minigrad.split(minigrad.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    d = _dim_of(tensor, dim, "split")
    if isinstance(split_size_or_sections, Sequence):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    return several(_equal_parts(tensor, split_size_or_sections, d), "Split", tensor)


@composed(METHOD, module="Tensor", numpy_names=False)
def split_(input: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`split` as a method, whose argument has another name."""
    return split(input, split_size, dim)


@composed()
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Split a tensor along `dim` into views of the given sizes.

    RuntimeError for a negative size, or sizes that don't add up.

    >>> minigrad.split_with_sizes(minigrad.arange(5), [2, 3])
    (tensor([0, 1]), tensor([2, 3, 4]))
    """
    d = _dim_of(input, dim, "split")
    sizes, size = _sizes(split_sizes, "split_sizes"), input.shape[d]
    if any(each < 0 for each in sizes):
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={list(sizes)}"
        )
    if sum(sizes) != size:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size "
            f"at dimension {dim}), but got split_sizes={list(sizes)}"
        )
    ends = np.cumsum(sizes).tolist()
    return several(_cut(input, ends, d), "SplitWithSizes", input)


def _equal_parts(x: Any, size: int, d: int) -> list[Any]:
    size, whole = index(size, "split_size"), x.shape[d]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and whole:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {whole}"
        )
    count = max(-(-whole // size), 1) if size else 1
    return _cut(x, [min((i + 1) * size, whole) for i in range(count)], d)


@composed()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Split a tensor along `dim` into at most that many views of one size.

    The last view may be smaller, and there may be fewer views. RuntimeError for less than one.

    >>> minigrad.chunk(minigrad.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    d = _chunk_dim(input, chunks, dim)
    size = -(-input.shape[d] // chunks)
    if size == 0:
        return split_with_sizes(input, [0] * chunks, d)
    return several(_equal_parts(input, size, d), "Split", input)


def _chunk_dim(input: Any, chunks: int, dim: int) -> int:
    if index(chunks, "chunks") <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    return _dim_of(input, dim, "chunk")


@composed()
@one_node("UnsafeSplitBackward0", "input")
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `chunk`, but a write to a part isn't refused.

    >>> minigrad.unsafe_chunk(minigrad.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    d = _chunk_dim(input, chunks, dim)
    size = -(-input.shape[d] // chunks)
    return _apart(_cut(input, [0] * chunks, d) if size == 0 else _equal_parts(input, size, d))


@composed()
@one_node("UnsafeSplitBackward0", "input")
def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `split`, but a write to a part isn't refused.

    >>> minigrad.unsafe_split(minigrad.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _apart(_equal_parts(input, split_size, _dim_of(input, dim, "split")))


@composed()
@one_node("UnsafeSplitWithSizesBackward0", "input")
def unsafe_split_with_sizes(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Like `split_with_sizes`, but a write to a part isn't refused.

    >>> minigrad.unsafe_split_with_sizes(minigrad.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return _apart(split_with_sizes(input, split_sizes, dim))


def _apart(parts: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The parts, no longer as views: a write to one isn't noticed by the others and the whole."""
    found = tuple(parts)
    for part in found:
        part._view = None
        if not part.is_inference():
            part._counter = [0]
    return found


@composed()
def tensor_split(
    input: Tensor,
    sections: Any = None,
    dim: int = 0,
    *,
    indices: Any = None,
    tensor_indices_or_sections: Any = None,
) -> tuple[Tensor, ...]:
    """Split a tensor along `dim` before each of some indices, or into a number of sections.

    The sizes of sections differ by at most one. Indices and the number may be an int64 tensor.

    >>> minigrad.tensor_split(minigrad.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if input.ndim == 0:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    d, where = (
        dim_from_front(dim, input.ndim),
        _first(sections, indices, tensor_indices_or_sections),
    )
    size = input.shape[d]
    if isinstance(where, TensorBase):
        if where._array.dtype != np.int64 or where._array.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to have dtype of long and to be "
                "either a zero-dimensional or one-dimensional tensor"
            )
        where = where._array.tolist()
    if isinstance(where, Sequence):
        points = [slice(0, index(i, "indices")).indices(size)[1] for i in where]
        starts, ends = [0, *points], [*points, size]
        parts = zip(starts, ends, strict=True)
        return tuple([OPS["slice"](input, d, a, max(a, b), 1) for a, b in parts])
    sections = index(where, "sections")
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    small, larger = divmod(size, sections)
    return tuple(_cut(input, [i * small + min(i, larger) for i in range(1, sections + 1)], d))


def _first(*given: Any) -> Any:
    """The argument that was given, under one of its names. TypeError for none."""
    for each in given:
        if each is not None:
            return each
    raise TypeError("missing the argument 'sections' or 'indices'")


def _stacked_split(name: str, input: Any, where: Any, dim: int, least: int) -> tuple[Any, ...]:
    if input.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
            f"with {input.ndim} dimensions!"
        )
    size = input.shape[dim]
    if not isinstance(where, Sequence | TensorBase) and (where == 0 or size % where):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{size} is not divisible by the split_size {where}!"
        )
    return tensor_split(input, where, dim)


@composed()
def hsplit(input: Tensor, sections: Any = None, *, indices: Any = None) -> tuple[Tensor, ...]:
    """Split a tensor along its columns, or a vector along its only dimension.

    >>> minigrad.hsplit(minigrad.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _stacked_split(
        "hsplit", input, _first(sections, indices), 0 if input.ndim == 1 else 1, 1
    )


@composed()
def vsplit(input: Tensor, sections: Any = None, *, indices: Any = None) -> tuple[Tensor, ...]:
    """Split a tensor of two or more dimensions along its rows.

    >>> minigrad.vsplit(minigrad.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _stacked_split("vsplit", input, _first(sections, indices), 0, 2)


@composed()
def dsplit(input: Tensor, sections: Any = None, *, indices: Any = None) -> tuple[Tensor, ...]:
    """Split a tensor of three or more dimensions along its third one.

    >>> [x.shape for x in minigrad.dsplit(minigrad.ones(1, 1, 4), [1])]
    [torch.Size([1, 1, 1]), torch.Size([1, 1, 3])]
    """
    return _stacked_split("dsplit", input, _first(sections, indices), 2, 3)


# Joining ------------------------------------------------------------------------------------------


@composed(FUNCTION)
def concat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along `dim`: `cat` under another name.

    >>> minigrad.concat([minigrad.tensor([1]), minigrad.tensor([2])])
    tensor([1, 2])
    """
    return cat(tensors, dim)


@composed(FUNCTION)
def concatenate(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Join tensors along `dim`: `cat` under NumPy's name.

    >>> minigrad.concatenate([minigrad.tensor([1]), minigrad.tensor([2])])
    tensor([1, 2])
    """
    return cat(tensors, dim, axis=axis)


def _all_at_least(tensors: Any, function: str, atleast: Any) -> list[Any]:
    require_list(tensors, function, "tensors")
    if not tensors:
        raise RuntimeError(f"{function} expects a non-empty TensorList")
    return [atleast(x) for x in tensors]


@composed(FUNCTION)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their columns, or vectors along their only dimension.

    >>> minigrad.hstack((minigrad.tensor([1, 2]), minigrad.tensor([3])))
    tensor([1, 2, 3])
    """
    parts = _all_at_least(tensors, "hstack", atleast_1d)
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


@composed(FUNCTION)
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their rows; a vector is one row.

    >>> minigrad.vstack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    return cat(_all_at_least(tensors, "vstack", atleast_2d), 0)


@composed(FUNCTION)
def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their rows: `vstack` under another name.

    >>> minigrad.row_stack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4]))).shape
    torch.Size([2, 2])
    """
    return vstack(tensors)


@composed(FUNCTION)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their third dimension.

    >>> minigrad.dstack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat(_all_at_least(tensors, "dstack", atleast_3d), 2)


@composed(FUNCTION)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their columns; a vector is one column.

    >>> minigrad.column_stack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    return cat(_all_at_least(tensors, "column_stack", _as_columns), 1)


def _as_columns(x: Any) -> Any:
    return OPS["reshape"](x, (x.numel(), 1)) if x.ndim <= 1 else x


def _each(tensors: tuple[Any, ...], one: Any) -> Any:
    """The results for one tensor, for several, or for a list of them."""
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return one(tensors[0])
    if len(tensors) == 1:
        require_list(tensors[0], "atleast", "tensors")
        tensors = tuple(tensors[0])
    return tuple([one(x) for x in tensors])


@composed(FUNCTION)
def atleast_1d(*tensors: Any) -> Any:
    """Return a tensor, or each of several, with at least one dimension.

    >>> minigrad.atleast_1d(minigrad.tensor(2))
    tensor([2])
    """
    return _each(tensors, lambda x: OPS["reshape"](x, (1,)) if x.ndim == 0 else x)


@composed(FUNCTION)
def atleast_2d(*tensors: Any) -> Any:
    """Return a tensor, or each of several, with at least two dimensions; a vector is one row.

    >>> minigrad.atleast_2d(minigrad.tensor([1, 2]))
    tensor([[1, 2]])
    """

    def one(x: Any) -> Any:
        if x.ndim == 0:
            return OPS["reshape"](x, (1, 1))
        return OPS["unsqueeze"](x, 0) if x.ndim == 1 else x

    return _each(tensors, one)


@composed(FUNCTION)
def atleast_3d(*tensors: Any) -> Any:
    """Return a tensor, or each of several, with at least three dimensions.

    A vector (n,) becomes (1, n, 1), and a matrix (n, m) becomes (n, m, 1).

    >>> minigrad.atleast_3d(minigrad.ones(2, 3)).shape
    torch.Size([2, 3, 1])
    """

    def one(x: Any) -> Any:
        if x.ndim == 0:
            return OPS["reshape"](x, (1, 1, 1))
        if x.ndim == 1:
            x = OPS["unsqueeze"](x, 0)
        return OPS["unsqueeze"](x, -1) if x.ndim == 2 else x

    return _each(tensors, one)


# Dimensions ---------------------------------------------------------------------------------------


@composed()
def ravel(input: Tensor) -> Tensor:
    """Merge all dimensions into one, without a copy if the strides allow it.

    >>> minigrad.ravel(minigrad.ones(2, 3)).shape
    torch.Size([6])
    """
    return OPS["view"](input.contiguous(), (-1,))


@composed(numpy_names=False)
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split one dimension into several of the given sizes. One of them may be -1 and is inferred.

    RuntimeError for no sizes, or sizes that don't multiply to the dimension's.

    >>> minigrad.unflatten(minigrad.ones(6, 2), 0, (3, -1)).shape
    torch.Size([3, 2, 2])
    """
    d = dim_from_front(dim, input.ndim)
    shape, parts = input.shape, _sizes(sizes, "sizes")
    if not parts:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if input.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    known = math.prod([p for p in parts if p != -1])
    if parts.count(-1) == 1 and known and shape[d] % known == 0:
        parts = tuple([shape[d] // known if p == -1 else p for p in parts])
    if math.prod(parts) != shape[d] or min(parts) < 0:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} "
            f"({shape[d]}) in the input tensor"
        )
    return OPS["view"](input, (*shape[:d], *parts, *shape[d + 1 :]))


@composed()
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Move dimensions to other places; the others keep their order.

    RuntimeError for a dimension named twice, or lists of different lengths.

    >>> minigrad.movedim(minigrad.ones(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    sources = [dim_from_front(d, input.ndim) for d in _sizes(source, "source")]
    places = [dim_from_front(d, input.ndim) for d in _sizes(destination, "destination")]
    if len(sources) != len(places):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source and destination must have the "
            f"same number of dims, but got {len(sources)} and {len(places)}"
        )
    for what, dims in (("source", sources), ("destination", places)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{what}` ({dims})")
    if input.ndim == 0:
        return OPS["alias"](input)
    moved = dict(zip(places, sources, strict=True))
    others = iter([d for d in range(input.ndim) if d not in sources])
    order = [moved[d] if d in moved else next(others) for d in range(input.ndim)]
    return OPS["permute"](input, tuple(order))


@composed()
def moveaxis(
    input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]
) -> Tensor:
    """Move dimensions to other places: `movedim` under NumPy's name.

    >>> minigrad.moveaxis(minigrad.ones(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    return movedim(input, source, destination)


@composed()
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two dimensions: `transpose` under another name.

    >>> minigrad.swapdims(minigrad.ones(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    return OPS["transpose"](input, dim0, dim1)


@composed()
def adjoint(input: Tensor) -> Tensor:
    """Exchange the last two dimensions. RuntimeError for a vector.

    >>> minigrad.adjoint(minigrad.ones(2, 3, 4)).shape
    torch.Size([2, 4, 3])
    """
    if input.ndim == 1:
        raise RuntimeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    if input.ndim == 0:
        warn_once("adjoint() is deprecated on 0-D tensors. Consider using x.conj().")
        return input
    return OPS["transpose"](input, -2, -1)


# Reversing ----------------------------------------------------------------------------------------


def _at_least(input: Any, least: int, function: str) -> None:
    if input.ndim < least:
        raise RuntimeError(f"Input must be >= {least}-d. ({function})")


@composed()
def fliplr(input: Tensor) -> Tensor:
    """Reverse the order of the columns. RuntimeError for less than two dimensions.

    >>> minigrad.fliplr(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    _at_least(input, 2, "fliplr")
    return OPS["flip"](input, (1,))


@composed()
def flipud(input: Tensor) -> Tensor:
    """Reverse the order of the rows. RuntimeError for a 0-d tensor.

    >>> minigrad.flipud(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    _at_least(input, 1, "flipud")
    return OPS["flip"](input, (0,))


@composed()
@one_node("Rot90Backward0", "input")
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotate by `k` quarter turns in the plane of two dimensions, from the first to the second.

    >>> minigrad.rot90(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = (dim_from_front(d, input.ndim) for d in dims)
    if a == b:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    turns = index(k, "k") % 4
    if turns == 1:
        return OPS["transpose"](OPS["flip"](input, (b,)), a, b).clone()
    if turns == 2:
        return OPS["flip"](input, (a, b))
    if turns == 3:
        return OPS["transpose"](OPS["flip"](input, (a,)), a, b).clone()
    return OPS["contiguous_copy"](input)


# Parts --------------------------------------------------------------------------------------------


@composed()
def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """Return a view of `length` elements along `dim`, from `start` on.

    `start` may be negative, or a 0-d tensor of integers. RuntimeError or IndexError for a range
    that doesn't exist.

    >>> minigrad.narrow(minigrad.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, TensorBase):
        if start.ndim or start._array.dtype.kind not in "iu":
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(start._array)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    d = dim_from_front(dim, input.ndim)
    size, first = input.shape[d], index(start, "start")
    if not -size <= first <= size:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-size}, {size}], but got "
            f"{first})"
        )
    first = first + size if first < 0 else first
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return OPS["slice"](input, d, first, first + length, 1)


@composed()
@one_node("SelectScatterBackward0", "input", "src")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Return a copy with `src` at one index along `dim`. RuntimeError for another shape.

    >>> minigrad.select_scatter(minigrad.zeros(2, 2), minigrad.ones(2), 0, 0)
    tensor([[1., 1.],
            [0., 0.]])
    """
    return _with_part(input.clone(), src, lambda x: OPS["select"](x, dim, index), "select")


@composed()
@one_node("SliceScatterBackward0", "input", "src")
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """Return a copy with `src` in every `step`-th place along `dim` from `start` up to `end`.

    >>> minigrad.slice_scatter(minigrad.zeros(4), minigrad.ones(2), start=1, end=3)
    tensor([0., 1., 1., 0.])
    """
    d = dim_from_front(dim, input.ndim)
    return _with_part(input.clone(), src, lambda x: OPS["slice"](x, d, start, end, step), "slice")


@composed()
@one_node("DiagonalScatterBackward0", "input", "src")
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Return a copy with `src` on a diagonal. RuntimeError for another shape.

    >>> minigrad.diagonal_scatter(minigrad.zeros(2, 2), minigrad.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _with_part(
        input.clone(), src, lambda x: OPS["diagonal"](x, offset, dim1, dim2), "diagonal"
    )


@composed()
@one_node("AsStridedScatterBackward0", "input", "src")
def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """Return a copy, with its memory, with `src` in the places of `as_strided`.

    In PyTorch, the elements that `src` replaces have a gradient instead of the others.
    RuntimeError for another shape, and for a tensor that requires grad and isn't contiguous.

    >>> minigrad.as_strided_scatter(minigrad.zeros(2, 2), minigrad.ones(2), (2,), (3,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    require_tensor(input, "as_strided_scatter", "input")
    require_tensor(src, "as_strided_scatter", "src", 2)
    if input.requires_grad and not input.is_contiguous():
        raise RuntimeError("as_strided_scatter is only implemented for contiguous inputs")
    offset, shape, strides = input.storage_offset(), input.shape, input.stride()
    start = offset if storage_offset is None else storage_offset
    if shares_memory(input._array):
        return _with_part(
            input.clone(), src, lambda x: OPS["as_strided"](x, size, stride, start), "slice"
        )
    memory = len(input.untyped_storage()) // input.element_size()
    copy = OPS["as_strided"](input, (memory,), (1,), 0).clone()
    _with_part(copy, src, lambda x: OPS["as_strided"](x, size, stride, start), "slice")
    return OPS["as_strided"](copy, shape, strides, offset)


def _with_part(copy: Any, src: Any, part: Any, name: str) -> Any:
    """A copy of a tensor, after other values are written to a part of it."""
    place = part(copy)
    if place.shape != src.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the {name} of self. src size = "
            f"{list(src.shape)}, {name} size = {list(place.shape)}"
        )
    place.copy_(src)
    return copy


# Broadcasting -------------------------------------------------------------------------------------


@composed(spread_sizes=True)
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Broadcast a tensor to a shape, without a copy.

    >>> minigrad.broadcast_to(minigrad.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return OPS["expand"](input, size)


@composed(FUNCTION)
def broadcast_shapes(*shapes: Any) -> Any:
    """Return the shape to which shapes broadcast together. RuntimeError if they don't.

    >>> minigrad.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    sizes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    if any(size < 0 for each in sizes for size in each):
        raise RuntimeError("Trying to create tensor with negative dimension")
    try:
        return wrap(np.broadcast_to(np.False_, np.broadcast_shapes(*sizes))).shape
    except ValueError:
        raise RuntimeError(
            f"Attempting to broadcast a dimension to different sizes, for the shapes {sizes}"
        ) from None


@composed(FUNCTION)
def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Broadcast tensors to one shape, without copies. RuntimeError if they don't fit.

    >>> [x.shape for x in minigrad.broadcast_tensors(minigrad.ones(2, 1), minigrad.ones(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    shape: tuple[int, ...] = ()
    for x in tensors:
        require_broadcastable(shape, x._array.shape, "broadcast_tensors")
        shape = np.broadcast_shapes(shape, x._array.shape)
    return tuple([x if x._array.shape == shape else OPS["expand"](x, shape) for x in tensors])


@composed(METHOD, spread_sizes=True)
def sum_to_size(input: Tensor, size: Sequence[int]) -> Tensor:
    """Sum a tensor over dimensions that were broadcast, to the given shape.

    RuntimeError for a shape that doesn't broadcast to the tensor's.

    >>> minigrad.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    want, have = _sizes(size, "size"), tuple(input.shape)
    lead = len(have) - len(want)
    fits = lead >= 0 and all(w in (1, h) for w, h in zip(want, have[max(lead, 0) :], strict=True))
    if not fits:
        raise RuntimeError(f"size {list(want)} is not expandable to size {list(have)}.")
    if not want:
        return OPS["sum"](input)
    dims = [d for d, w in enumerate(want, lead) if w == 1 != have[d]]
    result = OPS["sum"](input, dims, True) if dims or not have else input
    return OPS["sum"](result, list(range(lead))) if lead else result


@composed(FUNCTION)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Any, ...]:
    """Return a grid of coordinates from vectors: one tensor for each, with a dimension for each.

    With `indexing="xy"` the first two dimensions are those of the second and the first vector.
    RuntimeError for other tensors than vectors and 0-d ones.

    >>> x, y = minigrad.meshgrid(minigrad.arange(2), minigrad.arange(2), indexing="ij")
    >>> x, y
    (tensor([[0, 0],
            [1, 1]]), tensor([[0, 1],
            [0, 1]]))
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x.ndim}D"
            )
        if x._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing is None:
        warn_once(
            "torch.meshgrid: in an upcoming release, the indexing will be required. Give "
            'indexing="ij" for the present behaviour.'
        )
    swap = indexing == "xy" and len(tensors) > 1
    order = (tensors[1], tensors[0], *tensors[2:]) if swap else tensors
    count, shape = len(order), tuple(x.numel() for x in order)
    grids = [
        OPS["expand"](OPS["view"](x, (1,) * i + (-1,) + (1,) * (count - 1 - i)), shape)
        for i, x in enumerate(order)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@composed(FUNCTION)
def cartesian_prod(*tensors: Any) -> Tensor:
    """Return all combinations of one element of each vector, a row for each.

    >>> minigrad.cartesian_prod(minigrad.tensor([1, 2]), minigrad.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for x in tensors:
        if x.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return stack([OPS["reshape"](x, (-1,)) for x in grids], 1)


@composed(FUNCTION)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return the combinations of `r` elements of a vector, a row for each.

    >>> minigrad.combinations(minigrad.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return wrap(np.empty(0, input._array.dtype))
    steps = np.diff(np.indices((input.numel(),) * r), axis=0)
    kept = wrap(np.asarray((steps >= 0 if with_replacement else steps > 0).all(0)))
    grids = meshgrid(*[input] * r, indexing="ij")
    return stack([masked_select(grid, kept) for grid in grids], 1)


# Diagonals ----------------------------------------------------------------------------------------


@composed()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return a matrix with a vector on its diagonal, or a copy of a matrix's diagonal.

    RuntimeError for other tensors.

    >>> minigrad.diag(minigrad.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        copy = OPS["contiguous_copy"](OPS["diagonal"](input, diagonal))
        return as_one_node(copy, "DiagonalBackward0_copy", input)
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


@composed()
@one_node("DiagEmbedBackward0", "input")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return matrices with the last dimension of a tensor on a diagonal, and 0 elsewhere.

    `dim1` and `dim2` are the places of the two new dimensions.

    >>> minigrad.diag_embed(minigrad.tensor([1, 2]), offset=1).shape
    torch.Size([3, 3])
    """
    ndim = input.ndim + 1
    a, b = dim_from_front(dim1, ndim), dim_from_front(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    shape = list(input.shape[:-1])
    size = input.shape[-1] + abs(index(offset, "offset"))
    for d in sorted((a, b)):
        shape.insert(d, size)
    return OPS["put_diagonal"](input, tuple(shape), offset, a, b)


@composed()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return a matrix with all elements of a tensor on a diagonal.

    >>> minigrad.diagflat(minigrad.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(OPS["reshape"](input.contiguous(), (-1,)), offset)


@composed(FUNCTION)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Return the rows and columns of the elements on and below a diagonal of a matrix.

    >>> minigrad.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices("tril_indices", _below(row, col, offset), dtype, device)


@composed(FUNCTION)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Return the rows and columns of the elements on and above a diagonal of a matrix.

    >>> minigrad.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices("triu_indices", ~_below(row, col, offset - 1), dtype, device)


def _below(row: int, col: int, offset: int) -> np.ndarray:
    """A matrix that is True on and below a diagonal."""
    for name, size in (("row", index(row, "row")), ("col", index(col, "col"))):
        if size < 0:
            raise RuntimeError(f"{name} must be non-negative, got {size}")
    require_memory((row, col), np.dtype(bool))  # before `np.tri` makes larger arrays
    return np.tri(row, col, offset, bool)


def _indices(function: str, mask: np.ndarray, dtype: Any, device: Any) -> Tensor:
    require_cpu(device)
    kind = np.dtype(np.int64) if dtype is None else to_numpy(dtype)
    if kind.kind != "i":
        raise NotImplementedError(f"\"{function}\" not implemented for '{dtype}'")
    return wrap(np.stack(np.nonzero(mask)).astype(kind))


@composed()
@one_node("TraceBackward0", "input")
def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix. RuntimeError for other tensors.

    >>> minigrad.trace(minigrad.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix")
    if input._array.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'Bool'")
    return OPS["sum"](OPS["diagonal"](input))


@composed(FUNCTION)
@one_node("BlockDiagBackward0", "tensors")
def block_diag(*tensors: Any) -> Tensor:
    """Return a matrix with the given matrices along its diagonal, and 0 elsewhere.

    A vector is one row. RuntimeError for more than two dimensions.

    >>> minigrad.block_diag(minigrad.tensor([[1, 2]]), minigrad.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for i, x in enumerate(tensors):
        if x.ndim > 2:
            raise RuntimeError(
                f"Input tensors must have 2 or fewer dimensions. Input {i} has {x.ndim} dimensions"
            )
    if not tensors:
        return wrap(np.zeros((1, 0), np.float32))
    common = result_type(*(x._array for x in tensors))
    blocks = [atleast_2d(OPS["cast"](x, common)) for x in tensors]
    width, rows, left = sum(x.shape[1] for x in blocks), [], 0
    for x in blocks:
        height, size = x.shape
        zeros = np.zeros((height, width), common)
        before, after = zeros[:, :left], zeros[:, left + size :]
        rows.append(cat([wrap(before.copy()), x, wrap(after.copy())], 1))
        left += size
    return cat(rows, 0)


# Copies of views ----------------------------------------------------------------------------------


# What the examples give the views beside a tensor of shape (2, 3); the others need nothing.
_VIEW_ARGUMENTS = {
    "as_strided": "(2, 2), (2, 1)",
    "expand": "(4, 2, 3)",
    "permute": "(1, 0)",
    "select": "0, 1",
    "split_with_sizes": "(1, 1)",
    "transpose": "0, 1",
    "unfold": "0, 1, 1",
    "unsqueeze": "0",
    "view": "(3, 2)",
}


def _copying(view: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function that does the same as a view op, but copies."""

    def function(*args: Any, **kwargs: Any) -> Any:
        found = view(*args, **kwargs)
        views = found if isinstance(found, tuple) else (found,)
        copies = tuple([OPS["contiguous_copy"](x) for x in views])
        if views and views[0].grad_fn is not None:
            of_view = views[0].grad_fn.name()
            as_one_node(copies, f"{of_view}_copy", args[0] if args else kwargs["input"])
        return copies if isinstance(found, tuple) else copies[0]

    function.__name__ = function.__qualname__ = f"{name}_copy"
    arguments = ", ".join(filter(None, ("x", _VIEW_ARGUMENTS.get(name, ""))))
    function.__doc__ = f"""`{name}`, except that the result is a copy, which is contiguous.

    >>> x = minigrad.arange(6).view(2, 3)
    >>> copy = minigrad.{name}_copy({arguments})
    >>> copy[0].data_ptr() == x.data_ptr()
    False
    """
    signature = inspect.signature(view)
    vars(function)["__signature__"] = signature.replace(return_annotation="Any")
    return function


_VIEWS: list[Callable[..., Any]] = [
    OPS[_name]
    for _name in (
        *("alias", "as_strided", "diagonal", "expand", "permute", "select", "squeeze", "t"),
        *("transpose", "unfold", "unsqueeze", "view"),
    )
]
_VIEWS += [split_with_sizes, unbind]
for _view in _VIEWS:
    _copy = composed(FUNCTION)(_copying(_view, _view.__name__))
    globals()[_copy.__name__] = _copy  # where pickle finds it


@composed(FUNCTION)
def detach(input: Tensor) -> Tensor:
    """Return the same elements in the same memory, without a history.

    >>> minigrad.detach(minigrad.ones(2, requires_grad=True)).requires_grad
    False
    """
    require_tensor(input, "detach", "input")
    result: Tensor = input.detach()
    return result


@composed(FUNCTION)
def detach_copy(input: Tensor) -> Tensor:
    """`detach`, except that the result is a copy, which is contiguous.

    >>> minigrad.detach_copy(minigrad.ones(2, requires_grad=True))
    tensor([1., 1.])
    """
    return OPS["contiguous_copy"](detach(input))


@composed(FUNCTION)
def split_copy(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`, except that the results are copies, which are contiguous.

    >>> minigrad.split_copy(minigrad.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    return tuple([OPS["contiguous_copy"](x) for x in split(input, split_size, dim)])


@composed(FUNCTION)
def slice_copy(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Return a contiguous copy of every `step`-th element along `dim`, from `start` up to `end`.

    >>> minigrad.slice_copy(minigrad.arange(5), 0, 1, 4, 2)
    tensor([1, 3])
    """
    d = _dim_of(input, dim, "slice")
    return OPS["contiguous_copy"](OPS["slice"](input, d, start, end, step))


@composed()
@one_node("NarrowCopyBackward0", "input")
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow`, except that the result is a copy, which is contiguous.

    >>> minigrad.narrow_copy(minigrad.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if dim >= input.ndim:
        raise RuntimeError(f"narrow_copy: dim {dim} is out of range for {input.ndim} dimensions")
    return OPS["contiguous_copy"](narrow(input, dim, start, length))
