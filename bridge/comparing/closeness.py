"""How far apart two arrays are, in the unit of a tolerance from `minigrad/catalogue/accuracy.py`.

Arrays of different dtypes or shapes are never close.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minigrad.catalogue.accuracy import Scaled, Tolerance

Array = np.ndarray


@dataclass(frozen=True)
class Difference:
    """The distance between two arrays, and what the tolerance allows.

    `ours`, `theirs`, `index` and `distance` (in `unit`) describe the worst pair of elements.
    `wrong` of `size` pairs are farther apart than `bound`. `flushed` tells whether one of the worst
    pair is a subnormal number and the other the zero that hardware may make of it.

    If the dtypes or shapes differ, `kind` says which, `ours` and `theirs` are the two dtypes or
    shapes, and `index` is None.
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
        """Whether the arrays are within the tolerance."""
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
        """Return it as plain data for JSON, with infinities and NaN as strings."""
        plain: dict[str, Any] = {"ok": self.ok, "ours": self.ours, "theirs": self.theirs}
        if self.kind:
            return plain | {"kind": self.kind, "ours": str(self.ours), "theirs": str(self.theirs)}
        plain |= {"index": None if self.index is None else list(self.index), "unit": self.unit}
        plain |= {"distance": self.distance, "bound": self.bound}
        plain |= {"wrong": self.wrong, "size": self.size, "flushed": self.flushed}
        return {name: finite_or_text(value) for name, value in plain.items()}


def finite_or_text(value: Any) -> Any:
    """Return `value`, or its text if it is an infinity or NaN, which JSON doesn't have."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def difference(
    ours: Array, theirs: Array, tolerance: Tolerance, terms: Array | None = None
) -> Difference | None:
    """Return None if two arrays are within a tolerance, else how they differ.

    `terms` is what `Scaled` needs: Σ|terms| for each element. Integers and bools are compared
    exactly, whatever the tolerance.

    >>> from minigrad.catalogue.accuracy import Ulps
    >>> one = np.array([1.0, 2.0])
    >>> difference(one, one + np.spacing(one), Ulps(1)) is None
    True
    >>> print(difference(one, one + 4 * np.spacing(one), Ulps(1)))
    2 of 2 elements differ, worst at [0]: 1.0 and 1.0000000000000009, 4 ULP where 1 is allowed
    """
    found = compare_arrays(ours, theirs, tolerance, terms)
    return None if found.ok else found


def compare_arrays(
    ours: Array, theirs: Array, tolerance: Tolerance, terms: Array | None = None
) -> Difference:
    """Return how far apart two arrays are, whether or not that is within the tolerance.

    >>> from minigrad.catalogue.accuracy import Ulps
    >>> one = np.array([1.0, 2.0])
    >>> compare_arrays(one, one + np.spacing(one), Ulps(3)).distance
    1.0
    """
    if ours.dtype != theirs.dtype:
        return Difference(ours.dtype, theirs.dtype, "dtypes")
    if ours.shape != theirs.shape:
        return Difference(ours.shape, theirs.shape, "shapes")
    unit, bound = tolerance.unit, tolerance.bound
    if ours.size == 0:
        return Difference(unit=unit, bound=bound)
    if ours.dtype.kind == "f":
        with np.errstate(all="ignore"):
            distance = tolerance.distance(ours, theirs, terms)
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


def strides_of(tensor: Any) -> tuple[int, ...]:
    """Return the strides of a tensor of either library, in elements, where they mean something.

    They don't in dimensions of size 1, and in an empty tensor.

    >>> import minigrad
    >>> strides_of(minigrad.ones(2, 1, 3).transpose(0, 2))
    (1, 3)
    """
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return tuple(step for size, step in sizes if size > 1) if tensor.numel() else ()


def normwise(ours: Array, theirs: Array, bound: float = np.inf) -> Difference:
    """Return how far apart two arrays are, in eps of the largest magnitude in `theirs`.

    >>> normwise(np.array([1.0, 1e-20]), np.array([1.0, 2e-20]), bound=1).ok
    True
    """
    finite = np.where(np.isfinite(theirs), theirs, 0)
    largest = np.asarray(np.abs(finite).max(initial=0), np.float64)
    found = compare_arrays(ours, theirs, Scaled(bound), largest)
    return replace(found, unit="eps of the largest")


def _flushed(a: Any, b: Any) -> bool:
    if a.dtype.kind != "f":
        return False
    # Compare the bits: hardware that flushes subnormal numbers also compares them as zeros.
    bits = f"u{a.itemsize}"
    sizes = sorted(int(np.abs(x).view(bits)) for x in (a, b))
    return sizes[0] == 0 < sizes[1] < int(np.finfo(a.dtype).tiny.view(bits))
