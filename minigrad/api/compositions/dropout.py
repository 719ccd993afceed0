"""Dropout of whole channels, and dropout that keeps the mean and the variance of SELU."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.tensor import require_tensor, wrap
from ...core.tracing import constant
from ...rules.dtypes import scalar_name
from ...rules.layout import empty_like
from ...rules.presentation import FUNCTION
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor

_ALPHA = 1.7580993408473766  # minus the limit of SELU at −∞


def _dropped(
    name: str, input: Any, p: float, training: bool, inplace: bool, *, channels: bool, alpha: bool
) -> Tensor:
    require_tensor(input, name, "input")
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.numel() == 0:
        return input
    if channels and input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if p == 1:
        zero = wrap(constant(np.zeros((), input._array.dtype)))
        return input.mul_(zero) if inplace else input * zero
    if not input.is_floating_point():
        raise RuntimeError(
            "result type Float can't be cast to the desired output type "
            f"{scalar_name(input._array)}"
        )
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2)) if channels else input.shape
    kind = input._array.dtype
    like = constant(np.empty(shape, kind)) if channels else empty_like(input._array)
    noise = wrap(like).bernoulli_(1 - p)
    if not alpha:
        noise = noise / (1 - p)
        return input.mul_(noise) if inplace else input * noise
    a = 1 / math.sqrt((_ALPHA**2 * p + 1) * (1 - p))
    shift = (noise - 1) * (_ALPHA * a) + _ALPHA * a * p
    noise = noise * a
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


@composed(FUNCTION, module="nn.functional")
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Set elements to SELU's lower limit, each with probability `p`, then scale and shift.

    The mean 0 and the variance 1 are kept (Klambauer et al., 2017). ValueError for p outside
    [0, 1].

    >>> minigrad.nn.functional.alpha_dropout(minigrad.ones(2))
    tensor([1., 1.])
    """
    return _dropped("alpha_dropout", input, p, training, inplace, channels=False, alpha=True)


@composed(FUNCTION, module="nn.functional")
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels (N, C, *).

    >>> minigrad.nn.functional.feature_alpha_dropout(minigrad.ones(1, 2))
    tensor([[1., 1.]])
    """
    return _dropped("feature_alpha_dropout", input, p, training, inplace, channels=True, alpha=True)


@composed(FUNCTION, module="nn.functional")
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels (C, L) or (N, C, L), each with probability `p`, and scale the others.

    RuntimeError for other shapes, ValueError for p outside [0, 1].

    >>> minigrad.nn.functional.dropout1d(minigrad.ones(1, 2), training=False)
    tensor([[1., 1.]])
    """
    require_tensor(input, "dropout1d", "input")
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    batch = input if input.ndim == 3 else input.unsqueeze(0)
    y = _dropped("dropout1d", batch, p, training, inplace, channels=True, alpha=False)
    return y if input.ndim == 3 else y.squeeze(0)


@composed(FUNCTION, module="nn.functional")
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels (N, C, H, W), each with probability `p`, and scale the others.

    It warns for other numbers of dimensions. ValueError for p outside [0, 1].

    >>> minigrad.nn.functional.dropout2d(minigrad.ones(1, 1, 1, 2), training=False)
    tensor([[[[1., 1.]]]])
    """
    require_tensor(input, "dropout2d", "input")
    if input.ndim not in (3, 4):
        _warn(f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated")
    elif input.ndim == 3:
        _warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L)"
        )
    return _dropped("dropout2d", input, p, training, inplace, channels=True, alpha=False)


@composed(FUNCTION, module="nn.functional")
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels (N, C, D, H, W), each with probability `p`, and scale the others.

    Channels (C, D, H, W) are dropped too. ValueError for p outside [0, 1].

    >>> minigrad.nn.functional.dropout3d(minigrad.ones(1, 1, 1, 1, 2), training=False)
    tensor([[[[[1., 1.]]]]])
    """
    require_tensor(input, "dropout3d", "input")
    if input.ndim not in (4, 5):
        _warn(f"dropout3d: Received a {input.ndim}-D input to dropout3d, which is deprecated")
    batch = input if input.ndim == 5 else input.unsqueeze(0)
    y = _dropped("dropout3d", batch, p, training, inplace, channels=True, alpha=False)
    return y if input.ndim == 5 else y.squeeze(0)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero each element with probability `p`, in place, and scale the others by 1 / (1 - p).

    >>> minigrad.dropout_(minigrad.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return _dropped("dropout", input, p, train, True, channels=False, alpha=False)


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero each channel with probability `p`, in place, and scale the others by 1 / (1 - p).

    >>> minigrad.feature_dropout_(minigrad.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return _dropped("feature_dropout", input, p, train, True, channels=True, alpha=False)
