"""The categorical distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.creation import arange, full
from ..api.functions import broadcast_tensors
from ..api.limits import finfo
from ..api.size import Size
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from ..random.sampling import multinomial
from . import constraints
from .constraints import Constraint
from .discrete import WithProbsOrLogits, log_sum_exp
from .distribution import Distribution

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
    _is_binary = False

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
        vars(self)[name] = normalised
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        """The integers from 0 to n - 1."""
        return constraints.integer_interval(0, self._num_events - 1)

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
        places, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, places[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        products = self.logits.clamp(min=finfo(self.logits.dtype).min) * self.probs
        return -products.sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return 0, …, n − 1 along a new first dimension."""
        values = arange(self._num_events).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class OfCategorical(Distribution):
    """A distribution with the parameters of a `Categorical`, which it has as `_categorical`."""

    _categorical: Categorical
    _made_of = ("_categorical",)

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape
