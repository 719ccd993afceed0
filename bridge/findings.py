"""Finding: what was compared, how far apart it was, and which op it is of, if one can be named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .closeness import Difference


@dataclass(frozen=True)
class Finding:
    """One thing that was compared: a value, a gradient, a parameter.

    - `what`: its name, "output" or "gradient of linear1.weight"; of an op, "value" or
      "gradient of other".
    - `difference`: how far apart it was; or, where there is nothing to measure, what is wrong.
    - `op`, `number`, `where`: the op's name, its place in program order (from 1) and the line that
      called it, where an op can be named; of an update `op` is "Adam.step", without a number.
    - `step`: after how many steps of a program, where it is of one.
    - `note`: what is known of it, where PyTorch itself answers otherwise in another version.
    """

    what: str
    difference: Difference | str
    op: str = ""
    number: int = 0
    where: str = ""
    step: int | None = None
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the two are as close as they must be."""
        return isinstance(self.difference, Difference) and self.difference.ok

    @property
    def index(self) -> tuple[int, ...] | None:
        """Of the worst element; None where dtypes or shapes differ, or nothing was measured."""
        return self.difference.index if isinstance(self.difference, Difference) else None

    @property
    def ours(self) -> Any:
        """The worst element in minigrad."""
        return self.difference.ours if isinstance(self.difference, Difference) else None

    @property
    def theirs(self) -> Any:
        """The worst element in PyTorch."""
        return self.difference.theirs if isinstance(self.difference, Difference) else None

    @property
    def distance(self) -> float:
        """Of the worst pair of elements; infinite where nothing could be measured."""
        if isinstance(self.difference, Difference) and not self.difference.kind:
            return self.difference.distance
        return float("inf")

    @property
    def bound(self) -> float:
        """The distance that is allowed, in the same unit."""
        return self.difference.bound if isinstance(self.difference, Difference) else 0

    def __str__(self) -> str:
        place = "" if self.step is None else f"step {self.step}: "
        name = self.what
        if self.number:
            called = f", called at {self.where}" if self.where else ""
            name += f" of {self.op} (op {self.number}{called})"
        elif self.op:
            name += f" after {self.op}"
        return f"{place}{name}: {self.difference}{f' ({self.note})' if self.note else ''}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        plain: dict[str, Any] = {"what": self.what, "ok": self.ok}
        if self.op:
            plain |= {"op": self.op, "number": self.number, "where": self.where}
        if self.step is not None:
            plain["step"] = self.step
        plain["message"] = str(self)
        if isinstance(self.difference, Difference):
            plain |= self.difference.to_dict()
        return plain


def one_sided(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Finding]:
    """What only one of the two libraries has, by its name."""
    found = [
        Finding(name, "minigrad has it, PyTorch has not") for name in ours if name not in theirs
    ]
    found += [
        Finding(name, "PyTorch has it, minigrad has not") for name in theirs if name not in ours
    ]
    return found
