"""Distances of vectors: CosineSimilarity and PairwiseDistance."""

from __future__ import annotations

from ..api.tensor import Tensor
from . import functional as F
from .function_layer import FunctionLayer
from .module import Module


class CosineSimilarity(FunctionLayer):
    """The cosine of the angle of two vectors along `dim`: `nn.functional.cosine_similarity`.

    >>> nn.CosineSimilarity(dim=0)(minigrad.tensor([3.0, 4.0]), minigrad.tensor([3.0, 0.0]))
    tensor(0.6000)
    """

    function = "cosine_similarity"
    shown = ""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__(dim=dim, eps=eps)


class PairwiseDistance(Module):
    """The p-norm of the difference of vectors: `nn.functional.pairwise_distance`.

    >>> nn.PairwiseDistance(eps=0.0)(minigrad.tensor([3.0, 4.0]), minigrad.zeros(2))
    tensor(5.)
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
