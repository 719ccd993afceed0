"""A record of a run: what `--json` writes and `--compare` reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from minigrad.api.atomic_write import short_message
from minigrad.app.command import UsageError

from .measurement import Measurement
from .settings import Settings


@dataclass(frozen=True)
class Record:
    """Where it was measured, how, and what."""

    environment: dict[str, Any]
    settings: Settings
    measurements: tuple[Measurement, ...]

    def to_json(self) -> bytes:
        """As strict JSON."""
        plain = {
            "environment": self.environment,
            "settings": asdict(self.settings),
            "measurements": [each.to_dict() for each in self.measurements],
        }
        return json.dumps(plain, indent=1, allow_nan=False, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> Record:
        """What `to_json` gave. ValueError, KeyError or TypeError for anything else."""
        plain = json.loads(text)
        settings = plain["settings"]
        lists = {name: tuple(settings[name]) for name in ("engines", "ops")}
        return cls(
            plain["environment"],
            Settings(**(settings | lists)),
            tuple(Measurement.from_dict(each) for each in plain["measurements"]),
        )


def read(path: str) -> Record:
    """The record in a file. UsageError, in one line, if there is none."""
    try:
        with open(path, "rb") as file:
            return Record.from_json(file.read())
    except OSError as error:
        raise UsageError(f"--compare {path} cannot be read: {short_message(error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            f"--compare {path}: this is no record of a run; python -m benchmarks --json writes one"
        ) from None
