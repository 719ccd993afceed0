"""Finding: what was compared, how far apart it was, and which op computed it, if known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .closeness import Difference


@dataclass(frozen=True)
class Finding:
    """One comparison: of a value, a gradient or a parameter.

    - `what`: the name, such as "output" or "gradient of linear1.weight"; for an op, "value" or
      "gradient of other".
    - `difference`: how far apart the two are, or a sentence where nothing can be measured.
    - `op`, `number`, `where`: the op that computed it, its place in program order (from 1) and the
      line that called it. For an update, `op` is "Adam.step" and `number` is 0.
    - `step`: the number of steps the program had done, if it is a program of steps.
    - `note`: a known difference between versions of PyTorch.
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
        """Whether the two are within the tolerance."""
        return isinstance(self.difference, Difference) and self.difference.ok

    @property
    def index(self) -> tuple[int, ...] | None:
        """The worst element's index; None if dtypes or shapes differ or nothing was measured."""
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
        """The distance of the worst pair of elements; infinite where nothing could be measured."""
        if isinstance(self.difference, Difference) and not self.difference.kind:
            return self.difference.distance
        return float("inf")

    @property
    def bound(self) -> float:
        """The distance allowed, in the same unit."""
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
        """Return it as plain data, for JSON."""
        plain: dict[str, Any] = {"what": self.what, "ok": self.ok}
        if self.op:
            plain |= {"op": self.op, "number": self.number, "where": self.where}
        if self.step is not None:
            plain["step"] = self.step
        plain["message"] = str(self)
        if isinstance(self.difference, Difference):
            plain |= self.difference.to_dict()
        return plain


def missing_on_one_side(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for each name that only one library has a value for."""
    found = [
        Finding(name, "minigrad has it, PyTorch doesn't") for name in ours if name not in theirs
    ]
    found += [
        Finding(name, "PyTorch has it, minigrad doesn't") for name in theirs if name not in ours
    ]
    return found
