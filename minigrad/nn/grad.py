"""The gradients of a convolution by its input and its weight, for code that writes its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..api.tensor import Tensor
from ..core.backward import grad
from ..core.grad_mode import enable_grad, is_grad_enabled
from . import functional as F

Sizes = int | Sequence[int]


def conv1d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the gradient of `conv1d` by its input, which has the sizes `input_size`.

    >>> nn.grad.conv1d_input((1, 1, 3), minigrad.tensor([[[1., 2.]]]), minigrad.ones(1, 1, 2))
    tensor([[[1., 3., 2.]]])
    """
    return _by_input(F.conv1d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the gradient of `conv1d` by its weight, which has the sizes `weight_size`.

    >>> nn.grad.conv1d_weight(minigrad.tensor([[[1., 2., 3.]]]), (1, 1, 2), minigrad.ones(1, 1, 2))
    tensor([[[3., 5.]]])
    """
    return _by_weight(F.conv1d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the gradient of `conv2d` by its input; see `conv1d_input`."""
    return _by_input(F.conv2d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the gradient of `conv2d` by its weight; see `conv1d_weight`."""
    return _by_weight(F.conv2d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the gradient of `conv3d` by its input; see `conv1d_input`."""
    return _by_input(F.conv3d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the gradient of `conv3d` by its weight; see `conv1d_weight`."""
    return _by_weight(F.conv3d, input, weight_size, grad_output, stride, padding, dilation, groups)


def _by_input(
    conv: Callable[..., Tensor],
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    *options: Any,
) -> Tensor:
    # Any input will do: a convolution is linear in it.
    input = grad_output.new_zeros(input_size).requires_grad_()
    return _gradient(lambda: conv(input, weight, None, *options), input, weight, grad_output)


def _by_weight(
    conv: Callable[..., Tensor],
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    *options: Any,
) -> Tensor:
    weight = grad_output.new_zeros(weight_size).requires_grad_()
    return _gradient(lambda: conv(input, weight, None, *options), weight, input, grad_output)


def _gradient(
    output: Callable[[], Tensor], operand: Tensor, other: Tensor, grad_output: Tensor
) -> Tensor:
    recorded = is_grad_enabled() and (other.requires_grad or grad_output.requires_grad)
    with enable_grad():
        result = output()
    (found,) = grad(result, operand, grad_output, create_graph=recorded)
    return found
