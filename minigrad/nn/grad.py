"""The gradients of a convolution by its input and its weight, for code that writes its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..api.compositions.convolution import checked_gradient
from ..api.tensor import Tensor
from ..core.backward import grad
from ..core.dispatch import OPS
from ..core.grad_mode import enable_grad, is_grad_enabled
from ..core.inference import inference_mode
from ..core.one_node import as_one_node
from . import functional as F

Sizes = int | Sequence[int]
_NODE = "ConvolutionBackwardBackward0"


def _by_input(nd: int) -> Callable[..., Tensor]:
    def gradient(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Tensor:
        """Return the gradient of `conv{nd}d` by its input, of which only the sizes matter.

        Shapes: `input_size` and the result (N, C, *), weight (O, C / groups, *), `grad_output`, the
        gradient of the result of `conv{nd}d`, (N, O, *), all with {nd} more dimensions. The padding
        is in numbers. RuntimeError for shapes and options that don't fit.

        >>> weight, g = minigrad.ones(1, 1, *[2] * {nd}), minigrad.ones(1, 1, *[1] * {nd})
        >>> nn.grad.conv{nd}d_input((1, 1, *[2] * {nd}), weight, g).sum() == 2**{nd}
        tensor(True)
        """
        input = grad_output.new_empty(1).expand(input_size)  # no memory for all of it
        given = stride, padding, dilation, groups
        options = checked_gradient(nd, input, weight, grad_output, *given)
        # Such a gradient is a transposed convolution, whose result may end with elements that no
        # window has reached.
        sizes = zip(input_size[2:], grad_output.shape[2:], weight.shape[2:], *options, strict=True)
        rest = tuple(n - (m - 1) * s + 2 * p - d * (k - 1) - 1 for n, m, k, s, p, d in sizes)
        y = OPS["convolution"](grad_output, weight, None, *options, True, rest, groups)
        return as_one_node(y, _NODE, grad_output, None, weight)

    return _named(gradient, f"conv{nd}d_input", nd)


def _by_weight(nd: int) -> Callable[..., Tensor]:
    def gradient(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Tensor:
        """Return the gradient of `conv{nd}d` by its weight, of which only the sizes matter.

        Shapes: input (N, C, *), `weight_size` and the result (O, C / groups, *), `grad_output`, the
        gradient of the result of `conv{nd}d`, (N, O, *), all with {nd} more dimensions. The padding
        is in numbers. RuntimeError for shapes and options that don't fit.

        >>> x, g = minigrad.ones(1, 1, *[3] * {nd}), minigrad.ones(1, 1, *[2] * {nd})
        >>> nn.grad.conv{nd}d_weight(x, (1, 1, *[2] * {nd}), g).sum() == 4**{nd}
        tensor(True)
        """
        given = stride, padding, dilation, groups
        weight = grad_output.new_empty(1).expand(weight_size)
        options = checked_gradient(nd, input, weight, grad_output, *given)
        recorded = is_grad_enabled() and (input.requires_grad or grad_output.requires_grad)
        with inference_mode(False), enable_grad():
            # Any weight will do: a convolution is linear in it.
            x, g = (t.clone() if t.is_inference() else t for t in (input, grad_output))
            weight = g.new_zeros(weight_size).requires_grad_()
            y = getattr(F, f"conv{nd}d")(x, weight, None, *options, groups)
            (found,) = grad(y, weight, g, create_graph=recorded)
        return as_one_node(found, _NODE, grad_output, input, None)

    return _named(gradient, f"conv{nd}d_weight", nd)


def _named(gradient: Any, name: str, nd: int) -> Callable[..., Tensor]:
    gradient.__name__ = gradient.__qualname__ = name
    gradient.__doc__ = gradient.__doc__.replace("{nd}", str(nd))
    return gradient


conv1d_input, conv1d_weight = _by_input(1), _by_weight(1)
conv2d_input, conv2d_weight = _by_input(2), _by_weight(2)
conv3d_input, conv3d_weight = _by_input(3), _by_weight(3)
