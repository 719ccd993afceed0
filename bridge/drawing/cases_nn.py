"""Draw calls of the ops of neural networks: activations, convolution, pooling, normalisation.

`SAMPLES` lists for each rule its cases, and its forms other than those in the registry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bridge.libraries.op_calls import functional, spelling
from minigrad.api.compositions.pooling import adapted_windows

from .cases import CaseFunction, off_jumps, unary
from .draws import RandomDraws
from .operands import LAYOUTS, Case, Operand, laid_out

# Elements that aren't drawn -----------------------------------------------------------------------


def replaced(case: CaseFunction, odd: Callable[[np.ndarray], np.ndarray]) -> CaseFunction:
    """Draw a case with ones in place of the `odd` elements of the first operand."""

    def draw_others(draw: RandomDraws) -> Case:
        drawn = case(draw)
        x = drawn.operands[0]
        assert isinstance(x, Operand)
        if x.values.dtype.kind == "f":
            x = Operand(np.where(odd(x.values), x.values.dtype.type(1), x.values), x.layout)
        return replace(drawn, operands=(x, *drawn.operands[1:]))

    return draw_others


def _nan_of_vectors(values: np.ndarray) -> np.ndarray:
    """PyTorch's loops over vectors, of 32 bytes or more, have another gradient at a NaN."""
    return np.isnan(values) & (values.nbytes >= 32)


def _largest_of_float32(values: np.ndarray) -> np.ndarray:
    """PyTorch's vectors of float32 overflow at the largest number, and give NaN at infinity."""
    return (np.abs(values) >= np.finfo(np.float32).max) & (values.dtype == np.float32)


def _zero(values: np.ndarray) -> np.ndarray:
    """At 0, PyTorch's second derivatives of prelu are those of another side than its first."""
    return values == 0


# Activations --------------------------------------------------------------------------------------


def unary_with(**choices: tuple[Any, ...]) -> CaseFunction:
    """Draw a tensor, and one of the choices for each option."""
    return lambda draw: Case((draw.array(draw.shape()),), draw.options(**choices))


def threshold(draw: RandomDraws) -> Case:
    numbers = {"threshold": draw.pick(0, 0.5, -1, 2), "value": draw.pick(0, 7, -1.5)}
    return Case((draw.array(draw.shape()),), numbers)


def prelu(draw: RandomDraws) -> Case:
    shape = draw.pick((3, 4), (4, 2), (4,), (0, 3))
    x = draw.array(shape)
    size = draw.pick(shape[1], 1) if len(shape) > 1 else 1
    weight = draw.array((size,), dtype=x.values.dtype)
    # Without a derivative by the weight, the gradient has none by the input.
    return Case((x, weight), wanted=draw.pick(None, None, (True, False)))


def glu(draw: RandomDraws) -> Case:
    shape = list(draw.shape(least=1))
    dim = draw.dim(len(shape))
    if -len(shape) <= dim < len(shape) and not draw.odd(12):
        shape[dim] += shape[dim] % 2
    return Case((draw.array(tuple(shape)),), {"dim": dim})


def gelu_backward(draw: RandomDraws) -> Case:
    draw.was_odd = True
    shape, dtype = draw.shape(), draw.dtype if draw.dtype.kind == "f" else np.dtype("float64")
    grad, x = (draw.array(shape, moderate=True, dtype=dtype) for _ in range(2))
    return Case((grad, x), {"approximate": draw.pick("none", "tanh")})


def lstm(draw: RandomDraws) -> Case:
    """Draw the gates, the first state and the weight of an LSTM."""
    draw.was_odd = True
    steps, batch, size = draw.pick(1, 2, 3), draw.pick(0, 1, 2, 3), draw.pick(1, 2, 3)
    dtype = draw.dtype if draw.dtype.kind == "f" else np.dtype("float64")
    state = (batch, size)
    shapes = (steps, batch, 4 * size), state, state, (4 * size, size)
    operands = tuple(draw.array(shape, moderate=True, dtype=dtype) for shape in shapes)
    return Case(operands, finite=True)  # the bound is one number for all elements


