"""The losses of nn.functional.

`reduction` is "none" (the terms), "mean" or "sum". `size_average` and `reduce` are its deprecated
predecessors.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS
from ...core.grad_mode import is_grad_enabled
from ...core.one_node import one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.tracing import constant
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION
from .distances import pairwise_distance
from .registry import composed
from .shape import broadcast_shapes
from .with_numbers import at_least, minus, plus, times

if TYPE_CHECKING:
    from ..tensor import Tensor


def reduction_of(
    size_average: bool | None, reduce: bool | None, reduction: str, stacklevel: int = 3
) -> str:
    """Return the reduction to use: `reduction`, or what the two deprecated flags say."""
    if size_average is not None or reduce is not None:
        average, reduced = size_average is not False, reduce is not False
        reduction = "none" if not reduced else "mean" if average else "sum"
        warnings.warn(
            "size_average and reduce args will be deprecated, "
            f"please use reduction='{reduction}' instead.",
            stacklevel=stacklevel,
        )
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            stacklevel=stacklevel,
        )
        reduction = "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'"
        )
    return reduction


def _require_castable(value: Tensor, target: Tensor) -> None:
    """Raise RuntimeError for floats that PyTorch would write into the integers of `target`."""
    if value.is_floating_point() and not target.is_floating_point():
        raise RuntimeError(
            f"result type {scalar_name(value._array)} can't be cast to the desired output type "
            f"{scalar_name(target._array)}"
        )


def broadcast_with_warning(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Expand two tensors to their common shape, with a warning if their shapes differ."""
    if input._array.shape == target._array.shape:
        return input, target
    warnings.warn(
        f"Using a target size ({target.shape}) that is different to the input size "
        f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
        "Please ensure they have the same size.",
        stacklevel=3,
    )
    try:
        shape = np.broadcast_shapes(input._array.shape, target._array.shape)
    except ValueError:
        return input, target  # the loss raises the error
    a, b = (x if x._array.shape == shape else x.expand(shape) for x in (input, target))
    return a, b


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """Return the terms, their mean or their sum."""
    if reduction == "none":
        return terms
    return terms.mean() if reduction == "mean" else terms.sum()


def _like(number: float, x: Any) -> Any:
    """A 0-d tensor with the dtype of `x`. PyTorch makes one where a number is the first operand."""
    return wrap(constant(np.asarray(number, x._array.dtype)))


def _require(function: str, **operands: Any) -> None:
    for position, (name, operand) in enumerate(operands.items(), 1):
        require_tensor(operand, function, name, position)


def _classes(target: Tensor) -> np.ndarray:
    """The classes in a target. RuntimeError unless they are int64."""
    if target._array.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {scalar_name(target._array)}")
    return target._array


