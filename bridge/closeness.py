"""How far apart two arrays are, measured in as strict a unit as their arithmetic allows.

- `Exact`: the same bits, for what is computed exactly or rounded once in the same way by everyone.
- `Ulps(bound)`: at most so many units in the last place apart, for elementwise functions, which no
  two libraries round alike.
- `Scaled(bound)`: |a - b| <= bound * eps * Σ|terms|, for sums of products. Under cancellation ULPs
  mean nothing: two correct sums of a thousand terms can be thousands of ULPs apart.

NaN equals NaN whatever its bits, infinities are equal by sign, and -0 differs from +0 under `Exact`
alone. Two arrays of different dtypes or shapes are never close.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

Array = np.ndarray


class Strength(Protocol):
    """A unit of distance between elements, and the largest distance that is allowed."""

    @property
    def bound(self) -> float: ...

    def distance(self, ours: Array, theirs: Array, terms: Array | None) -> Array:
        """The distance of each pair of elements of two float arrays; infinite where hopeless."""


@dataclass(frozen=True)
class Exact:
    """The same bits, but that any NaN equals any NaN."""

    bound: float = 0

    def distance(self, ours: Array, theirs: Array, terms: Array | None = None) -> Array:
        bits = f"u{ours.itemsize}"
        same = (ours.view(bits) == theirs.view(bits)) | (np.isnan(ours) & np.isnan(theirs))
        return np.where(same, 0, np.inf)


@dataclass(frozen=True)
class Ulps:
    """At most `bound` floats of the dtype lie between one and the other, the other included."""

    bound: float

    def distance(self, ours: Array, theirs: Array, terms: Array | None = None) -> Array:
        return _settled(ours, theirs, _steps(ours, theirs))


@dataclass(frozen=True)
class Scaled:
    """|ours - theirs| <= bound * eps * terms, where `terms` is the sum of the terms' magnitudes.

    `terms` comes with the arrays and has a shape that broadcasts to theirs. Where it exceeds the
    dtype's largest number nothing is claimed: whether such a sum overflows on the way depends on
    the order in which it is taken.
    """

    bound: float

    def distance(self, ours: Array, theirs: Array, terms: Array | None) -> Array:
        if terms is None:
            raise TypeError("Scaled needs terms: the sum of the magnitudes of what was added up")
        kind = np.finfo(ours.dtype)
        gap = np.abs(ours.astype(np.longdouble) - theirs)
        # No rounding is finer than the smallest float there is.
        grain = kind.eps * np.asarray(terms, np.longdouble) + kind.smallest_subnormal
        distance = _settled(ours, theirs, (gap / grain).astype(np.float64))
        return np.where(np.asarray(terms) > kind.max, 0, distance)


def _settled(ours: Array, theirs: Array, distance: Array) -> Array:
    """`distance`, with 0 between equals and infinity between a finite number and what is not."""
    equal = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    finite = np.isfinite(ours) & np.isfinite(theirs)
    return np.where(equal, 0, np.where(finite, distance, np.inf))


def _steps(ours: Array, theirs: Array) -> Array:
    """How many floats up or down it is from one to the other.

    A float's bits, read as an integer, count the floats from zero up. Numbers on the two sides of
    zero are both counted to zero, which is one place, whatever its sign.
    """
    integer = f"i{ours.itemsize}"
    a, b = (np.abs(x).view(integer) for x in (ours, theirs))
    apart = np.signbit(ours) != np.signbit(theirs)
    return np.where(apart, a.astype(np.float64) + b, np.abs(a - b))


@dataclass(frozen=True)
class Difference:
    """That two arrays are not close, and where it is worst: nowhere, if dtype or shape differ."""

    message: str
    index: tuple[int, ...] | None = None
    distance: float = np.inf

    def __str__(self) -> str:
        return self.message


def difference(
    ours: Array, theirs: Array, strength: Strength, terms: Array | None = None
) -> Difference | None:
    """None if two arrays are close, else what differs: the dtype, the shape, or the worst element.

    Integers and bools are compared exactly, whatever the strength.

    >>> one = np.array([1.0, 2.0])
    >>> difference(one, one + np.spacing(one), Ulps(1)) is None
    True
    >>> print(difference(one, one + 4 * np.spacing(one), Ulps(1)))
    2 of 2 elements differ, worst at [0]: 1.0 and 1.0000000000000009, 4 Ulps where 1 is allowed
    """
    if ours.dtype != theirs.dtype:
        return Difference(f"dtypes differ: {ours.dtype} and {theirs.dtype}")
    if ours.shape != theirs.shape:
        return Difference(f"shapes differ: {ours.shape} and {theirs.shape}")
    unit = type(strength).__name__
    if ours.dtype.kind == "f":
        with np.errstate(all="ignore"):
            distance = strength.distance(ours, theirs, terms)
        bound = strength.bound
    else:
        distance, bound = np.where(ours == theirs, 0, np.inf), 0
    wrong = ~(distance <= bound)
    if not wrong.any():
        return None
    worst = np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), ours.shape)
    index = tuple(int(i) for i in worst)
    return Difference(
        f"{wrong.sum()} of {wrong.size} elements differ, worst at {list(index)}: "
        f"{ours[index].item()!r} and {theirs[index].item()!r}, "
        f"{distance[index]:.3g} {unit} where {bound:.3g} is allowed",
        index,
        float(distance[index]),
    )
