"""How far apart two arrays are, in one of the strengths of `minigrad/accuracy.py`.

Two arrays of different dtypes or shapes are never close.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minigrad.catalogue.accuracy import Scaled, Strength

Array = np.ndarray


@dataclass(frozen=True)
class Difference:
    """How far apart two arrays are where they are worst, and how far apart they may be.

    `ours`, `theirs` and `distance` (in the unit of the strength) are of the worst pair of elements,
    and `wrong` counts the pairs that are farther apart than `bound`. Where it is the dtype or the
    shape that differs, `kind` says which, `ours` and `theirs` are those, and there is no `index`.
    """

    ours: Any = None
    theirs: Any = None
    kind: str = ""
    index: tuple[int, ...] | None = None
    distance: float = 0
    bound: float = 0
    unit: str = ""
    wrong: int = 0
    size: int = 0
    flushed: bool = False

    @property
    def ok(self) -> bool:
        """Whether the two are as close as they must be."""
        return not self.kind and not self.wrong

    def __str__(self) -> str:
        if self.kind:
            return f"{self.kind} differ: {self.ours} and {self.theirs}"
        if self.index is None:
            return "there is nothing to compare"
        if not self.distance:
            return "equal"
        flushed = " (flush-to-zero is on for one of them)" if self.flushed else ""
        many = (
            f"{self.wrong} of {self.size} elements differ, worst"
            if self.wrong
            else "farthest apart"
        )
        allowed = "" if np.isinf(self.bound) else f" where {self.bound:.3g} is allowed"
        return (
            f"{many} at {list(self.index)}: {self.ours!r} and {self.theirs!r}{flushed}, "
            f"{self.distance:.3g} {self.unit}{allowed}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data. What is not finite, which JSON has not, is a string there."""
        plain: dict[str, Any] = {"ok": self.ok, "ours": self.ours, "theirs": self.theirs}
        if self.kind:
            return plain | {"kind": self.kind, "ours": str(self.ours), "theirs": str(self.theirs)}
        plain |= {"index": None if self.index is None else list(self.index), "unit": self.unit}
        plain |= {"distance": self.distance, "bound": self.bound}
        plain |= {"wrong": self.wrong, "size": self.size, "flushed": self.flushed}
        return {name: finite_or_text(value) for name, value in plain.items()}


def finite_or_text(value: Any) -> Any:
    """`value`, or its text if it is a float that JSON has not."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def difference(
    ours: Array, theirs: Array, strength: Strength, terms: Array | None = None
) -> Difference | None:
    """None if two arrays are close, else what differs: the dtype, the shape, or the worst element.

    Integers and bools are compared exactly, whatever the strength.

    >>> from minigrad.catalogue.accuracy import Ulps
    >>> one = np.array([1.0, 2.0])
    >>> difference(one, one + np.spacing(one), Ulps(1)) is None
    True
    >>> print(difference(one, one + 4 * np.spacing(one), Ulps(1)))
    2 of 2 elements differ, worst at [0]: 1.0 and 1.0000000000000009, 4 ULP where 1 is allowed
    """
    found = measured(ours, theirs, strength, terms)
    return None if found.ok else found


def measured(
    ours: Array, theirs: Array, strength: Strength, terms: Array | None = None
) -> Difference:
    """How far apart two arrays are, be they close or not.

    >>> from minigrad.catalogue.accuracy import Ulps
    >>> one = np.array([1.0, 2.0])
    >>> measured(one, one + np.spacing(one), Ulps(3)).distance
    1.0
    """
    if ours.dtype != theirs.dtype:
        return Difference(ours.dtype, theirs.dtype, "dtypes")
    if ours.shape != theirs.shape:
        return Difference(ours.shape, theirs.shape, "shapes")
    unit, bound = strength.unit, strength.bound
    if ours.size == 0:
        return Difference(unit=unit, bound=bound)
    if ours.dtype.kind == "f":
        with np.errstate(all="ignore"):
            distance = strength.distance(ours, theirs, terms)
    else:
        distance, bound = np.where(ours == theirs, 0, np.inf), 0
    wrong = ~(distance <= bound)
    worst = np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), ours.shape)
    return Difference(
        ours[worst].item(),
        theirs[worst].item(),
        index=tuple(int(i) for i in worst),
        distance=float(distance[worst]),
        bound=bound,
        unit=unit,
        wrong=int(wrong.sum()),
        size=wrong.size,
        flushed=_flushed(ours[worst], theirs[worst]),
    )


def normwise(ours: Array, theirs: Array, bound: float = np.inf) -> Difference:
    """How far apart two arrays are in units of eps times the largest magnitude of `theirs`.

    >>> normwise(np.array([1.0, 1e-20]), np.array([1.0, 2e-20]), bound=1).ok
    True
    """
    finite = np.where(np.isfinite(theirs), theirs, 0)
    largest = np.asarray(np.abs(finite).max(initial=0), np.float64)
    return replace(measured(ours, theirs, Scaled(bound), largest), unit="eps of the largest")


def _flushed(a: Any, b: Any) -> bool:
    """Whether one is a subnormal number and the other the zero that hardware may make of it.

    By their bits: hardware that flushes such numbers compares them as zeros too.
    """
    if a.dtype.kind != "f":
        return False
    bits = f"u{a.itemsize}"
    sizes = sorted(int(np.abs(x).view(bits)) for x in (a, b))
    return sizes[0] == 0 < sizes[1] < int(np.finfo(a.dtype).tiny.view(bits))
