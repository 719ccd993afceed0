"""Draw a call of each gather, scatter, scan and statistic."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cases import CaseFunction, full_reduction
from .draws import RandomDraws
from .operands import LAYOUTS, Case, Operand, laid_out


def _float_array(draw: RandomDraws, shape: tuple[int, ...], **options: Any) -> Operand:
    dtype = draw.dtype if draw.dtype.kind == "f" else np.dtype("float64")
    return draw.array(shape, dtype=dtype, **options)


def _index(draw: RandomDraws, shape: tuple[int, ...], dim: int, repeats: bool = True) -> np.ndarray:
    """Draw an index along `dim` that is no larger than `shape` apart from it."""
    size = shape[dim] if shape else 1
    sizes = [n if draw.pick(True, True, False) else max(n - 1, 0) for n in shape]
    if shape:
        sizes[dim] = draw.integer(0, size) if size else 0
    if repeats or not shape:
        return np.asarray(draw.rng.integers(0, max(size, 1), sizes), np.int64)
    places = np.argsort(draw.rng.random(shape), dim)
    return np.ascontiguousarray(places[tuple(slice(0, n) for n in sizes)])


def _laid_out(draw: RandomDraws, index: np.ndarray) -> Operand:
    return laid_out(index, draw.pick(*LAYOUTS[:3]) if draw.wild else "contiguous")


def gather_along(draw: RandomDraws) -> Case:
    shape = draw.shape()
    x, d = draw.array(shape), draw.integer(0, max(len(shape) - 1, 0))
    index = _index(draw, shape, d)
    if draw.odd(12) and index.size:
        index = np.asarray(index + draw.pick(-9, 9))
    drop = bool(shape and index.shape[d] and draw.pick(True, False))
    if drop:
        index = np.asarray(np.take(index, 0, d), order="C")
    options: dict[str, Any] = {"dim": draw.pick(d, d - max(len(shape), 1))}
    return Case((x, _laid_out(draw, index)), {**options, "drop": True} if drop else options)


def _scattered(draw: RandomDraws, repeats: bool = True, whole: bool = False) -> Any:
    shape = draw.shape()
    x, d = draw.array(shape), draw.integer(0, max(len(shape) - 1, 0))
    index = _index(draw, shape, d, repeats)
    # PyTorch's own backward fails for a source that is larger than the index.
    source = draw.array(index.shape, dtype=x.values.dtype)
    return x, source, _laid_out(draw, index), d


def scatter_sum(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw)
    return Case((x, source, index), {"dim": d})


def scatter_values(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw, repeats=False)
    value = draw.number(0, 1, -2, 3)
    return Case((x, draw.pick(source, source, value), index), {"dim": d})


def scatter_amax(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw)
    options = {"largest": draw.pick(True, False), "include_self": draw.pick(True, False)}
    return Case((x, source, index), {"dim": d, **options})


def scatter_product(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw)
    # PyTorch has no second derivative for several zeros at one place.
    values = np.where(source.values == 0, np.ones_like(source.values), source.values)
    source = Operand(values, source.layout)
    return Case((x, source, index), {"dim": d, "include_self": draw.pick(True, False)})


def embedding(draw: RandomDraws) -> Case:
    # PyTorch's own second derivative fails for a size of 0.
    rows, width = draw.integer(1, 4), draw.integer(1, 4)
    weight = _float_array(draw, (rows, width))
    lead = tuple(max(size, 1) for size in draw.shape(most=2))
    index = np.asarray(draw.rng.integers(0, rows, lead))
    if draw.odd(12):
        index = np.asarray(index + draw.pick(rows, -rows))
    # The gradient without a row isn't the derivative of the value.
    options = draw.options(padding_idx=(..., 0, rows - 1)) if draw.wild else {}
    return Case((weight, _laid_out(draw, index)), options)


def scan(draw: RandomDraws) -> Case:
    shape = tuple(max(size, 1) for size in draw.shape())  # PyTorch's own backward fails for 0
    dtypes = (..., ..., "float32", "float64", "int64") if draw.wild else (...,)
    options = {k: np.dtype(v) for k, v in draw.options(dtype=dtypes).items()}
    return Case((draw.array(shape, moderate=True),), {"dim": draw.dim(len(shape)), **options})


def plain_scan(draw: RandomDraws) -> Case:
    shape = draw.shape()
    return Case((draw.array(shape, moderate=True),), {"dim": draw.dim(len(shape))})


def spread(draw: RandomDraws) -> Case:
    # PyTorch warns about lines of a single element.
    shape = tuple(max(size, 2) for size in draw.shape(least=1))
    dim = draw.pick(None, draw.dim(len(shape)), tuple(range(len(shape)))[: draw.integer(1, 2)])
    options = {"dim": dim, "correction": draw.pick(0, 1, 1, 0.5)}
    x = _float_array(draw, shape, moderate=True)
    return Case((x,), options | draw.options(keepdim=(..., True, False)))


def product_over(draw: RandomDraws) -> Case:
    # PyTorch's own backward fails for a size of 0.
    x = draw.array(tuple(max(size, 1) for size in draw.shape()), moderate=True)
    options = draw.options(keepdim=(..., True, False))
    dim = draw.dim(x.values.ndim) if draw.pick(True, True, True, False) else None
    if dim is None and draw.wild:  # a product of many elements is too large for differences
        return Case((x,), {})
    dim = 0 if dim is None else dim
    return Case((x,), {**options, "dim": dim})


def log_sum(draw: RandomDraws) -> Case:
    shape = tuple(max(size, 1) for size in draw.shape())
    dim = draw.pick(draw.dim(len(shape)), tuple(range(len(shape))))
    options = {"dim": dim, **draw.options(keepdim=(..., True, False))}
    return Case((draw.array(shape, moderate=True),), options)


def norm(draw: RandomDraws) -> Case:
    shape = tuple(max(size, 1) for size in draw.shape())
    x = _float_array(draw, shape, moderate=True)
    order = 2.0  # the second derivatives of PyTorch's others fail where a sign has none
    dim = draw.pick(None, draw.dim(len(shape)))
    options = draw.options(keepdim=(..., True))
    return Case((x,), {"ord": order, "dim": dim, **options})


def extreme(draw: RandomDraws) -> Case:
    x = full_reduction(draw).operands[0]
    assert isinstance(x, Operand)
    options = draw.options(keepdim=(..., True, False))
    return Case((x,), {"dim": draw.pick((), draw.dim(x.values.ndim)), **options})


def middle(draw: RandomDraws) -> Case:
    return Case((draw.array(draw.shape()),))


CASES: dict[str, CaseFunction] = {
    "amax": extreme,
    "amin": extreme,
    "cumprod": scan,
    "cumsum": scan,
    "deviation": spread,
    "embedding": embedding,
    "gather_along": gather_along,
    "logcumsumexp": plain_scan,
    "logsumexp": log_sum,
    "median": middle,
    "nanmedian": middle,
    "prod": product_over,
    "scatter_amax": scatter_amax,
    "scatter_product": scatter_product,
    "scatter_sum": scatter_sum,
    "scatter_values": scatter_values,
    "variance": spread,
    "vector_norm": norm,
}
