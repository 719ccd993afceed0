"""The gradients of a convolution by its input and its weight, for code that writes its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..api.tensor import Tensor
from ..core.backward import grad
from ..core.grad_mode import enable_grad, is_grad_enabled
from . import functional as F

Sizes = int | Sequence[int]


def _by_input(conv: Callable[..., Tensor], example: str = "") -> Callable[..., Tensor]:
    """The function that returns the gradient of a convolution by its input."""

    def gradient(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Tensor:
        # Any input will do: a convolution is linear in it.
        input = grad_output.new_zeros(input_size).requires_grad_()
        options = stride, padding, dilation, groups
        return _gradient(lambda: conv(input, weight, None, *options), input, weight, grad_output)

    return _named(gradient, conv, "input", example)


def _by_weight(conv: Callable[..., Tensor], example: str = "") -> Callable[..., Tensor]:
    """The function that returns the gradient of a convolution by its weight."""

    def gradient(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Tensor:
        weight = grad_output.new_zeros(weight_size).requires_grad_()
        options = stride, padding, dilation, groups
        return _gradient(lambda: conv(input, weight, None, *options), weight, input, grad_output)

    return _named(gradient, conv, "weight", example)


def _named(
    gradient: Callable[..., Tensor], conv: Callable[..., Tensor], operand: str, example: str
) -> Callable[..., Tensor]:
    name = conv.__name__
    gradient.__name__ = gradient.__qualname__ = f"{name}_{operand}"
    gradient.__doc__ = (
        f"Return the gradient of `{name}` by its {operand}, which has the sizes `{operand}_size`.\n"
        f"{example}"
    )
    return gradient


def _gradient(
    output: Callable[[], Tensor], operand: Tensor, other: Tensor, grad_output: Tensor
) -> Tensor:
    recorded = is_grad_enabled() and (other.requires_grad or grad_output.requires_grad)
    with enable_grad():
        result = output()
    (found,) = grad(result, operand, grad_output, create_graph=recorded)
    return found


conv1d_input = _by_input(
    F.conv1d,
    """
    >>> nn.grad.conv1d_input((1, 1, 3), minigrad.tensor([[[1., 2.]]]), minigrad.ones(1, 1, 2))
    tensor([[[1., 3., 2.]]])
    """,
)
conv1d_weight = _by_weight(
    F.conv1d,
    """
    >>> nn.grad.conv1d_weight(minigrad.tensor([[[1., 2., 3.]]]), (1, 1, 2), minigrad.ones(1, 1, 2))
    tensor([[[3., 5.]]])
    """,
)
conv2d_input, conv2d_weight = _by_input(F.conv2d), _by_weight(F.conv2d)
conv3d_input, conv3d_weight = _by_input(F.conv3d), _by_weight(F.conv3d)
