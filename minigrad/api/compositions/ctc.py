"""The connectionist temporal classification loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS
from ...core.one_node import as_one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor


@composed(FUNCTION, module="nn.functional")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return -log of the probability that a sequence is a target with repeats and blanks.

    Shapes: log_probs (T, N, C) or (T, C), the logarithms of probabilities; targets (N, S), or all
    of them joined in one dimension; lengths (N,), as tensors or sequences of ints. "mean" divides
    each loss by the length of its target. `zero_infinity` sets the losses of impossible targets to
    0. The gradient is right for log_probs that `log_softmax` computed, as in PyTorch.

    Graves et al., "Connectionist temporal classification", 2006. RuntimeError for sizes that don't
    fit.

    >>> x = minigrad.zeros(3, 1, 2).log_softmax(-1)
    >>> minigrad.nn.functional.ctc_loss(x, minigrad.tensor([[1]]), (3,), (1,)).exp()
    tensor(1.3333)
    """
    require_tensor(log_probs, "ctc_loss", "log_probs")
    require_tensor(targets, "ctc_loss", "targets", 2)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if log_probs._array.dtype.kind != "f":
        name = scalar_name(log_probs._array)
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{name}'")
    batched = log_probs.ndim == 3
    x = log_probs if batched else log_probs.unsqueeze(1)
    if isinstance(input_lengths, TensorBase) != isinstance(target_lengths, TensorBase):
        raise TypeError("ctc_loss(): both or none of the lengths must be tensors")
    inputs, sizes = (
        _lengths("input_lengths", input_lengths),
        _lengths("target_lengths", target_lengths),
    )
    labels = _labels(x, targets._array, inputs, sizes, blank)
    losses = -_log_likelihoods(x, labels, inputs, sizes, blank)
    counted = wrap(np.arange(len(x))[:, None, None] < inputs[:, None])
    total = OPS["masked_fill"](x.exp(), counted.logical_not(), 0).sum((0, 2))
    losses = losses + (total - total.detach())  # so that the gradient is that of PyTorch
    losses = as_one_node(losses, "CtcLossBackward0", x)
    if zero_infinity:
        losses = OPS["where"](losses == np.inf, wrap(np.zeros((), x._array.dtype)), losses)
    if reduction == "mean":
        return (losses / wrap(np.maximum(sizes, 1).astype(x._array.dtype))).mean()
    if reduction == "sum":
        return losses.sum()
    return losses if batched else losses.squeeze(0)


def _lengths(name: str, given: Any) -> np.ndarray:
    array = given._array if isinstance(given, TensorBase) else np.asarray(given)
    if array.size and array.dtype.kind not in "iu":
        error = RuntimeError if isinstance(given, TensorBase) else TypeError
        raise error(f"ctc_loss(): argument '{name}' must be integers")
    return array.reshape(-1).astype(np.int64)


def _labels(
    x: Any, targets: np.ndarray, inputs: np.ndarray, sizes: np.ndarray, blank: int
) -> np.ndarray:
    """The targets (N, 2 S + 1) with blanks around each label."""
    (steps, count, classes), most = x.shape, int(sizes.max(initial=0))
    for name, lengths in (("input_lengths", inputs), ("target_lengths", sizes)):
        if len(lengths) != count:
            raise RuntimeError(f"{name} must be of size batch_size")
        if lengths.min(initial=0) < 0:
            raise RuntimeError(f"Expected {name} to have value at least 0, but got {lengths.min()}")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if inputs.max(initial=0) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got {inputs.max()}"
        )
    if targets.ndim not in (1, 2):
        raise RuntimeError(f"Expected targets to have 1 or 2 dimensions, but got {targets.ndim}")
    labels = np.full((count, 2 * most + 1), blank)
    expected = int(sizes.sum()) if targets.ndim == 1 else most
    if (targets.size != expected) if targets.ndim == 1 else (targets.shape[1] < most):
        raise RuntimeError(
            f"Expected targets to have {expected} elements"
            f"{'' if targets.ndim == 1 else ' in dimension 1'}, but got shape {targets.shape}"
        )
    start = 0
    for n, size in enumerate(sizes):
        row = targets[start : start + size] if targets.ndim == 1 else targets[n, :size]
        labels[n, 1 : 2 * size : 2] = row
        start += size
    if ((labels < 0) | (labels >= classes)).any():
        raise RuntimeError(f"Expected targets to be in [0, {classes}), but got {targets.tolist()}")
    return labels


def _log_likelihoods(
    x: Any, labels: np.ndarray, inputs: np.ndarray, sizes: np.ndarray, blank: int
) -> Any:
    """The logarithms of the targets' probabilities, by the forward recursion over time."""
    count, width = labels.shape
    kind, rows = x._array.dtype, np.arange(count)[:, None]
    emitted = OPS["index"](x, (slice(None), rows, labels))
    # A label may follow another one without a blank between them, unless they are the same.
    skips = np.zeros((count, width), bool)
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    start = np.full((count, width), -np.inf, kind)
    start[:, 0] = 0  # before the first step, so that the first two labels can be emitted there
    reached = wrap(start)
    for t in range(len(x)):
        before = [reached, _shifted(reached, 1)]
        if t:
            before.append(OPS["masked_fill"](_shifted(reached, 2), wrap(~skips), -np.inf))
        step = log_sum(before) + OPS["select"](emitted, 0, t)
        reached = OPS["where"](wrap((t < inputs)[:, None]), step, reached)
    ends = []
    for back in (0, 1):
        place = np.maximum(2 * sizes - back, 0)
        end = OPS["index"](reached, (np.arange(count), place))
        ends.append(OPS["masked_fill"](end, wrap(2 * sizes - back < 0), -np.inf))
    return log_sum(ends)


def _shifted(x: Any, by: int) -> Any:
    """`x` moved to the right, with probabilities of 0 on the left."""
    count, width = x.shape
    left = wrap(np.full((count, min(by, width)), -np.inf, x._array.dtype))
    kept = OPS["slice"](x, 1, 0, max(width - by, 0), 1)
    return OPS["cat"](left, kept, dim=1)


def log_sum(parts: list[Any]) -> Any:
    """log Σ exp(part), whose gradient is 0 where every part is -inf."""
    most = np.maximum.reduce([part._array for part in parts])
    dead = most == -np.inf
    shift = wrap(np.where(dead, 0, most).astype(most.dtype))
    total = None
    for part in parts:
        term = (part - shift).exp()
        total = term if total is None else total + term
    finite = OPS["masked_fill"](total, wrap(dead), 1).log() + shift
    return OPS["masked_fill"](finite, wrap(dead), -np.inf)
