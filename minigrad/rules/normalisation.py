"""Normalisation: subtract a mean and divide by a standard deviation, then scale and shift.

The statistics of `normalise` are the input's own, so its derivative goes through them. A pullback
over arrays uses the statistics that the forward computed; over Tensors it computes them again from
the input, so that a second derivative goes through them too (`reads_as`).
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from .presentation import INTERNAL
from .reading import reads_as
from .rule import Array, Constant, Result, also_saved, differentiable
from .summation import summed

Kind: TypeAlias = str  # "Batch", "Layer" or "Group"
_OPERANDS = "input", "weight", "bias"


def _mean(x: Array, over: tuple[int, ...], count: int) -> Array:
    return summed(x, over, True) / count


def _rstd_again(x: Array, rstd: Array, over: tuple[int, ...], count: int, eps: float) -> Array:
    centred = x - _mean(x, over, count)
    return 1 / np.sqrt(_mean(centred * centred, over, count) + eps)


@reads_as(_rstd_again)
def _rstd(x: Array, rstd: Array, over: tuple[int, ...], count: int, eps: float) -> Array:
    return rstd


def _hat_again(
    x: Array, mean: Array, rstd: Array, over: tuple[int, ...], count: int, eps: float
) -> Array:
    return (x - _mean(x, over, count)) * _rstd_again(x, rstd, over, count, eps)


@reads_as(_hat_again)
def _hat(
    x: Array, mean: Array, rstd: Array, over: tuple[int, ...], count: int, eps: float
) -> Array:
    return (x - mean) * rstd


@differentiable(
    INTERNAL,
    public="layer_norm",
    layout="dense images",
    extra_outputs=True,
    node=lambda *args, **_: f"Native{args[7]}NormBackward0",
    saved={"input": "input", "mean": "result1"},
    joint_derivative={
        "NativeBatchNormBackward0": _OPERANDS,
        "NativeLayerNormBackward0": _OPERANDS,
        "NativeGroupNormBackward0": ("weight",),
    },
)
def normalise(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    split: tuple[int, ...],
    over: tuple[int, ...],
    affine: tuple[int, ...],
    eps: float,
    kind: Kind,
) -> Result:
    """(x − mean) / √(var + eps) × weight + bias, the mean, and the variance.

    The statistics are those of the input in the shape `split` over the dimensions `over`. `affine`
    is the shape in which `weight` and `bias` broadcast. `kind` is "Batch", "Layer" or "Group".
    """
    shape, count = input.shape, math.prod(split[d] for d in over)
    x = input.reshape(split)
    mean = _mean(x, over, count)
    centred = x - mean
    var = _mean(centred * centred, over, count)
    rstd = 1 / np.sqrt(var + eps)
    if eps == 0 and kind == "Batch":
        rstd = np.where(var == 0, 0, rstd).astype(rstd.dtype)
    y = (centred * rstd).reshape(shape)
    if weight is not None:
        y = y * weight.reshape(affine)
    y = y + (0 if bias is None else bias.reshape(affine))  # PyTorch adds 0, too: there is no -0
    size, shift = (() if p is None else p.shape for p in (weight, bias))
    padded = (1,) * (len(shape) - len(affine)) + affine
    repeated = tuple([d for d, size in enumerate(padded) if size == 1])
    also = bias if kind == "Layer" else None  # saved in PyTorch

    def to_input(g: Array) -> Array:
        h = (g if weight is None else g * weight.reshape(affine)).reshape(split)
        part = input.reshape(split)
        hat = _hat(part, mean, rstd, over, count, eps)
        slope = h - _mean(h, over, count) - hat * _mean(h * hat, over, count)
        return also_saved((_rstd(part, rstd, over, count, eps) * slope).reshape(shape), also)

    def to_weight(g: Array) -> Array:
        hat = _hat(input.reshape(split), mean, rstd, over, count, eps).reshape(shape)
        return also_saved(summed(g * hat, repeated).reshape(size), weight, also)

    return (y, mean, var), (
        to_input,
        to_weight,
        lambda g: also_saved(summed(g, repeated).reshape(shift), input, weight, also),
    )


def _per_channel(input: Array) -> tuple[int, ...]:
    return (1, -1, *(1,) * (input.ndim - 2))


@differentiable(
    INTERNAL,
    public="batch_norm",
    layout="dense images",
    node="NativeBatchNormBackward0",
    saved={"input": "input", "mean": "running_mean", "var": "running_var"},
    joint_derivative={"NativeBatchNormBackward0": _OPERANDS},
)
def normalise_by(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    mean: Constant,
    var: Constant,
    eps: float,
) -> Result:
    """`normalise` with a given mean and variance for each channel, which is dimension 1."""
    affine = _per_channel(input)
    rstd = 1 / np.sqrt(var + eps)
    y = (input - mean.reshape(affine)) * rstd.reshape(affine).astype(input.dtype)
    if weight is not None:
        y = y * weight.reshape(affine)
    y = y + (0 if bias is None else bias.reshape(affine))  # PyTorch adds 0, too: there is no -0
    others = (0, *range(2, input.ndim))

    def scale() -> Any:
        return (1 / np.sqrt(var + eps)).reshape(_per_channel(input))  # which PyTorch saves, too

    def to_input(g: Array) -> Array:
        d = g * scale() if weight is None else g * (scale() * weight.reshape(affine))
        return also_saved(d, input, mean)

    return y, (
        to_input,
        lambda g: also_saved(
            summed(g * ((input - mean.reshape(affine)) * scale()), others), weight
        ),
        lambda g: also_saved(summed(g, others), input, weight, mean, var),
        None,
        None,
    )
