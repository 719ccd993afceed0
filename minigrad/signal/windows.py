"""Windows of a signal: weights that fall towards both ends, under the names of PyTorch's.

Each has `M` weights. A window that is `sym` is symmetric, for a filter; otherwise it is one period
of a window that repeats, for a spectrum. All raise a ValueError for a negative `M`, and for dtypes
other than float32 and float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..api.creation import arange, empty, linspace, ones, tensor
from ..api.functions import cos, exp, i0, sin, sqrt
from ..api.tensor import Tensor
from ..core.formats import strided
from ..rules import dtypes, promotion

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _window(
    name: str,
    M: int,
    make: Callable[[dict[str, Any]], Tensor],
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
    **unknown: Any,
) -> Tensor:
    """Check the arguments that all windows have, and make a window of at least two weights."""
    for option in unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{option}'")
    dtype = promotion.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    options = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
    if M == 0:
        return empty((0,), **options)
    return ones((1,), **options) if M == 1 else make(options)


def _ramp(M: int, slope: float, options: dict[str, Any], start: float = 0.0) -> Tensor:
    """`M` numbers from `start` on, `slope` apart."""
    return linspace(start, start + (M - 1) * slope, M, **options)


def general_cosine(M: int, *, a: Sequence[float], sym: bool = True, **options: Any) -> Tensor:
    """Make a window that is a sum of cosines, Σ (-1)ⁱ a[i] cos(2 π i k / n).

    k goes from 0 to M - 1, and n is M - 1 if the window is symmetric, else M. TypeError unless `a`
    is a list or a tuple, ValueError if it is empty.

    >>> minigrad.signal.windows.general_cosine(4, a=[0.5, 0.5])
    tensor([0.0000, 0.7500, 0.7500, 0.0000])
    """

    def make(given: dict[str, Any]) -> Tensor:
        if not isinstance(a, list | tuple):
            raise TypeError("Coefficients must be a list/tuple")
        if not a:
            raise ValueError("Coefficients cannot be empty")
        angles = _ramp(M, 2 * math.pi / (M - 1 if sym else M), given)
        signed = [-w if i % 2 else w for i, w in enumerate(a)]
        weights = tensor(signed, dtype=given["dtype"]).unsqueeze(1)
        orders = arange(len(a), dtype=given["dtype"]).unsqueeze(1)
        total: Tensor = (weights * cos(orders * angles)).sum(0)
        return total

    return _window("general_cosine", M, make, **options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """Make the window `alpha` - (1 - `alpha`) cos(2 π k / n); k and n are `general_cosine`'s.

    >>> minigrad.signal.windows.general_hamming(4, alpha=0.5)
    tensor([0.0000, 0.7500, 0.7500, 0.0000])
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Make the Hamming window, `general_hamming` of `alpha` 0.54.

    >>> minigrad.signal.windows.hamming(4)
    tensor([0.0800, 0.7700, 0.7700, 0.0800])
    """
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Make the Hann window, `general_hamming` of `alpha` 0.5.

    >>> minigrad.signal.windows.hann(4, sym=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Make the Blackman window, `general_cosine` of 0.42, 0.5 and 0.08.

    >>> minigrad.signal.windows.blackman(5)[1:4]
    tensor([0.3400, 1.0000, 0.3400])
    """
    _window("blackman", M, lambda given: empty(0), **options)  # so that errors have its name
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Make Nuttall's window of four terms, a `general_cosine`.

    >>> minigrad.signal.windows.nuttall(5)[1:4]
    tensor([0.2270, 1.0000, 0.2270])
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Make the Bartlett window, a triangle that is 0 at its ends.

    >>> minigrad.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """

    def make(given: dict[str, Any]) -> Tensor:
        return 1 - _ramp(M, 2 / (M - 1 if sym else M), given, -1.0).abs()

    return _window("bartlett", M, make, **options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Make half a period of a sine, sin(π (k + 0.5) / n), for k from 0 to M - 1.

    n is M if the window is symmetric, else M + 1.

    >>> minigrad.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """

    def make(given: dict[str, Any]) -> Tensor:
        step = math.pi / (M if sym else M + 1)
        return sin(_ramp(M, step, given, step * 0.5))

    return _window("cosine", M, make, **options)


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any
) -> Tensor:
    """Make the window exp(-|k - `center`| / `tau`), for k from 0 to M - 1.

    By default, `center` is the middle, and it must be for a symmetric window. ValueError for
    another one, and unless `tau` is positive.

    >>> minigrad.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (M - 1 if sym else M) / 2 if center is None else center

    def make(given: dict[str, Any]) -> Tensor:
        return exp(-_ramp(M, 1 / tau, given, -middle / tau).abs())

    return _window("exponential", M, make, **options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """Make the window exp(-(k - middle)² / (2 `std`²)), for k from 0 to M - 1.

    ValueError unless `std` is positive.

    >>> minigrad.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def make(given: dict[str, Any]) -> Tensor:
        slope = 1 / (std * math.sqrt(2))
        return exp(-(_ramp(M, slope, given, -(M - 1 if sym else M) / 2 * slope) ** 2))

    return _window("gaussian", M, make, **options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """Make the Kaiser window, i0(`beta` √(1 - (2 k / n - 1)²)) / i0(`beta`).

    k and n are `general_cosine`'s. ValueError for a negative `beta`. It needs SciPy.

    >>> minigrad.signal.windows.kaiser(4, beta=2.)
    tensor([0.4387, 0.9243, 0.9243, 0.4387])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def make(given: dict[str, Any]) -> Tensor:
        height = _ramp(M, 2 * beta / (M - 1 if sym else M), given, -float(beta))
        root = sqrt((beta * beta - height**2).clamp(min=0))
        return i0(root) / i0(tensor(float(beta), dtype=given["dtype"]))

    return _window("kaiser", M, make, **options)
