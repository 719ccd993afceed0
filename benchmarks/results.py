"""The results of a benchmark run as a JSON file: `--json` writes it and `--compare` reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from minigrad.app.command import UsageError, with_option
from minigrad.utils.atomic_write import short_message

from .measurement import Measurement
from .settings import BenchmarkSettings


@dataclass(frozen=True)
class BenchmarkResults:
    """Everything that was measured, where, and how."""

    environment: dict[str, Any]
    settings: BenchmarkSettings
    measurements: tuple[Measurement, ...]

    def to_json(self) -> bytes:
        """The results as strict JSON."""
        values = {
            "environment": self.environment,
            "settings": asdict(self.settings),
            "measurements": [each.to_dict() for each in self.measurements],
        }
        return json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> BenchmarkResults:
        """The inverse of `to_json`. Raises ValueError, KeyError, TypeError or AttributeError."""
        values = json.loads(text)
        settings = values["settings"]
        tuples = {name: tuple(settings[name]) for name in ("engines", "ops")}
        return cls(
            values["environment"],
            BenchmarkSettings(**(settings | tuples)),
            tuple(Measurement.from_dict(each) for each in values["measurements"]),
        )


def read_results(path: str) -> BenchmarkResults:
    """Read the results from a file. Raises UsageError unless they can be compared."""
    from .changes import describe_changes  # which imports this module

    named = with_option("compare", path)
    try:
        with open(path, "rb") as file:
            results = BenchmarkResults.from_json(file.read())
        describe_changes(results, results)  # uses all that a comparison uses
    except OSError as error:
        raise UsageError(f"{named} cannot be read: {short_message(error)}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
        raise UsageError(
            f"{named}: not a results file; python -m benchmarks --json writes one"
        ) from None
    if not results.measurements:
        raise UsageError(f"{named} has no measurements to compare with")
    return results
