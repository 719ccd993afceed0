"""Losses that PyTorch computes by a kernel of their own, on operands of equal shape.

Each has terms, one per element, and a reduction: "none", "mean" or "sum". Losses that PyTorch
composes of other ops are in `api/compositions/losses.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .activations import logsigmoid
from .dtypes import scalar_name
from .elementwise import chosen, clamp
from .layout import elementwise
from .presentation import INTERNAL, PROMOTED
from .rule import Array, Constant, Result, also_saved, differentiable
from .special import logit
from .summation import averaged, summed

_LOSS = replace(PROMOTED, forms=(), layout="own")


def _floats_only(input: Array, kernel: str) -> None:
    if input.dtype.kind in "biu":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input)}'")


def _reduced(terms: Array, reduction: str, operands: tuple[Any, ...]) -> tuple[Array, Any]:
    """The loss, and the number by which a cotangent of it is divided.

    PyTorch computes the terms in the layout of `operands`, like an elementwise op.
    """
    terms = elementwise(terms, operands)  # the layout decides the digits
    if reduction == "none":
        return terms, 1
    if reduction == "sum":
        return summed(terms, tuple(range(terms.ndim))), terms.dtype.type(1)
    count = terms.dtype.type(terms.size)
    return averaged(terms, count), count


@differentiable(_LOSS)
def smooth_l1_loss(
    input: Array, target: Array, reduction: str = "mean", beta: float = 1.0
) -> Result:
    """d² / (2 beta) where |d| < beta, and |d| − beta / 2 elsewhere; d = input − target."""
    _floats_only(input, "smooth_l1_cpu")
    d = input - target
    z = chosen(d < 0, -d, d)
    y, share = _reduced(
        chosen(z < beta, 0.5 * z * z / beta, z - 0.5 * beta), reduction, (input, target)
    )

    def slope(g: Array) -> Array:
        d = input - target
        return chosen(d <= -beta, -g, chosen(d >= beta, g, d * g / beta)) / share

    return y, (slope, lambda g: -slope(g))


@differentiable(_LOSS)
def huber_loss(input: Array, target: Array, reduction: str = "mean", delta: float = 1.0) -> Result:
    """d² / 2 where |d| <= delta, and delta (|d| − delta / 2) elsewhere; d = input − target."""
    _floats_only(input, "huber_cpu")
    d = input - target
    z = chosen(d < 0, -d, d)
    terms = chosen(z <= delta, 0.5 * z * z, delta * (z - 0.5 * delta))
    y, share = _reduced(terms, reduction, (input,))

    def slope(g: Array) -> Array:
        d = input - target
        return chosen(d < -delta, -g * delta, chosen(d > delta, g * delta, d * g)) / share

    return y, (slope, lambda g: -slope(g))


@differentiable(INTERNAL, layout="own", half="float16")
def soft_margin_loss(input: Array, target: Constant, reduction: str = "mean") -> Result:
    """log(1 + exp(−target × input)), for targets 1 and −1."""
    if input.dtype.kind in "biu":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {scalar_name(input)}"
        )
    y, share = _reduced(np.log1p(np.exp(-target * input)), reduction, (input,))

    def slope(g: Array) -> Array:
        z = np.exp(-target * input)
        return -target * g * z / (1 + z) / share

    return y, (slope, None)


# The smallest divisor of a gradient. It is a float32 in PyTorch, whatever the dtype.
_LEAST = float(np.float32(1e-12))


@differentiable(INTERNAL, layout="own")
def binary_cross_entropy(
    input: Array, target: Array, weight: Constant | None = None, reduction: str = "mean"
) -> Result:
    """−target log(input) − (1 − target) log(1 − input), times `weight`.

    The logarithms are at least −100. RuntimeError for an input outside [0, 1].
    """
    _floats_only(input, "binary_cross_entropy")
    if input.dtype != target.dtype:
        raise RuntimeError(f"Found dtype {scalar_name(target)} but expected {scalar_name(input)}")
    if not ((input >= 0) & (input <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    if not ((target >= 0) & (target <= 1)).all():
        raise RuntimeError("all elements of target should be between 0 and 1")
    terms = (target - 1) * np.maximum(np.log1p(-input), -100)
    terms = terms - target * np.maximum(np.log(input), -100)
    if weight is not None:
        terms = terms * weight
    y, share = _reduced(terms, reduction, (input,))

    def weighted(d: Array) -> Array:
        return d / share if weight is None else d * weight / share

    def to_target(g: Array) -> Array:
        return also_saved(weighted(g * -logit(input)[0]), target)  # the logarithms aren't limited

    return y, (
        lambda g: weighted(g * (input - target) / clamp((1 - input) * input, _LEAST)[0]),
        to_target,
        None,
    )


@differentiable(INTERNAL, layout="own", half="float16", title="bce_with_logits")
def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Constant | None = None,
    pos_weight: Constant | None = None,
    reduction: str = "mean",
) -> Result:
    """`binary_cross_entropy` of `sigmoid(input)`, computed without overflow.

    `pos_weight` is a factor of the terms with `target`.
    """
    _floats_only(input, "binary_cross_entropy_with_logits")
    negative = input < 0
    rest = np.log1p(np.exp(chosen(negative, input, -input))) + chosen(negative, -input, 0)
    if pos_weight is not None:
        rest = ((pos_weight - 1) * target + 1) * rest
    terms = (1 - target) * input + rest
    if weight is not None:
        terms = terms * weight
    # PyTorch computes the terms in the memory of 1 − target.
    y, share = _reduced(terms.astype(target.dtype, copy=False), reduction, (target,))

    def weighted(g: Array) -> Array:
        return g / share if weight is None else g * weight / share

    def to_input(g: Array) -> Array:
        s = 1 / (1 + np.exp(-input))
        if pos_weight is None:
            return weighted(g) * (s - target)
        t = pos_weight * target
        return weighted(g) * ((t + 1 - target) * s - t)

    def to_target(g: Array) -> Array:
        if pos_weight is None:
            return also_saved(weighted(g) * -input, target)
        return weighted(g) * (logsigmoid(-input)[0] - pos_weight * logsigmoid(input)[0])

    return y, (to_input, to_target, None, None)