# Regression ---------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return |input − target|, reduced. `weight`, of the input's shape, scales the terms.

    >>> minigrad.nn.functional.l1_loss(minigrad.tensor([1., 2.]), minigrad.tensor([1., 4.]))
    tensor(1.)
    """
    _require("l1_loss", input=input, target=target)
    shape = input.shape
    input, target = broadcast_with_warning(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    terms = (input - target).abs()
    if weight is None:
        return reduced(terms, reduction)
    _check_weight(weight, shape)
    terms = terms * weight
    return terms.sum() / weight.sum() if reduction == "mean" else reduced(terms, reduction)


def _check_weight(weight: Tensor, shape: Any) -> None:
    if weight.shape != shape:
        raise ValueError("Weights and input must have the same size.")


@composed(FUNCTION, module="nn.functional")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return a loss that is quadratic where |input − target| < beta, and linear elsewhere.

    RuntimeError for a negative `beta`; with 0 it is `l1_loss`.

    >>> minigrad.nn.functional.smooth_l1_loss(minigrad.tensor([1., 2.]), minigrad.tensor([1., 4.]))
    tensor(0.7500)
    """
    _require("smooth_l1_loss", input=input, target=target)
    input, target = broadcast_with_warning(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if beta == 0:
        return reduced((input - target).abs(), reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return OPS["smooth_l1_loss"](input, target, reduction, beta)


@composed(FUNCTION, module="nn.functional")
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return a loss that is quadratic where |input − target| <= delta, and linear elsewhere.

    `weight`, of the input's shape, scales the terms. The loss has the dtype of the input.
    RuntimeError unless `delta` is positive.

    >>> minigrad.nn.functional.huber_loss(minigrad.tensor([1., 2.]), minigrad.tensor([1., 4.]))
    tensor(0.7500)
    """
    _require("huber_loss", input=input, target=target)
    shape = input.shape
    input, target = broadcast_with_warning(input, target)
    reduction = reduction_of(None, None, reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if target.dtype != input.dtype:
        _require_castable(target, input)
        target = target.to(input.dtype)
    if weight is None:
        return OPS["huber_loss"](input, target, reduction, delta)
    _check_weight(weight, shape)
    return reduced(OPS["huber_loss"](input, target, "none", delta) * weight, reduction)


@composed(FUNCTION, module="nn.functional")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return minus the log-likelihood of counts that are Poisson-distributed.

    `input` is the logarithm of the expected count or, without `log_input`, the count itself. `full`
    adds Stirling's approximation of log(target!) where the target is greater than 1.

    >>> F = minigrad.nn.functional
    >>> F.poisson_nll_loss(minigrad.tensor([0.]), minigrad.tensor([2.]))
    tensor(1.)
    """
    _require("poisson_nll_loss", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    expected = input.exp() if log_input else input
    terms = expected - target * (input if log_input else plus(input, eps).log())
    if full:
        stirling = target * target.log() - target
        stirling = stirling + times(times(target, 2 * math.pi).log(), 0.5)
        terms = terms + OPS["masked_fill"](stirling, target <= 1, 0)
    return reduced(terms, reduction)


@composed(FUNCTION, module="nn.functional")
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return minus the log-likelihood of normal numbers with mean `input` and variance `var`.

    `var` has the shape of `input`, or size 1 in one dimension, or lacks the last dimension. It is
    at least `eps`, which has no effect on the gradient. `full` adds the constant. ValueError for a
    negative variance and for other shapes.

    >>> one = minigrad.ones(1)
    >>> minigrad.nn.functional.gaussian_nll_loss(one, minigrad.tensor([3.]), one)
    tensor(2.)
    """
    _require("gaussian_nll_loss", input=input, target=target)
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        spread: Any = OPS["fill"](input.detach(), var)
    elif (var._array < 0).any():
        raise ValueError("var has negative entry/entries")
    else:
        spread = var
    ours, sizes = tuple(input.shape), tuple(spread.shape)
    if sizes != ours:
        if ours[:-1] == sizes:
            spread = spread.unsqueeze(-1)
        elif not (
            len(ours) == len(sizes)
            and sum(b for a, b in zip(ours, sizes, strict=True) if a != b) == 1
        ):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    spread = spread.clone()
    spread.data.clamp_(min=eps)
    terms = 0.5 * (spread.log() + (input - target) ** 2 / spread)
    if full:
        terms = terms + 0.5 * math.log(2 * math.pi)
    return reduced(terms, reduction)


# Probabilities ------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return target (log(target) − input), for log-probabilities `input`, reduced.

    With `log_target`, the target is given as log-probabilities too. The reduction "batchmean"
    divides the sum by the first size. "mean" divides by the number of elements, and warns.
    RuntimeError for integers.

    >>> half = minigrad.tensor([[0.5, 0.5]])
    >>> F = minigrad.nn.functional
    >>> F.kl_div(minigrad.tensor([[0.25, 0.75]]).log(), half, reduction="batchmean")
    tensor(0.1438)
    """
    _require("kl_div", input=input, target=target)
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    batchmean = reduction == "batchmean" and size_average is None and reduce is None
    reduction = reduction_of(size_average, reduce, "sum" if batchmean else reduction)
    if log_target:
        terms = target.exp() * (target - input)
    else:
        terms = OPS["xlogy"](target, target) - target * input
    result = reduced(terms, reduction)
    return result / input.shape[0] if batchmean and input.ndim else result


@composed(FUNCTION, module="nn.functional")
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return −target log(input) − (1 − target) log(1 − input), times `weight`, reduced.

    The logarithms are at least −100. ValueError for different shapes, RuntimeError for an input
    outside [0, 1].

    >>> F = minigrad.nn.functional
    >>> F.binary_cross_entropy(minigrad.tensor([0.5, 0.9]), minigrad.tensor([1., 1.]))
    tensor(0.3993)
    """
    _require("binary_cross_entropy", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = weight.expand(broadcast_shapes(target.shape, weight.shape)).to(input.dtype)
    return OPS["binary_cross_entropy"](input, target, weight, reduction)


@composed(FUNCTION, module="nn.functional")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return `binary_cross_entropy` of `sigmoid(input)`, computed without overflow.

    `weight` scales the terms, and `pos_weight` their parts with `target`; both broadcast.
    The loss has the dtype of the target. ValueError if the shapes of the input and the target
    differ, RuntimeError for a target of integers.

    >>> F = minigrad.nn.functional
    >>> F.binary_cross_entropy_with_logits(minigrad.tensor([0., 2.]), minigrad.tensor([1., 1.]))
    tensor(0.4100)
    """
    _require("binary_cross_entropy_with_logits", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    _require_castable(input, target)
    weights: list[Tensor | None] = []
    for position, (name, w) in enumerate({"weight": weight, "pos_weight": pos_weight}.items(), 3):
        if w is not None:
            require_tensor(w, "binary_cross_entropy_with_logits", name, position)
            w = w.to(target.dtype)
        weights.append(w)
    return OPS["binary_cross_entropy_with_logits"](input, target, *weights, reduction)


@composed(FUNCTION, module="nn.functional")
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return log(1 + exp(−target × input)), reduced, for targets 1 and −1.

    >>> F = minigrad.nn.functional
    >>> F.soft_margin_loss(minigrad.tensor([0., 2.]), minigrad.tensor([1., -1.]))
    tensor(1.4100)
    """
    _require("soft_margin_loss", input=input, target=target)
    if target.requires_grad and is_grad_enabled():
        raise RuntimeError(
            "The function 'soft_margin_loss' is not differentiable with respect to argument "
            "'target'. This input cannot have requires_grad True: pass target.detach()."
        )
    reduction = reduction_of(size_average, reduce, reduction)
    if input.is_floating_point():
        target = target.to(input.dtype)
    return OPS["soft_margin_loss"](input, target, reduction)


@composed(FUNCTION, module="nn.functional")
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over the classes, the last dimension, of the binary cross entropies.

    >>> F = minigrad.nn.functional
    >>> F.multilabel_soft_margin_loss(minigrad.tensor([[0., 2.]]), minigrad.tensor([[1., 1.]]))
    tensor(0.4100)
    """
    _require("multilabel_soft_margin_loss", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    logsigmoid = OPS["logsigmoid"]
    terms = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        terms = terms * weight
    return reduced(terms.sum(input.ndim - 1) / input.shape[input.ndim - 1], reduction)


# Margins ------------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return `input` where the target is 1, and max(0, margin − input) where it is −1, reduced.

    >>> F = minigrad.nn.functional
    >>> F.hinge_embedding_loss(minigrad.tensor([0.5, 0.2]), minigrad.tensor([1., -1.]))
    tensor(0.6500)
    """
    _require("hinge_embedding_loss", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    below = at_least(_like(margin, input) - input, 0)
    zeros = _like(0, input)
    terms = OPS["where"](target != 1, below, zeros) + OPS["where"](target != -1, input, zeros)
    return reduced(terms, reduction)


@composed(FUNCTION, module="nn.functional")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin − target × (input1 − input2)), reduced.

    RuntimeError if the numbers of dimensions differ.

    >>> F = minigrad.nn.functional
    >>> one = minigrad.ones(1)
    >>> F.margin_ranking_loss(one, 3 * one, one)
    tensor(2.)
    """
    _require("margin_ranking_loss", input1=input1, input2=input2, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduced(at_least(plus(-target * (input1 - input2), float(margin)), 0), reduction)


@composed(FUNCTION, module="nn.functional")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return 1 − cos where the target is 1, and max(0, cos − margin) where it is −1, reduced.

    `cos` is the cosine of the angle between two vectors: shapes (D,) and (), or (N, D) and (N,).
    RuntimeError for other shapes.

    >>> F = minigrad.nn.functional
    >>> x = minigrad.tensor([1., 0.])
    >>> F.cosine_embedding_loss(x, minigrad.tensor([0., 1.]), minigrad.tensor(1.))
    tensor(1.)
    """
    _require("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    if target.ndim not in (0, 1):
        raise RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported: "
            f"the target has {target.ndim} dimensions"
        )
    if not input1.ndim == input2.ndim == target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found "
            f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    dim, eps = target.ndim, 1e-12
    squares = [plus((x * x).sum(dim), eps) for x in (input1, input2)]
    cos = (input1 * input2).sum(dim) / (squares[0] * squares[1]).sqrt()
    zeros = _like(0, cos)
    near = OPS["where"](target == 1, _like(1, cos) - cos, zeros)
    far = OPS["where"](target == -1, at_least(minus(cos, float(margin)), 0), zeros)
    return reduced(near + far, reduction)


@composed(FUNCTION, module="nn.functional")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, d(anchor, positive) − d(anchor, negative) + margin), reduced.

    d is `pairwise_distance` with `p` and `eps`. With `swap`, d(positive, negative) replaces the
    second distance where it is smaller.

    >>> F = minigrad.nn.functional
    >>> x = minigrad.zeros(1, 1)
    >>> F.triplet_margin_loss(x, x + 3, x + 2)
    tensor(2.)
    """
    _require("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    reduction = reduction_of(size_average, reduce, reduction)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


@composed(FUNCTION, module="nn.functional")
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return `triplet_margin_loss` with any function of two tensors as the distance.

    >>> F = minigrad.nn.functional
    >>> x = minigrad.zeros(1, 1)
    >>> F.triplet_margin_with_distance_loss(x, x + 3, x + 2)
    tensor(2.)
    """
    reduction = reduction_of(None, None, reduction)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
            f"{negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = OPS["minimum"](far, distance(positive, negative))
    return reduced(at_least(plus(near, margin) - far, 0), reduction)


def _refuse_other_floats(input: Any, kernel: str) -> None:
    """NotImplementedError for a tensor of anything but float32 and float64."""
    if isinstance(input, TensorBase) and input._array.dtype.char not in "fd":
        name = scalar_name(input._array)
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")


@composed(FUNCTION, module="nn.functional")
@one_node("MultiMarginLossBackward0", "input")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over the other classes of max(0, margin − input[target] + input[class])ᵖ.

    Shapes: input (C,) or (N, C), target () or (N,), weight (C,), a factor for each target class.
    The mean divides by C. ValueError unless p is 1 or 2.

    >>> F = minigrad.nn.functional
    >>> F.multi_margin_loss(minigrad.tensor([[0.5, 0.2]]), minigrad.tensor([0]))
    tensor(0.3500)
    """
    _refuse_other_floats(input, "multi_margin_loss_cpu_kernel")
    _require("multi_margin_loss", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    shape = input.shape
    rows = shape[0] if input.ndim == 2 else 1
    if input.ndim > 2 or (shape and shape[-1] == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(shape)}"
        )
    if target.ndim > 1 or target.numel() != rows:
        raise RuntimeError(f"inconsistent target size, got: {list(target.shape)}")
    classes = shape[-1] if shape else 1
    x = input.reshape(rows, classes)
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(f"inconsistent weight size, got: {list(weight.shape)}")
    labels = _classes(target).reshape(rows)
    if ((labels < 0) | (labels >= classes)).any():
        raise RuntimeError("target out of range")
    key = np.arange(rows), labels
    z = OPS["relu"](float(margin) - OPS["index"](x, key).unsqueeze(1) + x)
    others = np.ones((rows, classes), input._array.dtype)
    others[key] = 0
    if weight is not None:
        others = others * weight._array[labels][:, None]
    terms = (z if p == 1 else z * z) * wrap(others)
    result = reduced(terms.sum(1) / classes, reduction)
    return result.reshape(()) if input.ndim < 2 and target.ndim == 0 else result


@composed(FUNCTION, module="nn.functional")
@one_node("MultilabelMarginLossBackward0", "input")
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the sum of max(0, 1 − input[t] + input[c]) / C over all targets t and others c.

    `input` and `target` are (C,) or (N, C). The targets of a row are its classes up to the first
    −1.

    >>> F = minigrad.nn.functional
    >>> F.multilabel_margin_loss(minigrad.tensor([[0.5, 0.2]]), minigrad.tensor([[0, -1]]))
    tensor(0.3500)
    """
    _refuse_other_floats(input, "multilabel_margin_loss_forward_out_frame")
    _require("multilabel_margin_loss", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    shape = input.shape
    if input.ndim > 2 or (shape and shape[-1] == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(shape)}"
        )
    if target.shape != shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for {list(shape)}")
    rows = shape[0] if input.ndim == 2 else 1
    classes = shape[-1] if shape else 1
    x, labels = input.reshape(rows, classes), _classes(target).reshape(rows, classes)
    if ((labels < -1) | (labels >= classes)).any():
        raise RuntimeError("argument error: target out of range")
    given = np.logical_and.accumulate(labels >= 0, axis=1)
    labels = np.where(given, labels, 0)
    row = np.broadcast_to(np.arange(rows)[:, None], labels.shape)
    others = np.ones((rows, classes), bool)
    others[row[given], labels[given]] = False
    counted = (given[:, :, None] & others[:, None, :]).astype(input._array.dtype)
    z = OPS["relu"](1 - OPS["index"](x, (row, labels)).unsqueeze(2) + x.unsqueeze(1))
    result = reduced((z * wrap(counted)).sum((1, 2)) / classes, reduction)
    return result.reshape(()) if input.ndim < 2 else result
