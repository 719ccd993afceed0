"""Windows of a signal: weights that fall towards both ends.

Each step is rounded to the dtype, as in PyTorch. `signal/windows.py` has some of the same windows
again: PyTorch computes those by other steps, whose last digits differ.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..core.creating import allocated, int_of, made
from ..core.grad_mode import no_grad
from ..rules import dtypes, promotion
from ..rules.dtypes import dtype as DType
from .creation import arange
from .tensor import Tensor


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """Make the Hann window, 0.5 - 0.5 cos(2 π k / n) for k from 0 to `window_length` - 1.

    n is `window_length` if it is `periodic`, else one less. RuntimeError for a negative length and
    for a dtype that isn't of floats.

    >>> minigrad.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _cosine_window("hann_window", window_length, periodic, 0.5, 0.5, dtype, options)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """Make the Hamming window, `alpha` - `beta` cos(2 π k / n) for k from 0 to `window_length` - 1.

    n and the errors are those of `hann_window`.

    >>> minigrad.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _cosine_window("hamming_window", window_length, periodic, alpha, beta, dtype, options)


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """Make the Blackman window, 0.42 - 0.5 cos(2 π k / n) + 0.08 cos(4 π k / n).

    k goes from 0 to `window_length` - 1. n and the errors are those of `hann_window`.

    >>> minigrad.blackman_window(4)[2]
    tensor(1.)
    """

    def window(k: Tensor, n: int) -> Tensor:
        angles = k * _number(np.pi / n, k)
        double, single = (angles * 4).cos(), (angles * 2).cos()
        return double * _number(0.08, k) - single * 0.5 + _number(0.42, k)

    return _window("blackman_window", window, window_length, periodic, dtype, options)


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """Make the Bartlett window, a triangle: 1 - |2 k / n - 1| for k from 0 to `window_length` - 1.

    n and the errors are those of `hann_window`.

    >>> minigrad.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def window(k: Tensor, n: int) -> Tensor:
        rising = k * _number(2 / n, k)
        rising[n // 2 + 1 :] = 2 - rising[n // 2 + 1 :]
        return rising

    return _window("bartlett_window", window, window_length, periodic, dtype, options)


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """Make the Kaiser window, i0(`beta` √(1 - (2 k / n - 1)²)) / i0(`beta`).

    k goes from 0 to `window_length` - 1. n and the errors are those of `hann_window`.

    >>> minigrad.kaiser_window(4, beta=2.)
    tensor([0.4387, 0.8348, 1.0000, 0.8348])
    """

    def window(k: Tensor, n: int) -> Tensor:
        x = k._array.astype(np.float64) * 2 / n - 1
        height = np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / np.i0(beta)
        filled: Tensor = made("kaiser_window", height.astype(k._array.dtype))
        return filled

    return _window("kaiser_window", window, window_length, periodic, dtype, options)


def _cosine_window(
    name: str,
    length: int,
    periodic: bool,
    alpha: float,
    beta: float,
    dtype: DType | None,
    options: dict[str, Any],
) -> Tensor:
    def window(k: Tensor, n: int) -> Tensor:
        return (k * _number(2 * np.pi / n, k)).cos() * _number(-beta, k) + _number(alpha, k)

    return _window(name, window, length, periodic, dtype, options)


def _number(x: float, k: Tensor) -> float:
    """A number as the dtype of `k` has it. PyTorch rounds these numbers even for float16."""
    return float(k._array.dtype.type(x))


def _window(
    name: str, window: Any, length: int, periodic: bool, dtype: DType | None, options: dict
) -> Tensor:
    """The elements of `window(k, n)` for each k, with the checks that all windows have."""
    length = int_of(length, name, "window_length")
    if not isinstance(periodic, builtins.bool):
        kind = type(periodic).__name__
        raise TypeError(f"{name}(): argument 'periodic' must be bool, not {kind}")
    if "out" in options:
        raise TypeError(f"{name}() got an unexpected keyword argument 'out'")
    dtype = promotion.get_default_dtype() if dtype is None else dtype
    if dtypes.to_numpy(dtype).kind != "f":
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={length}"
        )
    if length < 2:
        return made(name, allocated(np.ones, length, dtypes.to_numpy(dtype)), **options)
    n = length if periodic else length - 1
    with no_grad():
        values = window(arange(n + 1, dtype=dtype), n)[:length]
    return made(name, np.ascontiguousarray(values._array), **options)
