"""Losses as modules. Each calls a function of nn.functional with its options."""

from __future__ import annotations

from ..api.tensor import Tensor
from . import functional as F
from .module import Module


class _Loss(Module):
    """The base of every loss: a `reduction`, which is `"mean"`, `"sum"` or `"none"`.

    `size_average` and `reduce` are the two deprecated flags for it; giving one of them warns.
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = F.reduction_of(size_average, reduce, reduction, stacklevel=4)
        self.reduction = reduction


class MSELoss(_Loss):
    """The squared differences of `input` and `target`, reduced.

    >>> nn.MSELoss()(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class _ClassLoss(_Loss):
    """The base of losses over classes. `weight`, a number for each class, is a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index


class NLLLoss(_ClassLoss):
    """The negative log-likelihood of classes, given log-probabilities: `nn.functional.nll_loss`.

    >>> nn.NLLLoss()(minigrad.tensor([[-1.0, -2.0]]), minigrad.tensor([1]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_ClassLoss):
    """The cross entropy of classes, given logits: `nn.functional.cross_entropy`.

    >>> nn.CrossEntropyLoss()(minigrad.zeros(1, 2), minigrad.tensor([1]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, ignore_index, reduce, reduction)
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
