"""Histograms: how many elements are in each of several bins, or the sum of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.creating import require_memory
from ...core.higher_order import without_derivative
from ...core.tensor import TensorBase, require_tensor, wrap
from ...rules.dims import index as integer
from ...rules.dtypes import of_numpy, scalar_name
from ...rules.trigonometry import require_floats
from ..spacing import evenly_spaced
from .registry import composed
from .results import named_results

if TYPE_CHECKING:
    from ..tensor import Tensor

_histogram_result = named_results("histogram", "hist", "bin_edges")
_histogramdd_result = named_results("histogramdd", "hist", "bin_edges")


@composed()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each non-negative int occurs, or the sums of the `weights` of each.

    RuntimeError in a backward pass.

    >>> minigrad.bincount(minigrad.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    require_tensor(input, "bincount", "input")
    x = input._array
    if x.dtype.kind not in "iu":
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{scalar_name(x)}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if x.ndim != 1 or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    size = max(int(x.max()) + 1 if x.size else 0, minlength)
    require_memory((size,), np.dtype(np.int64))
    if weights is None:
        return wrap(np.bincount(x, minlength=minlength).astype(np.int64))
    w = weights._array
    if w.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    kind = w.dtype if w.dtype.kind == "f" else np.dtype(np.float64)
    if not x.size:
        return wrap(np.zeros(minlength, np.int64))
    sums = np.zeros(size, kind)
    np.add.at(sums, x, w)
    result: Any = without_derivative(sums, "bincount", weights)
    return result


@composed()
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Count the elements in `bins` intervals of equal width from `min` to `max`.

    Without `min` and `max`, they are the smallest and the largest element. Elements outside are
    ignored.

    >>> minigrad.histc(minigrad.tensor([1., 2., 1.]), bins=2, min=0, max=3)
    tensor([2., 1.])
    """
    require_tensor(input, "histc", "input")
    x = input._array
    if bins <= 0:
        raise RuntimeError("torch.histc(): bins must be > 0")
    require_floats("histogram_cpu", x)
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    y, kind = x.reshape(-1), x.dtype.type
    y = y[(y >= low) & (y <= high)]
    place = ((y - kind(low)) * kind(bins) / kind(high - low)).astype(np.int64)
    place = np.minimum(place, bins - 1)
    return wrap(np.bincount(place, minlength=bins).astype(x.dtype))


@composed()
def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Count the elements in bins, and return a named tuple (hist, bin_edges).

    `bins` is the number of bins of equal width from `range[0]` to `range[1]`, by default from the
    smallest to the largest element; or a tensor of the edges, which increase. A bin contains its
    left edge, and the last one both. NaN, and what is outside, isn't counted. With `weight`, which
    has the input's shape, the result is a sum of weights. With `density`, the integral over all
    bins is 1.

    RuntimeError for no bins, a range that isn't finite, and dtypes or shapes that differ;
    NotImplementedError for dtypes other than of floats, and for float16 without `range` or edges.

    >>> minigrad.histogram(minigrad.tensor([1., 2., 1.]), 2, range=(0., 3.)).hist
    tensor([2., 1.])
    """
    require_tensor(input, "histogram", "input")
    if range is not None and isinstance(bins, TensorBase):
        raise TypeError(
            "histogram() received an invalid combination of arguments: 'range' needs a number of "
            "bins"
        )
    if not isinstance(bins, TensorBase | int) or isinstance(bins, bool):
        raise TypeError(f"histogram(): argument 'bins' must be int, not {type(bins).__name__}")
    points, weights = input._array.reshape(-1, 1), _flat("histogram", weight)
    hist, edges = _histogram(points, [bins], range, weights, density)
    around = input, bins, weight
    return _histogram_result(
        *[without_derivative(each, "histogram", *around) for each in (hist, edges[0])]
    )


@composed(("function",))
def histogramdd(
    input: Tensor,
    bins: int | Sequence[int] | Sequence[Tensor],
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Count points in bins: `histogram` of several dimensions, which are the input's last one.

    `bins` has a number of bins, or a tensor of edges, for each dimension; one number counts for
    all. `range` has two numbers for each dimension. Shapes: input (*, D) and weight (*). `hist` has
    D dimensions, and `bin_edges` is a tuple of D tensors.

    The errors are those of `histogram`. RuntimeError too for an input of fewer than 2 dimensions,
    and for another number of bins or of ranges than D.

    >>> points = minigrad.tensor([[0., 1.], [1., 0.], [1., 1.]])
    >>> minigrad.histogramdd(points, bins=2).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    require_tensor(input, "histogramdd", "input")
    if input.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    count = input.shape[-1]
    parts = [bins] * count if isinstance(bins, int) else list(bins)
    if len(parts) != count:
        raise RuntimeError(
            f"histogramdd: The size of bins must be equal to the innermost dimension of the "
            f"input, but got {len(parts)} and {count}"
        )
    weights = _flat("histogramdd", weight)
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            f"input tensor excluding its innermost dimension, but got input with shape "
            f"{list(input.shape)} and weight with shape {list(weight.shape)}"
        )
    points = input._array.reshape(-1, count)
    hist, edges = _histogram(points, parts, range, weights, density)
    if isinstance(parts[0], TensorBase):
        name = "_histogramdd_from_bin_tensors"
        found = without_derivative(hist, name, input, *parts, weight)
        return _histogramdd_result(found, tuple(wrap(each) for each in edges))
    found = without_derivative(hist, "_histogramdd_from_bin_cts", input, weight)
    name = "_histogramdd_bin_edges"
    return _histogramdd_result(
        found, tuple(without_derivative(each, name, input, weight) for each in edges)
    )


def _flat(function: str, weight: Tensor | None) -> np.ndarray | None:
    """The weights of the points, one by one. TypeError unless they are a tensor."""
    if weight is None:
        return None
    require_tensor(weight, function, "weight")
    return weight._array.reshape(-1)


def _histogram(
    points: np.ndarray,
    bins: Sequence[Any],
    range: Sequence[float] | None,
    weights: np.ndarray | None,
    density: bool,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The histogram of points, one in each row, and the edges of the bins of each column."""
    kind = points.dtype
    added = np.ones(len(points), kind) if weights is None else weights
    _check_weights(points, added)
    numbers = [integer(b, "bins") for b in bins if not isinstance(b, TensorBase)]
    if any(number <= 0 for number in numbers):
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {numbers}")
    ends = _ranges(points, range) if numbers else np.zeros((len(bins), 2))
    edges = [_edges(b, points[:, d], ends, d) for d, b in enumerate(bins)]
    if kind.kind != "f":
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{scalar_name(points)}'")
    inside = np.ones(len(points), bool)
    places = []
    for d, e in enumerate(edges):
        x = points[:, d]
        inside &= (x >= e[0]) & (x <= e[-1])
        places.append(np.minimum(np.searchsorted(e, x, "right") - 1, len(e) - 2))
    sizes = tuple(len(e) - 1 for e in edges)
    hist = np.zeros(sizes, kind)
    np.add.at(hist, tuple(place[inside] for place in places), added[inside])
    if density:
        with np.errstate(all="ignore"):
            hist = hist / hist.sum(dtype=kind)
            for d, e in enumerate(edges):
                hist = hist / np.diff(e).reshape(-1, *[1] * (len(edges) - 1 - d))
    return hist, edges


