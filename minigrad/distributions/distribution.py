"""The base class of distributions, and how they read their parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.functions import exp
from ..api.size import Size
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from .constraints import Constraint, is_dependent
from .utils import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """The base class of distributions.

    A distribution with parameters of several elements stands for as many independent ones: their
    shape is `batch_shape`. One sample of each has the shape `event_shape`. With `validate_args`,
    which is the default, parameters and samples are checked, and wrong ones are a ValueError.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    _validate_args = True
    _made_of: ClassVar[tuple[str, ...]] = ()  # attributes that are distributions of the same batch

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Set whether distributions made from now on check values by default."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        super().__init__()  # for a class that is also one of another kind
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                computed = isinstance(getattr(type(self), name, None), lazy_property)
                if not is_dependent(constraint) and (name in vars(self) or not computed):
                    self._check_parameter(name, constraint)

    def _check_parameter(self, name: str, constraint: Constraint) -> None:
        value = getattr(self, name)
        if not constraint.check(value).all():
            raise ValueError(
                f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"of distribution {self!r} to satisfy the constraint {constraint!r}, but found "
                f"invalid values:\n{value}"
            )

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample of one distribution."""
        return self._event_shape

    @property
    def support(self) -> Constraint:
        """The values that samples can have."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, of shape `sample_shape` + `batch_shape` + `event_shape`."""
        with no_grad():
            return self.rsample(sample_shape)

    def sample_n(self, n: int) -> Tensor:
        """Draw `n` samples. A warning says that `sample` is to be called instead."""
        message = "`sample_n(n)` will be deprecated. Use `sample((n,))` instead."
        warnings.warn(message, FutureWarning, stacklevel=2)
        return self.sample((n,))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples that the parameters get gradients through."""
        raise NotImplementedError(f"{type(self).__name__}.rsample is not implemented")

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability, or of its density, at `value`."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of a sample up to `value`."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """Return the inverse of `cdf`."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """Return the entropy."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values that samples can have, along a new first dimension."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """Return the exponential of the entropy."""
        return exp(self.entropy())

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """Return the distribution with its parameters expanded to `batch_shape`.

        NotImplementedError for a subclass with an `__init__` of its own, unless its method `expand`
        makes an object with the other attributes, and gives it as `_instance` to this one.

        >>> minigrad.distributions.Normal(0., 1.).expand((2, 3)).batch_shape
        torch.Size([2, 3])
        """
        kinds: Any = type(self).__mro__
        kind = next(each for each in kinds if each.__module__.startswith(__package__))
        if kind.__init__ is Distribution.__init__:
            raise NotImplementedError(f"{type(self).__name__}.expand is not implemented")
        expanded = self._get_checked_instance(kind, _instance)
        for name, value in vars(self).items():  # but not what was computed from the parameters
            computed = isinstance(getattr(type(self), name, None), lazy_property)
            if not computed or name in self.arg_constraints:
                vars(expanded).setdefault(name, value)
        own = len(self._batch_shape)
        for name in self.arg_constraints:
            if name in vars(self):
                value = vars(self)[name]
                vars(expanded)[name] = value.expand((*batch_shape, *value.shape[own:]))
        for name in self._made_of:
            part = vars(self)[name]
            vars(expanded)[name] = part.expand((*batch_shape, *part.batch_shape[own:]))
        expanded._batch_shape = Size(batch_shape)
        return expanded

    def _get_checked_instance(self, cls: type[Any], _instance: Any = None) -> Any:
        """`_instance`, or an object without attributes for `expand` of `cls` to fill."""
        if _instance is not None:
            return _instance
        if type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return object.__new__(type(self))

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """ValueError unless `value` can be a sample."""
        if not self._validate_args:
            return
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        event_dims = len(self._event_shape)
        if value.ndim < event_dims or value.shape[value.ndim - event_dims :] != self._event_shape:
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{value.shape} vs {self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(expected), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{value.shape} vs {Size(expected)}."
                )
        if not self.support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({self.support!r}) of the distribution {self!r}, but "
                f"found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        names = [name for name in self.arg_constraints if name in vars(self)]
        values = [vars(self)[name] for name in names]
        shown = [f"{v}" if v.numel() == 1 else f"{v.shape}" for v in values]
        inside = ", ".join(f"{n}: {s}" for n, s in zip(names, shown, strict=True))
        return f"{type(self).__name__}({inside})"


LOG_SQRT_2_PI = math.log(math.sqrt(2 * math.pi))
