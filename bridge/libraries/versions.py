"""What older versions of PyTorch answer differently."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class VersionDifference:
    """An answer of PyTorch that changed in version `before`; minigrad gives the new one.

    `applies(operands, options)` tells whether a call is affected.
    """

    before: tuple[int, int]
    applies: Callable[[Sequence[Any], dict[str, Any]], bool]
    why: str


def _one_bound_is_nan(operands: Sequence[Any], options: dict[str, Any]) -> bool:
    bounds = [x for x in operands[1:] if x is not None]
    return len(bounds) == 1 and isinstance(bounds[0], float) and math.isnan(bounds[0])


BY_VERSION: dict[str, VersionDifference] = {
    "clamp": VersionDifference(
        (2, 12),
        _one_bound_is_nan,
        "before PyTorch 2.12, a NaN as the only bound is ignored; since then, and in minigrad, the "
        "result is NaN",
    ),
}


def version_note(op: str, operands: Sequence[Any], options: dict[str, Any], version: str) -> str:
    """Say why that version of PyTorch answers differently from the newest, or "" if it does not.

    >>> version_note("clamp", ("x", None, float("nan")), {}, "2.4.0")[:26]
    'before PyTorch 2.12, a NaN'
    >>> version_note("clamp", ("x", None, 1.0), {}, "2.4.0")
    ''
    """
    entry = BY_VERSION.get(op)
    if entry is None:
        return ""
    major, minor, *_ = version.split(".")
    older = (int(major), int(minor)) < entry.before
    return entry.why if older and entry.applies(operands, options) else ""