# Losses -------------------------------------------------------------------------------------------

_REDUCTIONS = (..., "mean", "sum", "none")


def loss(**choices: tuple[Any, ...]) -> CaseFunction:
    """Draw an input and a target of one shape, without special values."""

    def case(draw: RandomDraws) -> Case:
        shape = draw.shape()
        dtype = draw.dtype
        operands = (draw.array(shape, moderate=True, dtype=dtype) for _ in range(2))
        return Case(tuple(operands), draw.options(reduction=_REDUCTIONS, **choices))

    return case


def _constant(draw: RandomDraws, values: np.ndarray) -> Operand:
    x = laid_out(values, draw.pick(*LAYOUTS) if draw.wild else "contiguous")
    return replace(x, constant=True)


def signed_loss(draw: RandomDraws) -> Case:
    shape = draw.shape()
    x = draw.array(shape, moderate=True, dtype=draw.dtype)
    signs = np.asarray(draw.rng.choice([-1, 1], shape), x.values.dtype)
    target = _constant(draw, signs)
    return Case((x, target), draw.options(reduction=_REDUCTIONS))


def probabilities(draw: RandomDraws) -> Case:
    case = loss()(draw)
    operands = []
    for x in case.operands:
        assert isinstance(x, Operand)
        share = 1 / (1 + np.exp(-x.values))
        if draw.style == "whole":  # whose logits aren't whole, since they round
            share = 0.5 + x.values / 16
        operands.append(Operand(np.asarray(share, x.values.dtype), x.layout))
    return Case((*operands, None), case.options)


def logits(draw: RandomDraws) -> Case:
    case = loss()(draw)
    weights: list[Operand | None] = [None, None]
    for place, x in enumerate(case.operands):
        assert isinstance(x, Operand)
        if draw.pick(True, False):
            weights[place] = _constant(draw, np.asarray(np.abs(x.values) + 1))
    return Case((*case.operands, *weights), case.options)


# Windows ------------------------------------------------------------------------------------------


def _images(draw: RandomDraws, nd: int, channels: int) -> Operand:
    # A smooth array has fewer than 380 elements, and the differences of a large one take long.
    most = 5 if nd < 3 and draw.style != "smooth" else 4 if nd < 3 else 3
    images = 1 if draw.style == "smooth" else draw.pick(1, 2)
    shape = (images, channels, *[draw.integer(3, most) for _ in range(nd)])
    return draw.array(shape, moderate=True, dtype=draw.dtype)


def _channels(draw: RandomDraws, nd: int) -> int:
    return 1 if draw.style == "smooth" and nd > 2 else draw.pick(1, 2)


def convolution(draw: RandomDraws) -> Case:
    nd, groups = draw.pick(1, 2), draw.pick(1, 1, 2)
    transposed = draw.pick(True, False)
    x = _images(draw, nd, 2 * groups)
    kernel = tuple(draw.pick(1, 2) for _ in range(nd))
    sizes = (2 * groups, 1, *kernel) if transposed else (groups, 2, *kernel)
    outputs = groups
    weight = draw.array(sizes, moderate=True, dtype=draw.dtype)
    bias = draw.array((outputs,), moderate=True, dtype=draw.dtype)
    stride = tuple(draw.pick(1, 2) for _ in range(nd))
    options = {
        "stride": stride,
        "padding": tuple(draw.pick(0, 1) for _ in range(nd)),
        "dilation": tuple(draw.pick(1, 2) for _ in range(nd)),
        "transposed": transposed,
        "output_padding": tuple(draw.pick(0, s - 1) * (transposed and draw.wild) for s in stride),
        "groups": groups,
    }
    return Case((x, weight, draw.pick(bias, None)), options)


