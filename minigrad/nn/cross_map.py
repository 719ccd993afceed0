"""Local response normalisation across channels, as its old layer in PyTorch computes it."""

from __future__ import annotations

from typing import Any

from ..api.functions import cat
from ..api.tensor import Tensor
from ..autograd.function import Function, once_differentiable
from .module import Module


class _CrossMapLRN2d(Function):
    """The normalisation, with PyTorch's derivative."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        ctx.size, ctx.alpha, ctx.beta = size, alpha, beta
        squares, reach, channels = input * input, int((size - 1) / 2 + 1), input.size(1)
        sums = []
        for c in range(channels):
            total = squares[:, max(c - reach + 1, 0) : c + reach].sum(1, keepdim=True)
            sums.append(total + squares[:, :1] if c >= reach else total)
        scale = cat(sums, 1) * (alpha / size) + k
        output = input * scale**-beta
        ctx.save_for_backward(input, output, scale)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        input, output, scale = ctx.saved_tensors
        size, channels = ctx.size, input.size(1)
        before = int(size - (size - 1) / 2)
        if before > size - 1:
            raise RuntimeError("CrossMapLRN2d has no derivative for a size of 1")
        ratio = grad_output * output / scale
        sums = []
        for c in range(channels):
            part = ratio[:, max(c - before, 0) : max(c - before + size, 0)]
            sums.append(part.sum(1, keepdim=True))
        factor = 2 * ctx.alpha * ctx.beta / size
        grad = grad_output * scale**-ctx.beta - factor * input * cat(sums, 1)
        return grad, None, None, None, None


class CrossMapLRN2d(Module):
    """Divide by a power of a mean square over `size` channels around each.

    Shapes: input and result (N, C, H, W). The result is x / (k + alpha / size Σ x²) ** beta. The
    sum for channel c is over the channels that are (size - 1) // 2 from it at most. Two details are
    PyTorch's: where that leaves out channel 0, channel 0 is added nevertheless, and the derivative
    is that of windows of `size` channels. `LocalResponseNorm` has neither.

    ValueError unless the input has 4 dimensions. The derivative has no derivative. Krizhevsky et
    al., "ImageNet Classification with Deep Convolutional Neural Networks" (2012).

    >>> nn.CrossMapLRN2d(2)
    CrossMapLRN2d(2, alpha=0.0001, beta=0.75, k=1)
    >>> nn.CrossMapLRN2d(2, alpha=2., beta=1.)(minigrad.ones(1, 1, 1, 1))
    tensor([[[[0.5000]]]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = _CrossMapLRN2d.apply(input, self.size, self.alpha, self.beta, self.k)
        return result

    def extra_repr(self) -> str:
        return "{size}, alpha={alpha}, beta={beta}, k={k}".format(**vars(self))
