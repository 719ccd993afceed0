"""Ops of neural networks: the affine map, softmax, log-softmax, and losses.

Each could be composed of other ops. As a single rule it is more accurate (a softmax shifted by its
maximum never overflows) and costs one op instead of ten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .dims import axis
from .dtypes import scalar_name
from .indexing import scatter
from .layout import elementwise
from .linalg import by_columns, product, product_by, same_dtype
from .presentation import INTERNAL, PROMOTED
from .rule import Array, Constant, Result, differentiable, unchanged
from .summation import averaged, by_nll_loss, summed


@differentiable(
    INTERNAL,
    node="AddmmBackward0",
    edges=("bias", "input", "weight"),
    before=("AddmmBackward0", "weight", "t"),
)
def linear(input: Array, weight: Array, bias: Array) -> Result:
    """`input @ weight.T + bias`: (*, in) (out, in) (out,) → (*, out)."""
    if input.ndim == 0 or weight.ndim != 2 or input.shape[-1] != weight.shape[1]:
        rows = "x".join(map(str, (math.prod(input.shape[:-1]), *input.shape[-1:])))
        columns = "x".join(map(str, weight.shape[::-1]))
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows} and {columns})")
    if not (input.dtype is weight.dtype is bias.dtype) or bias.dtype.kind == "b":
        same_dtype(input, weight, "linear")
        same_dtype(input, bias, "linear")

    y = product(input, weight.T) if input.ndim == 2 else input @ weight.T
    try:
        y += bias
    except ValueError:
        raise RuntimeError(
            f"The expanded size of the tensor ({y.shape[-1]}) must match the existing size "
            f"({bias.shape[-1]}): the bias {list(bias.shape)} does not fit {list(y.shape)}"
        ) from None

    rows, is_matrix = math.prod(input.shape[:-1]), input.ndim == 2
    turned, is_whole = is_matrix and by_columns(input), by_columns(weight.T)

    def to_weight(g: Array) -> Array:
        x = input
        if not is_matrix:
            g, x = g.reshape(rows, g.shape[-1]), x.reshape(rows, x.shape[-1])
        return product(g.T, x) if is_whole else product(x.T, g).T

    return y, (
        lambda g: product_by(turned, g, weight) if is_matrix else g @ weight,
        to_weight,
        unchanged,
    )


# Softmax ------------------------------------------------------------------------------------------
#
# Both subtract the maximum first, so that exp can't overflow. The result is the same.


@differentiable(converts=True)
def softmax(input: Array, dim: int, dtype: np.dtype | None = None) -> Result:
    """exp(x) / Σ exp(x) along `dim`; the derivative is y (g − Σ g y).

    `dtype` converts the operand first.

    >>> minigrad.softmax(minigrad.tensor([0., 1.]), dim=0)
    tensor([0.2689, 0.7311])
    """
    x, d = _floats(input, dtype, "softmax"), _reduced_dim(dim, input.ndim)
    if x.dtype.kind != "f":  # integers, and none of them
        return x.copy(), (None,)
    e = np.exp(x - np.maximum.reduce(x, d, keepdims=True, initial=-np.inf))
    y = e / np.add.reduce(e, d, keepdims=True)
    return y, (lambda g: y * (g - np.add.reduce(g * y, d, keepdims=True)),)


@differentiable(converts=True)
def log_softmax(input: Array, dim: int, dtype: np.dtype | None = None) -> Result:
    """x − log Σ exp(x) along `dim`; the derivative is g − softmax(x) Σ g.

    `dtype` converts the operand first.

    >>> minigrad.log_softmax(minigrad.tensor([0., 1.]), dim=0)
    tensor([-1.3133, -0.3133])
    """
    x, d = _floats(input, dtype, "log_softmax"), _reduced_dim(dim, input.ndim)
    if x.dtype.kind != "f":  # integers, and none of them
        return x.copy(), (None,)
    y = x - np.maximum.reduce(x, d, keepdims=True, initial=-np.inf)
    y -= np.log(np.add.reduce(np.exp(y), d, keepdims=True))
    return y, (lambda g: g - np.exp(y) * np.add.reduce(g, d, keepdims=True),)


def _floats(input: Array, dtype: np.dtype | None, name: str) -> Array:
    if dtype is not None:
        if not isinstance(dtype, np.dtype):
            raise TypeError(f"{name}(): argument 'dtype' must be a dtype, not {dtype!r}")
        input = input.astype(dtype)
    if input.dtype.kind != "f" and input.size:
        raise NotImplementedError(
            f"\"{name}_lastdim_kernel_impl\" not implemented for '{scalar_name(input)}'"
        )
    return input if input.flags.c_contiguous else input.copy()  # the result is contiguous too


def _reduced_dim(dim: int, ndim: int) -> int | tuple[()]:
    """`dim` as NumPy's reductions take it: () for a 0-d operand."""
    d = axis(dim, ndim)
    return d if ndim else ()


# The losses ---------------------------------------------------------------------------------------


def _nll_node(input: Array, *_: object, **__: object) -> str:
    return f"NllLoss{'2D' if input.ndim > 2 else ''}Backward0"


