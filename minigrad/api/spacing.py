"""Evenly spaced numbers with PyTorch's digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..random.fma import fma


def evenly_spaced(first: Any, last: Any, steps: int) -> np.ndarray:
    """`steps` numbers from `first` to `last`, both included. `steps` is 2 or more.

    The ends are NumPy floats of one dtype, which is that of the result.

    >>> evenly_spaced(np.float32(0), np.float32(1), 3)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    kind = first.dtype
    forwards, half = np.arange(steps, dtype=kind), steps // 2
    with np.errstate(all="ignore"):
        step = (last - first) / kind.type(steps - 1)
        # Computed from both ends towards the middle, so that both ends are exact.
        scaled = _multiplied_and_added if kind == np.float16 else fma
        values = scaled(forwards, step, first)
        values[half:] = scaled(forwards[: steps - half], -step, last)[::-1]
    return np.asarray(values)


def _multiplied_and_added(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """a·b + c, rounded after each step, as PyTorch computes it in float16."""
    return a * b + c
