"""The categorical distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..api.creation import arange, full
from ..api.functions import log
from ..api.size import Size
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from ..random.sampling import multinomial
from . import constraints
from .constraints import Constraint
from .discrete import WithProbsOrLogits, clamped, log_sum_exp
from .distribution import Distribution, common_shape

__all__ = ["Categorical"]


class Categorical(WithProbsOrLogits):
    """The distribution of 0, …, n − 1 with probabilities proportional to `probs`, of shape (…, n).

    `logits` are their logarithms, and may be given instead.

    >>> minigrad.distributions.Categorical(minigrad.tensor([1., 3.])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True

    @staticmethod
    def _logits_of(probs: Tensor) -> Tensor:
        return log(clamped(probs))

    @staticmethod
    def _probs_of(logits: Tensor) -> Tensor:
        return logits.softmax(-1)

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, given = self._given(probs, logits)
        if given.ndim < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is None:
            normalised = given - log_sum_exp(given)
        else:
            normalised = given / given.sum(-1, keepdim=True)
        vars(self)[name] = self._param = normalised
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: None = None) -> Any:
        expanded = object.__new__(type(self))
        name = "probs" if "probs" in vars(self) else "logits"
        shape = (*batch_shape, self._num_events)
        vars(expanded)[name] = expanded._param = self._param.expand(shape)
        expanded._num_events = self._num_events
        Distribution.__init__(expanded, batch_shape, validate_args=False)
        expanded._validate_args = self._validate_args
        return expanded

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        return full(self._batch_shape, float("nan"), dtype=self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return full(self._batch_shape, float("nan"), dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        count = Size(sample_shape).numel()
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            drawn = multinomial(rows, count, True).T
            return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        shape = common_shape(value.shape, self._batch_shape)
        rows = self.logits.expand((*shape, self._num_events)).reshape(-1, self._num_events)
        places = value.long().expand(shape).reshape(-1)
        return rows[arange(len(places)), places].view(shape)

    def entropy(self) -> Tensor:
        smallest = float(np.finfo(self.logits.dtype.numpy).min)
        products = self.logits.clamp(min=smallest) * self.probs
        return -products.sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return 0, …, n − 1 along a new first dimension."""
        values = arange(self._num_events).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
