"""The suite `opinfo`: PyTorch's operator database, `operator_database.py`, on a candidate.

An adapter's ops are compared in value and gradient. A library that claims to be PyTorch is also
held to second gradients, dtypes, strides and error inputs, in every form of each op.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import minigrad

from .adapter import Adapter
from .namespace import Namespace, library_of
from .verdicts import CONVENTION, MISSING, RIGHT, WRONG, Verdict, one_line

SUITE = "opinfo"
# What PyTorch's module, which is private to it, must have. Without it the suite is missing.
PRIVATE = "torch.testing._internal.common_methods_invocations"
UNAVAILABLE = "not available"


def units(adapter: Adapter) -> list[str]:
    """Return the names of the database's entries."""
    try:
        database = _database()
    except (ImportError, AttributeError):
        return [UNAVAILABLE]
    with database.judging(library_of(adapter) or Namespace(adapter)):
        return [name for name, op in database.OPS.items() if database.counterpart(op) is not None]


def _database() -> Any:
    if importlib.util.find_spec("expecttest") is None:
        raise ImportError("PyTorch's operator database needs expecttest")
    from . import operator_database  # takes seconds, and is private to PyTorch

    return operator_database


def judge(
    adapter: Adapter,
    name: str,
    *,
    examples: int = 12,
    seed: int = 0,
    note: Callable[[str], None] = lambda text: None,
    **_: Any,
) -> Iterator[Verdict]:
    """Yield the verdict on one entry, from a sixth of `examples` samples of each dtype and form."""
    note(f"{SUITE} {name}")
    if name == UNAVAILABLE:
        yield Verdict(SUITE, SUITE, name, MISSING, message=f"no {PRIVATE}, or no expecttest")
        return
    database, library = _database(), library_of(adapter)
    with database.judging(library or Namespace(adapter)), warnings.catch_warnings(action="ignore"):
        op = database.OPS[name]
        if name in database.NO_SAMPLES:
            yield Verdict(SUITE, name, name, MISSING, message="no sample fits")
            return
        verdict = database.check(
            op, max(1, examples // 6), seed, note=lambda text: note(f"{SUITE} {text}")
        )
    if verdict.differences:
        said = one_line("; ".join(dict.fromkeys(verdict.differences)))
        known = database.SHORTFALLS.get(name, "") if library is minigrad else ""
        lacks = any(words in known for words in ("there is no", "no tensor", "is refused"))
        kind = MISSING if lacks else CONVENTION if known else WRONG
        what = verdict.differences[0].split(":")[0]
        script = f"# python -m bridge.conformance.operator_database {name}"
        yield Verdict(SUITE, name, name, kind, what, said, script, diagnosis=known)
    else:
        found = RIGHT if verdict.samples else MISSING
        yield Verdict(SUITE, name, name, found, examples=verdict.samples)
