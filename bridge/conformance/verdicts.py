"""Verdict: what one check of one op found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

RIGHT, WRONG, MISSING, ERROR, CONVENTION = "right", "wrong", "missing", "error", "convention"
# An op is what the worst of its checks says; it is missing only if all its checks are.
_ORDER = (WRONG, ERROR, CONVENTION, RIGHT, MISSING)


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check of an op, and for a fault how to see it.

    - `check`: a property of a rule, or the name of a check of the suite.
    - `what`: what is at fault: "value", "gradient of operand 0", "dtype", "error" ...
    - `message`: how the two differ, in one line.
    - `script`: the smallest program that shows it; it runs in either library.
    - `ours`, `theirs`: the candidate's value and PyTorch's, as text.
    - `diagnosis`: the likely mistake, or "".
    - `examples`: how many cases were tried until then.
    """

    suite: str
    op: str
    check: str
    verdict: str
    what: str = ""
    message: str = ""
    script: str = ""
    ours: str = ""
    theirs: str = ""
    diagnosis: str = ""
    examples: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """Faults with the same key are one."""
        return self.suite, self.op, self.verdict, self.what, self.diagnosis

    def to_dict(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


def worst(verdicts: Iterable[str]) -> str:
    """Return the verdict on an op from those of its checks.

    >>> worst(["right", "missing", "wrong"])
    'wrong'
    """
    return min(verdicts, key=_ORDER.index)


def one_line(text: object, most: int = 300) -> str:
    """Return the text without line breaks, shortened.

    >>> one_line("a\\n  b")
    'a b'
    """
    line = " ".join(str(text).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
