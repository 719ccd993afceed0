"""The functions of torch.nn.functional, which compute what modules do, without parameters."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import compositions, functions
from ..api.compositions.basic import in_kind
from ..api.compositions.losses import reduction_of
from ..api.compositions.with_numbers import over, plus, times
from ..api.tensor import Tensor
from ..core.dispatch import OPS, function
from ..core.grad_mode import is_grad_enabled
from ..core.output import taking_out
from ..core.overriding import handle_torch_function as handle_torch_function
from ..core.overriding import has_torch_function as has_torch_function
from ..core.tensor import require_tensor, wrap
from ..core.tracing import constant
from ..rules import REGISTRY
from ..rules.dtypes import dtype as DType
from ..rules.layout import empty_like

_relu, _softmax, _log_softmax = OPS["relu"], OPS["softmax"], OPS["log_softmax"]
_linear, _mse_loss = OPS["linear"], OPS["mse_loss"]
# The names of its nodes are given here, because working one out in every call takes time.
_nll_loss = function(REGISTRY["nll_loss"], node="NllLossBackward0")
_nll_loss_2d = function(REGISTRY["nll_loss"], node="NllLoss2DBackward0")

sigmoid, tanh = OPS["sigmoid"], OPS["tanh"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `input @ weight.T + bias`.

    Shapes: input (*, in), weight (out, in) or (in,), bias (out,); the result is (*, out) or (*).
    Raises RuntimeError for shapes that don't fit.

    >>> F.linear(minigrad.tensor([1., 2.]), minigrad.tensor([[3., 4.]]), minigrad.tensor([10.]))
    tensor([21.])
    """
    if bias is not None and not (isinstance(weight, Tensor) and weight.ndim == 1):
        if isinstance(input, Tensor) and input._array.ndim != 2:
            return _affine(input, weight, bias)
        return _linear(input, weight, bias)
    _check_tensors("linear", input=input, weight=weight)
    if input.ndim == 0 or weight.ndim == 0:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, but they are "
            f"{input.ndim}D and {weight.ndim}D"
        )
    if bias is None:
        return functions.matmul(input, weight.t())
    if input.ndim == 2 or bias.ndim > 0:
        raise RuntimeError(
            "with a 1D weight, linear takes a 0D bias and an input that is not 2D, but they are "
            f"{bias.ndim}D and {input.ndim}D"
        )
    return functions.matmul(input, weight.t()) + bias


