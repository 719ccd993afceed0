"""The version of minigrad, under the names of torch.version."""

from __future__ import annotations

import re as _re
from typing import Any

cuda = hip = xpu = None
debug = False


class Version(str):
    """A version: a str that compares as versions do, with a str or a sequence of numbers.

    >>> minigrad.version.Version("0.10.0") > "0.9"
    True
    >>> minigrad.version.Version("0.10.0") >= (0, 10)
    True
    """

    __slots__ = ()

    def _key(self, other: Any) -> Any:
        """The numbers of a version without its last zeros, or None if `other` isn't one.

        Pre-releases ("1.0a1") come before the release, and local versions ("1.0+cpu") after it.
        """
        text = other if isinstance(other, str) else ".".join(map(str, other))
        found = _re.fullmatch(r"v?(\d+(?:\.\d+)*)(?:\.?(a|b|rc|dev)(\d+))?(?:\+(.*))?", text)
        if found is None:
            return None
        numbers = [int(number) for number in found[1].split(".")]
        while numbers and numbers[-1] == 0:
            numbers.pop()
        stage = ("dev", "a", "b", "rc", None).index(found[2])
        return numbers, stage, int(found[3] or 0), found[4] or ""

    def _compared(self, other: Any, method: str) -> Any:
        if not isinstance(other, str | tuple | list):
            return NotImplemented
        ours, theirs = self._key(str(self)), self._key(other)
        if theirs is None:  # not a version
            return getattr(str, method)(self, other)
        return getattr(tuple, method)(ours, theirs)

    def __eq__(self, other: object) -> Any:
        return self._compared(other, "__eq__")

    def __ne__(self, other: object) -> Any:
        return self._compared(other, "__ne__")

    def __lt__(self, other: Any) -> Any:
        return self._compared(other, "__lt__")

    def __le__(self, other: Any) -> Any:
        return self._compared(other, "__le__")

    def __gt__(self, other: Any) -> Any:
        return self._compared(other, "__gt__")

    def __ge__(self, other: Any) -> Any:
        return self._compared(other, "__ge__")

    __hash__ = str.__hash__


__version__ = Version("0.1.0")
