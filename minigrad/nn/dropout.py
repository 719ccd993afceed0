"""Dropout of elements or of whole channels, and its forms for SELU networks."""

from __future__ import annotations

from typing import Any

from ..api.tensor import Tensor
from . import functional as F
from .function_layer import FunctionLayer


class _DropoutNd(FunctionLayer):
    """A layer that changes nothing in evaluation mode."""

    shown = "p={p}, inplace={inplace}"
    _options = ("p", "inplace")

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        super().__init__(p=p, inplace=inplace)

    def forward(self, input: Tensor) -> Any:
        return getattr(F, self.function)(input, self.p, self.training, self.inplace)


class Dropout(_DropoutNd):
    """In training mode, zero each element with probability `p` and divide the others by 1 - p.

    `inplace` writes into the input. Raises ValueError if `p` is not in [0, 1]. Srivastava et al.,
    "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    >>> layer = nn.Dropout(p=0.5).eval()
    >>> layer(minigrad.ones(3))
    tensor([1., 1., 1.])
    """

    function = "dropout"


class Dropout1d(_DropoutNd):
    """`Dropout` of whole channels of an input (N, C, L) or (C, L).

    >>> nn.Dropout1d(p=1.0)(minigrad.ones(1, 1, 2))
    tensor([[[0., 0.]]])
    """

    function = "dropout1d"


class Dropout2d(_DropoutNd):
    """`Dropout` of whole channels of an input (N, C, H, W) or (C, H, W).

    >>> nn.Dropout2d(p=1.0)(minigrad.ones(1, 1, 1, 2))
    tensor([[[[0., 0.]]]])
    """

    function = "dropout2d"


class Dropout3d(_DropoutNd):
    """`Dropout` of whole channels of an input (N, C, D, H, W) or (C, D, H, W).

    >>> nn.Dropout3d(p=1.0)(minigrad.ones(1, 1, 1, 1, 2)).sum()
    tensor(0.)
    """

    function = "dropout3d"


class AlphaDropout(_DropoutNd):
    """`Dropout` that keeps a mean of 0 and a variance of 1, for networks with `SELU`.

    Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    >>> nn.AlphaDropout().eval()(minigrad.ones(2))
    tensor([1., 1.])
    """

    function = "alpha_dropout"

    def forward(self, input: Tensor) -> Any:
        return F.alpha_dropout(input, self.p, self.training)  # as in PyTorch, never in place


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels.

    >>> nn.FeatureAlphaDropout().eval()(minigrad.ones(1, 1, 2))
    tensor([[[1., 1.]]])
    """

    function = "feature_alpha_dropout"

    def forward(self, input: Tensor) -> Any:
        return F.feature_alpha_dropout(input, self.p, self.training)  # never in place
