"""What was measured: one number for each round, and what is said of such numbers.

Of a list of rounds the median is what is reported, and the middle half (from the lower to the upper
quartile) is its spread. A ratio is taken within each round, and its median is what is claimed: it
is not the ratio of two medians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """One quantity of one engine in one case.

    `part` is the part of the benchmark ("steps", "ops", "growth"), `case` what was computed in the
    words of a table's row, and `size` how large that is, where it has its place on a plot. The
    `rounds` are in seconds; those of a quantity named "memory" in bytes.

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
        """What makes it the same measurement in another run."""
        return self.part, self.case, self.size, self.engine, self.quantity

    def to_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return asdict(self) | {"rounds": list(self.rounds)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Measurement:
        """What `to_dict` gave."""
        return cls(**(record | {"rounds": tuple(record["rounds"])}))


def median(rounds: Sequence[float]) -> float:
    """The middle one of the rounds, or half-way between the middle two."""
    return float(np.median(rounds))


def middle_half(rounds: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper quartile: half of the rounds lie between them.

    >>> middle_half([1.0, 2.0, 3.0, 4.0, 100.0])
    (2.0, 4.0)
    """
    low, high = np.quantile(rounds, (0.25, 0.75))
    return float(low), float(high)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Ours over theirs, round by round.

    >>> ratio([2.0, 6.0], [1.0, 2.0])
    (2.0, 3.0)
    """
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))