def _affine(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `input @ weight.T + bias` for an input that isn't a matrix, computed as in PyTorch."""
    shape = input._array.shape
    if not (shape and isinstance(weight, Tensor) and isinstance(bias, Tensor)):
        return _linear(input, weight, bias)  # raises the error
    # PyTorch adds a row to the product of matrices, and any other bias to the result, in place.
    is_row = bias.ndim == 1 or sum(n != 1 for n in bias._array.shape) == 1
    if not (is_row and input.is_contiguous() and bias.is_contiguous()):
        product = functions.matmul(input, weight.t())
        result = product + bias
        if result._array.shape != product._array.shape:
            raise RuntimeError(
                f"output with shape {list(product.shape)} doesn't match the broadcast shape "
                f"{list(result.shape)}"
            )
        return result
    rows = _linear(input.view(math.prod(shape[:-1]), shape[-1]), weight, bias)
    return rows.view(*shape[:-1], rows._array.shape[-1])


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `max(input, 0)`, elementwise; `inplace` writes it into `input`.

    >>> F.relu(minigrad.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else _relu(input)


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return exp(x) / Σ exp(x) along `dim`. `dtype` converts the input first.

    Without `dim` it warns and takes dimension 0 of a 0D, 1D or 3D tensor, else dimension 1.

    >>> F.softmax(minigrad.tensor([0., 1.]), dim=0)
    tensor([0.2689, 0.7311])
    """
    return _softmax(input, _dim_or_default(dim, input, "softmax", _stacklevel), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return x − log Σ exp(x) along `dim`. `dim` and `dtype` are as in `softmax`.

    >>> F.log_softmax(minigrad.tensor([0., 1.]), dim=0)
    tensor([-1.3133, -0.3133])
    """
    return _log_softmax(input, _dim_or_default(dim, input, "log_softmax", _stacklevel), dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return the softmax of −input along `dim`. `dim` and `dtype` are as in `softmax`.

    >>> F.softmin(minigrad.tensor([0., 1.]), dim=0)
    tensor([0.7311, 0.2689])
    """
    return _softmax(-input, _dim_or_default(dim, input, "softmin", _stacklevel), dtype)


def _dim_or_default(dim: int | None, input: Tensor, name: str, stacklevel: int) -> int:
    return dim if dim is not None else _get_softmax_dim(name, input.ndim, stacklevel + 1)


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    """The dimension that a call without one means, with a warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _check_tensors(function: str, **operands: Any) -> None:
    """Raise TypeError for the first operand that is not a Tensor."""
    for position, (name, operand) in enumerate(operands.items(), 1):
        require_tensor(operand, function, name, position)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability `p` and scale the others by 1 / (1 - p).

    If not `training`, or if p = 0, return the input. Raises ValueError for p outside [0, 1].

    >>> F.dropout(minigrad.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    _check_tensors("dropout", input=input)
    if not training or p == 0 or input.numel() == 0:
        return input
    if p < 1 and not input.is_floating_point():
        raise RuntimeError(f"dropout takes a float input, not {input.dtype}")
    if p == 1:
        mask = wrap(constant(np.zeros((), input._array.dtype)))
    else:
        mask = wrap(empty_like(input._array)).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(mask) if inplace else input * mask


# Losses -------------------------------------------------------------------------------------------


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log-likelihood of the target classes, given log-probabilities.

    Shapes: input (C,), (N, C) or (N, C, d1, …), target (int64 or uint8) the same without C, weight
    (C,). The result is 0-d, or of the target's shape for reduction "none". `weight` has a factor
    for each class, and targets equal to `ignore_index` are ignored; the mean divides by the sum of
    the weights. Raises IndexError for a target that is not a class, ValueError or RuntimeError for
    shapes that don't fit.

    >>> F.nll_loss(minigrad.tensor([[-1., -2.], [-3., -4.]]), minigrad.tensor([0, 1]))
    tensor(2.5000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return _nll(input, target, weight, ignore_index, reduction)


def _nll(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    if isinstance(weight, Tensor) and weight.requires_grad and is_grad_enabled():
        raise RuntimeError(
            "The function 'nll_loss_forward' is not differentiable with respect to argument "
            "'weight'. This input cannot have requires_grad True: pass weight.detach()."
        )
    if not isinstance(input, Tensor) or input._array.ndim < 3:
        if isinstance(target, Tensor) and target._array.dtype.kind == "u":
            target = in_kind(target, int)
        return _nll_loss(input, target, weight, ignore_index, reduction)
    shape = input._array.shape
    if len(shape) == 4 or not _fits(target, shape):
        return _nll_loss_2d(input, target, weight, ignore_index, reduction)
    # Any other number of dimensions is made into the one of images.
    n, c, places = *shape[:2], math.prod(shape[2:])
    rows = int(places > 0)
    labels = target.contiguous().reshape(n, rows, places)  # a later write to a copy is unnoticed
    images = input.reshape(n, c, rows, places)
    result = _nll_loss_2d(images, labels, weight, ignore_index, reduction)
    return result.view(target.shape) if reduction == "none" else result


def _fits(target: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(target, Tensor) and target._array.shape == shape[:1] + shape[2:]


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return (input − target)², reduced. `weight`, of the input's shape, scales the terms.

    The shapes broadcast, with a warning if they differ.

    >>> F.mse_loss(minigrad.tensor([1., 2.]), minigrad.tensor([1., 4.]))
    tensor(2.)
    """
    _check_tensors("mse_loss", input=input, target=target)
    shape = input.shape
    if input._array.shape != target._array.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=2,
        )
        input, target = _broadcast(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if weight is None:
        return _mse_loss(input, target, reduction)
    terms = _mse_loss(input, target, "none")
    if weight.shape != shape:
        raise ValueError("Weights and input must have the same size.")
    terms = terms * weight
    if reduction == "none":
        return terms
    return terms.sum() / weight.sum() if reduction == "mean" else terms.sum()


def _broadcast(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Expand two tensors to their common shape; unchanged if there is none."""
    try:
        shape = np.broadcast_shapes(a._array.shape, b._array.shape)
    except ValueError:
        return a, b
    expanded = [x if x._array.shape == shape else x.expand(shape) for x in (a, b)]
    return expanded[0], expanded[1]


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross entropy of logits and targets, which are classes or probabilities.

    Shapes: input (C,), (N, C) or (N, C, d1, …); target the same without C (int64 classes), or the
    same (float probabilities); weight (C,). For classes it is `nll_loss` of `log_softmax`. For
    probabilities the mean divides by the number of distributions. `label_smoothing` in [0, 1] is
    the share of the uniform distribution in the target (Szegedy et al., "Rethinking the Inception
    Architecture", 2016, §7).

    >>> F.cross_entropy(minigrad.tensor([[0., 1.], [3., 2.]]), minigrad.tensor([1, 0]))
    tensor(0.3133)
    """
    if not (isinstance(input, Tensor) and isinstance(target, Tensor)):
        _check_tensors("cross_entropy", input=input, target=target)
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    class_dim = 0 if input.ndim == 1 else 1
    of_classes = target._array.shape == input._array.shape
    if of_classes and not target.is_floating_point():
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{target.dtype.scalar_name}"
        )
    logp = _log_softmax(input, class_dim)
    if of_classes:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _cross_entropy_of_probabilities(
            logp, target, weight, reduction, label_smoothing, class_dim
        )
    nll = _nll(logp, target, weight, ignore_index, reduction)
    if label_smoothing == 0.0:
        return nll
    over_classes = _sum_over_classes(logp, target, weight, ignore_index, reduction, class_dim)
    share = label_smoothing / input.shape[class_dim]
    return times(nll, 1 - label_smoothing) + times(over_classes, share)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Tensor:
    """Return the `cross_entropy` of `linear(input, linear_weight, linear_bias)` and the target.

    Shapes: input (in,) or (N, in), linear_weight (C, in) or (C, d1, …, in), linear_bias the same
    without `in`; the logits are (C,), (N, C) or (N, C, d1, …). `ignore_index` None means -100 for
    classes. NotImplementedError for `options`, which save memory in PyTorch.

    >>> F.linear_cross_entropy(minigrad.zeros(2, 3), minigrad.zeros(4, 3), minigrad.tensor([0, 1]))
    tensor(1.3863)
    """
    if options is not None:
        raise NotImplementedError("linear_cross_entropy: argument 'options' is not supported")
    _check_tensors("linear_cross_entropy", input=input, linear_weight=linear_weight, target=target)
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if linear_weight.ndim < 2:
        raise RuntimeError(
            "linear_cross_entropy: expected linear_weight with dimensionality at least 2, got "
            f"{linear_weight.ndim}"
        )
    shape = tuple(linear_weight.shape[:-1])
    if len(shape) > 1 and input.ndim != 2:
        raise RuntimeError(
            "linear_cross_entropy: a weight with more than 2 dimensions needs an input with 2, but "
            f"got {input.ndim}"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != shape:
        raise RuntimeError(
            f"linear_cross_entropy: expected linear_bias of shape {list(shape)}, got "
            f"{list(linear_bias.shape)}"
        )
    bias = None if linear_bias is None else linear_bias.flatten()
    logits = linear(input, linear_weight.flatten(0, -2), bias)
    logits = logits.view(*input.shape[:-1], *shape)
    return cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _cross_entropy_of_probabilities(
    logp: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, dim: int
) -> Tensor:
    classes = logp.shape[dim]
    if smoothing > 0:
        target = plus(times(target, 1 - smoothing), smoothing / max(classes, 1))
    terms = logp * target
    if weight is not None:
        terms = terms * _along_classes(weight, logp, dim)
    if reduction == "none":
        return -terms.sum(dim)
    total = -terms.sum()
    return over(total, logp.numel() / classes if classes else 0) if reduction == "mean" else total


def _sum_over_classes(
    logp: Tensor, target: Tensor, weight: Tensor | None, ignored: int, reduction: str, dim: int
) -> Tensor:
    """Return the sum of the losses of all classes, which label smoothing adds a share of."""
    terms = logp if weight is None else logp * _along_classes(weight, logp, dim)
    counted = target != ignored
    terms = functions.masked_fill(-terms.sum(dim), ~counted, 0.0)
    if reduction == "none":
        return terms
    if reduction == "sum":
        return terms.sum()
    if weight is None:
        return terms.sum() / counted.sum()
    return terms.sum() / functions.where(counted, weight[target * counted], 0.0).sum()


def _along_classes(weight: Tensor, logp: Tensor, dim: int) -> Any:
    """Reshape `weight` to broadcast along the classes of `logp`; RuntimeError unless it is (C,)."""
    if weight.shape != logp.shape[dim : dim + 1]:
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {logp.shape[dim]} "
            f"classes or no classes but got weight tensor of shape: {list(weight.shape)}"
        )
    return weight.reshape([-1 if d == dim else 1 for d in range(logp.ndim)])


# The functions that are made from rules and compositions ------------------------------------------

_MADE: dict[str, Any] = {
    name: OPS[name]
    for name, rule in REGISTRY.items()
    if rule.presentation.module == "nn.functional" and "function" in rule.presentation.forms
} | compositions.public("nn.functional")
_ALSO_AT_TOP = ("hardshrink", "prelu", "relu_")  # PyTorch has these in both places
_WRITTEN = ("celu", "hardtanh", "leaky_relu", "rrelu", "selu", "threshold")
_MADE |= {name: functions.PUBLIC[name] for name in _ALSO_AT_TOP}
_MADE |= taking_out("nn.functional", _MADE | {"linear": linear})
_MADE |= {f"{name}_": compositions.activations.written(_MADE[name]) for name in _WRITTEN}
_MADE["elu_"] = compositions.activations.elu_
globals().update(_MADE)
if TYPE_CHECKING:  # a type checker can't see these

    def __getattr__(name: str) -> Any: ...


__all__ = sorted(
    {
        *(
            "cross_entropy",
            "dropout",
            "linear",
            "linear_cross_entropy",
            "log_softmax",
            "mse_loss",
            "nll_loss",
            "relu",
            "relu_",
        ),
        *("sigmoid", "softmax", "softmin", "tanh"),
        *_MADE,
    }
)
