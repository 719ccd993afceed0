"""What PyTorch itself answers otherwise before some version."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Otherwise:
    """What PyTorch itself answers otherwise before some version; minigrad answers as the newest.

    `applies` says of an op's operands and options whether it is about them.
    """

    before: tuple[int, int]
    applies: Callable[[Sequence[Any], dict[str, Any]], bool]
    why: str


def _one_bound_is_nan(operands: Sequence[Any], options: dict[str, Any]) -> bool:
    bounds = [x for x in operands[1:] if x is not None]
    return len(bounds) == 1 and isinstance(bounds[0], float) and math.isnan(bounds[0])


BY_VERSION: dict[str, Otherwise] = {
    "clamp": Otherwise(
        (2, 12),
        _one_bound_is_nan,
        "before PyTorch 2.12 a number NaN that is the only bound is passed over; since then, and "
        "in minigrad, it makes the result NaN",
    ),
}


def known_otherwise(op: str, operands: Sequence[Any], options: dict[str, Any], version: str) -> str:
    """Why that version of PyTorch answers otherwise than the newest; "" where it does not.

    >>> known_otherwise("clamp", ("x", None, float("nan")), {}, "2.4.0")[:26]
    'before PyTorch 2.12 a numb'
    >>> known_otherwise("clamp", ("x", None, 1.0), {}, "2.4.0")
    ''
    """
    entry = BY_VERSION.get(op)
    if entry is None:
        return ""
    major, minor, *_ = version.split(".")
    older = (int(major), int(minor)) < entry.before
    return entry.why if older and entry.applies(operands, options) else ""
