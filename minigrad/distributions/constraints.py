"""Which values a parameter or a sample may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.compositions.linalg import eigvalsh
from ..api.functions import cat as cat_of
from ..api.functions import isclose
from ..api.functions import stack as stack_of
from ..api.tensor import Tensor

__all__ = [
    "Constraint",
    "boolean",
    "cat",
    "greater_than",
    "greater_than_eq",
    "independent",
    "integer_interval",
    "interval",
    "less_than",
    "lower_cholesky",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "positive",
    "positive_definite",
    "real",
    "real_vector",
    "simplex",
    "stack",
    "unit_interval",
]


class Constraint:
    """The base class: a set of values, each of `event_dim` dimensions."""

    event_dim = 0
    is_discrete = False

    def check(self, value: Tensor) -> Any:
        """Return for each value whether it is in the set, as a bool tensor."""
        raise NotImplementedError

    def __repr__(self) -> str:
        name = type(self).__name__.removeprefix("_")
        bounds = ", ".join(f"{key}={value}" for key, value in vars(self).items())
        return f"{name}({bounds})"


class _Real(Constraint):
    def check(self, value: Tensor) -> Any:
        return value == value  # false for NaN


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Tensor) -> Any:
        return (value == 0) | (value == 1)


class _GreaterThan(Constraint):
    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Any:
        return value > self.lower_bound


class _GreaterThanEq(_GreaterThan):
    def check(self, value: Tensor) -> Any:
        return value >= self.lower_bound


class _LessThan(Constraint):
    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Any:
        return value < self.upper_bound


class _IntegerGreaterThan(_GreaterThan):
    is_discrete = True

    def check(self, value: Tensor) -> Any:
        return (value % 1 == 0) & (value >= self.lower_bound)


class _Interval(Constraint):
    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Any:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class _IntegerInterval(_Interval):
    is_discrete = True

    def check(self, value: Tensor) -> Any:
        return (value.long() == value) & super().check(value)


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Tensor) -> Any:
        close = (value.sum(-1) - 1).abs() < 1e-6
        return (value >= 0).all(-1) & close


class _Multinomial(Constraint):
    event_dim = 1
    is_discrete = True

    def __init__(self, upper_bound: int) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Any:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)

    def __repr__(self) -> str:
        return "Multinomial()"


class _PositiveDefinite(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Any:
        symmetric = isclose(value, value.mT, atol=1e-6).all(-2).all(-1)
        if not symmetric.all():
            return symmetric
        return eigvalsh(value).amin(-1) > 0


class _LowerCholesky(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Any:
        lower = (value.tril() == value).flatten(-2).all(-1)
        return lower & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _Independent(Constraint):
    """Values whose last dimensions belong to one value of the base constraint each."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    def check(self, value: Tensor) -> Any:
        result = self.base_constraint.check(value)
        kept = result.shape[: result.ndim - self.reinterpreted_batch_ndims]
        return result.reshape((*kept, -1)).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class _OfParts(Constraint):
    """Values whose parts along `dim` satisfy a constraint each."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq, self.dim = list(cseq), dim

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return max(each.event_dim for each in self.cseq)

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return any(each.is_discrete for each in self.cseq)

    def __repr__(self) -> str:
        return f"{type(self).__name__.removeprefix('_')}()"


class _Stack(_OfParts):
    """Values whose slices along `dim` satisfy a constraint each."""

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        dims: int = super().event_dim
        return dims + 1 if self.dim + dims < 0 else dims

    def check(self, value: Tensor) -> Any:
        slices = (value.select(self.dim, i) for i in range(value.shape[self.dim]))
        return stack_of([c.check(v) for c, v in zip(self.cseq, slices, strict=True)], self.dim)


class _Cat(_OfParts):
    """Values whose parts along `dim`, of sizes `lengths`, satisfy a constraint each."""

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)

    def check(self, value: Tensor) -> Any:
        parts = value.split(self.lengths, self.dim)
        return cat_of([c.check(v) for c, v in zip(self.cseq, parts, strict=True)], self.dim)


boolean = _Boolean()
real = _Real()
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
nonnegative_integer = _IntegerGreaterThan(0)
unit_interval = _Interval(0.0, 1.0)
simplex = _Simplex()
greater_than, greater_than_eq, less_than = _GreaterThan, _GreaterThanEq, _LessThan
interval, integer_interval, independent = _Interval, _IntegerInterval, _Independent
real_vector = _Independent(real, 1)
stack, cat = _Stack, _Cat
multinomial = _Multinomial
positive_definite, lower_cholesky = _PositiveDefinite(), _LowerCholesky()
