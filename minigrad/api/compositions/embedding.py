"""Sums, means and maxima of bags of rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS
from ...core.one_node import as_one_node
from ...core.tensor import require_tensor, wrap
from ...rules.dims import index
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION
from .indexing import index_add, renormalise
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor

_MODES = ("sum", "mean", "max")
_NODE = "EmbeddingBagBackward0"


@composed(FUNCTION, module="nn.functional")
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return the "sum", "mean" or "max" of the rows of `weight` at each bag of indices.

    Shapes: input (B, n), or (N,) with the start of each bag in `offsets` (B,); the result is (B,
    d). With `include_last_offset`, the last offset is the end. Indices `padding_idx` don't count,
    and an empty bag gives zeros. `per_sample_weights`, for "sum", are factors of the shape of the
    input. The other arguments are those of `embedding`. With `scale_grad_by_freq`, PyTorch on a CPU
    may divide by the frequency of another index. ValueError or RuntimeError for arguments that
    don't fit, NotImplementedError for `sparse`.

    >>> x, w = minigrad.tensor([[0, 1]]), minigrad.tensor([[1., 2.], [3., 4.]])
    >>> minigrad.nn.functional.embedding_bag(x, w)
    tensor([[2., 3.]])
    """
    require_tensor(input, "embedding_bag", "indices")
    require_tensor(weight, "embedding_bag", "weight", 2)
    if mode not in _MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if sparse:
        raise NotImplementedError("embedding_bag(sparse=True) is not implemented")
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    factors = per_sample_weights
    _check_factors(input, weight, factors, mode)
    starts = _starts(input, offsets)
    if input.ndim == 2:
        input, include_last_offset = input.reshape(-1), False
        factors = None if factors is None else factors.reshape(-1)
    starts = starts[:-1] if include_last_offset else starts
    if max_norm is not None:
        renormalise(weight, input, max_norm, norm_type)
    padding = _padding(padding_idx, weight)
    bags: Tensor = _bags(input, weight, starts, factors, mode, padding, scale_grad_by_freq)[0]
    return bags


@composed(FUNCTION)
def embedding_bag_(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return `nn.functional.embedding_bag`, and three tensors of integers that tell of the bags.

    `mode` is 0 for "sum", 1 for "mean" or 2 for "max". `indices` and `offsets` have one dimension.
    The integers are the bag of each index, the number of indices that count in each bag, and the
    index of each maximum; what a mode doesn't need is zero or empty. RuntimeError for arguments
    that don't fit, NotImplementedError for `sparse`.

    >>> w, x = minigrad.tensor([[1., 2.], [3., 4.]]), minigrad.tensor([0, 1, 1])
    >>> minigrad.embedding_bag(w, x, minigrad.tensor([0, 1]), mode=1)[:2]
    (tensor([[1., 2.],
            [3., 4.]]), tensor([0, 1, 1]))
    """
    name, factors = "embedding_bag", per_sample_weights
    given = {"weight": weight, "indices": indices, "offsets": offsets}
    for position, (called, x) in enumerate(given.items(), 1):
        require_tensor(x, name, called, position)
    mode = index(mode, "mode")
    if not 0 <= mode < len(_MODES):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    if sparse:
        raise NotImplementedError("embedding_bag(sparse=True) is not implemented")
    for called, x, dims in (("weight", weight, 2), ("input", indices, 1), ("offsets", offsets, 1)):
        if x.ndim != dims:
            raise RuntimeError(
                f"{called} has to be a {dims}D Tensor, but got Tensor of dimension {x.ndim}"
            )
    if factors is not None:
        if mode:
            raise RuntimeError("embedding_bag: per_sample_weights only supported with mode='sum'")
        if factors.numel() != indices.numel():
            raise RuntimeError(
                "Expected per_sample_weights.value().numel() == indices.numel() to be true, but "
                "got false."
            )
        _check_factors(indices, weight, factors, "sum")
    starts = _starts(indices, offsets)
    if include_last_offset:
        if not len(starts):
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        starts = starts[:-1]
    padding, by_freq = _padding(padding_idx, weight), scale_grad_by_freq and mode < 2
    bags, *about = _bags(indices, weight, starts, factors, _MODES[mode], padding, by_freq)
    # PyTorch's kernel for float32 and float16 doesn't need to know the bag of an index.
    by_rows = weight._array.dtype.itemsize <= 4 and weight.stride(1) == 1
    if mode == 0 and padding == -1 and by_rows:
        about[0] = about[0][:0]
    bag, sizes, places = (wrap(x.astype(indices._array.dtype)) for x in about)
    return bags, bag, sizes, places


def _padding(padding_idx: int | None, weight: Any) -> int:
    rows = len(weight)
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but "
            f"got {padding_idx}"
        )
    return padding_idx % rows


def _check_factors(input: Any, weight: Any, factors: Any, mode: str) -> None:
    if factors is None:
        return
    if factors.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({factors.shape}) is not None, then it must "
            f"have the same shape as the input ({input.shape})"
        )
    if mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}')"
        )
    if factors.dtype != weight.dtype:
        raise RuntimeError(
            f"embedding_bag: per_sample_weights has dtype {factors.dtype}, and weight "
            f"{weight.dtype}: they must be the same"
        )


def _starts(input: Any, offsets: Any) -> np.ndarray:
    """Where each bag starts among the indices."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as each row is a bag")
        return np.arange(input.shape[0]) * input.shape[1]
    if input.ndim != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}"
        )
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    require_tensor(offsets, "embedding_bag", "offsets", 3)
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    for x in (input, offsets):
        if x._array.dtype.kind != "i":
            raise RuntimeError(
                "Expected tensor for argument #1 'indices' to have one of the following scalar "
                f"types: Long, Int; but got {scalar_name(x._array)} instead (while checking "
                "arguments for embedding_bag)"
            )
    starts = offsets._array
    if starts.size and starts[0]:
        raise RuntimeError(f"offsets[0] has to be 0, but got {starts[0]}")
    if starts.size and starts[-1] > len(input):
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {len(input)} but got offsets[-1] "
            f"of {starts[-1]}"
        )
    if (np.diff(starts) < 0).any():
        raise RuntimeError("offsets must not decrease")
    return starts