def _window_options(draw: RandomDraws) -> dict[str, Any]:
    return {
        "kernel_size": (draw.pick(1, 2), 2),
        "dilation": (draw.pick(1, 2), 1),
        "padding": (draw.pick(0, 1), 0),
        "stride": (draw.pick(1, 2), draw.pick(1, 2)),
    }


def im2col(draw: RandomDraws) -> Case:
    return Case((_images(draw, 2, draw.pick(1, 2)),), _window_options(draw))


def col2im(draw: RandomDraws) -> Case:
    options, size = _window_options(draw), (draw.integer(3, 5), 4)
    each = zip(size, *options.values(), strict=True)
    rows = math.prod(options["kernel_size"])
    windows = math.prod((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in each)
    x = draw.array((2, 2 * rows, windows), moderate=True, dtype=draw.dtype)
    return Case((x,), {"output_size": size, **options})


def constant_pad(draw: RandomDraws) -> Case:
    shape = draw.shape(least=1)
    ends = ((draw.pick(0, 1, 2, -1 if n else 0), draw.pick(1, 0, 2)) for n in shape)
    pairs = tuple(ends)
    return Case((draw.array(shape),), {"padding": pairs, "value": draw.pick(0, 1.5, -2)})


def pool(**choices: tuple[Any, ...]) -> CaseFunction:
    def case(draw: RandomDraws) -> Case:
        nd = draw.pick(2, 2, 3)
        kernel = tuple(draw.pick(2, 3) for _ in range(nd))
        options = {
            "kernel": kernel,
            "stride": tuple(draw.pick(1, 2, k) for k in kernel),
            "padding": tuple(draw.pick(0, 1) for _ in kernel),
        }
        if "dilation" in choices:
            options["dilation"] = (1,) * nd
        rest = {k: draw.pick(*v) for k, v in choices.items() if k != "dilation"}
        if draw.style == "whole" and "divisor_override" in rest:
            rest["divisor_override"] = 4  # a third rounds
        return Case((_images(draw, nd, _channels(draw, nd)),), {**options, **rest})

    return case


def windows(draw: RandomDraws) -> Case:
    nd = draw.pick(2, 2, 3)
    x = _images(draw, nd, _channels(draw, nd))
    inside = x.values.shape[2:]
    outside = tuple(draw.pick(2, 3) for _ in range(nd))
    return Case((x,), {"windows": adapted_windows(inside, outside), "size": nd})


# Normalisation ------------------------------------------------------------------------------------


def _contiguous(weight: Operand) -> Operand:
    """The weight in contiguous memory: PyTorch's batch_norm reads any weight as if it were so.

    Of an expanded one it reads what lies behind its only element.
    """
    return Operand(weight.values)


_NORMALISED = ((3, 4), (2, 4, 3), (2, 4, 2, 3))


def normalise(draw: RandomDraws) -> Case:
    kind = draw.pick("Batch", "Layer", "Group")
    smooth = draw.style == "smooth"  # the differences of a large array take long
    shape = draw.pick((2, 4), (1, 4, 2), (1, 4, 2, 1)) if smooth else draw.pick(*_NORMALISED)
    channels = (1, 4, *(1,) * (len(shape) - 2))
    split, over, affine, size = shape, (0, *range(2, len(shape))), channels, (4,)
    if kind == "Layer":
        first = draw.integer(1, len(shape) - 1)
        over, affine, size = tuple(range(first, len(shape))), shape[first:], shape[first:]
    elif kind == "Group":
        split, over = (shape[0], 2, 2 * math.prod(shape[2:])), (2,)
    x, weight, bias = (
        draw.array(each, moderate=True, dtype=draw.dtype) for each in (shape, size, size)
    )
    if kind == "Batch":
        weight = _contiguous(weight)
    options = {
        "split": split,
        "over": over,
        "affine": affine,
        "eps": draw.pick(0.5, 2.0),  # equal elements have no deviation of their own
        "kind": kind,
    }
    parameters = draw.pick((weight, bias), (weight, bias), (weight, None), (None, None))
    if x.values.dtype.kind == "i":  # PyTorch's error depends on the layout
        x = Operand(x.values)
    # The mean of an infinite cotangent is infinite or NaN, in the order of the factors.
    return Case((x, *parameters), options, finite=True)


def normalise_by(draw: RandomDraws) -> Case:
    shape = draw.pick(*_NORMALISED)
    x, weight, bias, mean, var = (
        draw.array(each, moderate=True, dtype=draw.dtype)
        for each in (shape, (4,), (4,), (4,), (4,))
    )
    statistics = (
        Operand(mean.values, constant=True),
        Operand(np.abs(var.values), constant=True),
    )
    options = {"eps": draw.pick(1e-5, 0.5)}
    # Without a weight, PyTorch's own second derivative fails.
    weight = _contiguous(weight)
    return Case((x, weight, draw.pick(bias, None), *statistics), options)


def _f(name: str) -> dict[str, Any]:
    return {"functional": functional(name)}


def _called(name: str) -> dict[str, Any]:
    return {"functional": spelling(name)}


SAMPLES: dict[str, tuple[Any, ...]] = {
    "avg_pool": (
        pool(
            ceil_mode=(True, False),
            count_include_pad=(True, False),
            divisor_override=(None, None, 3),
        ),
        _called("avg_pool"),
    ),
    "binary_cross_entropy": (probabilities, _f("binary_cross_entropy")),
    "binary_cross_entropy_with_logits": (logits, _called("binary_cross_entropy_with_logits")),
    "col2im": (col2im, _called("col2im")),
    "constant_pad": (constant_pad, _called("constant_pad")),
    "convolution": (convolution, _called("convolution")),
    "elu": (replaced(unary_with(alpha=(..., 1, 0.5, 2)), _nan_of_vectors), _called("elu")),
    "gelu": (replaced(unary_with(approximate=(..., "none", "tanh")), _largest_of_float32),),
    "gelu_backward": (gelu_backward, _called("gelu_backward")),
    "glu": (glu,),
    "hardshrink": (off_jumps(replaced(unary_with(lambd=(..., 0, 0.5, 1)), _nan_of_vectors)),),
    "hardsigmoid": (off_jumps(unary), _f("hardsigmoid")),
    "hardswish": (off_jumps(replaced(unary, _nan_of_vectors)), _f("hardswish")),
    "hardtanh": (
        off_jumps(
            replaced(unary_with(min_val=(..., -2, 0), max_val=(..., 1, 2.5)), _nan_of_vectors)
        ),
        _f("hardtanh"),
    ),
    "huber_loss": (loss(delta=(0.505, 2.005)), _f("huber_loss")),
    "im2col": (im2col, _called("im2col")),
    "leaky_relu": (unary_with(negative_slope=(..., 0.1, 1, -2)), _f("leaky_relu")),
    "logsigmoid": (unary,),
    "lstm": (lstm, _called("lstm")),
    "max_of_windows": (windows, _called("max_of_windows")),
    "max_pool": (pool(dilation=(), ceil_mode=(True, False)), _called("max_pool")),
    "mean_of_windows": (windows, _called("mean_of_windows")),
    "mish": (unary, _f("mish")),
    "normalise": (normalise, _called("normalise")),
    "normalise_by": (normalise_by, _called("normalise_by")),
    "prelu_kernel": (replaced(prelu, _zero), _f("prelu")),
    "silu": (unary, _f("silu")),
    "smooth_l1_loss": (loss(beta=(0.505, 2.005)), _f("smooth_l1_loss")),
    "soft_margin_loss": (signed_loss, _f("soft_margin_loss")),
    "softplus": (off_jumps(unary_with(beta=(..., 1, 2, 0.5), threshold=(..., 20, 1))),),
    "softshrink": (off_jumps(replaced(unary_with(lambd=(..., 0, 0.5, 1)), _nan_of_vectors)),),
    "threshold": (off_jumps(threshold), _f("threshold")),
}
