"""Draw a call of each gather, scatter, scan and statistic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .cases import CaseFunction, full_reduction, reduction
from .draws import RandomDraws
from .operands import Case, Operand


def _float_array(draw: RandomDraws, shape: tuple[int, ...], **options: Any) -> Operand:
    dtype = draw.dtype if draw.dtype.kind == "f" else np.dtype("float64")
    return draw.array(shape, dtype=dtype, **options)


def _index(
    draw: RandomDraws, shape: tuple[int, ...], dim: int, repeats: bool = True
) -> np.ndarray:
    """Draw an index along `dim` that is no larger than `shape` apart from it."""
    size = shape[dim] if shape else 1
    sizes = [n if draw.pick(True, True, False) else max(n - 1, 0) for n in shape]
    if shape:
        sizes[dim] = draw.integer(0, size) if size else 0
    if repeats or not shape:
        return np.asarray(draw.rng.integers(0, max(size, 1), sizes), np.int64)
    places = np.argsort(draw.rng.random(shape), dim)
    return np.ascontiguousarray(places[tuple(slice(0, n) for n in sizes)])


def gather_along(draw: RandomDraws) -> Case:
    shape = draw.shape()
    x, d = draw.array(shape), draw.integer(0, max(len(shape) - 1, 0))
    index = _index(draw, shape, d)
    if draw.odd(12) and index.size:
        index = index + draw.pick(-9, 9)
    drop = bool(shape and index.shape[d] and draw.pick(True, False))
    if drop:
        index = np.ascontiguousarray(np.take(index, 0, d))
    options: dict[str, Any] = {"dim": draw.pick(d, d - max(len(shape), 1))}
    return Case((x, Operand(index)), {**options, "drop": True} if drop else options)


def _scattered(draw: RandomDraws, repeats: bool = True, whole: bool = False) -> Any:
    shape = draw.shape()
    x, d = draw.array(shape), draw.integer(0, max(len(shape) - 1, 0))
    index = _index(draw, shape, d, repeats)
    # PyTorch's own backward fails for a source that is larger than the index.
    source = draw.array(index.shape, dtype=x.values.dtype)
    return x, source, Operand(index), d


def scatter_sum(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw)
    return Case((x, source, index), {"dim": d})


def scatter_values(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw, repeats=False)
    value = draw.number(0, 1, -2, 3)
    return Case((x, draw.pick(source, source, value), index), {"dim": d})


def scatter_extreme(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw)
    options = {"largest": draw.pick(True, False), "include_self": draw.pick(True, False)}
    return Case((x, source, index), {"dim": d, **options})


def scatter_product(draw: RandomDraws) -> Case:
    x, source, index, d = _scattered(draw)
    return Case((x, source, index), {"dim": d, "include_self": draw.pick(True, False)})


def embedding(draw: RandomDraws) -> Case:
    rows, width = draw.integer(1, 4), draw.size()
    weight = _float_array(draw, (rows, width))
    index = np.asarray(draw.rng.integers(0, rows, draw.shape(most=2)))
    if draw.odd(12):
        index = index + draw.pick(rows, -rows)
    options = draw.options(padding_idx=(..., 0, rows - 1), scale_grad_by_freq=(..., True))
    return Case((weight, Operand(index)), options)


def scan(draw: RandomDraws) -> Case:
    shape = tuple(max(size, 1) for size in draw.shape())  # PyTorch's own backward fails for 0
    dtypes = (..., ..., "float32", "float64", "int64") if draw.wild else (...,)
    options = {k: np.dtype(v) for k, v in draw.options(dtype=dtypes).items()}
    return Case((draw.array(shape, moderate=True),), {"dim": draw.dim(len(shape)), **options})


def plain_scan(draw: RandomDraws) -> Case:
    shape = draw.shape()
    return Case((draw.array(shape, moderate=True),), {"dim": draw.dim(len(shape))})


def _moderately(case: Case, draw: RandomDraws) -> Case:
    x = case.operands[0]
    assert isinstance(x, Operand)
    again = draw.array(x.values.shape, moderate=True, dtype=x.values.dtype)
    return replace(case, operands=(Operand(again.values, again.layout),))


def spread(draw: RandomDraws) -> Case:
    case = _moderately(reduction(draw), draw)
    options = {"dim": None, **case.options, "correction": draw.pick(0, 1, 1, 0.5)}
    return replace(case, options=options)


def product_over(draw: RandomDraws) -> Case:
    # PyTorch's own backward fails for a size of 0.
    x = draw.array(tuple(max(size, 1) for size in draw.shape()), moderate=True)
    options = draw.options(keepdim=(..., True, False))
    dim = draw.pick(None, draw.dim(x.values.ndim))
    if dim is None:
        return Case((x,), {})
    return Case((x,), {**options, "dim": dim})


def log_sum(draw: RandomDraws) -> Case:
    case = _moderately(reduction(draw), draw)
    options = dict(case.options)
    if options.get("dim") is None:
        options["dim"] = 0
    return replace(case, options=options)


def norm(draw: RandomDraws) -> Case:
    shape = tuple(max(size, 1) for size in draw.shape())
    x = _float_array(draw, shape, moderate=True)
    order = draw.pick(1, 2, 2, 3, 1.5, 0.5, float("inf"), float("-inf"))
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
    "scatter_extreme": scatter_extreme,
    "scatter_product": scatter_product,
    "scatter_sum": scatter_sum,
    "scatter_values": scatter_values,
    "variance": spread,
    "vector_norm": norm,
}