# PyTorch's second derivative of nll_loss is nll_loss itself, so it has no such node again.
@differentiable(
    INTERNAL,
    half="float16",
    node=_nll_node,
    derivative_node="NllLossBackwardBackward0",
    derivative_node_repeats=False,
)
def nll_loss(
    input: Array,
    target: Constant,
    weight: Constant | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Result:
    """Minus the log-probability that `input` gives to each target class.

    Shapes: `input` is (C,), (N, C) or (N, C, d1, …). `target` has the same shape without C. It is
    int64, or uint8 if `input` has at most two dimensions. Each term is scaled by the `weight` (C,)
    of its class. The mean divides by the sum of these weights, so it is NaN if all targets are
    ignored.
    """
    given = target.reshape(()) if input.ndim == 1 and target.shape == (1,) else target
    _check_nll(input, given, weight)
    label, counted, shape = given, None, given.shape
    first, last = _around(input.shape, shape)
    places = _places((*first, label, *last), input.shape)
    if places is None or 0 <= ignore_index < input.shape[_class_dim(input)]:
        counted = given != ignore_index
        label = np.where(counted, given, 0)
        places = _places((*first, label, *last), input.shape)
        if places is None:
            beyond = label[(label < 0) | (label >= input.shape[_class_dim(input)])]
            raise IndexError(f"Target {beyond[0]} is out of bounds.")

    scale = None if weight is None else weight[label]
    terms = -input.take(places)
    if scale is not None:
        terms = terms * scale
    if counted is not None:
        scale = counted.astype(input.dtype) if scale is None else np.where(counted, scale, 0)
        terms = np.where(counted, terms, 0)  # also if the term is infinite or NaN
    total, ignored = None, None if counted is None else ~counted.reshape(-1)
    if reduction == "mean":
        total = terms.size if scale is None else by_nll_loss(scale.reshape(-1), ignored)
    ignores, size, identity = counted is not None, input.size, id(target)

    def pullback(g: Array) -> Array:
        share = -g if total is None else -g / total
        key, whole = (places,), (size,)
        # Computed from the saved labels and weights, so that a change of them is noticed. The
        # places are those of the labels unless others were assigned to the target's data.
        if ignores or weight is not None or id(target) != identity:
            label = target.reshape(shape)
            if ignores:
                counted = label != ignore_index
                label = np.where(counted, label, 0)
            if weight is not None:
                share = share * weight[label]
            if ignores:
                share = np.where(counted, share, 0)
            key, whole = (*first, label, *last), input.shape
        return scatter(share, key, whole, False)[0].reshape(input.shape)

    if reduction == "none" and input.ndim > 1:
        return terms, (pullback, None, None)
    y = by_nll_loss(terms.reshape(-1), ignored)
    return y if total is None else y / total, (pullback, None, None)


@differentiable(PROMOTED, forms=())
def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Result:
    """(input − target)², broadcast; the derivative is ±2 (input − target)."""
    if input.dtype.kind != "f":
        np.broadcast_shapes(input.shape, target.shape)  # PyTorch checks this first
        raise NotImplementedError(f"\"mse_cpu\" not implemented for '{scalar_name(input)}'")
    difference = input - target
    total = input.dtype.type(difference.size) if reduction == "mean" else None
    slope = 2 if total is None else 2 / total
    terms = elementwise(difference * difference, (input, target))  # the layout decides the digits
    if total is None:
        y = terms if reduction == "none" else summed(terms, tuple(range(terms.ndim)))
    else:
        y = averaged(terms, total)
    return y, (
        lambda g: (input - target) * slope * g,
        lambda g: (target - input) * slope * g,
    )


def _class_dim(input: Array) -> int:
    return 0 if input.ndim == 1 else 1


def _places(key: tuple[Array, ...], shape: tuple[int, ...]) -> Array | None:
    """The positions that a key selects in the flattened operand; None if it has no such label."""
    try:
        return np.ravel_multi_index(key, shape)
    except ValueError:
        return None


def _around(shape: tuple[int, ...], labels: tuple[int, ...]) -> tuple[Sequence[Array], ...]:
    """The indices before and after the label in the key of each label's element."""
    if len(shape) == 1:
        return (), ()
    if len(shape) == 2:
        return (np.arange(shape[0]),), ()
    grid = np.indices(labels, sparse=True)
    return grid[:1], grid[1:]


def _check_nll(input: Array, target: Array, weight: Array | None) -> None:
    shape = input.shape
    if not shape:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if target.shape != (shape[:1] + shape[2:] if len(shape) > 1 else ()):
        _refuse_target(shape, target.shape)
    if target.dtype != np.int64 and (target.dtype != np.uint8 or len(shape) > 2):
        found = scalar_name(target)
        if len(shape) > 2:
            raise RuntimeError(f"expected scalar type Long but found {found}")
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {found}")
    if input.dtype.kind != "f":
        found = scalar_name(input)
        raise NotImplementedError(f"\"nll_loss_out_frame\" not implemented for '{found}'")
    if weight is not None:
        classes = shape[_class_dim(input)]
        if weight.shape != (classes,):
            raise RuntimeError(
                f"weight tensor should be defined either for all {classes} classes or no classes "
                f"but got weight tensor of shape: {list(weight.shape)}"
            )
        if weight.dtype != input.dtype:
            raise RuntimeError(
                f"expected scalar type {scalar_name(input)} but found {scalar_name(weight)}"
            )


def _refuse_target(shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    if len(shape) == 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got: {list(target)}")
    if len(shape) == 2 and len(target) > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not target or shape[0] != target[0]:
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size "
            f"({target[0] if target else 0})."
        )
    expected = [shape[0], *shape[2:]]
    raise RuntimeError(f"Expected target size {expected}, got {list(target)}")
