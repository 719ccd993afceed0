"""A measured quantity, one number per round, and the statistics of its rounds.

A quantity is reported as the median of its rounds, with the middle half (lower to upper quartile)
as the spread. A ratio is taken within each round, and the median of these ratios is reported, which
is not the ratio of the medians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """One quantity of one engine in one case.

    `part` is the part of the benchmark ("steps", "ops", "growth"), `case` the label of a table's
    row, and `size` the place of the case on a plot's axis. `rounds` are seconds, or bytes for the
    quantity "memory".

    >>> Measurement("ops", "exp", 1, "minigrad", "forward", (3e-6, 1e-6, 2e-6)).median
    2e-06
    """

    part: str
    case: str
    size: float
    engine: str
    quantity: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def key(self) -> tuple[str, str, float, str, str]:
        """Identifies the same measurement in another run."""
        return self.part, self.case, self.size, self.engine, self.quantity

    def to_dict(self) -> dict[str, Any]:
        """The measurement as JSON values."""
        return asdict(self) | {"rounds": list(self.rounds)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Measurement:
        """The inverse of `to_dict`. Raises ValueError if a round isn't a positive number."""
        rounds = tuple(values["rounds"])
        if not all(0 < each < math.inf for each in rounds):
            raise ValueError(f"rounds are {rounds}")
        return cls(**(values | {"rounds": rounds}))


def median(rounds: Sequence[float]) -> float:
    """The median of the rounds."""
    return float(np.median(rounds))


def middle_half(rounds: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper quartile.

    >>> middle_half([1.0, 2.0, 3.0, 4.0, 100.0])
    (2.0, 4.0)
    """
    low, high = np.quantile(rounds, (0.25, 0.75))
    return float(low), float(high)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """The quotients within each round.

    >>> ratio([2.0, 6.0], [1.0, 2.0])
    (2.0, 3.0)
    """
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))
