"""A batch normalisation in evaluation as a part of the layer before it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ...api.creation import ones_like, zeros_like
from ...api.functions import rsqrt
from ...api.tensor import Tensor
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]

M = TypeVar("M", bound=Module)


def fuse_conv_bn_eval(conv: M, bn: Any, transpose: bool = False) -> M:
    """Return a convolution that computes what `conv` and then `bn` do, both in evaluation.

    `transpose` is for a transposed convolution. Raises AssertionError for a layer in training, and
    for a `bn` without running statistics.

    >>> layers = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3)).eval()
    >>> nn.utils.fuse_conv_bn_eval(*layers)
    Conv1d(2, 3, kernel_size=(1,), stride=(1,))
    """
    return _fused(conv, bn, functools.partial(fuse_conv_bn_weights, transpose=transpose))


def fuse_linear_bn_eval(linear: M, bn: Any) -> M:
    """Return a linear layer that computes what `linear` and then `bn` do, both in evaluation.

    Raises AssertionError as `fuse_conv_bn_eval`, and for a `bn` of other features; TypeError for a
    `bn` without weight and bias.

    >>> layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
    >>> nn.utils.fuse_linear_bn_eval(*layers)
    Linear(in_features=2, out_features=3, bias=True)
    """
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, the BatchNorm must have the out_features of the Linear, or 1"
        )
    return _fused(linear, bn, fuse_linear_bn_weights)


def _fused(layer: M, bn: Any, weights: Callable[..., tuple[Parameter, Parameter]]) -> M:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused: Any = copy.deepcopy(layer)
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    fused.weight, fused.bias = weights(fused.weight, fused.bias, *statistics)
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a convolution that normalises its result, too.

    The arguments after those of the convolution are running mean, running variance, eps, weight and
    bias of the normalisation. With `transpose`, the channels are the second dimension of `conv_w`.

    >>> one = minigrad.ones(1)
    >>> weight, bias = nn.utils.fuse_conv_bn_weights(
    ...     minigrad.ones(1, 1, 2), one, one * 3, one * 4, 0.0, one * 10, one
    ... )
    >>> weight.data, bias.data
    (tensor([[[5., 5.]]]), tensor([-9.]))
    """
    bias_dtype = conv_w.dtype if conv_b is None else conv_b.dtype
    conv_b = zeros_like(bn_rm) if conv_b is None else conv_b
    bn_w = ones_like(bn_rm) if bn_w is None else bn_w
    bn_b = zeros_like(bn_rm) if bn_b is None else bn_b
    scale = rsqrt(bn_rv + bn_eps)
    sizes = [1] * conv_w.dim()
    sizes[1 if transpose else 0] = -1
    weight = (conv_w * (bn_w * scale).reshape(sizes)).to(conv_w.dtype)
    bias = ((conv_b - bn_rm) * scale * bn_w + bn_b).to(bias_dtype)
    return Parameter(weight, conv_w.requires_grad), Parameter(bias, conv_b.requires_grad)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a linear layer that normalises its result, too.

    >>> one = minigrad.ones(1)
    >>> weight, bias = nn.utils.fuse_linear_bn_weights(
    ...     minigrad.ones(1, 2), one, one * 3, one * 4, 0.0, one * 10, one
    ... )
    >>> weight.data, bias.data
    (tensor([[5., 5.]]), tensor([-9.]))
    """
    bias_dtype = linear_w.dtype if linear_b is None else linear_b.dtype
    linear_b = zeros_like(bn_rm) if linear_b is None else linear_b
    factor = bn_w * rsqrt(bn_rv + bn_eps)
    weight = linear_w * factor.unsqueeze(-1).to(linear_w.dtype)
    bias = ((linear_b - bn_rm) * factor + bn_b).to(bias_dtype)
    return Parameter(weight, linear_w.requires_grad), Parameter(bias, linear_b.requires_grad)
