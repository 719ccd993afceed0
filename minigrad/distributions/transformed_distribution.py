"""The distribution of transformed samples, and the log-normal one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from . import constraints
from .constraints import Constraint
from .distribution import Distribution
from .elementwise_transforms import ExpTransform
from .independent import Independent
from .normal import Normal
from .transform import ComposeTransform, Transform
from .utils import sum_rightmost

__all__ = ["LogNormal", "TransformedDistribution"]


class TransformedDistribution(Distribution):
    """The distribution of samples of another one, after a transform or a list of them.

    The density is that of the other distribution at the inverse, divided by the volume that the
    transforms make of a unit. ValueError for anything but transforms, and for a distribution whose
    samples have too few dimensions for them.

    >>> D = minigrad.distributions
    >>> log_normal = D.TransformedDistribution(D.Normal(0., 1.), [D.ExpTransform()])
    >>> log_normal.log_prob(minigrad.tensor(1.))
    tensor(-0.9189)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = _listed(transforms)
        base, whole = base_distribution, ComposeTransform(self.transforms)
        shape = base.batch_shape + base.event_shape
        own_dims, needed = len(base.event_shape), whole.domain.event_dim
        if len(shape) < needed:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {needed}, but got "
                f"{shape}."
            )
        result = whole.forward_shape(shape)
        expanded = whole.inverse_shape(result)
        if tuple(expanded) != tuple(shape):  # by parameters of a transform
            base = base.expand(expanded[: len(expanded) - own_dims])
        if needed > own_dims:
            base = Independent(base, needed - own_dims)
        self.base_dist = base
        dims = whole.codomain.event_dim + max(own_dims - needed, 0)
        cut = len(result) - dims
        super().__init__(result[:cut], result[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        shape = (*batch_shape, *self._event_shape)
        shape = ComposeTransform(self.transforms).inverse_shape(shape)
        cut = len(shape) - len(self.base_dist.event_shape)
        base = self.base_dist.expand(shape[:cut])
        expanded = super().expand(batch_shape, _instance)
        expanded.base_dist = base
        return expanded

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The values of the last transform."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def _transformed(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        dims, y = len(self._event_shape), value
        total: Any = 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            one = transform.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(one, dims - transform.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        result: Tensor = total + sum_rightmost(base, dims - len(self.base_dist.event_shape))
        return result

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._transformed(self.base_dist.icdf(self._turned(value)))

    def _turned(self, probability: Tensor) -> Tensor:
        """1 - p where the transforms decrease, else p."""
        sign = ComposeTransform(self.transforms).sign
        if isinstance(sign, int) and sign == 1:
            return probability
        return sign * (probability - 0.5) + 0.5


def _listed(transforms: Any) -> list[Transform]:
    if isinstance(transforms, Transform):
        return [transforms]
    if not isinstance(transforms, list):
        raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
    if not all(isinstance(transform, Transform) for transform in transforms):
        raise ValueError("transforms must be a Transform or a list of Transforms")
    return transforms


class LogNormal(TransformedDistribution):
    """The distribution of exp(x), where x is normal of mean `loc` and deviation `scale`.

    >>> minigrad.distributions.LogNormal(0., 1.).mean
    tensor(1.6487)
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        loc: Tensor = self.base_dist.loc  # type: ignore[attr-defined]
        return loc

    @property
    def scale(self) -> Tensor:
        scale: Tensor = self.base_dist.scale  # type: ignore[attr-defined]
        return scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        squared = self.scale**2
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc
