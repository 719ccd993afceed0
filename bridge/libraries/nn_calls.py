"""How PyTorch spells a call of the rules of neural networks, with the rule's own arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.core.dispatch import OPS


def _convolution(
    t: Any,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    nd, F = len(stride), t.nn.functional
    if transposed:
        call = getattr(F, f"conv_transpose{nd}d")
        return call(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return getattr(F, f"conv{nd}d")(input, weight, bias, stride, padding, dilation, groups)


def _max_pool(t: Any, input: Any, kernel: Any, stride: Any, *rest: Any, **options: Any) -> Any:
    call = getattr(t.nn.functional, f"max_pool{len(kernel)}d")
    return call(input, kernel, stride, *rest, **options, return_indices=True)


def _avg_pool(t: Any, input: Any, kernel: Any, stride: Any, *rest: Any, **options: Any) -> Any:
    return getattr(t.nn.functional, f"avg_pool{len(kernel)}d")(
        input, kernel, stride, *rest, **options
    )


def _max_of_windows(t: Any, input: Any, windows: Any, size: int) -> Any:
    call = getattr(t.nn.functional, f"adaptive_max_pool{size}d")
    return call(input, windows.shape[:-1], return_indices=True)


def _mean_of_windows(t: Any, input: Any, windows: Any, size: int) -> Any:
    return getattr(t.nn.functional, f"adaptive_avg_pool{size}d")(input, windows.shape[:-1])


def _normalise(
    t: Any,
    input: Any,
    weight: Any,
    bias: Any,
    split: Any,
    over: Any,
    affine: Any,
    eps: float,
    kind: str,
) -> Any:
    F = t.nn.functional
    if kind == "Layer":
        return F.layer_norm(input, affine, weight, bias, eps)
    if kind == "Group":
        return F.group_norm(input, split[1], weight, bias, eps)
    return F.batch_norm(input, None, None, weight, bias, True, 0.1, eps)


def _normalise_by(
    t: Any, input: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float
) -> Any:
    return t.nn.functional.batch_norm(input, mean, var, weight, bias, False, 0.1, eps)


def _gelu_backward(t: Any, grad: Any, input: Any, *, approximate: str) -> Any:
    """Return the gradient of gelu at `input` for the cotangent `grad`."""
    x = input if input.requires_grad else input.detach().requires_grad_()
    y = t.nn.functional.gelu(x, approximate=approximate)
    d = t.autograd.grad(y, x, grad, create_graph=True)[0]
    return d if input.requires_grad or grad.requires_grad else d.detach()


def _constant_pad(t: Any, input: Any, padding: Any, value: float) -> Any:
    pairs = [n for pair in reversed(padding) for n in pair]
    return t.nn.functional.pad(input, pairs, value=value)


def _elu(t: Any, input: Any, alpha: float = 1.0, *scales: Any, **options: Any) -> Any:
    given = [*scales, *options.values()]
    known = len(given) <= 2 and options.keys() <= {"scale", "input_scale"}
    if given and known and all(isinstance(x, int | float) for x in given):  # of celu and selu
        elu = t.ops.aten.elu if hasattr(t, "ops") else OPS["elu"]
        return elu(input, alpha, *scales, **options)
    return t.nn.functional.elu(input, alpha, *scales, **options)


def _lstm(t: Any, gates: Any, h: Any, c: Any, weight: Any) -> Any:
    """Return the h and the c after each step of an LSTM; in PyTorch, by the ops of its formulas."""
    if not hasattr(t, "ops"):
        return OPS["lstm"](gates, h, c, weight)
    states = []
    for part in gates.unbind(0):
        i, f, cell, o = (part + h @ weight.t()).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * cell.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(t.stack((h, c)))
    return t.stack(states, 1)


def _embedding(
    t: Any, weight: Any, input: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False
) -> Any:
    padding = None if padding_idx == -1 else padding_idx
    return t.nn.functional.embedding(input, weight, padding, scale_grad_by_freq=scale_grad_by_freq)


def _with_logits(
    t: Any,
    input: Any,
    target: Any,
    weight: Any = None,
    pos_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    return t.nn.functional.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight=pos_weight, reduction=reduction
    )


SPELLED: dict[str, Callable[..., Any]] = {
    "avg_pool": _avg_pool,
    "binary_cross_entropy_with_logits": _with_logits,
    "col2im": lambda t, input, *rest, **options: t.nn.functional.fold(input, *rest, **options),
    "constant_pad": _constant_pad,
    "convolution": _convolution,
    "elu": _elu,
    "embedding": _embedding,
    "gelu_backward": _gelu_backward,
    "im2col": lambda t, input, *rest, **options: t.nn.functional.unfold(input, *rest, **options),
    "lstm": _lstm,
    "max_of_windows": _max_of_windows,
    "max_pool": _max_pool,
    "mean_of_windows": _mean_of_windows,
    "normalise": _normalise,
    "normalise_by": _normalise_by,
    # `prelu` reshapes the weight and calls this, with a weight that broadcasts.
    "prelu_kernel": lambda t, input, weight: t._prelu_kernel(input, weight),
}