def _bags(
    input: Any, weight: Any, starts: Any, factors: Any, mode: str, padding: int, by_freq: bool
) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """The bags, the bag of each index, the size of each bag, and the index of each maximum.

    Sums have no size, and means have the sizes instead of the indices.
    """
    indices = input._array
    if ((indices < 0) | (indices >= len(weight))).any():
        raise RuntimeError(
            f"embedding_bag: an index of input is not in the valid range [0, {len(weight)})"
        )
    sizes = np.diff(np.append(starts, max(len(indices), starts.max(initial=0))))
    bag = np.repeat(np.arange(len(starts)), sizes)
    operands = weight, factors
    if not len(starts):
        input, indices, factors = input[:0], indices[:0], factors and factors[:0]
    rows = OPS["embedding"](weight, input, padding, by_freq)
    counts = indices != padding
    number = np.bincount(bag[counts], minlength=len(starts))
    if mode == "max":
        y, places = _maxima(rows, bag, counts, len(starts))
        found = indices[places] if len(indices) else places
        found = np.where(number[:, None] > 0, found, 0)
        return as_one_node(y, _NODE, *operands), bag, number, found
    if factors is not None:
        rows = rows * factors.unsqueeze(-1)
    if not counts.all():
        rows = OPS["masked_fill"](rows, wrap(~counts[:, None]), 0)
    zero = wrap(np.zeros((len(starts), weight.shape[1]), weight._array.dtype))
    y = index_add(zero, 0, wrap(bag), rows)
    if mode == "sum":
        none = np.zeros(len(starts), int)
        return as_one_node(y, _NODE, *operands), bag, none, none
    y = y / wrap(np.maximum(number, 1).astype(weight._array.dtype)[:, None])
    return as_one_node(y, _NODE, *operands), bag, number, number


def _maxima(rows: Any, bag: np.ndarray, counts: np.ndarray, number: int) -> tuple[Any, np.ndarray]:
    """The largest element of each column in each bag, the first of several, and its row."""
    place = np.zeros((number, rows.shape[1]), np.int64)
    empty = np.ones((number, 1), bool)
    for i in range(number):
        members = np.flatnonzero((bag == i) & counts)
        if members.size:
            place[i] = members[rows._array[members].argmax(0)]
            empty[i] = False
    if not len(rows):
        zeros = OPS["expand"](wrap(np.zeros((), rows._array.dtype)), place.shape).clone()
        return zeros, place
    y = OPS["gather_along"](rows, wrap(place), 0)
    return OPS["masked_fill"](y, wrap(empty), 0) if empty.any() else y, place
