"""The arithmetic that updates share, on arrays.

PyTorch computes `y + factor * x` as a fused multiply-add, which rounds once. In float32 the same
bits come from float64, where the product is exact. In float64 the product is rounded first: a fused
multiply-add would take about twenty operations in NumPy.

In float16, PyTorch computes each of these functions in float32 and rounds once.

The updates that divide by a square root don't use it everywhere: PyTorch's square root is off by an
ULP in one of five results, so their last bit differs in any case, and two roundings are faster.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.versions import count_write

Array = np.ndarray
_BLOCK = 1 << 15  # elements: in float64, they stay in the processor's cache


class Work:
    """Uninitialised arrays for the temporaries of one update, each like the parameter's array.

    `wide` and `block` are float64, and `add_scaled` uses one of them. Few updates need these and
    `third`.
    """

    def __init__(self, array: Array) -> None:
        self.first, self.second = np.empty_like(array), np.empty_like(array)

    @cached_property
    def third(self) -> Array:
        return np.empty_like(self.first)

    @cached_property
    def wide(self) -> Array:
        return np.empty_like(self.first, np.float64)

    @cached_property
    def block(self) -> Array:
        return np.empty(_BLOCK)


def writable(tensor: Tensor) -> Array:
    """Count a write into `tensor` and return its array for the caller to write into.

    The version counter moves as for any in-place operation, so that `backward` of a graph that
    saved the tensor raises.
    """
    count_write(tensor._counter)
    return tensor._array


def number(option: float | Tensor) -> float:
    """Return a hyperparameter as a Python float, which keeps an array's dtype.

    `float` would warn of a Tensor that requires grad.
    """
    return option.item() if isinstance(option, Tensor) else float(option)


def rounded(factor: float, array: Array) -> np.floating:
    """Return a number in the dtype of an array, or in float32 for float16."""
    kind: type[np.floating] = np.float32 if array.dtype == np.float16 else array.dtype.type
    return kind(factor)


def add_scaled(y: Array, x: Array, factor: float, out: Array, work: Work) -> Array:
    """Return `y + factor * x` in `out`, which may be `x` or `y`."""
    scale = rounded(factor, y)
    if not is_divided(out):
        _add_scaled(y, x, scale, out, work.wide)
        return out
    rows = [array.reshape(-1) for array in (y, x, out)]
    for start in range(0, out.size, _BLOCK):
        of_y, of_x, of_out = (row[start : start + _BLOCK] for row in rows)
        _add_scaled(of_y, of_x, scale, of_out, work.block[: of_out.size])
    return out


def is_divided(array: Array) -> bool:
    """Whether an update takes an array block by block, which takes a quarter of the time off."""
    return array.size > _BLOCK and array.flags.c_contiguous


def _add_scaled(y: Array, x: Array, scale: np.floating, out: Array, wide: Array) -> None:
    np.multiply(x, scale, out=wide, dtype=np.float64)
    if out.dtype == np.float64:
        np.add(wide, y, out=out)
    else:
        wide += y
        out[...] = wide


def decayed(g: Array, p: Array, weight_decay: float, maximize: bool, work: Work) -> Array:
    """Return `g + weight_decay * p`, with -g for g if `maximize`.

    It is `work.first`, or `g` if that is unchanged.
    """
    if maximize:
        g = np.negative(g, out=work.first)
    return add_scaled(g, p, weight_decay, work.first, work) if weight_decay != 0 else g


def lerp(m: Array, g: Array, weight: float, out: Array, work: Work) -> Array:
    """Return `m + weight * (g - m)` in `out`, from the nearer end as in PyTorch, rounded once.

    `out` may be `m` or `g`. `work.second` is overwritten.
    """
    way = np.subtract(g, m, out=work.second)
    if weight < 0.5:
        return add_scaled(m, way, weight, out, work)
    left: Any = rounded(weight, m) - rounded(1, m)
    return add_scaled(g, way, left, out, work)


def interpolate(m: Array, g: Array, weight: float, work: Array) -> None:
    """Move `m` to `m + weight * (g - m)`: `lerp` with a second rounding, which is faster."""
    if m.dtype == np.float16:
        m[...] = m + np.float32(weight) * np.subtract(g, m, dtype=np.float32)
        return
    np.subtract(g, m, out=work)
    if weight < 0.5:
        work *= weight
        m += work
    else:
        work *= 1 - weight
        np.subtract(g, work, out=m)


def gather_squares(v: Array, g: Array, beta: float, work: Array) -> None:
    """Set `v` to `beta * v + (1 - beta) * g**2`."""
    if v.dtype == np.float16:
        v[...] = v * np.float32(beta)
        v[...] = v + np.float32(1 - beta) * np.square(g, dtype=np.float32)
        return
    v *= beta
    np.multiply(g, 1 - beta, out=work)
    work *= g
    v += work


def add_quotient(p: Array, a: Array, b: Array, factor: float, work: Array) -> None:
    """Add `factor * a / b` to `p`. `work` may be `a`, but not `b`."""
    if p.dtype == np.float16:
        p[...] = p + np.float32(factor) * np.divide(a, b, dtype=np.float32)
        return
    np.multiply(a, factor, out=work)
    work /= b
    p += work
