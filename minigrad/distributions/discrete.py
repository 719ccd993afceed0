"""Probabilities and their logits: the parameters of the discrete distributions."""

from __future__ import annotations

from typing import Any

from ..api.compositions.losses import binary_cross_entropy_with_logits
from ..api.functions import exp, log1p, where
from ..api.size import Size
from ..api.tensor import Tensor
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits


def cross_entropy_with_logits(logits: Tensor, target: Tensor) -> Tensor:
    """−t · log σ(x) − (1 − t) · log(1 − σ(x))."""
    return binary_cross_entropy_with_logits(logits, target, reduction="none")


def softplus(x: Tensor) -> Any:
    """log(1 + eˣ), which is x to the last bit from 20 on."""
    return where(x > 20, x, log1p(exp(x.clamp(max=20))))


def log_sum_exp(x: Tensor) -> Tensor:
    """log Σ eˣ along the last dimension, which is kept."""
    largest = x.detach().max(-1, keepdim=True)[0]
    return (x - largest).exp().sum(-1, keepdim=True).log() + largest


class WithProbsOrLogits(Distribution):
    """A distribution that is given `probs` or `logits`, and computes the other from it."""

    _is_binary = True  # whether each number is that of an event and of its opposite

    def _given(self, probs: Any, logits: Any) -> tuple[str, Any]:
        """The name and the value of the given parameter. ValueError for neither or both."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        return ("probs", probs) if logits is None else ("logits", logits)

    @lazy_property
    def logits(self) -> Tensor:
        """The logits, which are computed from the probabilities if those were given."""
        return probs_to_logits(self.probs, self._is_binary)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities, which are computed from the logits if those were given."""
        return logits_to_probs(self.logits, self._is_binary)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        given: Tensor = vars(self)["probs" if "probs" in vars(self) else "logits"]
        return given.shape
