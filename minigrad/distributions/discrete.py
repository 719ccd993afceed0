"""Probabilities and their logits: the parameters of the discrete distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..api.functions import exp, log, log1p, where
from ..api.tensor import Tensor
from .distribution import Distribution


def clamped(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1, so that their logits are finite."""
    eps = float(np.finfo(probs.dtype.numpy).eps)
    return probs.clamp(min=eps, max=1 - eps)


def binary_logits(probs: Tensor) -> Tensor:
    """log p − log(1 − p)."""
    p = clamped(probs)
    return log(p) - log1p(-p)


def log_sigmoid(x: Tensor) -> Any:
    """log(1 / (1 + e⁻ˣ)), without overflow, and with its derivative at 0."""
    above, below = x.clamp(min=0), x.clamp(max=0)
    return where(x < 0, below - log1p(exp(below)), -log1p(exp(-above)))


def cross_entropy_with_logits(logits: Tensor, target: Tensor) -> Tensor:
    """−t · log σ(x) − (1 − t) · log(1 − σ(x))."""
    return (1 - target) * logits - log_sigmoid(logits)


def softplus(x: Tensor) -> Any:
    """log(1 + eˣ), which is x to the last bit from 20 on."""
    return where(x > 20, x, log1p(exp(x.clamp(max=20))))


def log_sum_exp(x: Tensor) -> Tensor:
    """log Σ eˣ along the last dimension, which is kept."""
    largest = x.detach().max(-1, keepdim=True)[0]
    return (x - largest).exp().sum(-1, keepdim=True).log() + largest


class WithProbsOrLogits(Distribution):
    """A distribution that is given `probs` or `logits`, and computes the other from it."""

    @staticmethod
    def _logits_of(probs: Tensor) -> Tensor:
        return binary_logits(probs)

    @staticmethod
    def _probs_of(logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def _given(self, probs: Any, logits: Any) -> tuple[str, Any]:
        """The name and the value of the given parameter. ValueError for neither or both."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        return ("probs", probs) if logits is None else ("logits", logits)

    def __getattr__(self, name: str) -> Any:
        """Compute the parameter that wasn't given."""
        if name == "logits" and "probs" in vars(self):
            return self._logits_of(vars(self)["probs"])
        if name == "probs" and "logits" in vars(self):
            return self._probs_of(vars(self)["logits"])
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
