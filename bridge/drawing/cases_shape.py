"""Draw calls of the ops on triangles, diagonals, windows and orders of elements."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .cases import _cotangent, _some_dims
from .draws import RandomDraws
from .operands import Case


def triangle(draw: RandomDraws) -> Case:
    x = draw.array(draw.shape(least=0 if draw.odd(12) else 2))
    return Case((x,), draw.options(diagonal=(..., ..., 0, 1, -1, 2, -4)))


def diagonal(draw: RandomDraws) -> Case:
    shape = draw.shape(least=2)
    first, second = (int(d) for d in draw.rng.permutation(len(shape))[:2])
    if draw.odd(12):
        second = draw.pick(first, 9)
    dims = draw.pick({}, {"dim1": first - draw.pick(0, len(shape)), "dim2": second})
    return Case((draw.array(shape),), {**draw.options(offset=(..., 0, 1, -1, 3, -3)), **dims})


def as_strided(draw: RandomDraws) -> Case:
    """Sizes and strides within the operand, as it may be in memory; elements may repeat."""
    shape = draw.shape()
    if 0 in shape:
        shape = (2, 3)  # PyTorch's derivative of a view without elements doesn't require grad
    count = math.prod(shape)
    sizes, steps, left = [], [], count - 1
    for _ in range(draw.integer(0, 3)):
        step = draw.integer(0, 2)
        size = draw.integer(1, 3)
        if size * step > left + step:
            size = 1
        left -= max(size - 1, 0) * step
        sizes.append(size)
        steps.append(step)
    if draw.odd(12):
        steps = [step - 5 for step in steps]
    layout = draw.pick("contiguous", "transposed")  # what is in gaps of memory is arbitrary
    x = draw.array(shape)
    x = replace(x, values=x.values.copy(), layout=layout)  # no element of it is shared
    return Case((x,), {"size": tuple(sizes), "stride": tuple(steps)})


def gradient_of_diagonal(draw: RandomDraws) -> Case:
    draw.was_odd = True  # the diagonal would raise the errors
    shape = draw.shape(least=2)
    first, second = (int(d) for d in draw.rng.permutation(len(shape))[:2])
    offset = draw.pick(0, 0, 0, 1, -1, 3)
    values = _cotangent(draw, np.diagonal(np.zeros(shape), offset, first, second).shape)
    return Case((values,), {"shape": shape, "offset": offset, "dim1": first, "dim2": second})


def flip(draw: RandomDraws) -> Case:
    shape = draw.shape()
    return Case((draw.array(shape),), {"dims": _some_dims(draw, len(shape))})


def repeat(draw: RandomDraws) -> Case:
    shape = draw.shape()
    most = 2 if draw.style == "smooth" else 3
    repeats = [draw.integer(0, most) for _ in range(len(shape) + draw.pick(0, 0, 1, 2))]
    if draw.odd(12):
        repeats = draw.pick(repeats[1:], [*repeats, -1])
    return Case((draw.array(shape),), {"repeats": tuple(repeats)})


def roll(draw: RandomDraws) -> Case:
    shape = draw.shape(least=1)
    if draw.pick(True, False, False):
        return Case((draw.array(shape),), {"shifts": draw.integer(-5, 5)})
    dims = _some_dims(draw, len(shape)) or (0,)
    shifts = tuple(draw.integer(-5, 5) for _ in dims)
    if draw.odd(12):
        shifts = (*shifts, 1)
    return Case((draw.array(shape),), {"shifts": shifts, "dims": dims})


def _windows(draw: RandomDraws) -> tuple[tuple[int, ...], dict[str, Any]]:
    shape = draw.shape(least=1)
    dim = draw.dim(len(shape), negative=draw.wild)
    longest = shape[dim] if -len(shape) <= dim < len(shape) else 1
    size = draw.integer(0, longest) if not draw.odd(12) else draw.pick(-1, longest + 1)
    step = draw.pick(1, 1, 2, 3) if not draw.odd(12) else draw.pick(0, -1)
    return shape, {"dimension": dim, "size": size, "step": step}


def unfold(draw: RandomDraws) -> Case:
    shape, options = _windows(draw)
    return Case((draw.array(shape),), options)


def gradient_of_unfold(draw: RandomDraws) -> Case:
    draw.was_odd = True  # unfold would raise the errors
    shape, options = _windows(draw)
    dim, size, step = (options[name] for name in ("dimension", "size", "step"))
    dim %= len(shape)
    count = (shape[dim] - size) // step + 1
    windows = _cotangent(draw, (*shape[:dim], count, *shape[dim + 1 :], size))
    return Case((windows,), {"dimension": dim, "step": step, "shape": shape})