def _check_weights(points: np.ndarray, weights: np.ndarray) -> None:
    """RuntimeError for weights of another dtype than the points, or of another number."""
    if weights.dtype is not points.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
            f"should have the same dtype, but got input({of_numpy(points.dtype).c_name}), and "
            f"weight({of_numpy(weights.dtype).c_name})"
        )
    if len(weights) != len(points):
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            f"input tensor excluding its innermost dimension, but got {len(points)} points and "
            f"{len(weights)} weights"
        )


def _ranges(points: np.ndarray, range: Sequence[float] | None) -> np.ndarray:
    """The smallest and the largest number of the bins of each column, as rows."""
    count = points.shape[1]
    if range is not None:
        if len(range) != 2 * count:
            raise RuntimeError(
                f"torch.histogramdd: for a {count}-dimensional histogram range should have "
                f"{2 * count} elements, but got {len(range)}"
            )
        return np.array(range, np.float64).reshape(count, 2)
    if not len(points):
        return np.tile([0.0, 1.0], (count, 1))
    if points.dtype not in (np.float32, np.float64):
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{scalar_name(points)}'")
    return np.stack([points.min(0), points.max(0)], 1).astype(np.float64)


def _edges(bins: Any, x: np.ndarray, ends: np.ndarray, d: int) -> np.ndarray:
    """The edges of the bins of column `d`."""
    if isinstance(bins, TensorBase):
        return _given_edges(bins._array, x, d)
    low, high = (float(end) for end in ends[d])
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(
            f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite"
        )
    if low > high:
        raise RuntimeError(
            f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for "
            f"dimension {d}"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return evenly_spaced(x.dtype.type(low), x.dtype.type(high), bins + 1)


def _given_edges(edges: np.ndarray, x: np.ndarray, d: int) -> np.ndarray:
    """A copy of the edges that the caller gave, checked."""
    if edges.ndim != 1:
        raise RuntimeError(
            f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} "
            f"dimensions in the bins tensor for dimension {d}"
        )
    if edges.dtype is not x.dtype:
        raise RuntimeError(
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got "
            f"input with dtype {of_numpy(x.dtype).c_name} and bins for dimension {d} with dtype "
            f"{of_numpy(edges.dtype).c_name}"
        )
    if edges.size < 2:
        raise RuntimeError(
            f"torch.histogram(): bins must be > 0, but got {edges.size - 1} for dimension {d}"
        )
    return edges.copy()
