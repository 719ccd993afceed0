"""The results of a benchmark run as a JSON file: `--json` writes it and `--compare` reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from minigrad.app.command import UsageError
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
    """Read the results from a file. Raises UsageError."""
    try:
        with open(path, "rb") as file:
            return BenchmarkResults.from_json(file.read())
    except OSError as error:
        raise UsageError(f"--compare {path} cannot be read: {short_message(error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            f"--compare {path}: not a results file; python -m benchmarks --json writes one"
        ) from None
