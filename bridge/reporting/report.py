"""Report: the faults of a comparison and its verdict; ProgramReport: with a row for each step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bridge.comparing.findings import Finding

from .rows import StepRow
from .tables import format_rows


@dataclass(kw_only=True)
class Report(ABC):
    """The outcome of a comparison.

    `faults` has what differs by more than arithmetic allows, the likeliest cause first.
    `environment` describes the machine and the libraries.
    """

    mode: ClassVar[str]
    faults: list[Finding] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the two libraries agree."""
        return not self.faults

    @property
    def fault(self) -> Finding | None:
        """The first of the faults, if there is one."""
        return self.faults[0] if self.faults else None

    @abstractmethod
    def verdict(self) -> str:
        """Return the outcome in one line."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {
            "mode": self.mode,
            "ok": self.ok,
            "verdict": self.verdict(),
            "faults": [found.to_dict() for found in self.faults],
            "environment": self.environment,
        }


@dataclass(kw_only=True)
class ProgramReport(Report):
    """The outcome of running a program in both libraries.

    `rows` has a row for each step, and `start` says where PyTorch's first parameters came from.
    """

    rows: list[StepRow] = field(default_factory=list)
    start: str = ""

    @property
    @abstractmethod
    def worst(self) -> Finding | None:
        """The first fault or, if there is none, the tensor that was farthest apart."""

    @abstractmethod
    def agreement(self) -> str:
        """Return the verdict on steps without a fault."""

    def verdict(self) -> str:
        if self.fault is not None:
            return f"DIFFER at {self.fault}"
        if not self.rows:
            return "no step was compared: the program took none that stayed finite"
        return self.agreement()

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {
            "steps": len(self.rows),
            "start": self.start,
            "fault": None if self.fault is None else self.fault.to_dict(),
            "rows": [row.to_dict() for row in self.rows],
        }

    def __str__(self) -> str:
        return f"{format_rows(self.rows)}\n{self.verdict()}"
