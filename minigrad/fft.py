"""PyTorch's `torch.fft`: frequencies and shifts. It refuses the transforms, as they are complex."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .api.creation import arange
from .api.functions import roll
from .api.refused import refusing
from .api.tensor import Tensor
from .core.creating import int_of
from .core.tensor import require_tensor
from .rules.dims import axis
from .rules.dtypes import dtype as _dtype
from .rules.promotion import get_default_dtype

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]
_TRANSFORMS = (
    *("fft", "fft2", "fftn", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn"),
    *("ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftn"),
)


def fftfreq(n: int, d: float = 1.0, *, dtype: _dtype | None = None, **options: Any) -> Tensor:
    """Return the `n` frequencies of a transform of samples that are `d` apart, 0 first.

    The options are those of `arange`.

    >>> minigrad.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    n = int_of(n, "fft_fftfreq", "n")
    return _frequencies("fftfreq", n, (n + 1) // 2, n, d, dtype, options)


def rfftfreq(n: int, d: float = 1.0, *, dtype: _dtype | None = None, **options: Any) -> Tensor:
    """Return the frequencies of `fftfreq` that aren't negative, and half of the sampling rate.

    >>> minigrad.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    n = int_of(n, "fft_rfftfreq", "n")
    return _frequencies("rfftfreq", n, n // 2 + 1, n // 2 + 1, d, dtype, options)


def _frequencies(
    name: str, n: int, half: int, end: int, d: float, dtype: Any, options: dict[str, Any]
) -> Tensor:
    """The numbers from 0 to `half`, then those up to `end` minus n, divided by n * d."""
    kind = get_default_dtype() if dtype is None else dtype
    if not kind.is_floating_point:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    with_gradient = options.pop("requires_grad", False)
    found = arange(end, dtype=kind, **options)
    found[half:] -= n
    scale = 1.0 / (n * d) if n * d else math.inf
    return found.mul_(scale).requires_grad_(with_gradient)


def fftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Exchange the halves of each dimension, so that frequency 0 is in the middle.

    >>> minigrad.fft.fftshift(minigrad.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    require_tensor(input, "fft_fftshift", "input")
    dims = _dims(input, dim)
    return roll(input, [input.shape[d] // 2 for d in dims], dims)


def ifftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Undo `fftshift`.

    >>> minigrad.fft.ifftshift(minigrad.tensor([-1, 0, 1]))
    tensor([ 0,  1, -1])
    """
    require_tensor(input, "fft_ifftshift", "input")
    dims = _dims(input, dim)
    return roll(input, [(input.shape[d] + 1) // 2 for d in dims], dims)


def _dims(input: Tensor, dim: int | Sequence[int] | None) -> list[int]:
    if dim is None:
        return list(range(input.ndim))
    return [axis(d, input.ndim) for d in ([dim] if isinstance(dim, int) else dim)]


for _name in _TRANSFORMS:
    globals()[_name] = refusing(
        _name, NotImplementedError, f"fft.{_name} is not supported: no tensor can be complex"
    )
